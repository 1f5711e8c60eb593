//! Trie nodes and codes by their hash, shared by executors and threads.
use std::collections::hash_map::Entry;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use alloy_primitives::map::B256Map;
use alloy_primitives::{B256, Bytes, keccak256};
use revm::state::Bytecode;

use crate::error::{Error, Result};
use crate::hashing::in_threads;
use crate::trie::NodeSource;

/// Hashing this many pieces takes some 100 µs: fewer do not repay a thread.
const PIECES_PER_THREAD: usize = 128;

/// A code, and its analysis once an executor has asked for it.
#[derive(Debug, Clone)]
enum Code {
    Raw(Bytes),
    Analysed(Bytecode),
}

impl Code {
    fn raw(&self) -> Bytes {
        match self {
            Self::Raw(raw) => raw.clone(),
            Self::Analysed(code) => code.original_bytes(),
        }
    }
}

/// What commits wrote since the last drain.
#[derive(Debug, Default)]
struct Fresh {
    nodes: Vec<B256>,
    codes: Vec<B256>,
}

#[derive(Debug, Default)]
pub struct Store {
    nodes: RwLock<B256Map<Bytes>>,
    codes: RwLock<B256Map<Code>>,
    fresh: RwLock<Fresh>,
}

// A thread that panics holds a lock only around single map operations, which leave the map whole.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Add trie nodes: u32 little-endian length and bytes, repeated. Returns how many there were.
    pub fn add_nodes(&self, flat: Bytes) -> Result<usize> {
        let pieces = split("nodes", &flat)?;
        let hashes = in_threads(&pieces, PIECES_PER_THREAD, |piece| keccak256(piece));
        let mut nodes = write(&self.nodes);
        nodes.reserve(pieces.len());
        nodes.extend(hashes.into_iter().zip(pieces.iter().cloned()));
        Ok(pieces.len())
    }

    /// Add codes in the same form.
    pub fn add_codes(&self, flat: Bytes) -> Result<usize> {
        let pieces = split("codes", &flat)?;
        let hashes = in_threads(&pieces, PIECES_PER_THREAD / 16, |piece| keccak256(piece));
        let mut codes = write(&self.codes);
        for (hash, piece) in hashes.into_iter().zip(&pieces) {
            codes.entry(hash).or_insert_with(|| Code::Raw(piece.clone()));
        }
        Ok(pieces.len())
    }

    pub fn code(&self, hash: &B256) -> Option<Bytes> {
        read(&self.codes).get(hash).map(Code::raw)
    }

    /// The code with its jump table, analysed once for all executors.
    pub fn bytecode(&self, hash: &B256) -> Result<Option<Bytecode>> {
        let raw = match read(&self.codes).get(hash) {
            Some(Code::Analysed(code)) => return Ok(Some(code.clone())),
            Some(Code::Raw(raw)) => raw.clone(),
            None => return Ok(None),
        };
        let code = Bytecode::new_raw_checked(raw)
            .map_err(|error| Error::Witness(format!("code {hash}: {error}")))?;
        write(&self.codes).insert(*hash, Code::Analysed(code.clone()));
        Ok(Some(code))
    }

    /// Add nodes that a commit made.
    pub fn write_nodes(&self, new: Vec<(B256, Bytes)>) {
        let mut fresh = write(&self.fresh);
        let mut nodes = write(&self.nodes);
        for (hash, raw) in new {
            if let Entry::Vacant(entry) = nodes.entry(hash) {
                entry.insert(raw);
                fresh.nodes.push(hash);
            }
        }
    }

    /// Add codes that a block deployed; `keep` marks them for the next drain.
    pub fn write_codes(&self, new: impl IntoIterator<Item = (B256, Bytecode)>, keep: bool) {
        let mut fresh = write(&self.fresh);
        let mut codes = write(&self.codes);
        for (hash, code) in new {
            if let Entry::Vacant(entry) = codes.entry(hash) {
                entry.insert(Code::Analysed(code));
                if keep {
                    fresh.codes.push(hash);
                }
            }
        }
    }

    /// Nodes and codes that commits wrote since the last call, both in flat form.
    pub fn drain_new(&self) -> (Vec<u8>, Vec<u8>) {
        let fresh = std::mem::take(&mut *write(&self.fresh));
        let (nodes, codes) = (read(&self.nodes), read(&self.codes));
        let mut flat = (Vec::new(), Vec::new());
        fresh
            .nodes
            .iter()
            .filter_map(|hash| nodes.get(hash))
            .for_each(|raw| join(&mut flat.0, raw));
        for code in fresh.codes.iter().filter_map(|hash| codes.get(hash)) {
            join(&mut flat.1, &code.raw());
        }
        flat
    }

    /// How many nodes and codes there are.
    pub fn counts(&self) -> (usize, usize) {
        (read(&self.nodes).len(), read(&self.codes).len())
    }
}

impl NodeSource for Store {
    fn node(&self, hash: &B256) -> Option<Bytes> {
        read(&self.nodes).get(hash).cloned()
    }
}

fn join(flat: &mut Vec<u8>, piece: &[u8]) {
    flat.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    flat.extend_from_slice(piece);
}

fn split(what: &'static str, flat: &Bytes) -> Result<Vec<Bytes>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < flat.len() {
        let length = flat.get(at..at + 4).and_then(|prefix| prefix.try_into().ok());
        let start = at + 4;
        let end = length.map(|prefix| start + u32::from_le_bytes(prefix) as usize);
        match end.filter(|end| *end <= flat.len()) {
            Some(end) => {
                pieces.push(flat.slice(start..end));
                at = end;
            }
            None => {
                let actual = format!("{} bytes left at offset {at}", flat.len() - at);
                return Err(Error::input(what, "a u32 length and as many bytes", actual));
            }
        }
    }
    Ok(pieces)
}
