//! The trie against a reference: random batches, witnesses with holes, rollbacks.
use std::collections::BTreeMap;

use _native::store::Store;
use _native::trie::{NodeSource, Trie, TrieError};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

/// A small generator, so that a failing seed can be named.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mut value = self.0;
        value ^= value >> 29;
        value = value.wrapping_mul(0xbf58476d1ce4e5b9);
        value ^ (value >> 32)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Keys that share long paths, so that extensions and collapses are common.
    fn key(&mut self) -> B256 {
        let mut key = [0u8; 32];
        for byte in &mut key[..4] {
            *byte = [0x00, 0x01, 0x10, 0xff][self.below(4) as usize];
        }
        key[31] = self.below(3) as u8;
        B256::new(key)
    }

    /// Values short and long: the short ones give nodes that are kept inside their parents.
    fn value(&mut self) -> Bytes {
        let length = [1, 2, 33, 70][self.below(4) as usize];
        let first = 1 + self.below(100) as u8;
        vec![first; length].into()
    }
}

type Model = BTreeMap<B256, Bytes>;

fn reference_root(model: &Model) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in model {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

struct NoNodes;

impl NodeSource for NoNodes {
    fn node(&self, _: &B256) -> Option<Bytes> {
        None
    }
}

fn change(trie: &mut Trie, model: &mut Model, random: &mut Random, source: &impl NodeSource) {
    for _ in 0..=random.below(12) {
        let key = random.key();
        if random.below(3) == 0 {
            trie.remove(&key, source).unwrap();
            model.remove(&key);
        } else {
            let value = random.value();
            trie.insert(&key, value.clone(), source).unwrap();
            model.insert(key, value);
        }
    }
}

#[test]
fn batches_give_the_reference_root() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let (mut trie, mut model) = (Trie::new(EMPTY_ROOT_HASH), Model::new());
        for _ in 0..8 {
            change(&mut trie, &mut model, &mut random, &NoNodes);
            assert_eq!(trie.root(None), reference_root(&model), "seed {seed}");
            trie.commit();
            for (key, value) in &model {
                assert_eq!(trie.get(key, &NoNodes).unwrap().as_ref(), Some(value), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_rollback_gives_the_former_trie() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let (mut trie, mut model) = (Trie::new(EMPTY_ROOT_HASH), Model::new());
        for _ in 0..6 {
            change(&mut trie, &mut model, &mut random, &NoNodes);
            let root = trie.root(None);
            trie.commit();
            change(&mut trie, &mut model.clone(), &mut random, &NoNodes);
            if random.below(2) == 0 {
                trie.root(None);
            }
            trie.rollback();
            assert_eq!(trie.root(None), root, "seed {seed}");
            for (key, value) in &model {
                assert_eq!(trie.get(key, &NoNodes).unwrap().as_ref(), Some(value), "seed {seed}");
            }
        }
    }
}

fn write(store: &Store, trie: &mut Trie) -> B256 {
    let mut new = Vec::new();
    let root = trie.root(Some(&mut new));
    assert!(new.iter().all(|(hash, raw)| keccak256(raw) == *hash));
    store.write_nodes(new);
    trie.commit();
    root
}

#[test]
fn a_trie_opened_at_a_written_root_goes_on_as_the_first_would() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let store = Store::default();
        let (mut root, mut model) = (EMPTY_ROOT_HASH, Model::new());
        for _ in 0..6 {
            let mut trie = Trie::new(root);
            change(&mut trie, &mut model, &mut random, &store);
            root = write(&store, &mut trie);
            assert_eq!(root, reference_root(&model), "seed {seed}");
            // A store filled through `write_nodes` alone holds the whole trie.
            let mut again = Trie::new(root);
            for (key, value) in &model {
                assert_eq!(again.get(key, &store).unwrap().as_ref(), Some(value));
            }
        }
    }
}

/// A store with a node left out.
struct Without<'a>(&'a Store, B256);

impl NodeSource for Without<'_> {
    fn node(&self, hash: &B256) -> Option<Bytes> {
        (*hash != self.1).then(|| self.0.node(hash)).flatten()
    }
}

#[test]
fn a_missing_node_is_an_error_or_not_needed() {
    let (mut missing, mut same) = (0, 0);
    for seed in 0..150 {
        let mut random = Random(seed);
        let store = Store::default();
        let mut model = Model::new();
        let mut trie = Trie::new(EMPTY_ROOT_HASH);
        for _ in 0..4 {
            change(&mut trie, &mut model, &mut random, &store);
        }
        let root = write(&store, &mut trie);
        let mut hashes = vec![root];
        for key in model.keys() {
            let proof = trie.prove(key, &store).unwrap();
            hashes.extend(proof.iter().map(keccak256));
        }
        hashes.sort_unstable();
        hashes.dedup();
        for hash in hashes {
            let source = Without(&store, hash);
            let mut opened = Trie::new(root);
            let mut after = model.clone();
            let key = random.key();
            let outcome = if random.below(2) == 0 {
                after.remove(&key);
                opened.remove(&key, &source)
            } else {
                let value = random.value();
                after.insert(key, value.clone());
                opened.insert(&key, value, &source)
            };
            match outcome {
                Ok(()) => {
                    assert_eq!(opened.root(None), reference_root(&after), "seed {seed}");
                    same += 1;
                }
                Err(TrieError::Missing(node)) => {
                    assert_eq!(node.0, hash);
                    opened.rollback();
                    assert_eq!(opened.root(None), root, "seed {seed}");
                    missing += 1;
                }
                Err(TrieError::Bad(error)) => panic!("seed {seed}: {error}"),
            }
        }
    }
    assert!(missing > 300 && same > 300, "{missing} missing, {same} same");
}

#[test]
fn damaged_nodes_never_panic_and_never_read_as_absent() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let (mut trie, mut model) = (Trie::new(EMPTY_ROOT_HASH), Model::new());
        for _ in 0..3 {
            change(&mut trie, &mut model, &mut random, &NoNodes);
        }
        let store = Store::default();
        write(&store, &mut trie);
        let Some(key) = model.keys().next().copied() else {
            continue;
        };
        // Damage the root node and ask for the trie that has the damaged node as its root.
        let mut raw = trie.prove(&key, &store).unwrap()[0].to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(raw.len() as u64) as usize;
            raw[at] ^= 1 << random.below(8);
        }
        let root = keccak256(&raw);
        store.write_nodes(vec![(root, raw.into())]);
        let mut damaged = Trie::new(root);
        // Each of these may fail; none may panic.
        let _ = damaged.get(&key, &store);
        let _ = damaged.insert(&key, random.value(), &store);
        let _ = damaged.remove(&key, &store);
        let _ = damaged.prove(&key, &store);
    }
}

/// A hostile root can commit to shapes that no honest trie has.
#[test]
fn an_extension_above_a_leaf_is_an_error_when_the_leaf_goes() {
    // 62 nibbles of path, then a leaf of the other two that is kept inside its parent.
    let leaf = [0xc4, 0x82, 0x20, 0x00, 0x01];
    let node = [&[0xe6, 0xa0][..], &[0; 32], &leaf].concat();
    let root = keccak256(&node);
    let store = Store::default();
    let mut flat = (node.len() as u32).to_le_bytes().to_vec();
    flat.extend(&node);
    store.add_nodes(flat.into()).unwrap();
    let mut trie = Trie::new(root);
    let key = B256::ZERO;
    assert_eq!(trie.get(&key, &store).unwrap().unwrap(), Bytes::from(vec![1]));
    assert!(matches!(trie.remove(&key, &store), Err(TrieError::Bad(_))));
}
