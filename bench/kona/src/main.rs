//! kona-executor behind a line protocol: one block file per line in, nanoseconds per line out.
//!
//! Input: `<block json> <witness kv>`, both gzipped. Output: hash, gas, nanoseconds of loading (the
//! keccak check of every witness entry) and of execution.
use std::io::{BufRead, Read, Write};
use std::time::Instant;

use alloy_consensus::{Header, Sealable};
use alloy_op_evm::OpEvmFactory;
use alloy_primitives::map::B256HashMap;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use flate2::read::GzDecoder;
use kona_executor::{StatelessL2Builder, TrieDBProvider};
use kona_genesis::RollupConfig;
use kona_mpt::{NoopTrieHinter, TrieNode, TrieProvider};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct Fixture {
    rollup_config: RollupConfig,
    parent_header: Header,
    executing_payload: OpPayloadAttributes,
}

#[derive(Debug, Clone, Copy)]
struct Witness<'a>(&'a B256HashMap<Bytes>);

#[derive(Debug)]
struct NotThere(B256);

impl std::fmt::Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is not in the witness", self.0)
    }
}

impl std::error::Error for NotThere {}

impl TrieProvider for Witness<'_> {
    type Error = NotThere;

    fn trie_node_by_hash(&self, key: B256) -> Result<TrieNode, NotThere> {
        let raw = self.0.get(&key).ok_or(NotThere(key))?;
        TrieNode::decode(&mut raw.as_ref()).map_err(|_| NotThere(key))
    }
}

impl TrieDBProvider for Witness<'_> {
    fn bytecode_by_hash(&self, hash: B256) -> Result<Bytes, NotThere> {
        self.0.get(&hash).cloned().ok_or(NotThere(hash))
    }

    fn header_by_hash(&self, hash: B256) -> Result<Header, NotThere> {
        let raw = self.0.get(&hash).ok_or(NotThere(hash))?;
        Header::decode(&mut raw.as_ref()).map_err(|_| NotThere(hash))
    }
}

fn unzip(path: &str) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut content)?;
    Ok(content)
}

fn entries(mut records: &[u8]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while records.len() >= 36 {
        let length = u32::from_le_bytes([records[32], records[33], records[34], records[35]]);
        pieces.push(Bytes::copy_from_slice(&records[36..36 + length as usize]));
        records = &records[36 + length as usize..];
    }
    pieces
}

fn measure(block: &str, witness: &str) -> Result<String, Failure> {
    let fixture: Fixture = serde_json::from_slice(&unzip(block)?)?;
    let pieces = entries(&unzip(witness)?);
    let began = Instant::now();
    let map: B256HashMap<Bytes> =
        pieces.into_iter().map(|piece| (keccak256(&piece), piece)).collect();
    let loaded = Instant::now();
    let outcome = StatelessL2Builder::new(
        &fixture.rollup_config,
        OpEvmFactory::default(),
        Witness(&map),
        NoopTrieHinter,
        fixture.parent_header.seal_slow(),
    )
    .build_block(fixture.executing_payload)?;
    let (loading, executing) = (loaded - began, loaded.elapsed());
    let (hash, gas) = (outcome.header.hash(), outcome.header.gas_used);
    Ok(format!("{hash} {gas} {} {}", loading.as_nanos(), executing.as_nanos()))
}

fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (block, witness) = line.split_once(' ').ok_or("expected two paths")?;
        writeln!(out, "{}", measure(block, witness)?)?;
        out.flush()?;
    }
    Ok(())
}
