//! The guests' inputs: bytes in, bytes out.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::guard;
use crate::guest::{self, Witness};

type Blob = (PyBackedBytes, PyBackedBytes, PyBackedBytes);

/// The range guest's input: boot data by number, values under their hash, blobs with commitment
/// and proof in the order in which they are read.
#[pyfunction]
#[pyo3(signature = (local_keys, hashed, blobs, /))]
pub fn encode_range_witness<'py>(
    py: Python<'py>,
    local_keys: Vec<(u64, PyBackedBytes)>,
    hashed: Vec<PyBackedBytes>,
    blobs: Vec<Blob>,
) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = guard(py, || {
        let mut witness = Witness::default();
        for (ident, value) in &local_keys {
            witness.add_local(*ident, value.to_vec());
        }
        witness.add_hashed(&hashed);
        for (blob, commitment, proof) in &blobs {
            witness.add_blob(blob, commitment, proof)?;
        }
        witness.encode()
    })?;
    Ok(PyBytes::new(py, &bytes))
}

/// Preimages by their 32-byte key, and blobs, of a range guest's input.
#[pyfunction]
#[pyo3(signature = (archive, /))]
pub fn decode_range_witness<'py>(
    py: Python<'py>,
    archive: PyBackedBytes,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
    let witness = guard(py, || Witness::decode(&archive))?;
    let preimages = witness.preimage_store.preimage_map.iter();
    let preimages = PyList::new(
        py,
        preimages.map(|(key, value)| (PyBytes::new(py, &key.to_bytes()), PyBytes::new(py, value))),
    )?;
    let data = &witness.blob_data;
    let triples = data.blobs.iter().zip(&data.commitments).zip(&data.proofs);
    let blobs = PyList::new(
        py,
        triples.map(|((blob, commitment), proof)| {
            let parts: [&[u8]; 3] = [&blob.0, &commitment.0, &proof.0];
            let [blob, commitment, proof] = parts.map(|part| PyBytes::new(py, part));
            (blob, commitment, proof)
        }),
    )?;
    Ok((preimages, blobs))
}

/// All hashed nodes of the trie rlp(index) -> item.
#[pyfunction]
#[pyo3(signature = (items, /))]
pub fn ordered_trie_nodes<'py>(
    py: Python<'py>,
    items: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyList>> {
    let nodes = guard(py, || Ok(guest::ordered_nodes(&items)))?;
    PyList::new(py, nodes.iter().map(|node| PyBytes::new(py, node)))
}

/// Header RLPs in the CBOR that the aggregation guest reads.
#[pyfunction]
#[pyo3(signature = (headers, /))]
pub fn headers_to_cbor<'py>(
    py: Python<'py>,
    headers: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = guard(py, || guest::headers_to_cbor(&headers))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Header RLPs out of that CBOR.
#[pyfunction]
#[pyo3(signature = (cbor, /))]
pub fn headers_from_cbor<'py>(
    py: Python<'py>,
    cbor: PyBackedBytes,
) -> PyResult<Bound<'py, PyList>> {
    let headers = guard(py, || guest::headers_from_cbor(&cbor))?;
    PyList::new(py, headers.iter().map(|header| PyBytes::new(py, header)))
}
