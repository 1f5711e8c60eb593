//! Precompiles where the specification and op-revm differ.
use std::sync::OnceLock;

use alloy_evm::precompiles::PrecompilesMap;
use op_revm::OpSpecId;
use op_revm::precompiles::karst;
use revm::precompile::{
    EthPrecompileResult, Precompile, PrecompileHalt, PrecompileId, Precompiles, bn254,
    eth_precompile_fn,
};

/// Karst lets the bn256 pairing take 300 pairs (specification: Karst, "Precompile Input Size
/// Restrictions"); op-revm keeps Jovian's 427.
pub const KARST_PAIRING_MAX_INPUT: usize = 57_600;

fn run_karst_pairing(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    if input.len() > KARST_PAIRING_MAX_INPUT {
        return Err(PrecompileHalt::Bn254PairLength);
    }
    let (per_point, base) = (bn254::pair::ISTANBUL_PAIR_PER_POINT, bn254::pair::ISTANBUL_PAIR_BASE);
    bn254::run_pair(input, per_point, base, gas_limit)
}

eth_precompile_fn!(karst_pairing, run_karst_pairing);

/// The precompiles that replace op-revm's at this fork, if any do.
///
/// P256VERIFY at 6,900 gas (EIP-7951) and MODEXP by EIP-7883 are in op-revm's Karst set already.
pub fn overrides(spec: OpSpecId) -> Option<PrecompilesMap> {
    static KARST: OnceLock<Precompiles> = OnceLock::new();
    (spec == OpSpecId::KARST).then(|| {
        PrecompilesMap::from_static(KARST.get_or_init(|| {
            let mut precompiles = karst().clone();
            let pairing = PrecompileId::Bn254Pairing;
            precompiles.extend([Precompile::new(pairing, bn254::pair::ADDRESS, karst_pairing)]);
            precompiles
        }))
    })
}
