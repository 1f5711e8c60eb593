//! Running a block's transactions, and telling whose fault a failure is.
use std::time::{Duration, Instant};

use alloy_consensus::transaction::Recovered;
use alloy_eips::eip2718::WithEncoded;
use alloy_evm::block::{
    BlockExecutionError, BlockExecutionResult, BlockExecutor, BlockValidationError,
};
use alloy_evm::{Evm, FromTxWithEncoded};
use alloy_op_evm::OpTx;
use alloy_primitives::{Address, Bytes};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope};
use op_revm::OpSpecId;
use revm::context::result::InvalidTransaction;
use revm::primitives::eip3860::MAX_INITCODE_SIZE;

use crate::block::decode_transaction;
use crate::error::{Error, Result};
use crate::senders::Decoder;

/// Where the time of a block went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub senders: Duration,
    pub transactions: Duration,
    pub tries: Duration,
    pub sealing: Duration,
}

/// A candidate that was left out.
#[derive(Debug)]
pub struct Rejected {
    /// Its position among the candidates.
    pub index: usize,
    pub reason: String,
    /// No later block could hold it either.
    pub permanent: bool,
}

/// Result of the block, its transactions, their senders, candidates left out.
pub type Outcome =
    (BlockExecutionResult<OpReceiptEnvelope>, Vec<Bytes>, Vec<Address>, Vec<Rejected>);

/// Run the `forced` transactions, each of which has to be valid, then what of `more` fits.
pub fn run_transactions<E>(
    mut executor: E,
    forced: (&[Bytes], &Decoder<'_>),
    more: &[Bytes],
    times: &mut Times,
) -> Result<Outcome>
where
    E: BlockExecutor<Transaction = OpTxEnvelope, Receipt = OpReceiptEnvelope>,
    E::Evm: Evm<Tx = OpTx, Spec = OpSpecId>,
{
    executor.apply_pre_execution_changes().map_err(|error| fault(None, &error))?;
    let (mut transactions, mut senders, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let (raws, decoder) = forced;
    for (index, raw) in raws.iter().enumerate() {
        let began = Instant::now();
        let tx = decoder.take(index);
        times.senders += began.elapsed();
        let tx = tx?;
        let spec = executor.evm().cfg_env().spec;
        executor
            .execute_transaction((environment(raw, tx, spec), tx.as_recovered_ref()))
            .map_err(|error| fault(Some(index), &error))?;
        transactions.push(raw.clone());
        senders.push(tx.signer());
    }
    for (index, raw) in more.iter().enumerate() {
        let decoded = decode_transaction(raw).and_then(|(tx, sender)| match tx.is_deposit() {
            true => Err("a deposit cannot be a candidate".into()),
            false => Ok((tx, sender)),
        });
        let (tx, sender) = match decoded {
            Ok(decoded) => decoded,
            Err(reason) => {
                rejected.push(Rejected { index, reason, permanent: true });
                continue;
            }
        };
        let tx = WithEncoded::new(raw.clone(), Recovered::new_unchecked(tx, sender));
        match executor.execute_transaction(tx) {
            Ok(_) => {
                transactions.push(raw.clone());
                senders.push(sender);
            }
            Err(error) => match fault(Some(index), &error) {
                Error::InvalidPayload { reason, .. } => {
                    rejected.push(Rejected { index, reason, permanent: is_permanent(&error) });
                }
                fault => return Err(fault),
            },
        }
    }
    let (_, result) = executor.finish().map_err(|error| fault(None, &error))?;
    Ok((result, transactions, senders, rejected))
}

/// What the EVM is told of a payload's transaction.
///
/// op-revm checks nothing of a deposit's form, so one that creates with more initcode than EIP-3860
/// allows would run. In op-geth it fails: all its gas is used, its mint and its nonce stay. The same
/// becomes of a system deposit since Regolith, so as such it is passed on.
fn environment(raw: &Bytes, tx: &Recovered<OpTxEnvelope>, spec: OpSpecId) -> OpTx {
    let mut env = OpTx::from_encoded_tx(tx.inner(), tx.signer(), raw.clone());
    let is_creation = tx.is_deposit() && env.0.base.kind.is_create();
    if is_creation
        && spec.is_enabled_in(OpSpecId::CANYON)
        && env.0.base.data.len() > MAX_INITCODE_SIZE
    {
        env.0.deposit.is_system_transaction = true;
    }
    env
}

/// Only what a transaction does wrong makes a payload invalid; anything else is a fault of ours.
fn fault(transaction: Option<usize>, error: &BlockExecutionError) -> Error {
    match error {
        BlockExecutionError::Validation(
            BlockValidationError::InvalidTx { .. }
            | BlockValidationError::TransactionGasLimitMoreThanAvailableBlockGas { .. }
            | BlockValidationError::Other(_),
        ) => Error::payload(transaction, error),
        _ => Error::Kernel(error.to_string()),
    }
}

/// Whether a transaction can never become valid: all but balance, base fee, room and nonce gaps.
fn is_permanent(error: &BlockExecutionError) -> bool {
    let BlockExecutionError::Validation(BlockValidationError::InvalidTx { error, .. }) = error
    else {
        return false;
    };
    !matches!(
        error.as_invalid_tx_err(),
        None | Some(
            InvalidTransaction::LackOfFundForMaxFee { .. }
                | InvalidTransaction::GasPriceLessThanBasefee
                | InvalidTransaction::CallerGasLimitMoreThanBlock
                | InvalidTransaction::NonceTooHigh { .. }
                | InvalidTransaction::RejectCallerWithCode
        )
    )
}
