// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {IBLSSignatureCheckerTypes} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {Log} from "../support/Vm.sol";
import {AvsTestBase} from "./AvsTestBase.sol";

/// @notice Confirms, creates, refunds and kills provers at random, and keeps a naive account.
contract AvsHandler is AvsTestBase {
    uint256 public confirmations;
    bool public isBypassed;
    bool public isDoubled;
    bool public isMiscounted;
    uint256 public paidIn;
    uint256 public refunded;
    mapping(bytes32 taskId => bytes32) public first;
    bytes32[] public taskIds;

    constructor() {
        super.setUp();
        token.approve(address(manager), type(uint256).max);
    }

    /// @dev The fuzzer calls what it finds: the world is made once.
    function setUp() public pure override {}

    function confirmSomething(uint8 range, uint8 absent, uint8 percentage, bool isWrong) external {
        uint64 begin = 1 + INTERVAL * (range % 4);
        // Most of them can be confirmed: what all refuse tells nothing.
        if (absent % 4 != 0) absent = uint8(1 << (absent % 8));
        if (percentage % 4 != 0) percentage = 60 + percentage % 42;
        uint64 end = begin + INTERVAL - 1;
        IMultiProverServiceManager.StateHeader memory header = headerOf(begin, end);
        if (isWrong) header.state = stateOf(batchOf(begin, end), rootOf(0), rootOf(0));
        header.quorumThresholdPercentages = abi.encodePacked(percentage, percentage);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, absent);
        vm.recordLogs();
        vm.prank(CONFIRMER);
        try manager.confirmState(header, nss) {
            _note(begin, end, absent);
        } catch {}
    }

    function restakeSomebody(uint8 which, uint96 stake) external {
        registries.setStake(ids[which % 8], which % 16 == 0 ? stake % 1e24 : stake % 200);
    }

    function createSomething(uint8 begin, uint8 length, uint8 time) external {
        uint64 from = 1 + begin % 20;
        uint64 to = from + length % 5;
        uint64 deadline = uint64(block.timestamp) + 1 + time;
        try manager.createTask(COMMITTEE, from, to, deadline, 3e18) returns (bytes32 taskId) {
            paidIn += 3e18;
            taskIds.push(taskId);
        } catch {}
    }

    function refundSomething(uint8 which) external {
        if (taskIds.length == 0) return;
        bytes32 taskId = taskIds[which % taskIds.length];
        try manager.refundTask(taskId) {
            refunded += 3e18;
            if (manager.taskOf(taskId).confirmedAt != 0) isDoubled = true;
        } catch {}
    }

    function fundSomething(uint8 amount) external {
        manager.fundReserve(address(token), uint256(amount) * 1e17);
        paidIn += uint256(amount) * 1e17;
    }

    function killOrRevive(uint8 which, bool isLive) external {
        uint256 i = which % 8;
        registries.setLive(
            ids[i], i % 2 == 0 ? TEE.INTEL_SGX : TEE.INTEL_TDX, isLive || which > 64 ? 1 : 0
        );
    }

    function wait(uint16 time) external {
        vm.warp(block.timestamp + time % 3000);
    }

    function confirmSomethingGood(uint8 range) external {
        this.confirmSomething(range, 1, 67, false);
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(manager));
    }

    function _note(uint64 begin, uint64 end, uint8 absent) private {
        ++confirmations;
        bytes32 taskId = manager.taskIdOf(COMMITTEE, begin, end);
        if (first[taskId] != 0) isDoubled = true;
        first[taskId] = manager.taskOf(taskId).recordHash;
        taskIds.push(taskId);
        (uint96[] memory signedStakes, uint96[] memory totalStakes) = _told(taskId);
        for (uint8 q = 0; q < 2; ++q) {
            uint256 stake = 0;
            uint256 total = 0;
            for (uint256 i = 0; i < ids.length; ++i) {
                uint96 part = registries.stakes(q, ids[i]);
                total += part;
                if (!isIn(i, q) || absent >> i & 1 == 1) continue;
                stake += part;
                (,,, uint64 since) = registries.operators(ids[i]);
                if (since == 0) isBypassed = true;
            }
            if (stake * 100 < total * 67) isBypassed = true;
            if (signedStakes[q] != stake || totalStakes[q] != total) isMiscounted = true;
        }
    }

    /// @dev The stakes that the confirmation tells.
    function _told(bytes32 taskId)
        private
        returns (uint96[] memory signedStakes, uint96[] memory totalStakes)
    {
        Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IMultiProverServiceManager.TaskConfirmed.selector) continue;
            if (logs[i].topics[1] != taskId) isMiscounted = true;
            (,,,, signedStakes, totalStakes) =
                abi.decode(logs[i].data, (uint64, bytes32, uint32, bytes32[], uint96[], uint96[]));
        }
    }

    function changedRecords() external view returns (bool) {
        for (uint256 i = 0; i < taskIds.length; ++i) {
            bytes32 kept = first[taskIds[i]];
            if (kept != 0 && manager.taskOf(taskIds[i]).recordHash != kept) return true;
        }
        return false;
    }
}

/// @notice What holds whatever happens.
contract ServiceManagerInvariants {
    AvsHandler internal handler;

    error Broken(string what);

    function setUp() public {
        handler = new AvsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// forge-config: default.invariant.runs = 48
    /// @notice No state is confirmed without the least threshold of live provers in each quorum.
    function invariant_thresholdIsNeverBypassed() external view {
        if (handler.isBypassed()) revert Broken("threshold");
    }

    /// forge-config: default.invariant.runs = 48
    /// @notice What a confirmation says of stakes is what their owners have, however they changed.
    function invariant_stakesAreCounted() external view {
        if (handler.isMiscounted()) revert Broken("stakes");
    }

    /// forge-config: default.invariant.runs = 48
    /// @notice One confirmation for a task, never changed, and no task is both confirmed and refunded.
    function invariant_oneConfirmationForATask() external view {
        if (handler.isDoubled() || handler.changedRecords()) revert Broken("confirmation");
    }

    /// forge-config: default.invariant.runs = 48
    /// @notice What was paid in and not refunded is there.
    function invariant_nothingIsLost() external view {
        if (handler.balance() != handler.paidIn() - handler.refunded()) revert Broken("balance");
    }
}
