//! What op-succinct's guests read: the range guest's archive of preimages and blobs, the
//! aggregation guest's headers. The archived layouts are those of kona-preimage's `PreimageKey` and
//! kzg-rs's blob types, which the tests compare with.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use alloy_consensus::Header;
use alloy_primitives::keccak256;
use alloy_rlp::Decodable;
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};
use rkyv::rancor;
use rkyv::{Archive, Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hashing::in_threads;

/// Hashing so little data that a thread is not worth it.
const PREIMAGES_PER_THREAD: usize = 512;
pub const BLOB_SIZE: usize = 131_072;

/// Who a preimage answers (the fault proof specification's key types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash))]
#[repr(u8)]
pub enum KeyType {
    Local = 1,
    Keccak256 = 2,
    GlobalGeneric = 3,
    Sha256 = 4,
    Blob = 5,
    Precompile = 6,
}

/// A preimage's key: its type, and 31 bytes of a hash or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash))]
pub struct Key {
    data: [u8; 31],
    key_type: KeyType,
}

impl Key {
    /// The key of boot data number `ident`.
    pub fn local(ident: u64) -> Self {
        let mut data = [0; 31];
        data[23..].copy_from_slice(&ident.to_be_bytes());
        Self { data, key_type: KeyType::Local }
    }

    /// The key of what hashes to `digest`.
    pub fn keccak(digest: &[u8; 32]) -> Self {
        let mut data = [0; 31];
        data.copy_from_slice(&digest[1..]);
        Self { data, key_type: KeyType::Keccak256 }
    }

    /// Type byte and data.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = self.key_type as u8;
        bytes[1..].copy_from_slice(&self.data);
        bytes
    }
}

/// Without a random seed, so that equal inputs give equal bytes.
pub type PreimageMap = HashMap<Key, Vec<u8>, BuildHasherDefault<DefaultHasher>>;

#[derive(Debug, Default, Archive, Serialize, Deserialize)]
pub struct PreimageStore {
    pub preimage_map: PreimageMap,
}

#[derive(Debug, Clone, Archive, Serialize, Deserialize)]
pub struct Blob(pub [u8; BLOB_SIZE]);

#[derive(Debug, Clone, Archive, Serialize, Deserialize)]
pub struct Bytes48(pub [u8; 48]);

#[derive(Debug, Default, Archive, Serialize, Deserialize)]
pub struct BlobData {
    pub blobs: Vec<Blob>,
    pub commitments: Vec<Bytes48>,
    pub proofs: Vec<Bytes48>,
}

/// The range guest's whole input (op-succinct's `DefaultWitnessData`).
#[derive(Debug, Default, Archive, Serialize, Deserialize)]
pub struct Witness {
    pub preimage_store: PreimageStore,
    pub blob_data: BlobData,
}

impl Witness {
    pub fn add_local(&mut self, ident: u64, value: Vec<u8>) {
        self.preimage_store.preimage_map.insert(Key::local(ident), value);
    }

    /// Add values under their Keccak-256.
    pub fn add_hashed<T: AsRef<[u8]> + Sync>(&mut self, values: &[T]) {
        let hashes = in_threads(values, PREIMAGES_PER_THREAD, |value| keccak256(value.as_ref()));
        for (hash, value) in hashes.iter().zip(values) {
            let entry = self.preimage_store.preimage_map.entry(Key::keccak(hash));
            entry.or_insert_with(|| value.as_ref().to_vec());
        }
    }

    pub fn add_blob(&mut self, blob: &[u8], commitment: &[u8], proof: &[u8]) -> Result<()> {
        self.blob_data.blobs.push(Blob(sized("blob", "131,072 bytes", blob)?));
        self.blob_data.commitments.push(Bytes48(sized("commitment", "48 bytes", commitment)?));
        self.blob_data.proofs.push(Bytes48(sized("blob proof", "48 bytes", proof)?));
        Ok(())
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        match rkyv::to_bytes::<rancor::Error>(self) {
            Ok(bytes) => Ok(bytes.into_vec()),
            Err(error) => Err(Error::Kernel(format!("archiving a witness: {error}"))),
        }
    }

    /// Read an archive, every part of it checked.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes);
        rkyv::from_bytes::<Self, rancor::Error>(&aligned)
            .map_err(|error| Error::input("range witness", "an rkyv archive of one", error))
    }
}

fn sized<const N: usize>(
    what: &'static str,
    expected: &'static str,
    data: &[u8],
) -> Result<[u8; N]> {
    let wrong = |_| Error::input(what, expected, format!("{} bytes", data.len()));
    data.try_into().map_err(wrong)
}

/// All nodes of the trie of `rlp(index) -> item` that have a hash, the root first of all.
pub fn ordered_nodes<T: AsRef<[u8]>>(items: &[T]) -> Vec<Vec<u8>> {
    if items.is_empty() {
        return vec![vec![alloy_rlp::EMPTY_STRING_CODE]];
    }
    let mut leaves: Vec<(Nibbles, &[u8])> = items
        .iter()
        .enumerate()
        .map(|(index, item)| (Nibbles::unpack(alloy_rlp::encode(index)), item.as_ref()))
        .collect();
    leaves.sort_unstable_by_key(|(key, _)| *key);
    let keys = leaves.iter().map(|(key, _)| *key).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(keys));
    for (key, item) in leaves {
        builder.add_leaf(key, item);
    }
    builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    let is_hashed = |index: usize, node: &[u8]| index == 0 || node.len() >= 32;
    let hashed = nodes.into_iter().enumerate().filter(|(index, (_, node))| is_hashed(*index, node));
    hashed.map(|(_, (_, node))| node.to_vec()).collect()
}

/// Headers, RLP, in the CBOR that the aggregation guest reads.
pub fn headers_to_cbor<T: AsRef<[u8]>>(headers: &[T]) -> Result<Vec<u8>> {
    let headers: Vec<Header> =
        headers.iter().map(|raw| decode_header(raw.as_ref())).collect::<Result<_>>()?;
    serde_cbor::to_vec(&headers).map_err(|e| Error::Kernel(format!("headers to CBOR: {e}")))
}

/// The RLP of headers in CBOR.
pub fn headers_from_cbor(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let headers: Vec<Header> = serde_cbor::from_slice(bytes)
        .map_err(|error| Error::input("headers", "CBOR of headers", error))?;
    Ok(headers.iter().map(alloy_rlp::encode).collect())
}

fn decode_header(raw: &[u8]) -> Result<Header> {
    let mut rest = raw;
    let header = Header::decode(&mut rest).map_err(|e| Error::input("header", "its RLP", e))?;
    if alloy_rlp::encode(&header) != raw {
        return Err(Error::input("header", "canonical RLP of known fields", "another form"));
    }
    Ok(header)
}
