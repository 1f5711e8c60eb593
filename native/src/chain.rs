//! A chain's rules: fork times, EIP-1559 parameters, base fee and extra data.
use alloy_consensus::Header;
use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use alloy_op_hardforks::{ForkCondition, OpChainHardforks, OpHardfork, OpHardforks};
use alloy_primitives::Bytes;

use crate::error::{Error, Result};

/// Forks by timestamp, in the order in which `Chain::new` takes their times.
pub const TIMED_FORKS: [OpHardfork; 9] = [
    OpHardfork::Regolith,
    OpHardfork::Canyon,
    OpHardfork::Ecotone,
    OpHardfork::Fjord,
    OpHardfork::Granite,
    OpHardfork::Holocene,
    OpHardfork::Isthmus,
    OpHardfork::Jovian,
    OpHardfork::Karst,
];

#[derive(Debug, Clone)]
pub struct Chain {
    pub id: u64,
    pub forks: OpChainHardforks,
    elasticity: u32,
    denominator: u32,
    denominator_canyon: u32,
}

impl Chain {
    /// `times` follow `TIMED_FORKS`; None is a fork that is not scheduled.
    pub fn new(
        id: u64,
        times: [Option<u64>; 9],
        elasticity: u32,
        denominator: u32,
        denominator_canyon: u32,
    ) -> Result<Self> {
        if elasticity == 0 || denominator == 0 || denominator_canyon == 0 {
            return Err(Error::input("EIP-1559 parameters", "none of them zero", "a zero"));
        }
        let timed = TIMED_FORKS.into_iter().zip(times).map(|(fork, time)| {
            (fork, time.map_or(ForkCondition::Never, ForkCondition::Timestamp))
        });
        // The list is looked up by position: every fork has to be in it.
        let forks = OpChainHardforks::new(timed.chain([
            (OpHardfork::Bedrock, ForkCondition::ZERO_BLOCK),
            (OpHardfork::Interop, ForkCondition::Never),
        ]));
        Ok(Self { id, forks, elasticity, denominator, denominator_canyon })
    }

    /// The base fee of the block at `timestamp` after `parent`.
    ///
    /// The parent's own fork says which rules its numbers follow (specification: Holocene "Base Fee
    /// Computation", Jovian "Minimum Base Fee" and "DA Footprint Block Limit"); the denominator of
    /// the time before Holocene is that of the new block.
    pub fn next_base_fee(&self, parent: &Header, timestamp: u64) -> Result<u64> {
        let holocene = self.forks.is_holocene_active_at_timestamp(parent.timestamp);
        let jovian = self.forks.is_jovian_active_at_timestamp(parent.timestamp);
        let (denominator, elasticity, minimum) = if holocene {
            decode_extra_data(&parent.extra_data, jovian)?
        } else {
            let (denominator, elasticity) = self.constants(timestamp);
            (denominator, elasticity, 0)
        };
        let metered = if jovian {
            parent.gas_used.max(parent.blob_gas_used.unwrap_or_default())
        } else {
            parent.gas_used
        };
        let before = parent.base_fee_per_gas.unwrap_or_default();
        let params = BaseFeeParams::new(denominator.into(), elasticity.into());
        Ok(calc_next_block_base_fee(metered, parent.gas_limit, before, params).max(minimum))
    }

    /// The extra data of a block at `timestamp` that its attributes ask for.
    pub fn extra_data(
        &self,
        timestamp: u64,
        params: Option<[u8; 8]>,
        minimum: Option<u64>,
    ) -> Result<Bytes> {
        let holocene = self.forks.is_holocene_active_at_timestamp(timestamp);
        let jovian = self.forks.is_jovian_active_at_timestamp(timestamp);
        if holocene != params.is_some() {
            let actual = if holocene { "none" } else { "some" };
            return Err(Error::input("eip1559Params", "present exactly from Holocene on", actual));
        }
        if jovian != minimum.is_some() {
            let actual = if jovian { "none" } else { "some" };
            return Err(Error::input("minBaseFee", "present exactly from Jovian on", actual));
        }
        let Some(params) = params else {
            return Ok(Bytes::new());
        };
        let (mut denominator, mut elasticity) = split_params(&params);
        if (denominator, elasticity) == (0, 0) {
            (denominator, elasticity) = self.constants(timestamp);
        }
        if denominator == 0 || elasticity == 0 {
            let actual = format!("denominator {denominator}, elasticity {elasticity}");
            return Err(Error::input("eip1559Params", "both zero or neither", actual));
        }
        let mut extra = vec![u8::from(jovian)];
        extra.extend(denominator.to_be_bytes());
        extra.extend(elasticity.to_be_bytes());
        extra.extend(minimum.into_iter().flat_map(u64::to_be_bytes));
        Ok(extra.into())
    }

    /// Denominator and elasticity that hold without parameters in the header.
    fn constants(&self, timestamp: u64) -> (u32, u32) {
        let canyon = self.forks.is_canyon_active_at_timestamp(timestamp);
        let denominator = if canyon { self.denominator_canyon } else { self.denominator };
        (denominator, self.elasticity)
    }
}

fn split_params(params: &[u8; 8]) -> (u32, u32) {
    let value = u64::from_be_bytes(*params);
    ((value >> 32) as u32, value as u32)
}

/// Denominator, elasticity and minimum base fee in a parent's extra data.
fn decode_extra_data(extra: &[u8], jovian: bool) -> Result<(u32, u32, u64)> {
    let bad = || {
        let expected = "the EIP-1559 parameters of its fork";
        Error::input("parent extraData", expected, format!("{} bytes", extra.len()))
    };
    let (version, length) = if jovian { (1, 17) } else { (0, 9) };
    if extra.len() != length || extra[0] != version {
        return Err(bad());
    }
    let params: [u8; 8] = extra[1..9].try_into().map_err(|_| bad())?;
    let minimum = match extra.get(9..17) {
        Some(bytes) => u64::from_be_bytes(bytes.try_into().map_err(|_| bad())?),
        None => 0,
    };
    let (denominator, elasticity) = split_params(&params);
    if denominator == 0 || elasticity == 0 {
        return Err(bad());
    }
    Ok((denominator, elasticity, minimum))
}
