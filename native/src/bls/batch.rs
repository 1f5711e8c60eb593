//! Many signatures in one check, and which of them are bad where it fails.
//!
//! Each submission's error e(σ, -G2) · e(H, key) is raised to a random power; the product over a set
//! is 1 only if all its errors are 1, but for one case in 2^127. The powers come from the system after
//! the submissions are here, so a signer cannot make errors that cancel. A failed set is halved: the
//! product of one half is computed, that of the other follows by division, so finding the bad ones
//! never takes more pairing checks than there are submissions.
use std::collections::HashMap;
use std::ops::Range;

use alloy_primitives::B256;
use ark_bn254::{Bn254, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::PairingOutput;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt};

use super::{hash_to_g1, pairing, random};
use crate::error::Result;

/// Up to this many points, one product for each is worth having: all sums within need only these.
const PRODUCTS_UP_TO: usize = 32;

/// A signature with what it is checked against; its points have been checked.
#[derive(Debug, Clone, Copy)]
pub struct Submission {
    pub digest: B256,
    pub key: G2Affine,
    pub signature: G1Affine,
}

/// Whether each submission's signature is its key's over its digest.
pub fn verify_batch(submissions: &[Submission]) -> Result<Vec<bool>> {
    let mut verdicts = vec![true; submissions.len()];
    if submissions.is_empty() {
        return Ok(verdicts);
    }
    // Equal digests stand together, so that parts of the whole have few: each costs a pairing.
    let mut order: Vec<usize> = (0..submissions.len()).collect();
    order.sort_by_key(|index| submissions[*index].digest);
    let batch = Batch::new(order.iter().map(|index| submissions[*index]))?;
    let whole = 0..order.len();
    let error = batch.error(&whole, None);
    batch.find_bad(whole, error, None, &mut |place| verdicts[order[place]] = false);
    Ok(verdicts)
}

struct Batch {
    keys: Vec<G2Affine>,
    signatures: Vec<G1Affine>,
    powers: Vec<BigInt<4>>,
    /// Each place's digest, and the point of each digest.
    digests: Vec<B256>,
    points: HashMap<B256, G1Affine>,
}

impl Batch {
    fn new(submissions: impl Iterator<Item = Submission> + Clone) -> Result<Self> {
        let digests: Vec<_> = submissions.clone().map(|s| s.digest).collect();
        let distinct = digests.chunk_by(|a, b| a == b).map(|run| run[0]);
        Ok(Self {
            keys: submissions.clone().map(|s| s.key).collect(),
            signatures: submissions.map(|s| s.signature).collect(),
            powers: digests.iter().map(|_| random_power()).collect::<Result<_>>()?,
            points: distinct.map(|digest| (digest, hash_to_g1(&digest))).collect(),
            digests,
        })
    }

    /// Report each bad place of a range whose errors have the product `error`.
    fn find_bad(
        &self,
        range: Range<usize>,
        error: PairingOutput<Bn254>,
        products: Option<&Products>,
        bad: &mut impl FnMut(usize),
    ) {
        if error == PairingOutput::ZERO {
            return;
        }
        if range.len() == 1 {
            bad(range.start);
            return;
        }
        if products.is_none() && range.len() <= PRODUCTS_UP_TO {
            let products = Products::new(self, range.clone());
            self.find_bad(range, error, Some(&products), bad);
            return;
        }
        let middle = range.start + range.len() / 2;
        let (left, right) = (range.start..middle, middle..range.end);
        let left_error = self.error(&left, products);
        self.find_bad(left, left_error, products, bad);
        self.find_bad(right, error - left_error, products, bad);
    }

    /// The product of the errors in a range.
    fn error(&self, range: &Range<usize>, products: Option<&Products>) -> PairingOutput<Bn254> {
        let signatures = match products {
            Some(products) => products.signatures[products.places(range)].iter().sum(),
            None => G1Projective::msm_bigint(
                &self.signatures[range.clone()],
                &self.powers[range.clone()],
            ),
        };
        let mut digests = Vec::new();
        let mut keys = Vec::new();
        let mut start = range.start;
        for run in self.digests[range.clone()].chunk_by(|a, b| a == b) {
            let group = start..start + run.len();
            start = group.end;
            digests.push(run[0]);
            keys.push(match products {
                Some(products) => products.keys[products.places(&group)].iter().sum(),
                None => G2Projective::msm_bigint(&self.keys[group.clone()], &self.powers[group]),
            });
        }
        let keys = G2Projective::normalize_batch(&keys);
        let pairs: Vec<_> = digests.iter().map(|digest| self.points[digest]).zip(keys).collect();
        pairing(&signatures.into_affine(), &pairs)
    }
}

/// The signatures and keys of a range, each times its random power.
struct Products {
    start: usize,
    signatures: Vec<G1Projective>,
    keys: Vec<G2Projective>,
}

impl Products {
    fn new(batch: &Batch, range: Range<usize>) -> Self {
        let signatures = batch.signatures[range.clone()].iter();
        let keys = batch.keys[range.clone()].iter();
        let powers = &batch.powers[range.clone()];
        Self {
            start: range.start,
            signatures: signatures
                .zip(powers)
                .map(|(point, power)| point.mul_bigint(power))
                .collect(),
            keys: keys.zip(powers).map(|(point, power)| point.mul_bigint(power)).collect(),
        }
    }

    fn places(&self, range: &Range<usize>) -> Range<usize> {
        range.start - self.start..range.end - self.start
    }
}

/// An odd number of 128 bits: never 0, and 2^127 of them.
fn random_power() -> Result<BigInt<4>> {
    let number = u128::from_le_bytes(random()?) | 1;
    Ok(BigInt::new([number as u64, (number >> 64) as u64, 0, 0]))
}
