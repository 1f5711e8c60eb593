//! Hashing and signature recovery that other rooms need: pure functions of bytes.
use std::thread;

use alloy_consensus::{EthereumTxEnvelope, TxEip4844, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256};
use alloy_trie::root::ordered_trie_root_encoded;

use crate::error::{Error, Result};

/// A signature costs some 30 µs to recover: fewer than this many do not repay a thread.
const SIGNATURES_PER_THREAD: usize = 16;

/// The root of the trie of `rlp(index) -> item`, as in `transactionsRoot` and `receiptsRoot`.
pub fn ordered_root<T: AsRef<[u8]>>(items: &[T]) -> B256 {
    let items: Vec<&[u8]> = items.iter().map(AsRef::as_ref).collect();
    ordered_trie_root_encoded(&items)
}

/// The sender of an EIP-2718 encoded transaction that carries a signature (any L1 type).
pub fn recover_sender(raw: &[u8]) -> Result<Address> {
    let mut rest = raw;
    let tx = EthereumTxEnvelope::<TxEip4844>::decode_2718(&mut rest)
        .map_err(|e| Error::input("transaction", "a signed EIP-2718 transaction", e))?;
    if !rest.is_empty() {
        let trailing = format!("{} bytes after it", rest.len());
        return Err(Error::input("transaction", "nothing after the transaction", trailing));
    }
    tx.recover_signer().map_err(|e| Error::input("transaction signature", "a recoverable one", e))
}

/// `recover_sender` of each, in threads when there are many.
pub fn recover_senders<T: AsRef<[u8]> + Sync>(raws: &[T]) -> Result<Vec<Address>> {
    in_threads(raws, SIGNATURES_PER_THREAD, |raw| recover_sender(raw.as_ref()))
        .into_iter()
        .collect()
}

/// Map `items` on as many threads as there are cores, with at least `grain` items to each.
pub fn in_threads<T: Sync, R: Send>(
    items: &[T],
    grain: usize,
    f: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(items.len() / grain.max(1));
    if threads < 2 {
        return items.iter().map(f).collect();
    }
    let f = &f;
    thread::scope(|scope| {
        let handles: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|chunk| scope.spawn(move || chunk.iter().map(f).collect::<Vec<R>>()))
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for handle in handles {
            match handle.join() {
                Ok(part) => results.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
