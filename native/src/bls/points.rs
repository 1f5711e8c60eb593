//! Points of BN254 to and from bytes, as the precompiles of EIP-196 and EIP-197 take them.
//!
//! G1 is x, y; G2 is x, y with the imaginary part of each first. Big-endian words of 32 bytes; the
//! point at infinity is all zeros. One point has one encoding: coordinates lie below the modulus.
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, PrimeField};

use crate::error::{Error, Result};

pub const G1_BYTES: usize = 64;
pub const G2_BYTES: usize = 128;
const WORD: usize = 32;

/// A point of G1, infinity included; the curve is the group, so being on it is enough.
pub fn decode_g1(what: &'static str, bytes: &[u8]) -> Result<G1Affine> {
    let [x, y] = coordinates(what, bytes, "64 bytes")?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(G1Affine::identity());
    }
    let point = G1Affine::new_unchecked(x, y);
    if !point.is_on_curve() {
        return Err(Error::input(what, "a point of y² = x³ + 3", "one off the curve"));
    }
    Ok(point)
}

/// A point of G1 that is not infinity.
pub fn decode_finite_g1(what: &'static str, bytes: &[u8]) -> Result<G1Affine> {
    let point = decode_g1(what, bytes)?;
    if point.is_zero() {
        return Err(Error::input(what, "a point of G1", "the point at infinity"));
    }
    Ok(point)
}

/// A point of the subgroup of order r on the twist, never infinity.
///
/// The twist has points of other orders: with them a pairing's answer means nothing.
pub fn decode_finite_g2(what: &'static str, bytes: &[u8]) -> Result<G2Affine> {
    let [x1, x0, y1, y0] = coordinates(what, bytes, "128 bytes")?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(Error::input(what, "a point of G2", "the point at infinity"));
    }
    let point = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
    if !point.is_on_curve() {
        return Err(Error::input(what, "a point of the twist", "one off the curve"));
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(Error::input(what, "a point of order r", "one of another order"));
    }
    Ok(point)
}

/// A secret key: a scalar from 1 to r - 1. The error never tells the value.
pub fn decode_secret(bytes: &[u8]) -> Result<Fr> {
    const RANGE: &str = "32 bytes from 1 to r - 1";
    let refused = |actual: String| Error::input("BLS secret key", RANGE, actual);
    let bytes: &[u8; WORD] =
        bytes.try_into().map_err(|_| refused(format!("{} bytes", bytes.len())))?;
    let scalar = Fr::from_bigint(integer(bytes));
    scalar.filter(|scalar| *scalar != Fr::from(0u64)).ok_or_else(|| refused("another value".into()))
}

pub fn encode_g1(point: &G1Affine) -> [u8; G1_BYTES] {
    let mut out = [0; G1_BYTES];
    if let Some((x, y)) = point.xy() {
        write_words(&mut out, [x, y]);
    }
    out
}

pub fn encode_g2(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut out = [0; G2_BYTES];
    if let Some((x, y)) = point.xy() {
        write_words(&mut out, [x.c1, x.c0, y.c1, y.c0]);
    }
    out
}

fn coordinates<const N: usize>(
    what: &'static str,
    bytes: &[u8],
    expected: &'static str,
) -> Result<[Fq; N]> {
    if bytes.len() != N * WORD {
        return Err(Error::input(what, expected, format!("{} bytes", bytes.len())));
    }
    let mut out = [Fq::from(0u64); N];
    for (coordinate, word) in out.iter_mut().zip(bytes.chunks_exact(WORD)) {
        let word = word.try_into().expect("chunks are words");
        *coordinate = Fq::from_bigint(integer(word))
            .ok_or_else(|| Error::input(what, "coordinates below p", "a larger one"))?;
    }
    Ok(out)
}

fn integer(bytes: &[u8; WORD]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().expect("chunks are limbs"));
    }
    BigInt::new(limbs)
}

fn write_words<const N: usize>(out: &mut [u8], words: [Fq; N]) {
    for (place, word) in out.chunks_exact_mut(WORD).zip(words) {
        place.copy_from_slice(&word.into_bigint().to_bytes_be());
    }
}
