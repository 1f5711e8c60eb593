// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {AvsRewards} from "../../src/avs/AvsRewards.sol";
import {SignedRecord} from "../../src/avs/SignedRecord.sol";
import {IRewardsCoordinator} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {AvsTestBase} from "./AvsTestBase.sol";

/// @notice Who gets what of a task's reward.
contract AvsRewardsTest is AvsTestBase {
    AvsRewards internal rewards;

    function setUp() public override {
        super.setUp();
        rewards = newRewards(0);
        vm.prank(OWNER);
        manager.setRewards(address(rewards));
        token.approve(address(manager), type(uint256).max);
        manager.fundReserve(address(token), 5 * REWARD);
    }

    function newRewards(uint32 intervals) internal returns (AvsRewards) {
        IRewardsCoordinator.StrategyAndMultiplier[] memory strategies =
            new IRewardsCoordinator.StrategyAndMultiplier[](1);
        strategies[0] = IRewardsCoordinator.StrategyAndMultiplier(address(5), 1e18);
        return
            new AvsRewards(
                OWNER, manager, IRewardsCoordinator(address(core)), strategies, intervals
            );
    }

    /// @dev Operators 6 and 7 are in both quorums.
    function addOperators() internal override {
        for (uint256 i = 0; i < 8; ++i) {
            uint192 quorums = i < 3 ? 1 : i < 6 ? 2 : 3;
            addOperator(i, quorums, uint96(100 * (i + 1)), TEE.INTEL_SGX);
        }
    }

    function policyKinds() internal {
        // Both quorums are of one kind here, so that operators can be in both.
        vm.prank(COMMITTEES);
        manager.removeCommittee(COMMITTEE);
        vm.prank(COMMITTEES);
        manager.removeTEEQuorum(1);
        vm.prank(COMMITTEES);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 1));
        vm.prank(COMMITTEES);
        manager.addCommittee(
            IMultiProverServiceManager.Committee(COMMITTEE, "devnet", "", hex"0001")
        );
    }

    function indices() internal pure returns (uint32[][] memory list) {
        list = new uint32[][](2);
        (list[0], list[1]) = (new uint32[](5), new uint32[](5));
        for (uint256 i = 0; i < 5; ++i) {
            (list[0][i], list[1][i]) = (4, 4);
        }
    }

    /// @notice Whoever is absent: parts are by quorum and stake, and nothing is lost.
    function testFuzz_split_isByQuorumAndStake(uint8 absent, uint96 amount) public view {
        amount = uint96(1e9 + amount % 1e24);
        uint256[2] memory signedStake;
        for (uint256 i = 0; i < 8; ++i) {
            for (uint8 q = 0; q < 2; ++q) {
                if (isIn(i, q) && absent >> i & 1 == 0) signedStake[q] += 100 * (i + 1);
            }
        }
        vm.assume(signedStake[0] > 0 && signedStake[1] > 0);
        IRewardsCoordinator.OperatorReward[] memory split =
            rewards.splitOf(headerOf(1, 10), nonSignersOf(absent), indices(), amount);
        uint256 sum = 0;
        for (uint256 j = 0; j < split.length; ++j) {
            uint256 i = uint256(uint160(split[j].operator)) - 0x0BEE0000;
            check(absent >> i & 1 == 0, "absent and paid");
            uint256 part = 0;
            for (uint8 q = 0; q < 2; ++q) {
                if (isIn(i, q)) part += uint256(amount) / 2 * (100 * (i + 1)) / signedStake[q];
            }
            check(j == 0 ? split[j].amount >= part : split[j].amount == part, "part");
            sum += split[j].amount;
        }
        check(sum == amount, "lost or made");
    }

    function test_settle_paysOnceAfterTheInterval() public {
        policyKinds();
        confirm(headerOf(1, 10), 1);
        bytes32[] memory absent = nonSignersOf(1);
        uint256 start = block.timestamp / 100 * 100;
        vm.warp(start + 100);
        vm.expectRevert(abi.encodeWithSelector(AvsRewards.TooEarly.selector, start + 101));
        rewards.settle(headerOf(1, 10), absent, indices());
        vm.warp(start + 101);
        rewards.settle(headerOf(1, 10), absent, indices());
        check(core.pulled() == REWARD && token.balanceOf(address(core)) == REWARD, "all of it");
        check(core.startTimestamp() == start && core.duration() == 100, "times");
        check(core.rewarded(accountOf(0)) == 0, "absent");
        check(core.rewarded(accountOf(7)) > core.rewarded(accountOf(6)), "by stake");
        vm.expectRevert(
            abi.encodeWithSelector(
                IMultiProverServiceManager.NotSettleable.selector,
                manager.taskIdOf(COMMITTEE, 1, 10)
            )
        );
        rewards.settle(headerOf(1, 10), absent, indices());
    }

    /// @notice For the interval before, nothing is waited for.
    function test_settle_ofTheIntervalBefore() public {
        policyKinds();
        rewards = newRewards(1);
        vm.prank(OWNER);
        manager.setRewards(address(rewards));
        confirm(headerOf(1, 10), 0);
        uint256 start = block.timestamp / 100 * 100 - 100;
        vm.warp(block.timestamp + 1);
        rewards.settle(headerOf(1, 10), new bytes32[](0), indices());
        check(core.startTimestamp() == start, "the interval before");
    }

    /// @notice A list of non-signers that was not recorded would shift rewards.
    function test_settle_needsTheRecord() public {
        policyKinds();
        confirm(headerOf(1, 10), 1);
        vm.warp(block.timestamp + 1000);
        bytes32[] memory absent = nonSignersOf(2);
        vm.expectPartialRevert(SignedRecord.RecordMismatch.selector);
        rewards.settle(headerOf(1, 10), absent, indices());
        absent = nonSignersOf(1);
        vm.expectPartialRevert(AvsRewards.StakesMismatch.selector);
        rewards.settle(headerOf(1, 10), absent, new uint32[][](2));
    }

    /// @notice Without a reserve tasks by policy are confirmed and pay nothing.
    function test_settle_emptyReserve() public {
        policyKinds();
        for (uint64 k = 0; k < 6; ++k) {
            confirm(headerOf(1 + 10 * k, 10 + 10 * k), 0);
        }
        check(manager.reserve(address(token)) == 0, "spent");
        vm.warp(block.timestamp + 1000);
        vm.expectPartialRevert(IMultiProverServiceManager.NotSettleable.selector);
        rewards.settle(headerOf(51, 60), new bytes32[](0), indices());
    }

    function test_strategies_areStrictlyAscending() public {
        IRewardsCoordinator.StrategyAndMultiplier[] memory strategies =
            new IRewardsCoordinator.StrategyAndMultiplier[](2);
        strategies[0] = IRewardsCoordinator.StrategyAndMultiplier(address(5), 1);
        strategies[1] = strategies[0];
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(AvsRewards.InvalidStrategies.selector));
        rewards.setStrategies(strategies);
        strategies[1] = IRewardsCoordinator.StrategyAndMultiplier(address(6), 1);
        vm.prank(OWNER);
        rewards.setStrategies(strategies);
    }

    function test_strategies_areOneOrMore() public {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(AvsRewards.InvalidStrategies.selector));
        rewards.setStrategies(new IRewardsCoordinator.StrategyAndMultiplier[](0));
    }

    function test_strategies_areTheOwners() public {
        IRewardsCoordinator.StrategyAndMultiplier[] memory strategies =
            new IRewardsCoordinator.StrategyAndMultiplier[](1);
        strategies[0] = IRewardsCoordinator.StrategyAndMultiplier(address(5), 1);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        rewards.setStrategies(strategies);
    }

    /// @notice A list of stakes too few or too many is named as such.
    function test_split_needsAListForEachQuorum() public {
        for (uint256 length = 1; length < 4; length += 2) {
            vm.expectRevert(abi.encodeWithSelector(AvsRewards.StakesMismatch.selector, 2, length));
            rewards.splitOf(headerOf(1, 10), new bytes32[](0), new uint32[][](length), 1e18);
        }
    }
}
