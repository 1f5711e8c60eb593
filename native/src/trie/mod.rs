//! A sparse Merkle-Patricia trie over 32-byte keys.
//!
//! Nodes live in an arena and refer to each other by `u32`. What has not been read is a hash; reading
//! it asks the `NodeSource`, and a node that is not there is an error, never an absent key. A failed
//! batch of changes is rolled back.
mod change;
pub mod node;

use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use node::{LAZY, Link, NONE, Node, Ref};

use crate::error::Result;

/// Where nodes come from. Nodes are given by the hash of their bytes, so they need no check.
pub trait NodeSource {
    /// The node's RLP, or None when it is not there.
    fn node(&self, hash: &B256) -> Option<Bytes>;
}

/// Why a walk cannot go on: this node is not in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingNode(pub B256);

/// A failure inside a trie, before it is known whose trie it is.
#[derive(Debug, Clone)]
pub enum TrieError {
    Missing(MissingNode),
    Bad(crate::error::Error),
}

type TrieResult<T> = std::result::Result<T, TrieError>;

#[derive(Debug, Clone)]
struct Slot {
    node: Node,
    /// How a parent refers to this node; None after a change.
    link: Option<Link>,
}

#[derive(Debug)]
pub struct Trie {
    slots: Vec<Slot>,
    root: Ref,
    /// Slots as they were before the current batch, latest last.
    undo: Vec<(Ref, Slot)>,
    /// Slots that this batch took out of the trie.
    dropped: Vec<Ref>,
    free: Vec<Ref>,
    /// The root when the batch began.
    before: Ref,
}

/// The path of a 32-byte key.
pub fn key_path(key: &B256) -> Nibbles {
    Nibbles::unpack_array(&key.0)
}

impl Trie {
    /// The trie with this root, nothing of it read yet.
    pub fn new(root: B256) -> Self {
        let mut trie = Self {
            slots: Vec::new(),
            root: NONE,
            undo: Vec::new(),
            dropped: Vec::new(),
            free: Vec::new(),
            before: NONE,
        };
        if root != EMPTY_ROOT_HASH {
            trie.root = trie.push(Node::Blinded(root), Some(Link::Hash(root)));
            trie.before = trie.root;
        }
        trie
    }

    /// The value at a key, None when the trie proves its absence.
    pub fn get(&mut self, key: &B256, source: &impl NodeSource) -> TrieResult<Option<Bytes>> {
        let path = key_path(key);
        let mut depth = 0;
        let mut at = self.root;
        while at != NONE {
            self.load(at, source)?;
            match &self.slots[at as usize].node {
                Node::Leaf { path: tail, value } => {
                    return Ok((*tail == path.slice(depth..)).then(|| value.clone()));
                }
                Node::Extension { path: part, .. } => {
                    if part.len() > path.len() - depth {
                        return Err(bad_depth());
                    }
                    if !path.slice(depth..).starts_with(part) {
                        return Ok(None);
                    }
                    depth += part.len();
                    at = self.child(at, 0)?;
                }
                Node::Branch { .. } => {
                    at = self.child(at, path.get(depth).ok_or_else(bad_depth)?)?;
                    depth += 1;
                }
                Node::Blinded(hash) => return Err(TrieError::Missing(MissingNode(*hash))),
            }
        }
        Ok(None)
    }

    /// RLP of the nodes on a key's path that a parent refers to by hash, root first.
    pub fn prove(&mut self, key: &B256, source: &impl NodeSource) -> TrieResult<Vec<Bytes>> {
        let path = key_path(key);
        let mut depth = 0;
        let mut at = self.root;
        let mut proof = Vec::new();
        while at != NONE {
            self.load(at, source)?;
            let encoded = self.encode(at, &mut Vec::new());
            if proof.is_empty() || encoded.len() >= 32 {
                proof.push(encoded.into());
            }
            match &self.slots[at as usize].node {
                Node::Extension { path: part, .. } if path.slice(depth..).starts_with(part) => {
                    depth += part.len();
                    at = self.child(at, 0)?;
                }
                Node::Branch { .. } => {
                    at = self.child(at, path.get(depth).ok_or_else(bad_depth)?)?;
                    depth += 1;
                }
                _ => break,
            }
        }
        Ok(proof)
    }

