//! The state that a genesis allocation describes.
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, TrieAccount};
use revm::state::Bytecode;

use crate::error::{Error, Missing, Result};
use crate::store::Store;
use crate::trie::{Trie, name};

#[derive(Debug)]
pub struct GenesisAccount {
    pub address: Address,
    pub nonce: u64,
    pub balance: U256,
    pub code: Bytes,
    pub storage: Vec<(U256, U256)>,
}

/// Write the state's nodes and codes to the store and give its root.
pub fn write(store: &Store, accounts: Vec<GenesisAccount>) -> Result<B256> {
    let mut new = Vec::new();
    let mut codes = Vec::new();
    let mut trie = Trie::new(EMPTY_ROOT_HASH);
    for account in accounts {
        let mut storage = Trie::new(EMPTY_ROOT_HASH);
        for (slot, value) in account.storage.iter().filter(|(_, value)| !value.is_zero()) {
            let key = keccak256(slot.to_be_bytes::<32>());
            let done = storage.insert(&key, alloy_rlp::encode(value).into(), store);
            name(done, || Missing::Slot(account.address, *slot))?;
        }
        let code_hash =
            if account.code.is_empty() { KECCAK_EMPTY } else { keccak256(&account.code) };
        if !account.code.is_empty() {
            let code = Bytecode::new_raw_checked(account.code)
                .map_err(|e| Error::input("genesis code", "EVM code", e))?;
            codes.push((code_hash, code));
        }
        let leaf = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: storage.root(Some(&mut new)),
            code_hash,
        };
        let key = keccak256(account.address);
        let done = trie.insert(&key, alloy_rlp::encode(leaf).into(), store);
        name(done, || Missing::Account(account.address))?;
    }
    let root = trie.root(Some(&mut new));
    store.write_nodes(new);
    store.write_codes(codes, true);
    Ok(root)
}
