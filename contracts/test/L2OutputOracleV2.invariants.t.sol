// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracleV2} from "../src/L2OutputOracleV2.sol";
import {IL2OutputOracle} from "../src/interfaces/IL2OutputOracle.sol";
import {TestBaseV2} from "./support/TestBaseV2.sol";

/// @title OracleV2Handler
/// @notice Does what users, the owner and attackers do, by both routes, and keeps a model of what
///         must hold.
contract OracleV2Handler is TestBaseV2 {
    /// @notice Model: roots of the outputs that the list must hold, after the starting one.
    bytes32[] public roots;
    /// @notice Set when a call succeeded that must not.
    string public violation;
    /// @notice How many proposals came in with a proof, by a stranger, by the factory, unproven.
    uint256[4] public accepted;

    bytes32[3] private names = [GENESIS, keccak256("one"), keccak256("two")];

    constructor() {
        deploySecond();
        deployFactory(address(0));
        vm.prank(OWNER);
        second.setDisputeGameFactory(address(0));
    }

    function target() external view returns (L2OutputOracleV2) {
        return second;
    }

    function rootsLength() external view returns (uint256) {
        return roots.length;
    }

    function pass(uint24 time) public {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + time);
    }

    function passALongTime() public {
        vm.warp(block.timestamp + FALLBACK + 1);
    }

    function addConfig(uint8 which, bytes32 key) public {
        vm.prank(OWNER);
        try second.addOpSuccinctConfig(names[which % 3], CONFIG_HASH, key, RANGE_VKEY) {} catch {}
    }

    function deleteConfig(uint8 which) public {
        vm.prank(OWNER);
        second.deleteOpSuccinctConfig(names[which % 3]);
    }

    function setFactory(bool isOn) public {
        vm.prank(OWNER);
        second.setDisputeGameFactory(isOn ? address(factory) : address(0));
    }

    function approve(bool isOn) public {
        vm.prank(OWNER);
        if (isOn) second.addProposer(PROPOSER);
        else second.removeProposer(PROPOSER);
    }

    function proposeAsProposer(bytes32 root, uint8 extra, uint8 which) public {
        propose(root, extra, which, PROPOSER, false, false);
    }

    function proposeAsStranger(bytes32 root, uint8 which, bool throughFactory) public {
        propose(root, 0, which, STRANGER, throughFactory, false);
    }

    function proposeForged(bytes32 root, uint8 which, bool throughFactory) public {
        propose(root, 0, which, PROPOSER, throughFactory, true);
    }

    function proposeThroughFactory(bytes32 root, uint8 extra, uint8 which) public {
        propose(root, extra, which, PROPOSER, true, false);
    }

    function proposeUnproven(bytes32 root, bool isStranger) public {
        uint256 l2Block = second.nextBlockNumber();
        address caller = isStranger ? STRANGER : PROPOSER;
        bool isApproved = second.approvedProposers(caller);
        bool isOptimistic = second.optimisticMode();
        vm.prank(caller, caller);
        try second.proposeL2Output(root, l2Block, bytes32(0), uint256(0)) {
            if (!isOptimistic) violation = "accepted without a proof";
            if (!isApproved) violation = "accepted without a proof from a stranger";
            roots.push(root);
            accepted[3]++;
        } catch {}
    }

    function toggle(bool isOn, uint16 period) public {
        vm.prank(OWNER);
        if (isOn) {
            try second.enableOptimisticMode(period) {} catch {}
        } else {
            try second.disableOptimisticMode(period) {} catch {}
        }
    }

    function remove(uint8 index, bool isChallenger) public {
        uint256 length = second.nextOutputIndex();
        uint256 from = index % (length + 1);
        bool isFinal = from < length
            && block.timestamp - second.getL2Output(from).timestamp
                >= second.finalizationPeriodSeconds();
        vm.prank(isChallenger ? CHALLENGER : STRANGER);
        try second.deleteL2Outputs(from) {
            if (!isChallenger) violation = "a stranger deleted";
            if (isFinal) violation = "a final output was deleted";
            if (from == 0) violation = "the starting output was deleted";
            while (roots.length >= from) roots.pop();
        } catch {}
    }

    function propose(
        bytes32 root,
        uint8 extra,
        uint8 which,
        address caller,
        bool throughFactory,
        bool isForged
    ) private {
        bytes32 name = names[which % 3];
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber() + extra;
        bytes memory proof =
            proofForV2(name, isForged ? keccak256(abi.encode(root)) : root, l2Block, l1Block);
        string memory reason = forbidden(name, caller, throughFactory, isForged);
        vm.prank(caller, caller);
        bool success;
        if (throughFactory) {
            try second.dgfProposeL2Output(name, root, l2Block, l1Block, proof, PROVER) {
                success = true;
            } catch {}
        } else {
            try second.proposeL2Output(name, root, l2Block, l1Block, proof, PROVER) {
                success = true;
            } catch {}
        }
        if (!success) return;
        if (bytes(reason).length != 0) violation = reason;
        roots.push(root);
        accepted[0]++;
        if (caller == STRANGER) accepted[1]++;
        if (throughFactory) accepted[2]++;
    }

    /// @dev Why a proposal must not succeed; empty when it may.
    function forbidden(bytes32 name, address caller, bool throughFactory, bool isForged)
        private
        view
        returns (string memory)
    {
        if (isForged) return "a forged proof was accepted";
        if (second.optimisticMode()) return "a proof was taken in optimistic mode";
        if (throughFactory != (second.disputeGameFactory() != address(0))) {
            return "the other route was open";
        }
        (bytes32 vkey, bytes32 commitment, bytes32 hash) = second.opSuccinctConfigs(name);
        if (vkey == 0 || commitment == 0 || hash == 0) return "a config that is not valid";
        bool isLate = block.timestamp - second.lastProposalTimestamp() > FALLBACK;
        if (!second.approvedProposers(caller) && !isLate) return "a stranger was let in too early";
        return "";
    }
}

