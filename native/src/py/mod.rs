//! The Python face: bytes and integers in, bytes and integers out, every failure a `NativeError`.
mod failure;
mod hashing;

pub use failure::guard;
use pyo3::prelude::*;

/// The Python module `coprove._native`.
#[pymodule]
pub fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("NativeError", m.py().get_type::<failure::NativeError>())?;
    m.add_function(wrap_pyfunction!(hashing::keccak256, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::ordered_trie_root, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::recover_sender, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::recover_senders, m)?)?;
    Ok(())
}
