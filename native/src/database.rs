//! What the EVM reads: a strict view of a world and of the block hashes before it.
use std::collections::VecDeque;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::KECCAK_EMPTY;
use revm::Database;
use revm::database_interface::DBErrorMarker;
use revm::state::{AccountInfo, Bytecode};

use crate::error::{Error, Missing, Result};
use crate::world::World;

impl DBErrorMarker for Error {}

/// BLOCKHASH reaches this far back.
const HASH_WINDOW: usize = 256;

/// The head and the headers before it, latest first, each the parent of the one before.
#[derive(Debug, Clone)]
pub struct Ancestors {
    headers: VecDeque<(Header, Bytes)>,
}

impl Ancestors {
    /// Check that each of `headers` is, in whatever order, an ancestor of `head` without a gap.
    pub fn new(head: Bytes, headers: Vec<Bytes>) -> Result<Self> {
        let mut found = alloy_primitives::map::B256Map::default();
        for raw in headers {
            found.insert(keccak256(&raw), (decode_header(&raw)?, raw));
        }
        let mut chain = Self { headers: VecDeque::from([(decode_header(&head)?, head)]) };
        while let Some((header, raw)) = found.remove(&chain.oldest().parent_hash) {
            if chain.oldest().number.checked_sub(1) != Some(header.number) {
                return Err(Error::input("ancestor", "its child's number less one", header.number));
            }
            chain.headers.push_back((header, raw));
        }
        if !found.is_empty() {
            let actual = format!("{} that no parent hash leads to", found.len());
            return Err(Error::input("ancestors", "headers linked to the head", actual));
        }
        Ok(chain)
    }

    pub fn head(&self) -> &Header {
        &self.headers[0].0
    }

    pub fn head_rlp(&self) -> &Bytes {
        &self.headers[0].1
    }

    pub fn head_hash(&self) -> B256 {
        keccak256(self.head_rlp())
    }

    /// Make `header` the head.
    pub fn extend(&mut self, header: Header, raw: Bytes) {
        self.headers.push_front((header, raw));
        self.headers.truncate(HASH_WINDOW);
    }

    /// Header RLPs from the head back to the one that tells the hash of block `number`.
    pub fn back_to(&self, number: u64) -> Vec<Bytes> {
        let needed =
            |header: &Header| header.number > number || header.number == self.head().number;
        self.headers.iter().take_while(|(h, _)| needed(h)).map(|(_, raw)| raw.clone()).collect()
    }

    fn oldest(&self) -> &Header {
        &self.headers[self.headers.len() - 1].0
    }

    fn hash(&self, number: u64) -> Result<B256> {
        if number == self.head().number {
            return Ok(self.head_hash());
        }
        let child = self
            .head()
            .number
            .checked_sub(number)
            .and_then(|back| self.headers.get(usize::try_from(back).ok()?.checked_sub(1)?));
        match child {
            Some((header, _)) => Ok(header.parent_hash),
            None => {
                let hash = self.oldest().parent_hash;
                let missing = Missing::Header(self.oldest().number.saturating_sub(1));
                Err(Error::Missing { missing, hash })
            }
        }
    }
}

/// Decode a header's RLP; it has to be the one encoding of it.
pub fn decode_header(raw: &[u8]) -> Result<Header> {
    let mut rest = raw;
    let header = Header::decode(&mut rest)
        .map_err(|error| Error::input("block header", "the RLP of a header", error))?;
    if !rest.is_empty() || alloy_rlp::encode(&header) != raw {
        return Err(Error::input("block header", "canonical RLP", "another encoding"));
    }
    Ok(header)
}

/// The EVM's database; its first failure is kept, whatever the EVM makes of it.
#[derive(Debug)]
pub struct StrictDatabase<'a> {
    pub world: &'a mut World,
    pub ancestors: &'a Ancestors,
    pub failure: Option<Error>,
    /// The lowest block number whose hash was asked for.
    pub lowest_hash: Option<u64>,
    /// Codes that were read, when recording.
    pub codes: Option<Vec<B256>>,
    /// Accounts with code that were read, to name the owner of a code that is not there.
    owners: Vec<(B256, Address)>,
}

impl<'a> StrictDatabase<'a> {
    pub fn new(world: &'a mut World, ancestors: &'a Ancestors, record: bool) -> Self {
        Self {
            world,
            ancestors,
            failure: None,
            lowest_hash: None,
            codes: record.then(Vec::new),
            owners: Vec::new(),
        }
    }

    fn keep<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.failure.get_or_insert_with(|| error.clone());
        }
        result
    }

    fn code(&mut self, hash: B256) -> Result<Bytecode> {
        if let Some(code) = self.world.store().bytecode(&hash)? {
            return Ok(code);
        }
        let owner = self.owners.iter().find(|(of, _)| *of == hash).map(|(_, address)| *address);
        Err(Error::Missing { missing: Missing::Code(owner.unwrap_or_default()), hash })
    }
}

impl Database for StrictDatabase<'_> {
    type Error = Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>> {
        let found = self.world.account(address);
        let account = self.keep(found)?;
        Ok(account.map(|account| {
            if account.code_hash != KECCAK_EMPTY {
                self.owners.push((account.code_hash, address));
            }
            AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                ..AccountInfo::default()
            }
            .without_code()
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode> {
        if hash == KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(codes) = &mut self.codes {
            codes.push(hash);
        }
        let code = self.code(hash);
        self.keep(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256> {
        let value = self.world.slot(address, slot);
        self.keep(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256> {
        self.lowest_hash = Some(self.lowest_hash.map_or(number, |lowest| lowest.min(number)));
        let hash = self.ancestors.hash(number);
        self.keep(hash)
    }
}
