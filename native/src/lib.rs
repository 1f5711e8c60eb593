//! The kernel of coprove: stateless and stateful execution of OP Stack blocks, tries, hashing and
//! BLS signatures on BN254.
pub mod block;
pub mod bls;
pub mod chain;
pub mod database;
pub mod error;
pub mod executor;
pub mod genesis;
pub mod guest;
pub mod hashing;
pub mod precompiles;
#[cfg(feature = "extension-module")]
mod py;
pub mod run;
mod senders;
pub mod simulate;
pub mod store;
pub mod trie;
pub mod world;

#[cfg(feature = "extension-module")]
pub use py::_native;
