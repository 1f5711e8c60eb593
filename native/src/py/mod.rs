//! The Python face: bytes and integers in, bytes and integers out, every failure a `NativeError`.
mod bls;
mod convert;
mod executor;
mod failure;
mod guest;
mod hashing;
mod store;

pub use failure::guard;
use pyo3::prelude::*;

/// The Python module `coprove._native`.
#[pymodule]
pub fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("NativeError", m.py().get_type::<failure::NativeError>())?;
    m.add_class::<bls::Bn254G2>()?;
    m.add_function(wrap_pyfunction!(bls::bn254_check_g1, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_combine_g1, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_combine_g2, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_hash_to_g1, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_public_keys, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_same_key, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_sign, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_verify, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_verify_aggregate, m)?)?;
    m.add_function(wrap_pyfunction!(bls::bn254_verify_batch, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::keccak256, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::ordered_trie_root, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::recover_sender, m)?)?;
    m.add_function(wrap_pyfunction!(hashing::recover_senders, m)?)?;
    m.add_function(wrap_pyfunction!(guest::encode_range_witness, m)?)?;
    m.add_function(wrap_pyfunction!(guest::decode_range_witness, m)?)?;
    m.add_function(wrap_pyfunction!(guest::ordered_trie_nodes, m)?)?;
    m.add_function(wrap_pyfunction!(guest::headers_to_cbor, m)?)?;
    m.add_function(wrap_pyfunction!(guest::headers_from_cbor, m)?)?;
    m.add_class::<store::NodeStore>()?;
    m.add_class::<executor::ChainRules>()?;
    m.add_class::<executor::Executor>()?;
    m.add_function(wrap_pyfunction!(store::genesis_state, m)?)?;
    m.add_function(wrap_pyfunction!(store::read_account, m)?)?;
    m.add_function(wrap_pyfunction!(store::read_storage, m)?)?;
    m.add_function(wrap_pyfunction!(store::prove, m)?)?;
    m.add_function(wrap_pyfunction!(executor::simulate, m)?)?;
    Ok(())
}