    /// The root hash; nodes that changed since the last call go to `new`, when given.
    pub fn root(&mut self, new: Option<&mut Vec<(B256, Bytes)>>) -> B256 {
        if self.root == NONE {
            return EMPTY_ROOT_HASH;
        }
        let mut unused = Vec::new();
        let keep = new.is_some();
        let new = new.unwrap_or(&mut unused);
        if let Some(Link::Hash(hash)) = &self.slots[self.root as usize].link {
            return *hash;
        }
        let mut written = Vec::new();
        let encoded = self.encode(self.root, &mut written);
        let hash = alloy_primitives::keccak256(&encoded);
        // A root is always referred to by its hash, however short it is.
        self.slots[self.root as usize].link = Some(Link::Hash(hash));
        if keep {
            new.append(&mut written);
            new.push((hash, encoded.into()));
        }
        hash
    }

    /// Make sure that a slot holds a decoded node.
    fn load(&mut self, at: Ref, source: &impl NodeSource) -> TrieResult<()> {
        if let Node::Blinded(hash) = self.slots[at as usize].node {
            let raw = source.node(&hash).ok_or(TrieError::Missing(MissingNode(hash)))?;
            self.slots[at as usize].node = node::decode(&raw).map_err(TrieError::Bad)?;
        }
        Ok(())
    }

    /// The child of a loaded branch (by nibble) or extension, taken out of the RLP when needed.
    fn child(&mut self, at: Ref, nibble: u8) -> TrieResult<Ref> {
        let (child, raw) = match &self.slots[at as usize].node {
            Node::Branch { children, raw } => (children[nibble as usize], raw),
            Node::Extension { child, raw, .. } => (*child, raw),
            Node::Leaf { .. } | Node::Blinded(_) => return Ok(NONE),
        };
        if child != LAZY {
            return Ok(child);
        }
        let position = match &self.slots[at as usize].node {
            Node::Extension { .. } => 1,
            _ => nibble as usize,
        };
        let item = node::items(raw).nth(position).unwrap_or_default();
        let (node, link) = if item.len() == 33 {
            let hash = B256::from_slice(&item[1..]);
            (Node::Blinded(hash), Link::Hash(hash))
        } else {
            let inline: Bytes = raw.slice_ref(item);
            (node::decode(&inline).map_err(TrieError::Bad)?, Link::Inline(inline))
        };
        let found = self.push_last(Slot { node, link: Some(link) });
        match &mut self.slots[at as usize].node {
            Node::Branch { children, .. } => children[nibble as usize] = found,
            Node::Extension { child, .. } => *child = found,
            Node::Leaf { .. } | Node::Blinded(_) => {}
        }
        Ok(found)
    }

    /// The node's RLP, with links of all below it brought up to date; changed nodes go to `new`.
    fn encode(&mut self, at: Ref, new: &mut Vec<(B256, Bytes)>) -> Vec<u8> {
        match self.slots[at as usize].node.clone() {
            Node::Leaf { path, value } => node::encode_leaf(&path, &value),
            Node::Extension { path, child: LAZY, raw } => {
                node::encode_extension(&path, node::items(&raw).nth(1).unwrap_or_default())
            }
            Node::Extension { path, child, .. } => {
                let mut link = Vec::with_capacity(33);
                self.link(child, new).encode(&mut link);
                node::encode_extension(&path, &link)
            }
            Node::Branch { children, raw } => {
                let mut payload = Vec::with_capacity(17 * 33);
                let mut lazy = node::items(&raw);
                for child in children {
                    let before = lazy.next();
                    match child {
                        NONE => payload.push(0x80),
                        LAZY => payload.extend_from_slice(before.unwrap_or_default()),
                        child => self.link(child, new).encode(&mut payload),
                    }
                }
                payload.push(0x80);
                node::list(&payload)
            }
            // Only links of blinded nodes are asked for, and those are known.
            Node::Blinded(_) => Vec::new(),
        }
    }

    fn link(&mut self, at: Ref, new: &mut Vec<(B256, Bytes)>) -> Link {
        if let Some(link) = &self.slots[at as usize].link {
            return link.clone();
        }
        let encoded = self.encode(at, new);
        let link = Link::to(&encoded);
        if let Link::Hash(hash) = &link {
            new.push((*hash, encoded.into()));
        }
        self.slots[at as usize].link = Some(link.clone());
        link
    }
}

fn bad_depth() -> TrieError {
    TrieError::Bad(crate::error::Error::Witness("a trie path of other than 64 nibbles".into()))
}

/// `TrieError` as an error of the caller's, which says what could not be read.
pub fn name<T>(
    result: TrieResult<T>,
    missing: impl FnOnce() -> crate::error::Missing,
) -> Result<T> {
    result.map_err(|error| match error {
        TrieError::Missing(MissingNode(hash)) => {
            crate::error::Error::Missing { missing: missing(), hash }
        }
        TrieError::Bad(error) => error,
    })
}
