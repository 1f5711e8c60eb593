//! `ChainRules`, `Executor` and `simulate`.
#![allow(clippy::too_many_arguments, reason = "one argument per field of a Python record")]
use std::sync::{Mutex, PoisonError};

use alloy_primitives::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use super::convert::{address, array, blobs, bytes, hash, list, word};
use super::guard;
use super::store::NodeStore;
use crate::block::Attributes;
use crate::chain::Chain;
use crate::executor::{self, ExecutedBlock, Mode};
use crate::simulate::{Call, simulate as run_call};

/// What of a rollup config matters to execution.
#[pyclass(frozen, module = "coprove._native")]
pub struct ChainRules(Chain);

#[pymethods]
impl ChainRules {
    /// `fork_times`: Regolith, Canyon, Ecotone, Fjord, Granite, Holocene, Isthmus, Jovian, Karst.
    #[new]
    #[pyo3(signature = (chain_id, fork_times, elasticity, denominator, denominator_canyon))]
    fn new(
        py: Python<'_>,
        chain_id: u64,
        fork_times: [Option<u64>; 9],
        elasticity: u32,
        denominator: u32,
        denominator_canyon: u32,
    ) -> PyResult<Self> {
        let make = || Chain::new(chain_id, fork_times, elasticity, denominator, denominator_canyon);
        Ok(Self(guard(py, make)?))
    }

    /// Base fee of a block at `timestamp` on the parent with this header.
    #[pyo3(signature = (parent, timestamp, /))]
    fn next_base_fee(&self, py: Python<'_>, parent: &[u8], timestamp: u64) -> PyResult<u64> {
        guard(py, || self.0.next_base_fee(&crate::database::decode_header(parent)?, timestamp))
    }
}

/// Executes blocks on a head, one after the other.
#[pyclass(frozen, module = "coprove._native")]
pub struct Executor(Mutex<executor::Executor>);

impl Executor {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        f: impl FnOnce(&mut executor::Executor) -> crate::error::Result<T> + Send,
    ) -> PyResult<T> {
        // A panic inside leaves changes that the next call's rollback or fresh start removes.
        guard(py, || f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Executor {
    #[new]
    #[pyo3(signature = (rules, head, store, ancestors, commit, record))]
    fn new(
        py: Python<'_>,
        rules: &ChainRules,
        head: &[u8],
        store: &NodeStore,
        ancestors: Vec<PyBackedBytes>,
        commit: bool,
        record: bool,
    ) -> PyResult<Self> {
        let head = Bytes::copy_from_slice(head);
        let inner = guard(py, || {
            let mode = Mode { commit, record };
            let chain = rules.0.clone();
            executor::Executor::new(chain, head, store.0.clone(), blobs(&ancestors), mode)
        })?;
        Ok(Self(Mutex::new(inner)))
    }

    /// Execute a block and make it the head; `candidates` are added when valid and fitting.
    #[pyo3(signature = (
        timestamp, prev_randao, fee_recipient, parent_beacon_block_root, gas_limit,
        eip1559_params, min_base_fee, transactions, candidates
    ))]
    fn build<'py>(
        &self,
        py: Python<'py>,
        timestamp: u64,
        prev_randao: &[u8],
        fee_recipient: &[u8],
        parent_beacon_block_root: Option<&[u8]>,
        gas_limit: u64,
        eip1559_params: Option<&[u8]>,
        min_base_fee: Option<u64>,
        transactions: Vec<PyBackedBytes>,
        candidates: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let attributes = Attributes {
            timestamp,
            prev_randao: hash(py, "prevRandao", prev_randao)?,
            fee_recipient: address(py, "suggestedFeeRecipient", fee_recipient)?,
            parent_beacon_block_root: parent_beacon_block_root
                .map(|root| hash(py, "parentBeaconBlockRoot", root))
                .transpose()?,
            gas_limit,
            eip1559_params: eip1559_params
                .map(|params| array(py, "eip1559Params", params))
                .transpose()?,
            min_base_fee,
            transactions: blobs(&transactions),
        };
        let candidates = blobs(&candidates);
        let block = self.with(py, |inner| inner.build(&attributes, &candidates))?;
        block_dict(py, &block)
    }

    /// Storage root of the L2ToL1MessagePasser at the head.
    fn message_passer_root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(bytes(py, self.with(py, executor::Executor::message_passer_root)?))
    }

    /// RLP of the head's header.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(bytes(py, self.with(py, |inner| Ok(inner.head_rlp().clone()))?))
    }

    /// Hash of the head.
    #[getter]
    fn head_hash<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(bytes(py, self.with(py, |inner| Ok(inner.head_hash()))?))
    }

    /// State root of the head.
    #[getter]
    fn state_root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(bytes(py, self.with(py, |inner| Ok(inner.head().state_root))?))
    }
}

fn block_dict<'py>(py: Python<'py>, block: &ExecutedBlock) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("header", bytes(py, &block.header_rlp))?;
    dict.set_item("hash", bytes(py, block.hash))?;
    dict.set_item("number", block.header.number)?;
    dict.set_item("gas_used", block.header.gas_used)?;
    dict.set_item("state_root", bytes(py, block.header.state_root))?;
    dict.set_item("receipts_root", bytes(py, block.header.receipts_root))?;
    dict.set_item("transactions", list(py, &block.transactions)?)?;
    dict.set_item("senders", list(py, &block.senders)?)?;
    dict.set_item("receipts", list(py, &block.receipts)?)?;
    let rejected = block.rejected.iter().map(|r| (r.index, &r.reason, r.permanent));
    dict.set_item("rejected", rejected.collect::<Vec<_>>())?;
    let times = block.times;
    let seconds = [times.senders, times.transactions, times.tries, times.sealing];
    dict.set_item("times", seconds.map(|part| part.as_secs_f64()))?;
    let witness = match &block.witness {
        Some(witness) => Some((
            list(py, &witness.nodes)?,
            list(py, &witness.codes)?,
            list(py, &witness.headers)?,
        )),
        None => None,
    };
    dict.set_item("witness", witness)?;
    Ok(dict)
}

type CallTuple<'py> = (bool, Bound<'py, PyBytes>, u64, Option<Bound<'py, PyBytes>>, Option<String>);

/// Run a call on the state after a block: success, output, gas used, created address, halt reason.
#[pyfunction]
#[pyo3(signature = (rules, header, store, ancestors, from_, to, gas, gas_price, value, data))]
pub fn simulate<'py>(
    py: Python<'py>,
    rules: &ChainRules,
    header: &[u8],
    store: &NodeStore,
    ancestors: Vec<PyBackedBytes>,
    from_: &[u8],
    to: Option<&[u8]>,
    gas: u64,
    gas_price: u128,
    value: &[u8],
    data: &[u8],
) -> PyResult<CallTuple<'py>> {
    let call = Call {
        from: address(py, "from", from_)?,
        to: to.map(|to| address(py, "to", to)).transpose()?,
        gas,
        gas_price,
        value: word(py, "value", value)?,
        data: Bytes::copy_from_slice(data),
    };
    let header = Bytes::copy_from_slice(header);
    let ancestors = blobs(&ancestors);
    let outcome = guard(py, || run_call(&rules.0, header, store.0.clone(), ancestors, call))?;
    Ok((
        outcome.success,
        bytes(py, &outcome.output),
        outcome.gas_used,
        outcome.created.map(|created| bytes(py, created)),
        outcome.halt,
    ))
}
