//! BLS signatures on BN254 as EigenLayer's contracts check them: signatures in G1, keys in both.
//!
//! Sources: eigenlayer-middleware, `BN254.sol` and `BLSSignatureChecker.sol`.
mod batch;
mod points;

use std::sync::LazyLock;

use alloy_primitives::{B256, keccak256};
use ark_bn254::{Bn254, Fq, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};

pub use batch::{Submission, verify_batch};
pub use points::{
    G1_BYTES, G2_BYTES, decode_finite_g1, decode_finite_g2, decode_g1, decode_secret, encode_g1,
    encode_g2,
};

use crate::error::{Error, Result};

/// (p + 1) / 4, least limb first: this power of a square is its root, as p = 3 mod 4.
const ROOT_EXPONENT: [u64; 4] =
    [0x4f08_2305_b61f_3f52, 0x65e0_5aa4_5a1c_72a3, 0x6e14_116d_a060_5617, 0x0c19_139c_b84c_680a];

type G2Prepared = <Bn254 as Pairing>::G2Prepared;

/// -G2's generator, ready for the Miller loop: every check needs it.
static NEGATED_GENERATOR: LazyLock<G2Prepared> = LazyLock::new(|| (-G2Affine::generator()).into());

/// The point of a digest: the first x from digest mod p upwards that has a y.
///
/// The y is β^((p+1)/4), not its negative. Half of all x have one, so two are tried on average.
pub fn hash_to_g1(digest: &B256) -> G1Affine {
    let mut x = Fq::from_be_bytes_mod_order(digest.as_slice());
    loop {
        let beta = x.square() * x + Fq::from(3u64);
        let y = beta.pow(ROOT_EXPONENT);
        if y.square() == beta {
            return G1Affine::new_unchecked(x, y);
        }
        x += Fq::ONE;
    }
}

/// A secret key's points in G1 and G2.
pub fn public_keys(secret: &Fr) -> Result<(G1Affine, G2Affine)> {
    let g1: G1Projective = masked_product(G1Affine::generator(), secret)?;
    let g2: G2Projective = masked_product(G2Affine::generator(), secret)?;
    Ok((g1.into_affine(), g2.into_affine()))
}

pub fn sign(secret: &Fr, digest: &B256) -> Result<G1Affine> {
    let signature: G1Projective = masked_product(hash_to_g1(digest), secret)?;
    Ok(signature.into_affine())
}

/// Whether e(signature, G2) = e(H(digest), key). Neither may be infinity.
pub fn verify(key: &G2Affine, digest: &B256, signature: &G1Affine) -> bool {
    pairing(signature, &[(hash_to_g1(digest), *key)]) == PairingOutput::ZERO
}

/// Whether a point in G1 and one in G2 are of the same secret key.
pub fn same_key(g1: &G1Affine, g2: &G2Affine) -> bool {
    pairing(g1, &[(G1Affine::generator(), *g2)]) == PairingOutput::ZERO
}

/// `trySignatureAndApkVerification`: the signature and that both forms of the key belong together.
///
/// γ binds all inputs, so that no difference in one of the two equations makes up for another.
pub fn verify_aggregate(
    digest: &B256,
    key_g1: &G1Affine,
    key_g2: &G2Affine,
    signature: &G1Affine,
) -> bool {
    let (g1, g2) = (encode_g1(key_g1), encode_g2(key_g2));
    let packed = [digest.as_slice(), &g1, &g2, &encode_g1(signature)].concat();
    let gamma = Fr::from_be_bytes_mod_order(keccak256(packed).as_slice());
    let left = *signature + *key_g1 * gamma;
    let right = hash_to_g1(digest) + G1Affine::generator() * gamma;
    let pairs = [(right.into_affine(), *key_g2)];
    pairing(&left.into_affine(), &pairs) == PairingOutput::ZERO
}

/// Σ weight · point.
pub fn combine<A: AffineRepr>(points: &[A], weights: &[i64]) -> Result<A> {
    if points.len() != weights.len() {
        let actual = format!("{} for {} points", weights.len(), points.len());
        return Err(Error::input("weights", "one for each point", actual));
    }
    let mut sum = A::Group::default();
    for (point, weight) in points.iter().zip(weights) {
        match weight {
            1 => sum += point,
            -1 => sum -= point,
            _ => {
                let multiple = point.mul_bigint([weight.unsigned_abs()]);
                if *weight < 0 { sum -= multiple } else { sum += multiple }
            }
        }
    }
    Ok(sum.into_affine())
}

/// e(first, -G2) · Π e(g1, g2), written additively.
fn pairing(first: &G1Affine, pairs: &[(G1Affine, G2Affine)]) -> PairingOutput<Bn254> {
    let g1 = std::iter::once(*first).chain(pairs.iter().map(|pair| pair.0));
    let g2 = std::iter::once(NEGATED_GENERATOR.clone())
        .chain(pairs.iter().map(|pair| G2Prepared::from(pair.1)));
    Bn254::multi_pairing(g1, g2)
}

/// secret · point in two products whose scalars are random each time.
///
/// The time of a product depends on its scalar, and must tell nothing of the secret.
fn masked_product<A: AffineRepr<ScalarField = Fr>>(point: A, secret: &Fr) -> Result<A::Group> {
    let mask = Fr::from_be_bytes_mod_order(&random::<48>()?);
    Ok(point * (*secret - mask) + point * mask)
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Kernel(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}
