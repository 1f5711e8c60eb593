//! Running a call on a state without keeping what it does: eth_call and eth_estimateGas.
use std::sync::Arc;

use alloy_evm::{Evm, EvmFactory};
use alloy_op_evm::{OpEvmFactory, OpTx, evm_env_for_op_block};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use op_revm::OpTransaction;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::State;

use crate::chain::Chain;
use crate::database::{Ancestors, StrictDatabase};
use crate::error::{Error, Result};
use crate::precompiles;
use crate::store::Store;
use crate::world::World;

#[derive(Debug, Clone)]
pub struct Call {
    pub from: Address,
    pub to: Option<Address>,
    pub gas: u64,
    pub gas_price: u128,
    pub value: U256,
    pub data: Bytes,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub success: bool,
    /// Return or revert data.
    pub output: Bytes,
    pub gas_used: u64,
    /// Address of a created contract.
    pub created: Option<Address>,
    /// Why it stopped other than by return or revert.
    pub halt: Option<String>,
}

/// Run a call in the environment of the block `header`, on the state after it.
///
/// Neither the nonce nor the block's gas limit binds, and without a gas price the base fee does not
/// either; the sender may be a contract. Rollup fees are not charged.
pub fn simulate(
    chain: &Chain,
    header: Bytes,
    store: Arc<Store>,
    ancestors: Vec<Bytes>,
    call: Call,
) -> Result<Outcome> {
    let ancestors = Ancestors::new(header, ancestors)?;
    let head = ancestors.head();
    let mut world = World::new(store, head.state_root, false);
    let mut env = evm_env_for_op_block(head, &chain.forks, chain.id);
    env.cfg_env.disable_nonce_check = true;
    env.cfg_env.disable_block_gas_limit = true;
    env.cfg_env.disable_eip3607 = true;
    env.cfg_env.disable_base_fee = call.gas_price == 0;
    env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
    let spec = env.cfg_env.spec;
    let mut database = StrictDatabase::new(&mut world, &ancestors, false);
    let mut state = State::builder().with_database(&mut database).build();
    let mut evm = OpEvmFactory::<OpTx>::default().create_evm(&mut state, env);
    if let Some(overrides) = precompiles::overrides(spec) {
        *evm.components_mut().2 = overrides;
    }
    let tx = OpTx(OpTransaction {
        base: TxEnv {
            caller: call.from,
            gas_limit: call.gas,
            gas_price: call.gas_price,
            kind: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            data: call.data,
            chain_id: Some(chain.id),
            ..TxEnv::default()
        },
        // No bytes, no data fee.
        enveloped_tx: Some(Bytes::new()),
        deposit: Default::default(),
    });
    let result = evm.transact(tx);
    drop(evm);
    drop(state);
    if let Some(failure) = database.failure {
        return Err(failure);
    }
    let result = result.map_err(|error| Error::payload(None, error))?.result;
    let gas_used = result.tx_gas_used();
    let created = result.created_address();
    let (success, output, halt) = match result {
        ExecutionResult::Success { output, .. } => (true, output.into_data(), None),
        ExecutionResult::Revert { output, .. } => (false, output, None),
        ExecutionResult::Halt { reason, .. } => (false, Bytes::new(), Some(format!("{reason:?}"))),
    };
    Ok(Outcome { success, output, gas_used, created, halt })
}
