//! BLS on BN254: what one point may be, sums, and batches with bad signatures in all places.
use _native::bls::{
    Submission, combine, decode_finite_g1, decode_finite_g2, decode_g1, decode_secret, encode_g1,
    encode_g2, hash_to_g1, public_keys, same_key, sign, verify, verify_aggregate, verify_batch,
};
use alloy_primitives::{B256, keccak256};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};

fn secret(number: u64) -> Fr {
    let mut bytes = keccak256(number.to_be_bytes()).0;
    bytes[0] = 0;
    decode_secret(&bytes).unwrap()
}

fn digest(number: u64) -> B256 {
    keccak256([number as u8, 1])
}

fn submission(signer: u64, over: u64) -> Submission {
    let secret = secret(signer);
    let key = public_keys(&secret).unwrap().1;
    Submission { digest: digest(over), key, signature: sign(&secret, &digest(over)).unwrap() }
}

/// A point of the twist that is outside the subgroup: most are.
fn foreign_point() -> G2Affine {
    (1u64..)
        .filter_map(|x| {
            let x = Fq2::new(Fq::from(x), Fq::from(1u64));
            G2Affine::get_point_from_x_unchecked(x, false)
        })
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

#[test]
fn points_survive_their_encoding() {
    for number in 1..5 {
        let (g1, g2) = public_keys(&secret(number)).unwrap();
        assert_eq!(decode_g1("g1", &encode_g1(&g1)).unwrap(), g1);
        assert_eq!(decode_finite_g2("g2", &encode_g2(&g2)).unwrap(), g2);
        assert!(same_key(&g1, &g2));
        assert!(!same_key(&g1, &public_keys(&secret(number + 1)).unwrap().1));
    }
}

#[test]
fn points_outside_the_subgroup_and_at_infinity_are_refused() {
    let foreign = foreign_point();
    assert!(foreign.is_on_curve());
    let refused = decode_finite_g2("g2", &encode_g2(&foreign)).unwrap_err().to_string();
    assert!(refused.contains("another order"), "{refused}");
    assert!(decode_finite_g2("g2", &[0; 128]).unwrap_err().to_string().contains("infinity"));
    assert!(decode_finite_g1("g1", &[0; 64]).unwrap_err().to_string().contains("infinity"));
    assert_eq!(decode_g1("g1", &[0; 64]).unwrap(), G1Affine::identity());
}

#[test]
fn bad_signatures_are_found_wherever_they_are() {
    for count in [1usize, 2, 3, 31, 32, 33, 70] {
        let good: Vec<_> = (0..count as u64).map(|i| submission(i, i % 3)).collect();
        assert_eq!(verify_batch(&good).unwrap(), vec![true; count]);
        for bad in [vec![0], vec![count - 1], (0..count).step_by(3).collect(), (0..count).collect()]
        {
            let mut some = good.clone();
            for place in &bad {
                some[*place].signature = (some[*place].signature + G1Affine::generator()).into();
            }
            let expected: Vec<_> = (0..count).map(|place| !bad.contains(&place)).collect();
            assert_eq!(verify_batch(&some).unwrap(), expected, "{count} with {bad:?}");
        }
    }
    assert!(verify_batch(&[]).unwrap().is_empty());
}

#[test]
fn errors_that_cancel_in_the_sum_do_not_pass() {
    let mut pair = [submission(1, 0), submission(2, 0)];
    let error = G1Affine::generator();
    pair[0].signature = (pair[0].signature + error).into_affine();
    pair[1].signature = (pair[1].signature - error).into_affine();
    let sum = combine(&[pair[0].signature, pair[1].signature], &[1, 1]).unwrap();
    let keys = combine(&[pair[0].key, pair[1].key], &[1, 1]).unwrap();
    assert!(verify(&keys, &digest(0), &sum));
    assert_eq!(verify_batch(&pair).unwrap(), [false, false]);
}

#[test]
fn weights_count_signers_once_for_each_quorum() {
    let weights = [1, 2, 3, -1, 0];
    let secrets: Vec<_> = (0..5).map(secret).collect();
    let keys: Vec<_> = secrets.iter().map(|s| public_keys(s).unwrap()).collect();
    let (g1, g2): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let signatures: Vec<_> = secrets.iter().map(|s| sign(s, &digest(7)).unwrap()).collect();
    let apk = combine(&g1, &weights).unwrap();
    let apk_g2 = combine(&g2, &weights).unwrap();
    let sigma = combine(&signatures, &weights).unwrap();
    assert!(verify_aggregate(&digest(7), &apk, &apk_g2, &sigma));
    assert!(!verify_aggregate(&digest(8), &apk, &apk_g2, &sigma));
    let once = combine(&g1, &[1, 1, 1, -1, 0]).unwrap();
    assert!(!verify_aggregate(&digest(7), &once, &apk_g2, &sigma));
    assert!(combine(&g1, &[1]).is_err());
    assert!(combine::<G1Affine>(&[g1[0], g1[0]], &[i64::MIN, i64::MIN]).is_ok());
    assert!(combine(&[g1[0], g1[0]], &[5, -5]).unwrap().is_zero());
}

#[test]
fn every_digest_has_a_point() {
    for number in 0..200u64 {
        let point = hash_to_g1(&keccak256(number.to_be_bytes()));
        assert!(point.is_on_curve() && !point.is_zero());
    }
    assert!(hash_to_g1(&B256::repeat_byte(0xff)).is_on_curve());
}
