//! `NodeStore` and what reads or fills it without executing.
use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::convert::{address, bytes, hash, list, word};
use super::guard;
use crate::genesis::{self, GenesisAccount};
use crate::store::Store;
use crate::trie::NodeSource;
use crate::world::World;

/// Trie nodes and codes by hash.
#[pyclass(frozen, module = "coprove._native")]
pub struct NodeStore(pub Arc<Store>);

type Flats<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pymethods]
impl NodeStore {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    #[pyo3(signature = (flat, /))]
    fn add_nodes(&self, py: Python<'_>, flat: &[u8]) -> PyResult<usize> {
        guard(py, || self.0.add_nodes(Bytes::copy_from_slice(flat)))
    }

    #[pyo3(signature = (flat, /))]
    fn add_codes(&self, py: Python<'_>, flat: &[u8]) -> PyResult<usize> {
        guard(py, || self.0.add_codes(Bytes::copy_from_slice(flat)))
    }

    #[pyo3(signature = (hash_, /))]
    fn get_node<'py>(
        &self,
        py: Python<'py>,
        hash_: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.0.node(&hash(py, "node hash", hash_)?).map(|raw| bytes(py, raw)))
    }

    #[pyo3(signature = (hash_, /))]
    fn get_code<'py>(
        &self,
        py: Python<'py>,
        hash_: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.0.code(&hash(py, "code hash", hash_)?).map(|raw| bytes(py, raw)))
    }

    fn drain_new<'py>(&self, py: Python<'py>) -> PyResult<Flats<'py>> {
        let (nodes, codes) = guard(py, || Ok(self.0.drain_new()))?;
        Ok((bytes(py, nodes), bytes(py, codes)))
    }

    /// Numbers of nodes and of codes.
    fn counts(&self) -> (usize, usize) {
        self.0.counts()
    }
}

type Allocation =
    (PyBackedBytes, u64, PyBackedBytes, PyBackedBytes, Vec<(PyBackedBytes, PyBackedBytes)>);

/// Write a genesis allocation; each account is address, nonce, balance, code, storage pairs.
#[pyfunction]
#[pyo3(signature = (store, accounts, /))]
pub fn genesis_state<'py>(
    py: Python<'py>,
    store: &NodeStore,
    accounts: Vec<Allocation>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut parsed = Vec::with_capacity(accounts.len());
    for (who, nonce, balance, code, slots) in accounts {
        let mut storage = Vec::with_capacity(slots.len());
        for (slot, value) in slots {
            storage.push((word(py, "slot", &slot)?, word(py, "slot value", &value)?));
        }
        parsed.push(GenesisAccount {
            address: address(py, "address", &who)?,
            nonce,
            balance: word(py, "balance", &balance)?,
            code: Bytes::copy_from_slice(&code),
            storage,
        });
    }
    let root = guard(py, || genesis::write(&store.0, parsed))?;
    Ok(bytes(py, root))
}

fn world(py: Python<'_>, store: &NodeStore, root: &[u8]) -> PyResult<World> {
    Ok(World::new(store.0.clone(), hash(py, "state root", root)?, false))
}

type Account<'py> = (u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

fn account_tuple<'py>(py: Python<'py>, account: &alloy_trie::TrieAccount) -> Account<'py> {
    (
        account.nonce,
        bytes(py, account.balance.to_be_bytes::<32>()),
        bytes(py, account.storage_root),
        bytes(py, account.code_hash),
    )
}

/// Nonce, balance, storage root and code hash of an account, None when there is none.
#[pyfunction]
#[pyo3(signature = (store, root, who, /))]
pub fn read_account<'py>(
    py: Python<'py>,
    store: &NodeStore,
    root: &[u8],
    who: &[u8],
) -> PyResult<Option<Account<'py>>> {
    let mut world = world(py, store, root)?;
    let who = address(py, "address", who)?;
    let account = guard(py, || world.account(who))?;
    Ok(account.map(|account| account_tuple(py, &account)))
}

/// The 32-byte value of a slot.
#[pyfunction]
#[pyo3(signature = (store, root, who, slot, /))]
pub fn read_storage<'py>(
    py: Python<'py>,
    store: &NodeStore,
    root: &[u8],
    who: &[u8],
    slot: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let mut world = world(py, store, root)?;
    let (who, slot) = (address(py, "address", who)?, word(py, "slot", slot)?);
    let value = guard(py, || world.slot(who, slot))?;
    Ok(bytes(py, value.to_be_bytes::<32>()))
}

type Proof<'py> =
    (Option<Account<'py>>, Bound<'py, PyList>, Vec<(Bound<'py, PyBytes>, Bound<'py, PyList>)>);

/// An account, its proof, and value and proof of each slot.
#[pyfunction]
#[pyo3(signature = (store, root, who, slots, /))]
pub fn prove<'py>(
    py: Python<'py>,
    store: &NodeStore,
    root: &[u8],
    who: &[u8],
    slots: Vec<PyBackedBytes>,
) -> PyResult<Proof<'py>> {
    let mut world = world(py, store, root)?;
    let who = address(py, "address", who)?;
    let slots = slots.iter().map(|slot| word(py, "slot", slot)).collect::<PyResult<Vec<_>>>()?;
    let (account, proof, storage) = guard(py, || {
        let account = world.account(who)?;
        let proof = world.prove_account(who)?;
        let mut storage: Vec<(B256, Vec<Bytes>)> = Vec::with_capacity(slots.len());
        for slot in slots {
            storage.push((world.slot(who, slot)?.into(), world.prove_slot(who, slot)?));
        }
        Ok((account, proof, storage))
    })?;
    let storage = storage
        .iter()
        .map(|(value, nodes)| Ok((bytes(py, value), list(py, nodes)?)))
        .collect::<PyResult<_>>()?;
    Ok((account.map(|account| account_tuple(py, &account)), list(py, &proof)?, storage))
}
