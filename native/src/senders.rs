//! Decoding a payload's transactions and recovering their senders beside their execution.
//!
//! A signature takes about as long to recover as a transfer to run, so helpers work ahead of the
//! executing thread; it takes part itself whenever the transaction that it needs is not ready.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use alloy_consensus::transaction::Recovered;
use alloy_primitives::Bytes;
use op_alloy_consensus::{DEPOSIT_TX_TYPE_ID, OpTxEnvelope};

use crate::block::decode_transaction;
use crate::error::{Error, Result};

/// A helper takes some 30 µs to start: it has to have this many signatures to recover.
const SIGNATURES_PER_HELPER: usize = 6;

type Slot = OnceLock<Result<Recovered<OpTxEnvelope>>>;

/// Decodes each transaction once, on whichever thread comes to it first.
pub struct Decoder<'a> {
    raws: &'a [Bytes],
    slots: Vec<Slot>,
    next: AtomicUsize,
}

impl Decoder<'_> {
    /// The transaction at `index`; while another thread is at it, decode others.
    pub fn take(&self, index: usize) -> Result<&Recovered<OpTxEnvelope>> {
        loop {
            if let Some(done) = self.slots[index].get() {
                return done.as_ref().map_err(Error::clone);
            }
            if !self.work() {
                thread::yield_now();
            }
        }
    }

    /// Decode the next transaction that nobody is at; false when there is none.
    fn work(&self) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(raw) = self.raws.get(index) else {
            return false;
        };
        // The slot is filled whatever happens: another thread may wait for it.
        let decoded = catch_unwind(AssertUnwindSafe(|| decode_transaction(raw)));
        let result = match decoded {
            Ok(Ok((tx, sender))) => Ok(Recovered::new_unchecked(tx, sender)),
            Ok(Err(reason)) => Err(Error::payload(index, reason)),
            Err(_) => Err(Error::Kernel(format!("panic while decoding transaction {index}"))),
        };
        self.slots[index].get_or_init(|| result);
        true
    }
}

/// Run `f` with a decoder of `raws`, and with helpers where there are cores and work for them.
pub fn with_decoder<T>(raws: &[Bytes], f: impl FnOnce(&Decoder<'_>) -> T) -> T {
    let decoder = Decoder {
        raws,
        slots: raws.iter().map(|_| Slot::new()).collect(),
        next: AtomicUsize::new(0),
    };
    let signed = raws.iter().filter(|raw| raw.first() != Some(&DEPOSIT_TX_TYPE_ID)).count();
    let mut helpers = signed / SIGNATURES_PER_HELPER;
    if helpers > 0 {
        helpers = helpers.min(thread::available_parallelism().map_or(0, |cores| cores.get() - 1));
    }
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| while decoder.work() {});
        }
        let result = f(&decoder);
        // Let the helpers go when the block ended early.
        decoder.next.store(raws.len(), Ordering::Relaxed);
        result
    })
}
