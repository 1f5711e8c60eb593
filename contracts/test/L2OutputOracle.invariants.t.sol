// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracle} from "../src/L2OutputOracle.sol";
import {MockSP1Verifier} from "../src/dev/MockSP1Verifier.sol";
import {IL2OutputOracle} from "../src/interfaces/IL2OutputOracle.sol";
import {TestBase} from "./support/TestBase.sol";

/// @title OracleHandler
/// @notice Does what users, the owner and attackers do, and keeps a model of what must hold.
contract OracleHandler is TestBase {
    /// @notice Model: roots of the outputs that the list must hold, after the starting one.
    bytes32[] public roots;
    /// @notice Model: true hashes of the L1 blocks that were checkpointed.
    mapping(uint256 => bytes32) public hashes;
    /// @notice L1 blocks that a checkpoint was asked for.
    uint256[] public asked;
    /// @notice Set when a call succeeded that must not.
    string public violation;

    constructor() {
        deployOracle();
    }

    function target() external view returns (L2OutputOracle) {
        return oracle;
    }

    function rootsLength() external view returns (uint256) {
        return roots.length;
    }

    function askedLength() external view returns (uint256) {
        return asked.length;
    }

    function pass(uint16 time) public {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + time);
    }

    function checkpointRecent(uint8 back) public {
        uint256 number = block.number - 1 - back;
        hashes[number] = blockhash(number);
        oracle.checkpointBlockHash(number);
        asked.push(number);
    }

    function checkpointOld(uint256 number) public {
        number = bound(number, 0, block.number - 257);
        try oracle.checkpointBlockHash(number) {
            violation = "a hash out of reach was recorded";
        } catch {}
    }

    function proposeProven(uint8 extra, bytes32 root, bool isForged) public {
        if (asked.length == 0) return;
        uint256 l1Block = asked[asked.length - 1];
        uint256 l2Block = oracle.nextBlockNumber() + extra;
        bytes memory proof =
            proofFor(isForged ? keccak256(abi.encode(root)) : root, l2Block, l1Block);
        vm.prank(PROPOSER);
        try oracle.proposeL2Output(root, l2Block, l1Block, proof) {
            if (isForged) violation = "a forged proof was accepted";
            if (oracle.optimisticMode()) violation = "a proof was taken in optimistic mode";
            roots.push(root);
        } catch {}
    }

    function proposeUnproven(bytes32 root, address caller) public {
        uint256 l2Block = oracle.nextBlockNumber();
        vm.prank(caller);
        try oracle.proposeL2Output(root, l2Block, bytes32(0), uint256(0)) {
            if (!oracle.optimisticMode()) violation = "accepted without a proof";
            if (!oracle.approvedProposers(caller)) violation = "accepted from a stranger";
            roots.push(root);
        } catch {}
    }

    function proposeUnprovenAsProposer(bytes32 root) public {
        proposeUnproven(root, PROPOSER);
    }

    function toggle(bool isOn, uint16 period) public {
        vm.prank(OWNER);
        if (isOn) {
            try oracle.enableOptimisticMode(period) {} catch {}
        } else {
            try oracle.disableOptimisticMode(period) {} catch {}
        }
    }

    function remove(uint8 index, bool isChallenger) public {
        uint256 length = oracle.nextOutputIndex();
        uint256 from = index % (length + 1);
        bool isFinal = from < length
            && block.timestamp - oracle.getL2Output(from).timestamp
                >= oracle.finalizationPeriodSeconds();
        vm.prank(isChallenger ? CHALLENGER : STRANGER);
        try oracle.deleteL2Outputs(from) {
            if (!isChallenger) violation = "a stranger deleted";
            if (isFinal) violation = "a final output was deleted";
            if (from == 0) violation = "the starting output was deleted";
            while (roots.length >= from) roots.pop();
        } catch {}
    }
}

/// @title L2OutputOracleInvariants
/// @notice What holds after any sequence of calls.
contract L2OutputOracleInvariants is TestBase {
    OracleHandler private handler;

    function setUp() public {
        handler = new OracleHandler();
        oracle = handler.target();
    }

    /// @dev Read by forge: the contracts that the invariant runs call.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_nothingForbiddenSucceeded() public view {
        check(bytes(handler.violation()).length == 0, handler.violation());
    }

    function invariant_outputsAscendByTheInterval() public view {
        uint256 length = oracle.nextOutputIndex();
        for (uint256 i = 1; i < length; ++i) {
            IL2OutputOracle.OutputProposal memory before = oracle.getL2Output(i - 1);
            IL2OutputOracle.OutputProposal memory output = oracle.getL2Output(i);
            check(output.l2BlockNumber >= before.l2BlockNumber + INTERVAL, "blocks ascend");
            check(output.timestamp >= before.timestamp, "times ascend");
            check(oracle.computeL2Timestamp(output.l2BlockNumber) < output.timestamp, "past");
        }
    }

    function invariant_outputsAreTheAcceptedOnes() public view {
        uint256 length = oracle.nextOutputIndex();
        check(length == handler.rootsLength() + 1, "count");
        check(oracle.getL2Output(0).outputRoot == STARTING_ROOT, "starting output");
        for (uint256 i = 1; i < length; ++i) {
            check(oracle.getL2Output(i).outputRoot == handler.roots(i - 1), "root");
        }
    }

    function invariant_checkpointsAreTrueHashes() public view {
        for (uint256 i = 0; i < handler.askedLength(); ++i) {
            uint256 number = handler.asked(i);
            check(handler.hashes(number) != bytes32(0), "a hash");
            check(oracle.historicBlockHashes(number) == handler.hashes(number), "checkpoint");
        }
    }
}
