// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracle} from "../src/L2OutputOracle.sol";
import {OutputOracleBase} from "../src/OutputOracleBase.sol";
import {MockSP1Verifier} from "../src/dev/MockSP1Verifier.sol";
import {IL2OutputOracle} from "../src/interfaces/IL2OutputOracle.sol";
import {TestBase} from "./support/TestBase.sol";
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title L2OutputOracleTest
/// @notice What the oracle accepts, refuses and answers.
contract L2OutputOracleTest is TestBase {
    bytes32 private constant ROOT = keccak256("root");

    function setUp() public {
        deployOracle();
    }

    // Initialization

    function test_initialize_setsEverything() public view {
        check(oracle.startingBlockNumber() == STARTING_BLOCK, "startingBlockNumber");
        check(oracle.startingTimestamp() == STARTING_TIME, "startingTimestamp");
        check(oracle.submissionInterval() == INTERVAL, "submissionInterval");
        check(oracle.SUBMISSION_INTERVAL() == INTERVAL, "SUBMISSION_INTERVAL");
        check(oracle.l2BlockTime() == BLOCK_TIME, "l2BlockTime");
        check(oracle.L2_BLOCK_TIME() == BLOCK_TIME, "L2_BLOCK_TIME");
        check(oracle.challenger() == CHALLENGER, "challenger");
        check(oracle.CHALLENGER() == CHALLENGER, "CHALLENGER");
        check(oracle.proposer() == address(0), "proposer");
        check(oracle.PROPOSER() == address(0), "PROPOSER");
        check(oracle.finalizationPeriodSeconds() == PERIOD, "finalizationPeriodSeconds");
        check(oracle.FINALIZATION_PERIOD_SECONDS() == PERIOD, "FINALIZATION_PERIOD_SECONDS");
        check(oracle.aggregationVkey() == AGGREGATION_VKEY, "aggregationVkey");
        check(oracle.rangeVkeyCommitment() == RANGE_VKEY, "rangeVkeyCommitment");
        check(oracle.rollupConfigHash() == CONFIG_HASH, "rollupConfigHash");
        check(oracle.verifier() == address(mock), "verifier");
        check(oracle.owner() == OWNER, "owner");
        check(oracle.approvedProposers(PROPOSER), "approvedProposers");
        check(!oracle.optimisticMode(), "optimisticMode");
        check(oracle.nextOutputIndex() == 1, "nextOutputIndex");
        check(oracle.latestBlockNumber() == STARTING_BLOCK, "latestBlockNumber");
        check(oracle.nextBlockNumber() == STARTING_BLOCK + INTERVAL, "nextBlockNumber");
        IL2OutputOracle.OutputProposal memory first = oracle.getL2Output(0);
        check(first.outputRoot == STARTING_ROOT, "starting root");
        check(first.timestamp == STARTING_TIME, "starting time");
        check(first.l2BlockNumber == STARTING_BLOCK, "starting block");
    }

    function test_initialize_worksOnce() public {
        revertText("Initializable: contract is already initialized");
        oracle.initialize(parameters());
    }

    function test_initialize_isLockedOnTheImplementation() public {
        L2OutputOracle implementation = new L2OutputOracle();
        revertText("Initializable: contract is already initialized");
        implementation.initialize(parameters());
    }

    function test_initialize_checksItsParameters() public {
        L2OutputOracle.InitParams memory params = parameters();
        params.submissionInterval = 0;
        expectInitRevert(params, "L2OutputOracle: submission interval must be greater than 0");
        params = parameters();
        params.l2BlockTime = 0;
        expectInitRevert(params, "L2OutputOracle: L2 block time must be greater than 0");
        params = parameters();
        params.startingTimestamp = block.timestamp + 1;
        expectInitRevert(
            params, "L2OutputOracle: starting L2 timestamp must be less than current time"
        );
    }

    /// @dev The slots are those of OPSuccinctL2OutputOracle, whose proxies can be upgraded to ours.
    function test_storage_keepsTheCompatibleLayout() public {
        proposeNext(ROOT);
        vm.prank(OWNER);
        oracle.enableOptimisticMode(PERIOD);
        check(slot(1) == bytes32(STARTING_BLOCK), "slot 1");
        check(slot(2) == bytes32(STARTING_TIME), "slot 2");
        check(slot(3) == bytes32(uint256(2)), "slot 3");
        check(slot(4) == bytes32(INTERVAL), "slot 4");
        check(slot(5) == bytes32(BLOCK_TIME), "slot 5");
        check(slot(6) == bytes32(uint256(uint160(CHALLENGER))), "slot 6");
        check(slot(7) == bytes32(0), "slot 7");
        check(slot(8) == bytes32(PERIOD), "slot 8");
        check(slot(9) == AGGREGATION_VKEY, "slot 9");
        check(slot(10) == RANGE_VKEY, "slot 10");
        check(slot(11) == bytes32(uint256(uint160(address(mock)))), "slot 11");
        check(slot(12) == CONFIG_HASH, "slot 12");
        check(slot(13) == bytes32(uint256(uint160(OWNER))), "slot 13");
        bytes32 approved = keccak256(abi.encode(PROPOSER, uint256(14)));
        check(vm.load(address(oracle), approved) == bytes32(uint256(1)), "slot 14");
        bytes32 historic = keccak256(abi.encode(block.number - 1, uint256(15)));
        check(vm.load(address(oracle), historic) != bytes32(0), "slot 15");
        check(slot(16) == bytes32(uint256(1)), "slot 16");
    }

    function test_upgrade_keepsTheOutputs() public {
        proposeNext(ROOT);
        bytes32 adminSlot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        ProxyAdmin admin =
            ProxyAdmin(address(uint160(uint256(vm.load(address(oracle), adminSlot)))));
        check(admin.owner() == OWNER, "admin's owner");
        address next = address(new L2OutputOracle());
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", STRANGER));
        vm.prank(STRANGER);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(payable(address(oracle))), next, "");
        vm.prank(OWNER);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(payable(address(oracle))), next, "");
        check(oracle.getL2Output(1).outputRoot == ROOT, "output after the upgrade");
    }

    // Proposals with a proof

    function test_propose_appendsTheOutput() public {
        uint256 l1Block = checkpoint();
        uint256 l2Block = oracle.nextBlockNumber() + 3;
        bytes memory proof = proofFor(ROOT, l2Block, l1Block);
        vm.expectEmit();
        emit IL2OutputOracle.OutputProposed(ROOT, 1, l2Block, block.timestamp);
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, l1Block, proof);
        IL2OutputOracle.OutputProposal memory output = oracle.getL2Output(1);
        check(output.outputRoot == ROOT, "root");
        check(output.timestamp == block.timestamp, "time");
        check(output.l2BlockNumber == l2Block, "block");
        check(oracle.nextBlockNumber() == l2Block + INTERVAL, "next");
    }

    function test_propose_needsAnApprovedProposer() public {
        uint256 l1Block = checkpoint();
        bytes memory proof = proofFor(ROOT, STARTING_BLOCK + INTERVAL, l1Block);
        revertText("L2OutputOracle: only approved proposers can propose new outputs");
        vm.prank(STRANGER);
        oracle.proposeL2Output(ROOT, STARTING_BLOCK + INTERVAL, l1Block, proof);
        vm.prank(OWNER);
        oracle.addProposer(address(0));
        vm.prank(STRANGER);
        oracle.proposeL2Output(ROOT, STARTING_BLOCK + INTERVAL, l1Block, proof);
    }

    function test_propose_refusesZeroFutureAndUncheckpointed() public {
        uint256 l1Block = checkpoint();
        uint256 l2Block = oracle.nextBlockNumber();
        revertText("L2OutputOracle: L2 output proposal cannot be the zero hash");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(bytes32(0), l2Block, l1Block, "");
        uint256 future = STARTING_BLOCK + (block.timestamp - STARTING_TIME) / BLOCK_TIME;
        revertText("L2OutputOracle: cannot propose L2 output in the future");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, future, l1Block, "");
        vm.expectRevert(abi.encodePacked(OutputOracleBase.L1BlockHashNotCheckpointed.selector));
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, l1Block - 1, "");
        revertText("L2OutputOracle: optimistic mode is not enabled");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, bytes32(0), uint256(0));
    }

    function testFuzz_propose_refusesBlocksBelowTheNext(uint256 l2Block) public {
        l2Block = bound(l2Block, 0, oracle.nextBlockNumber() - 1);
        uint256 l1Block = checkpoint();
        bytes memory proof = proofFor(ROOT, l2Block, l1Block);
        revertText(
            "L2OutputOracle: block number must be greater than or equal to next expected block number"
        );
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, l1Block, proof);
    }

    /// @dev Whatever differs between what was proven and what the contract expects is refused.
    function testFuzz_propose_bindsEveryPublicValue(uint8 field, bytes32 other) public {
        uint256 l1Block = checkpoint();
        uint256 l2Block = oracle.nextBlockNumber();
        bytes32[6] memory values = [
            oracle.historicBlockHashes(l1Block),
            STARTING_ROOT,
            ROOT,
            bytes32(l2Block),
            CONFIG_HASH,
            RANGE_VKEY
        ];
        field = uint8(field % 6);
        vm.assume(values[field] != other);
        values[field] = other;
        bytes memory proof = mock.mockProof(AGGREGATION_VKEY, abi.encode(values));
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.MockProofMismatch.selector));
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, l1Block, proof);
    }

    function testFuzz_propose_refusesOtherBytes(bytes calldata proof) public {
        uint256 l1Block = checkpoint();
        uint256 l2Block = oracle.nextBlockNumber();
        vm.assume(keccak256(proof) != keccak256(proofFor(ROOT, l2Block, l1Block)));
        vm.prank(PROPOSER);
        try oracle.proposeL2Output(ROOT, l2Block, l1Block, proof) {
            check(false, "accepted another proof");
        } catch {}
        check(oracle.nextOutputIndex() == 1, "an output was added");
    }

    // Optimistic mode

    function test_optimistic_acceptsTheNextBlockOnly() public {
        vm.expectEmit();
        emit OutputOracleBase.OptimisticModeToggled(true, 77);
        vm.prank(OWNER);
        oracle.enableOptimisticMode(77);
        check(oracle.finalizationPeriodSeconds() == 77, "period");
        uint256 next = oracle.nextBlockNumber();
        revertText("L2OutputOracle: block number must be equal to next expected block number");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, next + 1, bytes32(0), uint256(0));
        revertText("L2OutputOracle: only approved proposers can propose new outputs");
        vm.prank(STRANGER);
        oracle.proposeL2Output(ROOT, next, bytes32(0), uint256(0));
        revertText("L2OutputOracle: block hash does not match the hash at the expected height");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, next, keccak256("other"), block.number - 1);
        revertText("L2OutputOracle: optimistic mode is enabled");
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, next, block.number - 1, bytes(""));
        vm.setBlockhash(block.number - 1, keccak256("known"));
        vm.prank(PROPOSER);
        oracle.proposeL2Output(ROOT, next, keccak256("known"), block.number - 1);
        check(oracle.latestBlockNumber() == next, "latest");
        revertText("L2OutputOracle: optimistic mode is enabled");
        vm.prank(OWNER);
        oracle.enableOptimisticMode(1);
        vm.expectEmit();
        emit OutputOracleBase.OptimisticModeToggled(false, PERIOD);
        vm.prank(OWNER);
        oracle.disableOptimisticMode(PERIOD);
        revertText("L2OutputOracle: optimistic mode is not enabled");
        vm.prank(OWNER);
        oracle.disableOptimisticMode(PERIOD);
    }

    // Checkpoints

    function testFuzz_checkpoint_recordsTrueHashesOnly(uint256 number, bytes32 hash) public {
        number = bound(number, 0, block.number + 300);
        vm.assume(hash != bytes32(0));
        bool isRecent = number < block.number && number + 256 >= block.number;
        if (isRecent) vm.setBlockhash(number, hash);
        else vm.expectRevert(abi.encodePacked(OutputOracleBase.L1BlockHashNotAvailable.selector));
        vm.prank(STRANGER);
        oracle.checkpointBlockHash(number);
        check(oracle.historicBlockHashes(number) == (isRecent ? hash : bytes32(0)), "hash");
    }

    // Deletion

    function test_delete_isForTheChallengerAndSparesTheFinal() public {
        proposeNext(ROOT);
        proposeNext(keccak256("second"));
        revertText("L2OutputOracle: only the challenger address can delete outputs");
        vm.prank(OWNER);
        oracle.deleteL2Outputs(1);
        revertText("L2OutputOracle: cannot delete genesis output");
        vm.prank(CHALLENGER);
        oracle.deleteL2Outputs(0);
        revertText("L2OutputOracle: cannot delete outputs after the latest output index");
        vm.prank(CHALLENGER);
        oracle.deleteL2Outputs(3);
        vm.expectEmit();
        emit IL2OutputOracle.OutputsDeleted(3, 2);
        vm.prank(CHALLENGER);
        oracle.deleteL2Outputs(2);
        check(oracle.latestOutputIndex() == 1, "index");
        vm.warp(block.timestamp + PERIOD);
        revertText("L2OutputOracle: cannot delete outputs that have already been finalized");
        vm.prank(CHALLENGER);
        oracle.deleteL2Outputs(1);
    }

    // Search

    function testFuzz_search_findsTheFirstOutputAtOrAbove(uint256 seed, uint256 wanted) public {
        uint256 count = bound(seed, 1, 12);
        vm.prank(OWNER);
        oracle.updateSubmissionInterval(1);
        for (uint256 i = 0; i < count; ++i) {
            uint256 l1Block = checkpoint();
            uint256 step = uint256(keccak256(abi.encode(seed, i))) % 20;
            uint256 l2Block = oracle.nextBlockNumber() + step;
            bytes memory proof = proofFor(bytes32(l2Block), l2Block, l1Block);
            vm.prank(PROPOSER);
            oracle.proposeL2Output(bytes32(l2Block), l2Block, l1Block, proof);
        }
        wanted = bound(wanted, 0, oracle.latestBlockNumber());
        uint256 index = oracle.getL2OutputIndexAfter(wanted);
        check(oracle.getL2Output(index).l2BlockNumber >= wanted, "at or above");
        check(index == 0 || oracle.getL2Output(index - 1).l2BlockNumber < wanted, "first");
        check(
            oracle.getL2OutputAfter(wanted).l2BlockNumber
                == oracle.getL2Output(index).l2BlockNumber,
            "same output"
        );
    }

    function test_search_refusesBlocksThatWereNotProposed() public {
        revertText("L2OutputOracle: cannot get output for a block that has not been proposed");
        oracle.getL2OutputIndexAfter(STARTING_BLOCK + 1);
    }

    function testFuzz_timestamp_isLinear(uint64 offset) public view {
        check(
            oracle.computeL2Timestamp(STARTING_BLOCK + offset)
                == STARTING_TIME + uint256(offset) * BLOCK_TIME,
            "timestamp"
        );
    }

    // Owner

    function test_owner_updatesEverything() public {
        vm.expectEmit();
        emit OutputOracleBase.SubmissionIntervalUpdated(INTERVAL, 5);
        vm.prank(OWNER);
        oracle.updateSubmissionInterval(5);
        vm.expectEmit();
        emit L2OutputOracle.AggregationVkeyUpdated(AGGREGATION_VKEY, bytes32(uint256(1)));
        vm.prank(OWNER);
        oracle.updateAggregationVkey(bytes32(uint256(1)));
        vm.expectEmit();
        emit L2OutputOracle.RangeVkeyCommitmentUpdated(RANGE_VKEY, bytes32(uint256(2)));
        vm.prank(OWNER);
        oracle.updateRangeVkeyCommitment(bytes32(uint256(2)));
        vm.expectEmit();
        emit L2OutputOracle.RollupConfigHashUpdated(CONFIG_HASH, bytes32(uint256(3)));
        vm.prank(OWNER);
        oracle.updateRollupConfigHash(bytes32(uint256(3)));
        vm.expectEmit();
        emit OutputOracleBase.VerifierUpdated(address(mock), address(4));
        vm.prank(OWNER);
        oracle.updateVerifier(address(4));
        vm.expectEmit();
        emit OutputOracleBase.ProposerUpdated(STRANGER, true);
        vm.prank(OWNER);
        oracle.addProposer(STRANGER);
        check(oracle.approvedProposers(STRANGER), "added");
        vm.expectEmit();
        emit OutputOracleBase.ProposerUpdated(STRANGER, false);
        vm.prank(OWNER);
        oracle.removeProposer(STRANGER);
        check(!oracle.approvedProposers(STRANGER), "removed");
        revertText("L2OutputOracle: submission interval must be greater than 0");
        vm.prank(OWNER);
        oracle.updateSubmissionInterval(0);
        vm.expectEmit();
        emit OutputOracleBase.OwnershipTransferred(OWNER, STRANGER);
        vm.prank(OWNER);
        oracle.transferOwnership(STRANGER);
        check(oracle.owner() == STRANGER, "owner");
        check(oracle.submissionInterval() == 5, "interval");
        check(oracle.aggregationVkey() == bytes32(uint256(1)), "aggregation key");
        check(oracle.rangeVkeyCommitment() == bytes32(uint256(2)), "range key");
        check(oracle.rollupConfigHash() == bytes32(uint256(3)), "config hash");
        check(oracle.verifier() == address(4), "verifier");
    }

    function testFuzz_owner_isTheOnlyOne(address caller, uint8 which) public {
        vm.assume(caller != OWNER);
        bytes[10] memory calls = [
            abi.encodeCall(oracle.updateSubmissionInterval, (5)),
            abi.encodeCall(oracle.updateAggregationVkey, (ROOT)),
            abi.encodeCall(oracle.updateRangeVkeyCommitment, (ROOT)),
            abi.encodeCall(oracle.updateRollupConfigHash, (ROOT)),
            abi.encodeCall(oracle.updateVerifier, (caller)),
            abi.encodeCall(oracle.transferOwnership, (caller)),
            abi.encodeCall(oracle.addProposer, (caller)),
            abi.encodeCall(oracle.removeProposer, (PROPOSER)),
            abi.encodeCall(oracle.enableOptimisticMode, (0)),
            abi.encodeCall(oracle.disableOptimisticMode, (0))
        ];
        vm.assume(uint160(caller) > 0xffff);
        vm.prank(caller);
        (bool success, bytes memory answer) = address(oracle).call(calls[which % 10]);
        check(!success, "a stranger was let in");
        if (caller.code.length == 0) {
            check(
                keccak256(answer)
                    == keccak256(
                        abi.encodeWithSignature(
                            "Error(string)", "L2OutputOracle: caller is not the owner"
                        )
                    ),
                "reason"
            );
        }
    }

    function slot(uint256 index) private view returns (bytes32) {
        return vm.load(address(oracle), bytes32(index));
    }

    function expectInitRevert(L2OutputOracle.InitParams memory params, string memory text) private {
        // A fresh proxy-like account: the implementation's code without its locked storage.
        Uninitialized fresh = new Uninitialized(address(new L2OutputOracle()));
        revertText(text);
        L2OutputOracle(address(fresh)).initialize(params);
    }
}

/// @title Uninitialized
/// @notice Delegates to an implementation with empty storage.
contract Uninitialized {
    address private immutable IMPLEMENTATION;

    constructor(address implementation) {
        IMPLEMENTATION = implementation;
    }

    fallback() external {
        address implementation = IMPLEMENTATION;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), implementation, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch success
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
