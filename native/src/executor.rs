//! Executing blocks on a head, one after the other.
use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::Header;
use alloy_eips::eip2718::Encodable2718;
use alloy_evm::block::{BlockExecutionResult, BlockExecutorFactory};
use alloy_evm::eth::NextEvmEnvAttributes;
use alloy_evm::{Evm, EvmFactory};
use alloy_op_evm::block::OpAlloyReceiptBuilder;
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutorFactory, OpEvmFactory, OpTx, evm_env_for_op_next_block,
};
use alloy_op_hardforks::{OpChainHardforks, OpHardforks};
use alloy_primitives::{Address, B256, Bytes, address, keccak256};
use op_alloy_consensus::OpReceiptEnvelope;
use revm::database::states::bundle_state::BundleRetention;
use revm::database::{BundleState, State};

use crate::block::{Attributes, Roots, assemble};
use crate::chain::Chain;
use crate::database::{Ancestors, StrictDatabase};
use crate::error::Result;
use crate::precompiles;
use crate::run::{Rejected, Times, run_transactions};
use crate::senders::with_decoder;
use crate::store::Store;
use crate::world::World;

/// The predeploy whose storage root is in every output root.
pub const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

type Factory = OpBlockExecutorFactory<OpAlloyReceiptBuilder, OpChainHardforks, OpEvmFactory<OpTx>>;

/// How an executor treats its state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// Write new nodes and codes to the store, so that others can start at the new head.
    pub commit: bool,
    /// Collect what each block read.
    pub record: bool,
}

/// Everything that a stateless executor needs for one block.
#[derive(Debug, Default)]
pub struct BlockWitness {
    pub nodes: Vec<Bytes>,
    pub codes: Vec<Bytes>,
    pub headers: Vec<Bytes>,
}

#[derive(Debug)]
pub struct ExecutedBlock {
    pub header: Header,
    pub header_rlp: Bytes,
    pub hash: B256,
    pub transactions: Vec<Bytes>,
    pub senders: Vec<Address>,
    pub receipts: Vec<Bytes>,
    pub witness: Option<BlockWitness>,
    pub rejected: Vec<Rejected>,
    pub times: Times,
}

pub struct Executor {
    chain: Chain,
    factory: Factory,
    mode: Mode,
    ancestors: Ancestors,
    world: World,
}

/// What the transactions of a block did, before any of it reached the tries.
struct Run {
    result: BlockExecutionResult<OpReceiptEnvelope>,
    bundle: BundleState,
    transactions: Vec<Bytes>,
    senders: Vec<Address>,
    rejected: Vec<Rejected>,
    codes: Vec<B256>,
    lowest_hash: Option<u64>,
    times: Times,
}

impl Executor {
    pub fn new(
        chain: Chain,
        head: Bytes,
        store: Arc<Store>,
        ancestors: Vec<Bytes>,
        mode: Mode,
    ) -> Result<Self> {
        let ancestors = Ancestors::new(head, ancestors)?;
        let world = World::new(store, ancestors.head().state_root, mode.record);
        let factory = Factory::new(
            OpAlloyReceiptBuilder::default(),
            chain.forks.clone(),
            OpEvmFactory::default(),
        );
        Ok(Self { chain, factory, mode, ancestors, world })
    }

    pub fn head(&self) -> &Header {
        self.ancestors.head()
    }

    pub fn head_rlp(&self) -> &Bytes {
        self.ancestors.head_rlp()
    }

    pub fn head_hash(&self) -> B256 {
        self.ancestors.head_hash()
    }

    /// The MessagePasser's storage root at the head, for the output root.
    pub fn message_passer_root(&mut self) -> Result<B256> {
        message_passer_root(&mut self.world)
    }

    /// Execute exactly the attributes' transactions, each of which has to be valid.
    pub fn execute(&mut self, attributes: &Attributes) -> Result<ExecutedBlock> {
        self.build(attributes, &[])
    }

    /// Execute the attributes' transactions, then those candidates that are valid and fit.
    ///
    /// A failure leaves the head where it was.
    pub fn build(&mut self, attributes: &Attributes, more: &[Bytes]) -> Result<ExecutedBlock> {
        attributes.check(&self.chain, self.head())?;
        // Only a call that panicked left changes behind.
        self.world.rollback();
        if self.mode.commit {
            // All nodes are in the store: start afresh, to bound memory and to record all reads.
            let (store, root) = (self.world.store().clone(), self.head().state_root);
            self.world = World::new(store, root, self.mode.record);
        }
        let outcome = self.run(attributes, more).and_then(|run| self.seal(attributes, run));
        match outcome {
            Ok((block, raw)) => {
                self.world.commit();
                self.ancestors.extend(block.header.clone(), raw);
                Ok(block)
            }
            Err(error) => {
                self.world.rollback();
                Err(error)
            }
        }
    }

