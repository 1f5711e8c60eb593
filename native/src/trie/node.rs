//! One node of a Merkle-Patricia trie: strict decoding from RLP, and encoding.
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Encodable, Header};
use alloy_trie::Nibbles;

use crate::error::{Error, Result};

/// Where a child is: an index into the arena, nowhere, or still inside its parent's RLP.
pub type Ref = u32;
pub const NONE: Ref = u32::MAX;
pub const LAZY: Ref = u32::MAX - 1;

#[derive(Debug, Clone)]
pub enum Node {
    /// Known by hash alone; reading it asks the node source.
    Blinded(B256),
    Leaf {
        path: Nibbles,
        value: Bytes,
    },
    Extension {
        path: Nibbles,
        child: Ref,
        raw: Bytes,
    },
    /// `raw` is the RLP in which LAZY children are to be found.
    Branch {
        children: [Ref; 16],
        raw: Bytes,
    },
}

/// How a parent refers to a child: by hash, or by the child's own RLP when shorter than a hash.
#[derive(Debug, Clone)]
pub enum Link {
    Hash(B256),
    Inline(Bytes),
}

impl Link {
    /// The link to a node with this encoding.
    pub fn to(encoded: &[u8]) -> Self {
        if encoded.len() < 32 {
            Self::Inline(Bytes::copy_from_slice(encoded))
        } else {
            Self::Hash(alloy_primitives::keccak256(encoded))
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hash(hash) => {
                out.push(0xa0);
                out.extend_from_slice(hash.as_slice());
            }
            Self::Inline(raw) => out.extend_from_slice(raw),
        }
    }
}

/// Decode a node; no byte may be left over and every length must be canonical.
pub fn decode(raw: &Bytes) -> Result<Node> {
    parse(raw).ok_or_else(|| Error::Witness(format!("not a trie node: {raw}")))
}

fn parse(raw: &Bytes) -> Option<Node> {
    let mut rest: &[u8] = raw;
    let header = Header::decode(&mut rest).ok()?;
    if !header.list || header.payload_length != rest.len() {
        return None;
    }
    let mut items = [&[][..]; 17];
    let mut count = 0;
    while !rest.is_empty() {
        let item = take_item(&mut rest)?;
        *items.get_mut(count)? = item;
        count += 1;
    }
    match count {
        17 => {
            // Keys of one length leave the value of every branch empty.
            if items[16] != [0x80] {
                return None;
            }
            let mut children = [NONE; 16];
            for (child, item) in children.iter_mut().zip(items) {
                if item != [0x80] {
                    check_link(item)?;
                    *child = LAZY;
                }
            }
            Some(Node::Branch { children, raw: raw.clone() })
        }
        2 => {
            let (path, leaf) = decode_path(string(items[0])?)?;
            if leaf {
                let value = string(items[1])?;
                return Some(Node::Leaf { path, value: raw.slice_ref(value) });
            }
            check_link(items[1])?;
            (!path.is_empty()).then(|| Node::Extension { path, child: LAZY, raw: raw.clone() })
        }
        _ => None,
    }
}

/// Split the first RLP item, its header included, off `rest`.
fn take_item<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *rest;
    // The two usual items of a branch need no general decoding.
    let length = match *whole.first()? {
        0x80 => 1,
        0xa0 => 33,
        _ => {
            let mut payload = whole;
            let header = Header::decode(&mut payload).ok()?;
            whole.len() - payload.len() + header.payload_length
        }
    };
    let item = whole.get(..length)?;
    *rest = &whole[length..];
    Some(item)
}

/// A child link: a hash, or a whole node of fewer than 32 bytes.
fn check_link(item: &[u8]) -> Option<()> {
    match item.first()? {
        0xa0 => (item.len() == 33).then_some(()),
        0xc0.. => (item.len() < 32).then_some(()),
        _ => None,
    }
}

fn string(item: &[u8]) -> Option<&[u8]> {
    let mut rest = item;
    let payload = Header::decode_bytes(&mut rest, false).ok()?;
    rest.is_empty().then_some(payload)
}

/// Decode a hex-prefixed path and whether it ends in a leaf.
fn decode_path(bytes: &[u8]) -> Option<(Nibbles, bool)> {
    let (&first, tail) = bytes.split_first()?;
    if first >> 4 > 3 || tail.len() > 32 {
        return None;
    }
    let odd = first & 0x10 != 0;
    if (!odd && first & 0x0f != 0) || (odd && tail.len() > 31) {
        return None;
    }
    let mut path = Nibbles::new();
    if odd {
        path.push(first & 0x0f);
    }
    path.extend(&Nibbles::unpack(tail));
    Some((path, first & 0x20 != 0))
}

fn encode_path(path: &Nibbles, leaf: bool) -> Vec<u8> {
    let flag = if leaf { 0x20 } else { 0 };
    if path.len().is_multiple_of(2) {
        let mut bytes = vec![flag];
        bytes.extend_from_slice(&path.pack());
        return bytes;
    }
    let mut bytes = vec![flag | 0x10 | path.get_unchecked(0)];
    bytes.extend_from_slice(&path.slice(1..).pack());
    bytes
}

/// The RLP of a leaf.
pub fn encode_leaf(path: &Nibbles, value: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(value.len() + 40);
    encode_path(path, true).as_slice().encode(&mut payload);
    value.encode(&mut payload);
    list(&payload)
}

/// The RLP of an extension; `link` is the child's link, encoded.
pub fn encode_extension(path: &Nibbles, link: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(72);
    encode_path(path, false).as_slice().encode(&mut payload);
    payload.extend_from_slice(link);
    list(&payload)
}

/// Wrap a payload as an RLP list.
pub fn list(payload: &[u8]) -> Vec<u8> {
    let header = Header { list: true, payload_length: payload.len() };
    let mut out = Vec::with_capacity(header.length_with_payload());
    header.encode(&mut out);
    out.extend_from_slice(payload);
    out
}

/// The items of a decoded branch or extension's RLP, headers included.
pub fn items(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = raw;
    let inside = Header::decode(&mut rest).is_ok();
    std::iter::from_fn(move || if inside { take_item(&mut rest) } else { None })
}
