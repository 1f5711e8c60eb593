//! Every way in which the kernel can fail, told apart by who is to blame.
use std::fmt::Display;

use alloy_primitives::{Address, B256, U256};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a witness or a store lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A node on the path of an account in the state trie.
    Account(Address),
    /// A node on the path of a slot in an account's storage trie.
    Slot(Address, U256),
    /// The code with this hash, of this account.
    Code(Address),
    /// The header of this block number, for BLOCKHASH.
    Header(u64),
    /// A trie node that was asked for by its hash alone.
    Node,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Data that the caller has to supply is not there; `hash` names the lacking piece.
    #[error("missing {missing:?}, {hash}")]
    Missing { missing: Missing, hash: B256 },
    /// The payload breaks a consensus rule: no witness could make it valid.
    #[error("invalid payload: {reason}")]
    InvalidPayload { transaction: Option<usize>, reason: String },
    /// Bytes of a witness are not what their place asks for.
    #[error("bad witness: {0}")]
    Witness(String),
    /// An argument is not what it must be.
    #[error("{what}: expected {expected}, got {actual}")]
    Input { what: &'static str, expected: &'static str, actual: String },
    /// A fault of the kernel itself.
    #[error("kernel fault: {0}")]
    Kernel(String),
}

impl Error {
    pub fn input(what: &'static str, expected: &'static str, actual: impl Display) -> Self {
        Self::Input { what, expected, actual: actual.to_string() }
    }

    pub fn payload(transaction: impl Into<Option<usize>>, reason: impl Display) -> Self {
        Self::InvalidPayload { transaction: transaction.into(), reason: reason.to_string() }
    }
}
