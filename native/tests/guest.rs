//! The guests' inputs against the types that the guests themselves read.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use _native::guest::{self, Witness};
use _native::hashing::ordered_root;
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use kona_preimage::{PreimageKey, PreimageKeyType};
use rkyv::rancor::Error;
use rkyv::{Archive, Deserialize, Serialize};

type Map = HashMap<PreimageKey, Vec<u8>, BuildHasherDefault<DefaultHasher>>;

#[derive(Default, Archive, Serialize, Deserialize)]
struct TheirStore {
    preimage_map: Map,
}

#[derive(Default, Archive, Serialize, Deserialize)]
struct TheirBlobs {
    blobs: Vec<kzg_rs::Blob>,
    commitments: Vec<kzg_rs::Bytes48>,
    proofs: Vec<kzg_rs::Bytes48>,
}

#[derive(Default, Archive, Serialize, Deserialize)]
struct TheirWitness {
    preimage_store: TheirStore,
    blob_data: TheirBlobs,
}

fn values() -> Vec<Vec<u8>> {
    (0..400u32).map(|n| n.to_be_bytes().repeat(n as usize % 70)).collect()
}

fn ours() -> Witness {
    let mut witness = Witness::default();
    witness.add_local(1, vec![7; 32]);
    witness.add_local(4, 9u64.to_be_bytes().to_vec());
    witness.add_hashed(&values());
    witness.add_blob(&[3; guest::BLOB_SIZE], &[4; 48], &[5; 48]).unwrap();
    witness
}

/// The guest's own types read our archive and find each value under its key.
#[test]
fn the_guests_types_read_it() {
    let witness = rkyv::from_bytes::<TheirWitness, Error>(&ours().encode().unwrap()).unwrap();
    let map = &witness.preimage_store.preimage_map;
    for value in values() {
        let key = PreimageKey::new_keccak256(*keccak256(&value));
        assert_eq!(map.get(&key), Some(&value));
    }
    assert_eq!(map[&PreimageKey::new_local(1)], vec![7; 32]);
    assert_eq!(map[&PreimageKey::new_local(4)], 9u64.to_be_bytes());
    assert!(witness.blob_data.blobs[0].0 == [3; guest::BLOB_SIZE]);
    assert_eq!(witness.blob_data.commitments[0].0, [4; 48]);
    assert_eq!(witness.blob_data.proofs[0].0, [5; 48]);
}

/// Archived from the guest's own types the bytes are the same, and equal from run to run.
#[test]
fn the_bytes_are_those_of_the_guests_types() {
    let mut theirs = TheirWitness::default();
    let map = &mut theirs.preimage_store.preimage_map;
    map.insert(PreimageKey::new_local(1), vec![7; 32]);
    map.insert(PreimageKey::new_local(4), 9u64.to_be_bytes().to_vec());
    for value in values() {
        map.entry(PreimageKey::new_keccak256(*keccak256(&value))).or_insert(value);
    }
    theirs.blob_data.blobs.push(kzg_rs::Blob([3; guest::BLOB_SIZE]));
    theirs.blob_data.commitments.push(kzg_rs::Bytes48([4; 48]));
    theirs.blob_data.proofs.push(kzg_rs::Bytes48([5; 48]));
    let expected = rkyv::to_bytes::<Error>(&theirs).unwrap();
    assert!(ours().encode().unwrap() == expected.to_vec());
    assert!(ours().encode().unwrap() == ours().encode().unwrap());
}

/// Our keys are kona's, type for type.
#[test]
fn keys_are_konas() {
    let digest = *keccak256(b"coprove");
    let theirs: [u8; 32] = PreimageKey::new(digest, PreimageKeyType::Keccak256).into();
    assert_eq!(guest::Key::keccak(&digest).to_bytes(), theirs);
    let theirs: [u8; 32] = PreimageKey::new_local(6).into();
    assert_eq!(guest::Key::local(6).to_bytes(), theirs);
}

/// Archives come back whole; damaged ones are errors, never panics.
#[test]
fn decodes_what_it_encoded_and_refuses_damage() {
    let bytes = ours().encode().unwrap();
    let decoded = Witness::decode(&bytes).unwrap();
    assert!(decoded.preimage_store.preimage_map == ours().preimage_store.preimage_map);
    assert!(decoded.blob_data.blobs[0].0 == [3; guest::BLOB_SIZE]);
    for cut in [0, 1, 7, bytes.len() / 2, bytes.len() - 1] {
        assert!(Witness::decode(&bytes[..cut]).is_err());
    }
    for at in (bytes.len() - 64)..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let _ = Witness::decode(&damaged);
    }
}

/// The nodes of a list's trie lead from its root to every item.
#[test]
fn ordered_nodes_hold_the_whole_trie() {
    for count in [0usize, 1, 2, 3, 17, 127, 128, 129, 300] {
        let items: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8; 1 + n % 80]).collect();
        let nodes: HashMap<B256, Vec<u8>> =
            guest::ordered_nodes(&items).into_iter().map(|node| (keccak256(&node), node)).collect();
        let mut found = Vec::new();
        walk(&nodes, &nodes[&ordered_root(&items)], &mut found);
        found.sort();
        let mut expected = items;
        expected.sort();
        assert_eq!(found, expected, "{count} items");
    }
}

/// Collect the values below a node, reading by hash as a guest does.
fn walk(nodes: &HashMap<B256, Vec<u8>>, raw: &[u8], found: &mut Vec<Vec<u8>>) {
    use alloy_trie::nodes::TrieNode;
    let follow = |node: &alloy_trie::nodes::RlpNode, found: &mut Vec<Vec<u8>>| match node.as_hash()
    {
        Some(hash) => walk(nodes, &nodes[&hash], found),
        None => walk(nodes, node.as_slice(), found),
    };
    match <TrieNode as alloy_rlp::Decodable>::decode(&mut &raw[..]).unwrap() {
        TrieNode::EmptyRoot => {}
        TrieNode::Leaf(leaf) => found.push(leaf.value.to_vec()),
        TrieNode::Extension(extension) => follow(&extension.child, found),
        TrieNode::Branch(branch) => {
            branch
                .as_ref()
                .children()
                .filter_map(|(_, child)| child)
                .for_each(|c| follow(c, found));
        }
    }
}

/// Headers come back from CBOR with the same hash.
#[test]
fn headers_survive_cbor() {
    let first = Header { number: 1, extra_data: vec![1, 2].into(), ..Header::default() };
    let second = Header {
        parent_hash: first.hash_slow(),
        number: 2,
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(B256::repeat_byte(3)),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(5),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(B256::repeat_byte(9)),
        ..Header::default()
    };
    let raws = [alloy_rlp::encode(&first), alloy_rlp::encode(&second)];
    let cbor = guest::headers_to_cbor(&raws).unwrap();
    assert_eq!(serde_cbor::from_slice::<Vec<Header>>(&cbor).unwrap(), vec![first, second]);
    assert_eq!(guest::headers_from_cbor(&cbor).unwrap(), raws);
    assert!(guest::headers_to_cbor(&[&raws[0][..9]]).is_err());
    assert!(guest::headers_from_cbor(&cbor[..9]).is_err());
}
