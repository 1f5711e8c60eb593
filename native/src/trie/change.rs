//! Insertion and removal in a trie, in batches that are committed or rolled back.
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::node::{Link, NONE, Node, Ref};
use super::{MissingNode, NodeSource, Slot, Trie, TrieError, TrieResult, bad_depth, key_path};

impl Trie {
    /// Keep the changes since the last commit or rollback; `root` has to be called before it.
    pub fn commit(&mut self) {
        self.undo.clear();
        self.free.append(&mut self.dropped);
        self.before = self.root;
    }

    /// Undo the changes since the last commit or rollback.
    pub fn rollback(&mut self) {
        while let Some((at, slot)) = self.undo.pop() {
            self.slots[at as usize] = slot;
        }
        self.dropped.clear();
        self.root = self.before;
    }

    /// Set the value at a key.
    pub fn insert(&mut self, key: &B256, value: Bytes, source: &impl NodeSource) -> TrieResult<()> {
        self.root = self.insert_at(self.root, key_path(key), value, source)?;
        Ok(())
    }

    /// Remove a key; nothing happens when the trie proves its absence.
    ///
    /// A branch that is left with one child takes that child in, so the child has to be read: when
    /// it is not in the source that is an error, because the root depends on what it is.
    pub fn remove(&mut self, key: &B256, source: &impl NodeSource) -> TrieResult<()> {
        if let Some(root) = self.remove_at(self.root, key_path(key), source)? {
            self.root = root;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, node: Node, link: Option<Link>) -> Ref {
        let slot = Slot { node, link };
        match self.free.pop() {
            // Nothing of the trie before the batch refers to a free slot: no undo is needed.
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => self.push_last(slot),
        }
    }

    pub(super) fn push_last(&mut self, slot: Slot) -> Ref {
        self.slots.push(slot);
        (self.slots.len() - 1) as Ref
    }

    /// Forget a node's link, remembering the node as it was when the batch began.
    ///
    /// A node without a link was made or changed in this batch already.
    fn touch(&mut self, at: Ref) -> &mut Node {
        let slot = &mut self.slots[at as usize];
        if slot.link.is_some() {
            self.undo.push((at, slot.clone()));
            slot.link = None;
        }
        &mut slot.node
    }

    fn insert_at(
        &mut self,
        at: Ref,
        path: Nibbles,
        value: Bytes,
        source: &impl NodeSource,
    ) -> TrieResult<Ref> {
        if at == NONE {
            return Ok(self.push(Node::Leaf { path, value }, None));
        }
        self.load(at, source)?;
        match self.slots[at as usize].node.clone() {
            Node::Leaf { path: other, value: old } => {
                if other == path {
                    if old != value {
                        *self.touch(at) = Node::Leaf { path, value };
                    }
                    return Ok(at);
                }
                if other.len() != path.len() {
                    return Err(bad_depth());
                }
                let common = path.common_prefix_length(&other);
                let old =
                    self.push(Node::Leaf { path: other.slice(common + 1..), value: old }, None);
                let new = self.push(Node::Leaf { path: path.slice(common + 1..), value }, None);
                self.dropped.push(at);
                let forks = [(other.get_unchecked(common), old), (path.get_unchecked(common), new)];
                Ok(self.fork(path.slice(..common), forks))
            }
            Node::Extension { path: part, .. } => {
                if part.len() > path.len() {
                    return Err(bad_depth());
                }
                let common = path.common_prefix_length(&part);
                let child = self.child(at, 0)?;
                if common == part.len() {
                    let new = self.insert_at(child, path.slice(common..), value, source)?;
                    self.set_extension(at, part, new);
                    return Ok(at);
                }
                let rest = part.slice(common + 1..);
                let old = if rest.is_empty() { child } else { self.extension(rest, child) };
                let new = self.push(Node::Leaf { path: path.slice(common + 1..), value }, None);
                self.dropped.push(at);
                let forks = [(part.get_unchecked(common), old), (path.get_unchecked(common), new)];
                Ok(self.fork(path.slice(..common), forks))
            }
            Node::Branch { .. } => {
                let nibble = path.first().ok_or_else(bad_depth)?;
                let child = self.child(at, nibble)?;
                let new = self.insert_at(child, path.slice(1..), value, source)?;
                self.set_child(at, nibble, new);
                Ok(at)
            }
            Node::Blinded(hash) => Err(TrieError::Missing(MissingNode(hash))),
        }
    }

    /// What stands in the place of `at` once the key is gone; None when the key was not there.
    fn remove_at(
        &mut self,
        at: Ref,
        path: Nibbles,
        source: &impl NodeSource,
    ) -> TrieResult<Option<Ref>> {
        if at == NONE {
            return Ok(None);
        }
        self.load(at, source)?;
        match self.slots[at as usize].node.clone() {
            Node::Leaf { path: tail, .. } => {
                if tail != path {
                    return Ok(None);
                }
                self.dropped.push(at);
                Ok(Some(NONE))
            }
            Node::Extension { path: part, .. } => {
                if !path.starts_with(&part) {
                    return Ok(None);
                }
                let child = self.child(at, 0)?;
                let Some(new) = self.remove_at(child, path.slice(part.len()..), source)? else {
                    return Ok(None);
                };
                if new == NONE {
                    return Err(lone_leaf());
                }
                self.dropped.push(at);
                Ok(Some(self.prefix(part, new)))
            }
            Node::Branch { .. } => {
                let nibble = path.first().ok_or_else(bad_depth)?;
                let child = self.child(at, nibble)?;
                let Some(new) = self.remove_at(child, path.slice(1..), source)? else {
                    return Ok(None);
                };
                self.set_child(at, nibble, new);
                if new == NONE {
                    return self.collapse(at, source).map(Some);
                }
                Ok(Some(at))
            }
            Node::Blinded(hash) => Err(TrieError::Missing(MissingNode(hash))),
        }
    }

    /// A branch with one child left becomes that child with a longer path.
    fn collapse(&mut self, at: Ref, source: &impl NodeSource) -> TrieResult<Ref> {
        let Node::Branch { children, .. } = &self.slots[at as usize].node else {
            return Ok(at);
        };
        let mut left = (0u8..16).filter(|nibble| children[*nibble as usize] != NONE);
        let (Some(nibble), None) = (left.next(), left.next()) else {
            return Ok(at);
        };
        let child = self.child(at, nibble)?;
        self.load(child, source)?;
        self.dropped.push(at);
        Ok(self.prefix(Nibbles::from_nibbles([nibble]), child))
    }

    /// A loaded node with `part` before its path.
    fn prefix(&mut self, part: Nibbles, at: Ref) -> Ref {
        match self.slots[at as usize].node.clone() {
            Node::Leaf { path, value } => {
                self.dropped.push(at);
                self.push(Node::Leaf { path: part.join(&path), value }, None)
            }
            Node::Extension { path, child, raw } => {
                self.dropped.push(at);
                self.push(Node::Extension { path: part.join(&path), child, raw }, None)
            }
            Node::Branch { .. } | Node::Blinded(_) => self.extension(part, at),
        }
    }

    /// A branch with two children, below an extension when they share a path.
    fn fork(&mut self, shared: Nibbles, forks: [(u8, Ref); 2]) -> Ref {
        let mut children = [NONE; 16];
        for (nibble, child) in forks {
            children[nibble as usize] = child;
        }
        let branch = self.push(Node::Branch { children, raw: Bytes::new() }, None);
        if shared.is_empty() { branch } else { self.extension(shared, branch) }
    }

    fn extension(&mut self, path: Nibbles, child: Ref) -> Ref {
        self.push(Node::Extension { path, child, raw: Bytes::new() }, None)
    }

    fn set_extension(&mut self, at: Ref, path: Nibbles, child: Ref) {
        if self.slots[child as usize].link.is_none() {
            *self.touch(at) = Node::Extension { path, child, raw: Bytes::new() };
        }
    }

    fn set_child(&mut self, at: Ref, nibble: u8, child: Ref) {
        if child != NONE && self.slots[child as usize].link.is_some() {
            return;
        }
        if let Node::Branch { children, .. } = self.touch(at) {
            children[nibble as usize] = child;
        }
    }
}

/// An extension leads to a branch, so something is always left of its child.
fn lone_leaf() -> TrieError {
    TrieError::Bad(crate::error::Error::Witness("a trie extension above a leaf".into()))
}
