//! The state of a chain at one root: the account trie and the storage tries that were read.
use std::cell::RefCell;
use std::sync::Arc;

use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::database::{BundleAccount, BundleState};

use crate::error::{Error, Missing, Result};
use crate::store::Store;
use crate::trie::{NodeSource, Trie, name};

/// The store, and a note of every node that was read from it when a witness is wanted.
#[derive(Debug)]
pub struct Source {
    pub store: Arc<Store>,
    read: Option<RefCell<Vec<Bytes>>>,
}

impl NodeSource for Source {
    fn node(&self, hash: &B256) -> Option<Bytes> {
        let node = self.store.node(hash)?;
        if let Some(read) = &self.read {
            read.borrow_mut().push(node.clone());
        }
        Some(node)
    }
}

#[derive(Debug)]
pub struct World {
    source: Source,
    accounts: Trie,
    storages: AddressMap<Trie>,
    /// Storage tries that the current batch changed, and those that it replaced.
    touched: Vec<Address>,
    replaced: Vec<(Address, Option<Trie>)>,
}

impl World {
    pub fn new(store: Arc<Store>, root: B256, record: bool) -> Self {
        Self {
            source: Source { store, read: record.then(RefCell::default) },
            accounts: Trie::new(root),
            storages: AddressMap::default(),
            touched: Vec::new(),
            replaced: Vec::new(),
        }
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.source.store
    }

    /// Nodes read since the last call, when recording; a node read twice is in it twice.
    pub fn take_read(&mut self) -> Vec<Bytes> {
        self.source.read.as_ref().map(RefCell::take).unwrap_or_default()
    }

    pub fn account(&mut self, address: Address) -> Result<Option<TrieAccount>> {
        let found = self.accounts.get(&keccak256(address), &self.source);
        let Some(raw) = name(found, || Missing::Account(address))? else {
            return Ok(None);
        };
        let mut rest: &[u8] = &raw;
        match TrieAccount::decode(&mut rest) {
            Ok(account) if rest.is_empty() => Ok(Some(account)),
            _ => Err(Error::Witness(format!("account {address} is not an account: {raw}"))),
        }
    }

    pub fn slot(&mut self, address: Address, slot: U256) -> Result<U256> {
        let key = keccak256(slot.to_be_bytes::<32>());
        self.open(address)?;
        let Some(trie) = self.storages.get_mut(&address) else {
            return Ok(U256::ZERO);
        };
        let found = trie.get(&key, &self.source);
        let Some(raw) = name(found, || Missing::Slot(address, slot))? else {
            return Ok(U256::ZERO);
        };
        let mut rest: &[u8] = &raw;
        match U256::decode(&mut rest) {
            Ok(value) if rest.is_empty() => Ok(value),
            _ => Err(Error::Witness(format!("slot {slot} of {address} is no integer: {raw}"))),
        }
    }

    /// The account's proof, root first, as in EIP-1186.
    pub fn prove_account(&mut self, address: Address) -> Result<Vec<Bytes>> {
        let proof = self.accounts.prove(&keccak256(address), &self.source);
        name(proof, || Missing::Account(address))
    }

    /// A slot's proof in the account's storage trie; empty when the trie is.
    pub fn prove_slot(&mut self, address: Address, slot: U256) -> Result<Vec<Bytes>> {
        self.open(address)?;
        let Some(trie) = self.storages.get_mut(&address) else {
            return Ok(Vec::new());
        };
        let key = keccak256(slot.to_be_bytes::<32>());
        name(trie.prove(&key, &self.source), || Missing::Slot(address, slot))
    }

    /// Have the account's storage trie at hand, when there is an account.
    fn open(&mut self, address: Address) -> Result<()> {
        if !self.storages.contains_key(&address)
            && let Some(account) = self.account(address)?
        {
            self.storages.insert(address, Trie::new(account.storage_root));
        }
        Ok(())
    }

