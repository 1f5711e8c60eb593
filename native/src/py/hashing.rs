//! `keccak256`, trie roots of lists and sender recovery.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::guard;
use crate::hashing;

/// Keccak-256 of the bytes.
#[pyfunction]
#[pyo3(signature = (data, /))]
pub fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, alloy_primitives::keccak256(data).as_slice())
}

/// Root of the trie rlp(index) -> item, as of a block's transactions and receipts.
#[pyfunction]
#[pyo3(signature = (items, /))]
pub fn ordered_trie_root<'py>(
    py: Python<'py>,
    items: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let root = guard(py, || Ok(hashing::ordered_root(&items)))?;
    Ok(PyBytes::new(py, root.as_slice()))
}

/// The 20-byte sender of a signed EIP-2718 transaction.
#[pyfunction]
#[pyo3(signature = (raw, /))]
pub fn recover_sender<'py>(py: Python<'py>, raw: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let sender = guard(py, || hashing::recover_sender(raw))?;
    Ok(PyBytes::new(py, sender.as_slice()))
}

/// The senders of signed EIP-2718 transactions, recovered in threads when there are many.
#[pyfunction]
#[pyo3(signature = (raws, /))]
pub fn recover_senders<'py>(
    py: Python<'py>,
    raws: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyList>> {
    let senders = guard(py, || hashing::recover_senders(&raws))?;
    PyList::new(py, senders.iter().map(|sender| PyBytes::new(py, sender.as_slice())))
}