    fn run(&mut self, attributes: &Attributes, more: &[Bytes]) -> Result<Run> {
        let began = Instant::now();
        let head = self.ancestors.head();
        let base_fee = self.chain.next_base_fee(head, attributes.timestamp)?;
        let env = evm_env_for_op_next_block(
            head,
            NextEvmEnvAttributes {
                timestamp: attributes.timestamp,
                suggested_fee_recipient: attributes.fee_recipient,
                prev_randao: attributes.prev_randao,
                gas_limit: attributes.gas_limit,
                slot_number: None,
            },
            base_fee,
            &self.chain.forks,
            self.chain.id,
        );
        let context = OpBlockExecutionCtx {
            parent_hash: self.ancestors.head_hash(),
            parent_beacon_block_root: attributes.parent_beacon_block_root,
            extra_data: Bytes::new(),
        };
        let spec = env.cfg_env.spec;
        let mut database = StrictDatabase::new(&mut self.world, &self.ancestors, self.mode.record);
        let mut state = State::builder().with_database(&mut database).with_bundle_update().build();
        let mut evm = self.factory.evm_factory().create_evm(&mut state, env);
        if let Some(precompiles) = precompiles::overrides(spec) {
            *evm.components_mut().2 = precompiles;
        }
        let executor = self.factory.create_executor(evm, context);
        let mut times = Times::default();
        let raws = &attributes.transactions;
        let outcome = with_decoder(raws, |decoder| {
            run_transactions(executor, (raws, decoder), more, &mut times)
        });
        state.merge_transitions(BundleRetention::PlainState);
        let bundle = state.take_bundle();
        drop(state);
        // Whatever the EVM made of a read that failed, the block did not really run.
        if let Some(failure) = database.failure.take() {
            return Err(failure);
        }
        let (codes, lowest_hash) =
            (database.codes.take().unwrap_or_default(), database.lowest_hash);
        let (result, transactions, senders, rejected) = outcome?;
        times.transactions = began.elapsed().saturating_sub(times.senders);
        Ok(Run { result, bundle, transactions, senders, rejected, codes, lowest_hash, times })
    }

    /// Bring the tries up to date and make the block.
    fn seal(&mut self, attributes: &Attributes, run: Run) -> Result<(ExecutedBlock, Bytes)> {
        let began = Instant::now();
        let mut new = Vec::new();
        let state = self.world.apply(&run.bundle, self.mode.commit.then_some(&mut new))?;
        let tries = began.elapsed();
        let isthmus = self.chain.forks.is_isthmus_active_at_timestamp(attributes.timestamp);
        let message_passer = if isthmus || self.mode.record {
            Some(message_passer_root(&mut self.world)?)
        } else {
            None
        };
        let parent = (self.ancestors.head(), self.ancestors.head_hash());
        let roots = Roots { state, message_passer };
        let header =
            assemble(&self.chain, parent, attributes, &run.transactions, &run.result, &roots)?;
        let witness = self.mode.record.then(|| self.witness(&run)).transpose()?;
        let contracts = run.bundle.contracts.into_iter().filter(|(_, code)| !code.is_empty());
        self.world.store().write_codes(contracts, self.mode.commit);
        self.world.store().write_nodes(new);
        let header_rlp: Bytes = alloy_rlp::encode(&header).into();
        let block = ExecutedBlock {
            hash: keccak256(&header_rlp),
            header_rlp: header_rlp.clone(),
            header,
            transactions: run.transactions,
            senders: run.senders,
            receipts: run.result.receipts.iter().map(|r| r.encoded_2718().into()).collect(),
            witness,
            rejected: run.rejected,
            times: Times { tries, sealing: began.elapsed() - tries, ..run.times },
        };
        Ok((block, header_rlp))
    }

    fn witness(&mut self, run: &Run) -> Result<BlockWitness> {
        let mut nodes = self.world.take_read();
        if self.mode.commit {
            let (store, root) = (self.world.store().clone(), self.head().state_root);
            let mut scratch = World::new(store, root, true);
            scratch.read_for_any_order(&run.bundle)?;
            nodes.append(&mut scratch.take_read());
        }
        let mut seen = alloy_primitives::map::HashSet::<Bytes>::default();
        nodes.retain(|node| seen.insert(node.clone()));
        let mut hashes = run.codes.clone();
        hashes.sort_unstable();
        hashes.dedup();
        let store = self.world.store();
        let codes = hashes.iter().filter_map(|hash| store.code(hash)).collect();
        let number = run.lowest_hash.unwrap_or(self.head().number);
        Ok(BlockWitness { nodes, codes, headers: self.ancestors.back_to(number) })
    }
}

/// The MessagePasser's storage root; an account that is not there has the empty trie's.
fn message_passer_root(world: &mut World) -> Result<B256> {
    let account = world.account(MESSAGE_PASSER)?;
    Ok(account.map_or(alloy_trie::EMPTY_ROOT_HASH, |account| account.storage_root))
}