    /// Apply a block's changes and give the new state root; commit or roll back afterwards.
    ///
    /// Updates come before removals, which needs the fewest siblings. Nodes that the changes made go
    /// to `new`, when given.
    pub fn apply(
        &mut self,
        bundle: &BundleState,
        mut new: Option<&mut Vec<(B256, Bytes)>>,
    ) -> Result<B256> {
        let mut gone = Vec::new();
        for (&address, account) in &bundle.state {
            match &account.info {
                None => gone.push(address),
                Some(info) => {
                    if let Some(storage_root) =
                        self.apply_storage(address, account, new.as_deref_mut())?
                    {
                        let leaf = TrieAccount {
                            nonce: info.nonce,
                            balance: info.balance,
                            storage_root,
                            code_hash: info.code_hash,
                        };
                        let key = keccak256(address);
                        let done = self.accounts.insert(
                            &key,
                            alloy_rlp::encode(leaf).into(),
                            &self.source,
                        );
                        name(done, || Missing::Account(address))?;
                    }
                }
            }
        }
        for address in gone {
            self.replace(address);
            let done = self.accounts.remove(&keccak256(address), &self.source);
            name(done, || Missing::Account(address))?;
        }
        Ok(self.accounts.root(new))
    }

    /// Change an account's storage; None when neither it nor the account itself changed.
    fn apply_storage(
        &mut self,
        address: Address,
        account: &BundleAccount,
        new: Option<&mut Vec<(B256, Bytes)>>,
    ) -> Result<Option<B256>> {
        let destroyed = account.was_destroyed();
        if destroyed {
            self.replace(address);
        }
        let changed: Vec<_> = account
            .storage
            .iter()
            .filter(|(_, slot)| destroyed || slot.is_changed())
            .map(|(slot, value)| (*slot, value.present_value))
            .collect();
        if changed.is_empty() && !destroyed && !account.is_info_changed() {
            return Ok(None);
        }
        self.open(address)?;
        let trie = self.storages.entry(address).or_insert_with(|| Trie::new(EMPTY_ROOT_HASH));
        if changed.is_empty() {
            return Ok(Some(trie.root(None)));
        }
        self.touched.push(address);
        let (unset, set): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|(_, value)| value.is_zero());
        for (slot, value) in set {
            let key = keccak256(slot.to_be_bytes::<32>());
            let done = trie.insert(&key, alloy_rlp::encode(value).into(), &self.source);
            name(done, || Missing::Slot(address, slot))?;
        }
        for (slot, _) in unset {
            let key = keccak256(slot.to_be_bytes::<32>());
            name(trie.remove(&key, &self.source), || Missing::Slot(address, slot))?;
        }
        Ok(Some(trie.root(new)))
    }

    /// Read what removals before updates would need; for a witness that others apply in their order.
    pub fn read_for_any_order(&mut self, bundle: &BundleState) -> Result<()> {
        for (&address, account) in &bundle.state {
            if account.was_destroyed() || self.account(address)?.is_none() {
                continue;
            }
            self.open(address)?;
            let Some(trie) = self.storages.get_mut(&address) else {
                continue;
            };
            for slot in account.storage.iter().filter(|(_, s)| s.present_value.is_zero()) {
                let key = keccak256(slot.0.to_be_bytes::<32>());
                name(trie.remove(&key, &self.source), || Missing::Slot(address, *slot.0))?;
            }
        }
        for (&address, _) in bundle.state.iter().filter(|(_, account)| account.info.is_none()) {
            let done = self.accounts.remove(&keccak256(address), &self.source);
            name(done, || Missing::Account(address))?;
        }
        Ok(())
    }

    fn replace(&mut self, address: Address) {
        let before = self.storages.insert(address, Trie::new(EMPTY_ROOT_HASH));
        self.replaced.push((address, before));
    }

    /// Keep what `apply` changed.
    pub fn commit(&mut self) {
        self.accounts.commit();
        for address in self.touched.drain(..) {
            if let Some(trie) = self.storages.get_mut(&address) {
                trie.commit();
            }
        }
        self.replaced.clear();
    }

    /// Undo what `apply` changed.
    pub fn rollback(&mut self) {
        self.accounts.rollback();
        for address in self.touched.drain(..) {
            if let Some(trie) = self.storages.get_mut(&address) {
                trie.rollback();
            }
        }
        for (address, before) in self.replaced.drain(..).rev() {
            match before {
                Some(trie) => self.storages.insert(address, trie),
                None => self.storages.remove(&address),
            };
        }
    }
}
