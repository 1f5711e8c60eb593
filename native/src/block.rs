//! What a block is made of: attributes in, header and receipts out.
use alloy_consensus::constants::EMPTY_WITHDRAWALS;
use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_evm::block::BlockExecutionResult;
use alloy_op_hardforks::OpHardforks;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope};

use crate::chain::Chain;
use crate::error::{Error, Result};
use crate::hashing::ordered_root;

/// A type that op-alloy decodes and that no block may hold yet.
const POST_EXEC_TYPE: u8 = 0x7d;

/// What the derivation or the sequencer asks a block to be.
#[derive(Debug, Clone)]
pub struct Attributes {
    pub timestamp: u64,
    pub prev_randao: B256,
    pub fee_recipient: Address,
    pub parent_beacon_block_root: Option<B256>,
    pub gas_limit: u64,
    pub eip1559_params: Option<[u8; 8]>,
    pub min_base_fee: Option<u64>,
    pub transactions: Vec<Bytes>,
}

impl Attributes {
    /// Check what does not depend on the state.
    pub fn check(&self, chain: &Chain, parent: &Header) -> Result<()> {
        if self.timestamp <= parent.timestamp {
            let expected = "later than the parent's";
            return Err(Error::input("timestamp", expected, self.timestamp));
        }
        if self.gas_limit > i64::MAX as u64 {
            return Err(Error::input("gasLimit", "less than 2^63", self.gas_limit));
        }
        let ecotone = chain.forks.is_ecotone_active_at_timestamp(self.timestamp);
        if ecotone != self.parent_beacon_block_root.is_some() {
            let actual = if ecotone { "none" } else { "some" };
            let expected = "present exactly from Ecotone on";
            return Err(Error::input("parentBeaconBlockRoot", expected, actual));
        }
        Ok(())
    }
}

/// Decode a transaction of a payload and find its sender.
pub fn decode_transaction(raw: &[u8]) -> Result<(OpTxEnvelope, Address), String> {
    // A zero type byte is no legacy transaction, though op-alloy would take it for one.
    if let Some(&kind @ (0 | POST_EXEC_TYPE)) = raw.first() {
        return Err(format!("transaction type {kind:#04x} is not allowed"));
    }
    let mut rest = raw;
    let tx = OpTxEnvelope::decode_2718(&mut rest).map_err(|e| format!("undecodable: {e}"))?;
    if !rest.is_empty() {
        return Err(format!("{} bytes after the transaction", rest.len()));
    }
    let sender = tx.recover_signer().map_err(|e| format!("bad signature: {e}"))?;
    Ok((tx, sender))
}

/// What the tries say about a block.
#[derive(Debug)]
pub struct Roots {
    pub state: B256,
    /// Storage root of the L2ToL1MessagePasser, from Isthmus on.
    pub message_passer: Option<B256>,
}

/// Put the header together.
pub fn assemble(
    chain: &Chain,
    parent: (&Header, B256),
    attributes: &Attributes,
    transactions: &[Bytes],
    result: &BlockExecutionResult<OpReceiptEnvelope>,
    roots: &Roots,
) -> Result<Header> {
    let time = attributes.timestamp;
    let forks = &chain.forks;
    let ecotone = forks.is_ecotone_active_at_timestamp(time);
    let isthmus = forks.is_isthmus_active_at_timestamp(time);
    let jovian = forks.is_jovian_active_at_timestamp(time);
    let (parent, parent_hash) = parent;
    let withdrawals_root = if isthmus {
        roots.message_passer
    } else {
        forks.is_canyon_active_at_timestamp(time).then_some(EMPTY_WITHDRAWALS)
    };
    Ok(Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: attributes.fee_recipient,
        state_root: roots.state,
        transactions_root: ordered_root(transactions),
        receipts_root: receipts_root(&result.receipts, forks.is_canyon_active_at_timestamp(time)),
        logs_bloom: result
            .receipts
            .iter()
            .fold(Bloom::ZERO, |all, receipt| all | receipt.logs_bloom()),
        difficulty: U256::ZERO,
        number: parent.number + 1,
        gas_limit: attributes.gas_limit,
        gas_used: result.gas_used,
        timestamp: time,
        extra_data: chain.extra_data(time, attributes.eip1559_params, attributes.min_base_fee)?,
        mix_hash: attributes.prev_randao,
        nonce: B64::ZERO,
        base_fee_per_gas: Some(chain.next_base_fee(parent, time)?),
        withdrawals_root,
        // From Jovian on the field carries the block's DA footprint.
        blob_gas_used: ecotone.then_some(if jovian { result.blob_gas_used } else { 0 }),
        excess_blob_gas: ecotone.then_some(0),
        parent_beacon_block_root: attributes.parent_beacon_block_root,
        requests_hash: isthmus.then_some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    })
}

/// Root over receipts; before Canyon a deposit's nonce is in the receipt but not under the root.
fn receipts_root(receipts: &[OpReceiptEnvelope], canyon: bool) -> B256 {
    let encoded: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| match receipt {
            OpReceiptEnvelope::Deposit(deposit) if !canyon => {
                let mut plain = deposit.clone();
                plain.receipt.deposit_nonce = None;
                OpReceiptEnvelope::Deposit(plain).encoded_2718()
            }
            receipt => receipt.encoded_2718(),
        })
        .collect();
    ordered_root(&encoded)
}