/// @title L2OutputOracleV2Invariants
/// @notice What holds after any sequence of calls.
contract L2OutputOracleV2Invariants is TestBaseV2 {
    OracleV2Handler private handler;

    function setUp() public {
        handler = new OracleV2Handler();
        second = handler.target();
    }

    /// @dev Read by forge: the contracts that the invariant runs call.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev The handler reaches what it watches: proofs, the fallback, the factory, optimistic mode.
    function test_handlerReachesEveryWayIn() public {
        handler.proposeAsProposer(keccak256("a"), 1, 0);
        handler.passALongTime();
        handler.proposeAsStranger(keccak256("b"), 0, false);
        handler.setFactory(true);
        handler.proposeThroughFactory(keccak256("c"), 0, 0);
        handler.toggle(true, 100);
        handler.proposeUnproven(keccak256("d"), false);
        check(handler.accepted(0) == 3, "with a proof");
        check(handler.accepted(1) == 1, "by a stranger");
        check(handler.accepted(2) == 1, "by the factory");
        check(handler.accepted(3) == 1, "without a proof");
        check(bytes(handler.violation()).length == 0, handler.violation());
    }

    /// @dev No proof, no output, outside optimistic mode; only approved or after the timeout; only
    ///      with a valid config; final outputs stay.
    function invariant_nothingForbiddenSucceeded() public view {
        check(bytes(handler.violation()).length == 0, handler.violation());
    }

    function invariant_blockNumbersStrictlyRise() public view {
        uint256 length = second.nextOutputIndex();
        for (uint256 i = 1; i < length; ++i) {
            IL2OutputOracle.OutputProposal memory before = second.getL2Output(i - 1);
            IL2OutputOracle.OutputProposal memory output = second.getL2Output(i);
            check(output.l2BlockNumber >= before.l2BlockNumber + INTERVAL, "blocks rise");
            check(output.timestamp >= before.timestamp, "times rise");
            check(second.computeL2Timestamp(output.l2BlockNumber) < output.timestamp, "past");
        }
    }

    function invariant_outputsAreTheAcceptedOnes() public view {
        uint256 length = second.nextOutputIndex();
        check(length == handler.rootsLength() + 1, "count");
        check(second.getL2Output(0).outputRoot == STARTING_ROOT, "starting output");
        for (uint256 i = 1; i < length; ++i) {
            check(second.getL2Output(i).outputRoot == handler.roots(i - 1), "root");
        }
    }

    /// @dev Outside a proposal the oracle never believes that it is inside one (slot 19, byte 20).
    function invariant_noProposalIsLeftHalfDone() public view {
        uint256 packed = uint256(vm.load(address(second), bytes32(uint256(19))));
        check((packed >> 160) == 0, "entered");
    }
}
