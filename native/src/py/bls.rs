//! BLS on BN254: points are 64 or 128 bytes, checked on every way in.
use ark_bn254::{G1Affine, G2Affine};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::convert::{bytes, hash};
use super::guard;
use crate::bls::{self, Submission};
use crate::error::{Error, Result};

/// A point of G2 that was checked, so that later uses need not.
#[pyclass(frozen, module = "coprove._native")]
pub struct Bn254G2(G2Affine);

#[pymethods]
impl Bn254G2 {
    /// 128 bytes, imaginary parts first: in the subgroup, not infinity.
    #[new]
    #[pyo3(signature = (encoded, /))]
    fn new(py: Python<'_>, encoded: &[u8]) -> PyResult<Self> {
        Ok(Self(guard(py, || bls::decode_finite_g2("G2 point", encoded))?))
    }
}

/// Refuse what is no point of G1; infinity, all zeros, is one.
#[pyfunction]
#[pyo3(signature = (encoded, /))]
pub fn bn254_check_g1(py: Python<'_>, encoded: &[u8]) -> PyResult<()> {
    guard(py, || bls::decode_g1("G1 point", encoded).map(|_| ()))
}

/// The sum of weight · point in G1.
#[pyfunction]
#[pyo3(signature = (points, weights, /))]
pub fn bn254_combine_g1<'py>(
    py: Python<'py>,
    points: Vec<PyBackedBytes>,
    weights: Vec<i64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let sum = guard(py, || {
        let points: Vec<G1Affine> =
            points.iter().map(|point| bls::decode_g1("G1 point", point)).collect::<Result<_>>()?;
        bls::combine(&points, &weights)
    })?;
    Ok(bytes(py, bls::encode_g1(&sum)))
}

/// The sum of weight · point in G2; all zeros when it is infinity.
#[pyfunction]
#[pyo3(signature = (points, weights, /))]
pub fn bn254_combine_g2<'py>(
    py: Python<'py>,
    points: Vec<Bound<'py, Bn254G2>>,
    weights: Vec<i64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let points: Vec<G2Affine> = points.iter().map(|point| point.get().0).collect();
    let sum = guard(py, || bls::combine(&points, &weights))?;
    Ok(bytes(py, bls::encode_g2(&sum)))
}

/// The point of a 32-byte digest.
#[pyfunction]
#[pyo3(signature = (digest, /))]
pub fn bn254_hash_to_g1<'py>(py: Python<'py>, digest: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let digest = hash(py, "digest", digest)?;
    let point = guard(py, || Ok(bls::hash_to_g1(&digest)))?;
    Ok(bytes(py, bls::encode_g1(&point)))
}

/// A secret key's points in G1 and G2.
#[pyfunction]
#[pyo3(signature = (secret, /))]
pub fn bn254_public_keys<'py>(
    py: Python<'py>,
    secret: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (g1, g2) = guard(py, || bls::public_keys(&bls::decode_secret(secret)?))?;
    Ok((bytes(py, bls::encode_g1(&g1)), bytes(py, bls::encode_g2(&g2))))
}

/// Whether points in G1 and G2 are of one secret key.
#[pyfunction]
#[pyo3(signature = (g1, g2, /))]
pub fn bn254_same_key(py: Python<'_>, g1: &[u8], g2: &Bound<'_, Bn254G2>) -> PyResult<bool> {
    let g2 = g2.get().0;
    guard(py, || Ok(bls::same_key(&bls::decode_finite_g1("public key", g1)?, &g2)))
}

/// The signature over a 32-byte digest.
#[pyfunction]
#[pyo3(signature = (secret, digest, /))]
pub fn bn254_sign<'py>(
    py: Python<'py>,
    secret: &[u8],
    digest: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let digest = hash(py, "digest", digest)?;
    let signature = guard(py, || bls::sign(&bls::decode_secret(secret)?, &digest))?;
    Ok(bytes(py, bls::encode_g1(&signature)))
}

/// Whether a signature over a digest is the key's.
#[pyfunction]
#[pyo3(signature = (key, digest, signature, /))]
pub fn bn254_verify(
    py: Python<'_>,
    key: &Bound<'_, Bn254G2>,
    digest: &[u8],
    signature: &[u8],
) -> PyResult<bool> {
    let (key, digest) = (key.get().0, hash(py, "digest", digest)?);
    guard(py, || Ok(bls::verify(&key, &digest, &bls::decode_finite_g1("signature", signature)?)))
}

/// Whether an aggregate holds as EigenLayer's `BLSSignatureChecker` sees it.
#[pyfunction]
#[pyo3(signature = (digest, key_g1, key_g2, signature, /))]
pub fn bn254_verify_aggregate(
    py: Python<'_>,
    digest: &[u8],
    key_g1: &[u8],
    key_g2: &Bound<'_, Bn254G2>,
    signature: &[u8],
) -> PyResult<bool> {
    let (digest, key_g2) = (hash(py, "digest", digest)?, key_g2.get().0);
    guard(py, || {
        let key_g1 = bls::decode_finite_g1("aggregate public key", key_g1)?;
        let signature = bls::decode_finite_g1("signature", signature)?;
        Ok(bls::verify_aggregate(&digest, &key_g1, &key_g2, &signature))
    })
}

/// Whether each signature over its digest is its key's.
#[pyfunction]
#[pyo3(signature = (keys, digests, signatures, /))]
pub fn bn254_verify_batch(
    py: Python<'_>,
    keys: Vec<Bound<'_, Bn254G2>>,
    digests: Vec<PyBackedBytes>,
    signatures: Vec<PyBackedBytes>,
) -> PyResult<Vec<bool>> {
    let keys: Vec<G2Affine> = keys.iter().map(|key| key.get().0).collect();
    let digests =
        digests.iter().map(|digest| hash(py, "digest", digest)).collect::<PyResult<Vec<_>>>()?;
    guard(py, || {
        if keys.len() != digests.len() || keys.len() != signatures.len() {
            let counts = [keys.len(), digests.len(), signatures.len()];
            return Err(Error::input("batch", "equal counts", format!("{counts:?}")));
        }
        let parts = keys.iter().zip(digests).zip(&signatures);
        let submissions: Vec<Submission> = parts
            .map(|((key, digest), signature)| {
                let signature = bls::decode_finite_g1("signature", signature)?;
                Ok(Submission { digest, key: *key, signature })
            })
            .collect::<Result<_>>()?;
        bls::verify_batch(&submissions)
    })
}
