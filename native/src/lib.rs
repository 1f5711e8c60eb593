//! The kernel of coprove: stateless and stateful execution of OP Stack blocks, and hashing.
pub mod error;
pub mod hashing;
mod py;

pub use py::_native;
