//! Fixed-size values to and from Python bytes.
use alloy_primitives::{Address, B256, Bytes, U256};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::failure::raise;
use crate::error::{Error, Result};

fn sized<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| {
        let expected = match N {
            8 => "8 bytes",
            20 => "20 bytes",
            _ => "32 bytes",
        };
        Error::input(what, expected, format!("{} bytes", bytes.len()))
    })
}

pub fn array<const N: usize>(py: Python<'_>, what: &'static str, b: &[u8]) -> PyResult<[u8; N]> {
    sized(what, b).map_err(|error| raise(py, &error))
}

pub fn hash(py: Python<'_>, what: &'static str, bytes: &[u8]) -> PyResult<B256> {
    Ok(B256::new(array(py, what, bytes)?))
}

pub fn address(py: Python<'_>, what: &'static str, bytes: &[u8]) -> PyResult<Address> {
    Ok(Address::new(array(py, what, bytes)?))
}

pub fn word(py: Python<'_>, what: &'static str, bytes: &[u8]) -> PyResult<U256> {
    Ok(U256::from_be_bytes(array::<32>(py, what, bytes)?))
}

pub fn blobs(pieces: &[PyBackedBytes]) -> Vec<Bytes> {
    pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect()
}

pub fn bytes<'py>(py: Python<'py>, value: impl AsRef<[u8]>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value.as_ref())
}

pub fn list<'py, T: AsRef<[u8]>>(py: Python<'py>, items: &[T]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, items.iter().map(|item| bytes(py, item)))
}
