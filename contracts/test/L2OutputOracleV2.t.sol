// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracleV2} from "../src/L2OutputOracleV2.sol";
import {OutputOracleBase} from "../src/OutputOracleBase.sol";
import {MockSP1Verifier} from "../src/dev/MockSP1Verifier.sol";
import {IL2OutputOracle} from "../src/interfaces/IL2OutputOracle.sol";
import {TestBaseV2} from "./support/TestBaseV2.sol";

/// @title L2OutputOracleV2Test
/// @notice What the second generation accepts, refuses and answers.
contract L2OutputOracleV2Test is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant NEXT = keccak256("next");
    string private constant NOT_APPROVED =
        "L2OutputOracle: only approved proposers can propose new outputs";

    function setUp() public {
        deploySecond();
        proposeNextV2(keccak256("first"));
    }

    // Initialization

    function test_initialize_setsEverything() public view {
        check(second.startingBlockNumber() == STARTING_BLOCK, "startingBlockNumber");
        check(second.startingTimestamp() == STARTING_TIME, "startingTimestamp");
        check(second.submissionInterval() == INTERVAL, "submissionInterval");
        check(second.l2BlockTime() == BLOCK_TIME, "l2BlockTime");
        check(second.challenger() == CHALLENGER, "challenger");
        check(second.finalizationPeriodSeconds() == PERIOD, "finalizationPeriodSeconds");
        check(second.verifier() == address(mock), "verifier");
        check(second.owner() == OWNER, "owner");
        check(second.approvedProposers(PROPOSER), "approvedProposers");
        check(second.fallbackTimeout() == FALLBACK, "fallbackTimeout");
        check(second.disputeGameFactory() == address(0), "disputeGameFactory");
        check(second.GENESIS_CONFIG_NAME() == GENESIS, "GENESIS_CONFIG_NAME");
        check(second.initializerVersion() == 3, "initializerVersion");
        (bytes32 vkey, bytes32 commitment, bytes32 hash) = second.opSuccinctConfigs(GENESIS);
        check(vkey == AGGREGATION_VKEY, "aggregationVkey");
        check(commitment == RANGE_VKEY, "rangeVkeyCommitment");
        check(hash == CONFIG_HASH, "rollupConfigHash");
        // The single keys of the first generation stay empty.
        check(second.aggregationVkey() == bytes32(0), "old aggregationVkey");
        check(second.rangeVkeyCommitment() == bytes32(0), "old rangeVkeyCommitment");
        check(second.rollupConfigHash() == bytes32(0), "old rollupConfigHash");
    }

    function test_initialize_worksOnce() public {
        revertText("Initializable: contract is already initialized");
        second.initialize(parametersV2());
    }

    function test_initialize_isLockedOnTheImplementation() public {
        L2OutputOracleV2 implementation = new L2OutputOracleV2();
        revertText("Initializable: contract is already initialized");
        implementation.initialize(parametersV2());
    }

    /// @dev The slots are those of OPSuccinctL2OutputOracle v3.0.0.
    function test_storage_keepsTheCompatibleLayout() public {
        vm.prank(OWNER);
        second.enableOptimisticMode(PERIOD);
        vm.prank(OWNER);
        second.setDisputeGameFactory(address(0xFAC7));
        check(slot(0) == bytes32(uint256(3)), "slot 0");
        check(slot(1) == bytes32(STARTING_BLOCK), "slot 1");
        check(slot(2) == bytes32(STARTING_TIME), "slot 2");
        check(slot(3) == bytes32(uint256(2)), "slot 3");
        check(slot(4) == bytes32(INTERVAL), "slot 4");
        check(slot(5) == bytes32(BLOCK_TIME), "slot 5");
        check(slot(6) == bytes32(uint256(uint160(CHALLENGER))), "slot 6");
        check(slot(7) == bytes32(0), "slot 7");
        check(slot(8) == bytes32(PERIOD), "slot 8");
        check(slot(11) == bytes32(uint256(uint160(address(mock)))), "slot 11");
        check(slot(13) == bytes32(uint256(uint160(OWNER))), "slot 13");
        bytes32 approved = keccak256(abi.encode(PROPOSER, uint256(14)));
        check(vm.load(address(second), approved) == bytes32(uint256(1)), "slot 14");
        bytes32 historic = keccak256(abi.encode(block.number - 1, uint256(15)));
        check(vm.load(address(second), historic) != bytes32(0), "slot 15");
        check(slot(16) == bytes32(uint256(1)), "slot 16");
        check(slot(17) == bytes32(FALLBACK), "slot 17");
        uint256 config = uint256(keccak256(abi.encode(GENESIS, uint256(18))));
        check(vm.load(address(second), bytes32(config)) == AGGREGATION_VKEY, "slot 18, key");
        check(vm.load(address(second), bytes32(config + 1)) == RANGE_VKEY, "slot 18, range");
        check(vm.load(address(second), bytes32(config + 2)) == CONFIG_HASH, "slot 18, rollup");
        check(slot(19) == bytes32(uint256(uint160(address(0xFAC7)))), "slot 19");
    }

    // Proposals with a proof

    function test_propose_appendsTheOutput() public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber() + 3;
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.expectEmit();
        emit IL2OutputOracle.OutputProposed(ROOT, 2, l2Block, block.timestamp);
        propose(GENESIS, ROOT, l2Block, l1Block, proof);
        IL2OutputOracle.OutputProposal memory output = second.getL2Output(2);
        check(output.outputRoot == ROOT, "root");
        check(output.timestamp == block.timestamp, "time");
        check(output.l2BlockNumber == l2Block, "block");
        check(second.lastProposalTimestamp() == block.timestamp, "lastProposalTimestamp");
    }

    /// @dev Who signs the transaction counts, not the contract in between.
    function test_propose_looksAtTheOrigin() public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.prank(PROPOSER, STRANGER);
        revertText(NOT_APPROVED);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        vm.prank(STRANGER, PROPOSER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        check(second.getL2Output(2).outputRoot == ROOT, "proposed");
    }

    function test_propose_isOpenToAllWhenZeroIsApproved() public {
        vm.prank(OWNER);
        second.addProposer(address(0));
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.prank(STRANGER, STRANGER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }

    function test_propose_isOpenToAllAfterTheFallbackTimeout() public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.warp(second.lastProposalTimestamp() + FALLBACK);
        vm.prank(STRANGER, STRANGER);
        revertText(NOT_APPROVED);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        vm.warp(block.timestamp + 1);
        vm.prank(STRANGER, STRANGER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        // The output that came ends the time in which everyone may.
        uint256 next = checkpointV2();
        proof = proofForV2(GENESIS, NEXT, l2Block + INTERVAL, next);
        vm.prank(STRANGER, STRANGER);
        revertText(NOT_APPROVED);
        second.proposeL2Output(GENESIS, NEXT, l2Block + INTERVAL, next, proof, PROVER);
    }

    function test_propose_checksTheClaim() public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        revertText(
            "L2OutputOracle: block number must be greater than or equal to next expected block number"
        );
        propose(GENESIS, ROOT, l2Block - 1, l1Block, "");
        revertText("L2OutputOracle: cannot propose L2 output in the future");
        propose(GENESIS, ROOT, STARTING_BLOCK + 500_000, l1Block, "");
        revertText("L2OutputOracle: L2 output proposal cannot be the zero hash");
        propose(GENESIS, bytes32(0), l2Block, l1Block, "");
        revertText("L2OutputOracle: invalid OP Succinct configuration");
        propose(keccak256("unknown"), ROOT, l2Block, l1Block, "");
        vm.expectRevert(abi.encodePacked(OutputOracleBase.L1BlockHashNotCheckpointed.selector));
        propose(GENESIS, ROOT, l2Block, l1Block - 5, "");
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.NotAMockProof.selector));
        propose(GENESIS, ROOT, l2Block, l1Block, "");
    }

    /// @dev Every public value is bound by the proof, the prover's address too.
    function testFuzz_propose_bindsEveryPublicValue(uint8 which, bytes32 other) public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory values = publicValues(GENESIS, ROOT, l2Block, l1Block);
        check(values.length == 224, "224 bytes");
        uint256 offset = uint256(which % 7) * 32;
        bytes32 before;
        assembly {
            before := mload(add(add(values, 0x20), offset))
            mstore(add(add(values, 0x20), offset), other)
        }
        vm.assume(before != other);
        bytes memory proof = mock.mockProof(AGGREGATION_VKEY, values);
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.MockProofMismatch.selector));
        propose(GENESIS, ROOT, l2Block, l1Block, proof);
    }

    function testFuzz_propose_bindsTheProver(address prover) public {
        vm.assume(prover != PROVER);
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.MockProofMismatch.selector));
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, prover);
    }

    /// @dev Any block at or above the next one, and not in the future, can be proposed.
    function testFuzz_propose_takesAnyDueBlock(uint32 extra) public {
        uint256 l1Block = checkpointV2();
        uint256 last = STARTING_BLOCK + (block.timestamp - STARTING_TIME - 1) / BLOCK_TIME;
        uint256 l2Block = bound(extra, second.nextBlockNumber(), last);
        propose(GENESIS, ROOT, l2Block, l1Block, proofForV2(GENESIS, ROOT, l2Block, l1Block));
        check(second.latestBlockNumber() == l2Block, "latest");
    }

    // Named configs

    function test_config_isAddedUsedAndDeleted() public {
        bytes32 name = keccak256("upgrade");
        vm.prank(OWNER);
        vm.expectEmit();
        emit L2OutputOracleV2.OpSuccinctConfigUpdated(name, NEXT, RANGE_VKEY, CONFIG_HASH);
        second.addOpSuccinctConfig(name, CONFIG_HASH, NEXT, RANGE_VKEY);

        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(name, ROOT, l2Block, l1Block);
        // A proof for one config is none for another.
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.MockProofMismatch.selector));
        propose(GENESIS, ROOT, l2Block, l1Block, proof);
        propose(name, ROOT, l2Block, l1Block, proof);

        vm.prank(OWNER);
        vm.expectEmit();
        emit L2OutputOracleV2.OpSuccinctConfigDeleted(name);
        second.deleteOpSuccinctConfig(name);
        revertText("L2OutputOracle: invalid OP Succinct configuration");
        propose(name, NEXT, l2Block + INTERVAL, l1Block, "");
    }

    function test_config_isNotAddedTwiceNorIncomplete() public {
        vm.prank(OWNER);
        revertText("L2OutputOracle: config name cannot be empty");
        second.addOpSuccinctConfig(bytes32(0), ROOT, ROOT, ROOT);
        vm.prank(OWNER);
        revertText("L2OutputOracle: config already exists");
        second.addOpSuccinctConfig(GENESIS, ROOT, ROOT, ROOT);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(OWNER);
            revertText("L2OutputOracle: invalid OP Succinct configuration parameters");
            second.addOpSuccinctConfig(
                NEXT,
                i == 0 ? bytes32(0) : ROOT,
                i == 1 ? bytes32(0) : ROOT,
                i == 2 ? bytes32(0) : ROOT
            );
        }
    }

    function testFuzz_config_isValidWhenComplete(bytes32 a, bytes32 b, bytes32 c) public view {
        bool valid = second.isValidOpSuccinctConfig(L2OutputOracleV2.OpSuccinctConfig(a, b, c));
        check(valid == (a != 0 && b != 0 && c != 0), "valid");
    }

    // Optimistic mode

    function test_optimistic_needsNoProofAndTakesNone() public {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        vm.prank(OWNER);
        second.enableOptimisticMode(PERIOD);
        revertText("L2OutputOracle: optimistic mode is enabled");
        propose(GENESIS, ROOT, l2Block, l1Block, "");
        vm.prank(PROPOSER);
        second.proposeL2Output(ROOT, l2Block, bytes32(0), uint256(0));
        check(second.latestBlockNumber() == l2Block, "proposed");
    }

    /// @dev However long no output came.
    function test_optimistic_hasNoFallback() public {
        vm.prank(OWNER);
        second.enableOptimisticMode(PERIOD);
        vm.warp(block.timestamp + 10 * FALLBACK);
        uint256 l2Block = second.nextBlockNumber();
        vm.prank(STRANGER, STRANGER);
        revertText(NOT_APPROVED);
        second.proposeL2Output(ROOT, l2Block, bytes32(0), uint256(0));
    }

    // The list

    function test_delete_leavesTheStartingOutputAndFinalOnes() public {
        vm.prank(CHALLENGER);
        revertText("L2OutputOracle: cannot delete genesis output");
        second.deleteL2Outputs(0);
        proposeNextV2(ROOT);
        vm.prank(CHALLENGER);
        second.deleteL2Outputs(2);
        check(second.nextOutputIndex() == 2, "deleted");
        vm.warp(block.timestamp + PERIOD);
        vm.prank(CHALLENGER);
        revertText("L2OutputOracle: cannot delete outputs that have already been finalized");
        second.deleteL2Outputs(1);
    }

    // Roles

    function testFuzz_ownerOnly(address caller, uint8 which) public {
        vm.assume(caller != OWNER && uint160(caller) > 0xffff);
        bytes[10] memory calls = [
            abi.encodeCall(second.addOpSuccinctConfig, (NEXT, ROOT, ROOT, ROOT)),
            abi.encodeCall(second.deleteOpSuccinctConfig, (GENESIS)),
            abi.encodeCall(second.setDisputeGameFactory, (caller)),
            abi.encodeCall(second.updateSubmissionInterval, (1)),
            abi.encodeCall(second.updateVerifier, (caller)),
            abi.encodeCall(second.transferOwnership, (caller)),
            abi.encodeCall(second.addProposer, (caller)),
            abi.encodeCall(second.removeProposer, (PROPOSER)),
            abi.encodeCall(second.enableOptimisticMode, (0)),
            abi.encodeCall(second.disableOptimisticMode, (0))
        ];
        vm.prank(caller);
        (bool success,) = address(second).call(calls[which % 10]);
        check(!success, "a stranger was let in");
    }

    function propose(
        bytes32 name,
        bytes32 root,
        uint256 l2Block,
        uint256 l1Block,
        bytes memory proof
    ) private {
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(name, root, l2Block, l1Block, proof, PROVER);
    }

    function slot(uint256 index) private view returns (bytes32) {
        return vm.load(address(second), bytes32(index));
    }
}
