// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {TEELivenessVerifier} from "../../src/attestation/TEELivenessVerifier.sol";
import {PoeState} from "../../src/avs/PoeState.sol";
import {RangeMetadata} from "../../src/avs/RangeMetadata.sol";
import {IAVSDirectory, IBLSSignatureCheckerTypes} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {DevPauserRegistry} from "../../src/dev/eigenlayer/DevEigenLayer.sol";
import {AvsTestBase} from "./AvsTestBase.sol";
import {FakeCore} from "./FakeEigenLayer.sol";

/// @notice Confirmation and everything that stands before it.
contract ServiceManagerTest is AvsTestBase {
    function expectError(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function expectRefusal(
        IMultiProverServiceManager.StateHeader memory header,
        uint256 absent,
        bytes memory reason
    ) internal {
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, absent);
        vm.expectRevert(reason);
        vm.prank(CONFIRMER);
        manager.confirmState(header, nss);
    }

    // ---- confirmation

    function test_confirm_recordsTheOutput() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        confirm(header, 0);
        (bytes32 root, bytes32 batch, uint64 confirmedAt) =
            manager.confirmedOutput(COMMITTEE, 1, 10);
        check(root == rootOf(10) && batch == batchOf(1, 10), "what was signed");
        check(confirmedAt == block.timestamp, "when");
        IMultiProverServiceManager.Task memory task =
            manager.taskOf(manager.taskIdOf(COMMITTEE, 1, 10));
        check(
            task.recordHash
                == keccak256(
                    abi.encodePacked(
                        keccak256(abi.encode(header)),
                        keccak256(abi.encodePacked(REFERENCE)),
                        uint32(block.number)
                    )
                ),
            "record"
        );
    }

    /// @notice A contract may be the confirmer: who sent the transaction does not matter.
    function test_confirm_byAContract() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        vm.prank(CONFIRMER, STRANGER);
        manager.confirmState(header, nss);
    }

    function test_confirm_isForTheConfirmer() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        expectError(IMultiProverServiceManager.NoPermission.selector);
        vm.prank(OWNER);
        manager.confirmState(header, nss);
    }

    /// @notice The same range again: another reference block, state or batch id do not help.
    function test_confirm_onceForARange() public {
        confirm(headerOf(1, 10), 0);
        bytes memory reason = abi.encodeWithSelector(
            IMultiProverServiceManager.TaskAlreadyConfirmed.selector,
            manager.taskIdOf(COMMITTEE, 1, 10)
        );
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        expectRefusal(header, 0, reason);
        header.referenceBlockNumber = REFERENCE + 1;
        expectRefusal(header, 0, reason);
        header.state = stateOf(batchOf(1, 10), rootOf(0), rootOf(99));
        expectRefusal(header, 0, reason);
        header.metadata = "{\"batch_id\":7,\"start_block\":1,\"end_block\":10}";
        expectRefusal(header, 0, reason);
    }

    function test_confirm_needsEveryQuorumOfTheCommittee() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumNumbers = hex"00";
        header.quorumThresholdPercentages = hex"43";
        expectRefusal(
            header,
            0,
            abi.encodeWithSelector(IMultiProverServiceManager.QuorumMissing.selector, 2, 1)
        );
    }

    function test_confirm_refusesQuorumsOfOthers() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumNumbers = hex"0002";
        expectRefusal(
            header, 0, abi.encodeWithSelector(IMultiProverServiceManager.InvalidQuorum.selector)
        );
    }

    function test_confirm_refusesAQuorumTwice() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumNumbers = hex"0000";
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        vm.expectPartialRevert(bytes4(keccak256("QuorumsNotSorted()")));
        vm.prank(CONFIRMER);
        manager.confirmState(header, nss);
    }

    function test_confirm_refusesListsThatDiffer() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumThresholdPercentages = hex"434343";
        expectRefusal(
            header,
            0,
            abi.encodeWithSelector(IMultiProverServiceManager.InvalidQuorumParam.selector)
        );
    }

    function test_confirm_refusesUnknownCommittees() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.committeeId = 9;
        expectRefusal(
            header, 0, abi.encodeWithSelector(IMultiProverServiceManager.CommitteeNotExist.selector)
        );
    }

    /// @notice The confirmer cannot ask for less than the contract does.
    function testFuzz_confirm_thresholdIsNeverBelowTheContracts(uint8 asked) public {
        vm.assume(asked < 67 || asked > 100);
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumThresholdPercentages = abi.encodePacked(uint8(67), asked);
        expectRefusal(
            header,
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.ThresholdTooLow.selector, 1, 67, asked
            )
        );
    }

    /// @notice A state is confirmed exactly when each quorum signed with what is asked.
    function testFuzz_confirm_exactlyAtTheThreshold(uint8 absent) public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        bool isEnough = true;
        for (uint8 q = 0; q < 2; ++q) {
            uint256 stake = 0;
            for (uint256 i = 0; i < ids.length; ++i) {
                if (isIn(i, q) && absent >> i & 1 == 0) stake += 100 + i;
            }
            if (stake * 100 < registries.totals(q) * uint256(67)) isEnough = false;
        }
        if (isEnough) {
            confirm(header, absent);
            return;
        }
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, absent);
        vm.expectPartialRevert(
            absent == 255
                ? bytes4(keccak256("InvalidBLSSignature()"))
                : IMultiProverServiceManager.InsufficientThreshold.selector
        );
        vm.prank(CONFIRMER);
        manager.confirmState(header, nss);
    }

    function test_confirm_refusesOldReferenceBlocks() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        vm.roll(REFERENCE + 300);
        header.referenceBlockNumber = REFERENCE - 1;
        expectRefusal(
            header,
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.ReferenceBlockTooOld.selector, REFERENCE, REFERENCE - 1
            )
        );
        confirm(headerOf(1, 10), 0);
    }

    function test_confirm_refusesStaleStakesWhereAsked() public {
        vm.prank(OWNER);
        manager.setMaxStakeAge(50);
        registries.setUpdated(0, REFERENCE - 49);
        registries.setUpdated(1, REFERENCE - 50);
        expectRefusal(
            headerOf(1, 10),
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.StaleStakes.selector, 1, REFERENCE - 50
            )
        );
        registries.setUpdated(1, REFERENCE - 49);
        confirm(headerOf(1, 10), 0);
    }

    function test_confirm_refusesWhenPaused() public {
        vm.prank(OWNER);
        manager.pause(1);
        expectRefusal(
            headerOf(1, 10),
            0,
            abi.encodeWithSelector(IMultiProverServiceManager.CurrentlyPaused.selector, 0)
        );
        vm.prank(OWNER);
        manager.unpause(0);
        confirm(headerOf(1, 10), 0);
    }

    // ---- provers

    function expectNotLive(uint256 i) internal {
        expectRefusal(
            headerOf(1, 10),
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.ProverNotLive.selector, ids[i], uint8(i % 2)
            )
        );
    }

    function test_provers_mustBeLive() public {
        registries.setLive(ids[2], TEE.INTEL_SGX, 0);
        expectNotLive(2);
        confirm(headerOf(1, 10), 4);
    }

    function test_provers_mustHaveBeenLiveAtTheReferenceBlock() public {
        registries.setLive(ids[3], TEE.INTEL_TDX, REFERENCE + 1);
        expectNotLive(3);
        registries.setLive(ids[3], TEE.INTEL_TDX, REFERENCE);
        confirm(headerOf(1, 10), 0);
    }

    function test_provers_mustBeOfTheQuorumsKind() public {
        registries.setLive(ids[4], TEE.INTEL_TDX, 1);
        expectNotLive(4);
    }

    function test_provers_ofUnlistedOperatorsDoNotCount() public {
        vm.prank(POA);
        manager.enablePoA();
        for (uint256 i = 0; i < 8; ++i) {
            if (i == 5) continue;
            vm.prank(POA);
            manager.whitelistOperator(accountOf(i));
        }
        expectNotLive(5);
        vm.prank(POA);
        manager.whitelistOperator(accountOf(5));
        confirm(headerOf(1, 10), 0);
    }

    /// @notice Among absent operators it does not matter.
    function testFuzz_provers_onlySignersMustBeLive(uint8 dead, uint8 absent) public {
        absent &= 0x11;
        for (uint256 i = 0; i < 8; ++i) {
            if (dead >> i & 1 == 1) registries.setLive(ids[i], TEE.INTEL_SGX, 0);
        }
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, absent);
        if (absent == 0x11) {
            vm.expectPartialRevert(IMultiProverServiceManager.InsufficientThreshold.selector);
        } else if (dead & ~absent != 0) {
            vm.expectPartialRevert(IMultiProverServiceManager.ProverNotLive.selector);
        }
        vm.prank(CONFIRMER);
        manager.confirmState(header, nss);
    }

    // ---- tasks

    function expectUnknown(uint64 start, uint64 end) internal {
        expectRefusal(
            headerOf(start, end),
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.UnknownTask.selector,
                manager.taskIdOf(COMMITTEE, start, end)
            )
        );
    }

    function test_tasks_byPolicyAreWholeRanges() public {
        expectUnknown(1, 9);
        expectUnknown(1, 11);
        expectUnknown(2, 11);
        expectUnknown(1, 20);
        confirm(headerOf(11, 20), 0);
        confirm(headerOf(1, 10), 0);
    }

    function test_tasks_haveADeadline() public {
        uint256 deadline = manager.deadlineOf(COMMITTEE, 1, 10);
        check(deadline == 900_000 + 20 + 200_000, "deadline");
        vm.warp(deadline + 1);
        expectRefusal(
            headerOf(1, 10),
            0,
            abi.encodeWithSelector(IMultiProverServiceManager.TaskExpired.selector, deadline)
        );
        vm.warp(deadline);
        confirm(headerOf(1, 10), 0);
    }

    function createTask(uint64 start, uint64 end, uint96 reward) internal returns (bytes32) {
        token.transfer(STRANGER, reward);
        vm.prank(STRANGER);
        token.approve(address(manager), reward);
        vm.prank(STRANGER);
        return manager.createTask(COMMITTEE, start, end, uint64(block.timestamp + 100), reward);
    }

    function test_tasks_createdByWhoPays() public {
        bytes32 taskId = createTask(5, 7, 2e18);
        check(token.balanceOf(address(manager)) == 2e18, "paid");
        check(token.balanceOf(STRANGER) == 0, "by its creator");
        confirm(headerOf(5, 7), 0);
        IMultiProverServiceManager.Task memory task = manager.taskOf(taskId);
        check(task.reward == 2e18 && task.creator == STRANGER, "kept");
        vm.warp(block.timestamp + 1000);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, taskId)
        );
        manager.refundTask(taskId);
    }

    function test_tasks_areRefundedOnceWhenTheyAreOver() public {
        bytes32 taskId = createTask(5, 7, 2e18);
        bytes memory reason =
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, taskId);
        vm.warp(block.timestamp + 100);
        vm.expectRevert(reason);
        manager.refundTask(taskId);
        vm.warp(block.timestamp + 1);
        expectRefusal(
            headerOf(5, 7),
            0,
            abi.encodeWithSelector(
                IMultiProverServiceManager.TaskExpired.selector, block.timestamp - 1
            )
        );
        manager.refundTask(taskId);
        check(token.balanceOf(STRANGER) == 2e18, "refunded");
        vm.expectRevert(reason);
        manager.refundTask(taskId);
    }

    function test_tasks_cannotBeCreatedTwiceOrBesidePolicy() public {
        bytes32 taskId = createTask(5, 7, 2e18);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.TaskExists.selector, taskId)
        );
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp + 100), 2e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMultiProverServiceManager.TaskExists.selector, manager.taskIdOf(COMMITTEE, 1, 10)
            )
        );
        manager.createTask(COMMITTEE, 1, 10, uint64(block.timestamp + 100), 2e18);
    }

    function test_tasks_costAtLeastTheLeastReward() public {
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.RewardTooLow.selector, 2e18, 2e18 - 1)
        );
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp + 100), 2e18 - 1);
    }

    function test_tasks_areNotCreatedForThePastOrForEver() public {
        vm.expectPartialRevert(IMultiProverServiceManager.InvalidDeadline.selector);
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp), 2e18);
        vm.expectPartialRevert(IMultiProverServiceManager.InvalidDeadline.selector);
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp + 31 days), 2e18);
        vm.expectPartialRevert(IMultiProverServiceManager.UnknownTask.selector);
        manager.createTask(COMMITTEE, 7, 5, uint64(block.timestamp + 100), 2e18);
        vm.expectPartialRevert(IMultiProverServiceManager.CommitteeNotExist.selector);
        manager.createTask(8, 5, 7, uint64(block.timestamp + 100), 2e18);
    }

    /// @notice Without a token there is nothing to pay in, and block 0 has nothing before it.
    function test_tasks_areOfSomethingForSomething() public {
        uint64 deadline = uint64(block.timestamp + 100);
        vm.expectPartialRevert(IMultiProverServiceManager.UnknownTask.selector);
        manager.createTask(COMMITTEE, 0, 7, deadline, 2e18);
        IMultiProverServiceManager.RollupPolicy memory free = policy();
        (free.reward, free.rewardToken) = (0, address(0));
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, free);
        vm.expectPartialRevert(IMultiProverServiceManager.UnknownTask.selector);
        manager.createTask(COMMITTEE, 5, 7, deadline, 2e18);
    }

    /// @notice A policy's least reward can be raised, and never lies below the contract's.
    function test_tasks_costTheLeastRewardOfAll() public {
        IMultiProverServiceManager.RollupPolicy memory cheap = policy();
        cheap.minimumReward = 0;
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, cheap);
        uint96 least = uint96(manager.LEAST_REWARD());
        vm.expectRevert(
            abi.encodeWithSelector(
                IMultiProverServiceManager.RewardTooLow.selector, least, least - 1
            )
        );
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp + 100), least - 1);
    }

    /// @notice What was confirmed by policy is not created again when the policy changes.
    function test_tasks_areNotCreatedOnceConfirmed() public {
        confirm(headerOf(1, 10), 0);
        IMultiProverServiceManager.RollupPolicy memory other = policy();
        other.interval = 7;
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, other);
        vm.expectPartialRevert(IMultiProverServiceManager.TaskExists.selector);
        manager.createTask(COMMITTEE, 1, 10, uint64(block.timestamp + 100), 2e18);
    }

    function test_tasks_areNotCreatedWhenPaused() public {
        vm.prank(OWNER);
        manager.pause(type(uint256).max);
        vm.expectPartialRevert(IMultiProverServiceManager.CurrentlyPaused.selector);
        manager.createTask(COMMITTEE, 5, 7, uint64(block.timestamp + 100), 2e18);
    }

    /// @notice Only what was created can be given back.
    function test_tasks_byPolicyAreNotRefunded() public {
        vm.warp(block.timestamp + 1e6);
        bytes32 taskId = manager.taskIdOf(COMMITTEE, 1, 10);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, taskId)
        );
        manager.refundTask(taskId);
    }

    /// @notice A reward goes once, for a confirmed task, to the rewards contract.
    function test_rewards_areTakenOnce() public {
        vm.prank(OWNER);
        manager.setRewards(POA);
        token.approve(address(manager), type(uint256).max);
        manager.fundReserve(address(token), REWARD);
        bytes32 taskId = manager.taskIdOf(COMMITTEE, 1, 10);
        bytes memory reason =
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, taskId);
        vm.prank(POA);
        vm.expectRevert(reason);
        manager.takeReward(taskId);
        bytes32 created = createTask(5, 7, 2e18);
        vm.prank(POA);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, created)
        );
        manager.takeReward(created);
        confirm(headerOf(1, 10), 0);
        expectError(IMultiProverServiceManager.NoPermission.selector);
        manager.takeReward(taskId);
        vm.prank(POA);
        manager.takeReward(taskId);
        check(token.balanceOf(POA) == REWARD, "taken");
        vm.prank(POA);
        vm.expectRevert(reason);
        manager.takeReward(taskId);
        // The reserve is empty: this one is confirmed for nothing.
        confirm(headerOf(11, 20), 0);
        bytes32 second = manager.taskIdOf(COMMITTEE, 11, 20);
        vm.prank(POA);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.NotSettleable.selector, second)
        );
        manager.takeReward(second);
    }

    // ---- what is signed

    function test_metadata_hasOneSpelling() public {
        bytes[9] memory bad = [
            bytes("{\"start_block\": 1,\"end_block\":10}"),
            "{\"start_block\":01,\"end_block\":10}",
            "{\"start_block\":1,\"end_block\":10} ",
            "{\"end_block\":10,\"start_block\":1}",
            "{\"batch_id\":0,\"start_block\":1,\"end_block\":10}",
            "{\"start_block\":1,\"end_block\":18446744073709551616}",
            "{\"start_block\":0,\"end_block\":10}",
            "{\"start_block\":11,\"end_block\":10}",
            ""
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
            header.metadata = bad[i];
            IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
            vm.expectPartialRevert(RangeMetadata.MalformedMetadata.selector);
            vm.prank(CONFIRMER);
            manager.confirmState(header, nss);
        }
    }

    // ---- roles, committees, quorums

    function test_roles_areTheirHolders() public {
        bytes4 selector = IMultiProverServiceManager.NoPermission.selector;
        expectError(selector);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 5));
        expectError(selector);
        manager.removeCommittee(COMMITTEE);
        expectError(selector);
        manager.setRollupPolicy(COMMITTEE, policy());
        expectError(selector);
        manager.whitelistOperator(STRANGER);
        expectError(selector);
        manager.enablePoA();
        expectError(selector);
        manager.pause(1);
        expectError(selector);
        manager.unpause(0);
        expectError(selector);
        manager.takeReward(bytes32(0));
        expectError(selector);
        manager.deregisterOperatorFromAVS(STRANGER);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        manager.setStateConfirmer(STRANGER);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        manager.setPoAManager(STRANGER);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        manager.setCommitteeManager(STRANGER);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        manager.setQuorumThreshold(0, 51);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        manager.actAtEigenLayer(address(core), "");
    }

    /// @notice Nobody is no holder of a role, and no operator.
    function test_roles_areSomebody() public {
        bytes4 selector = IMultiProverServiceManager.ZeroAddr.selector;
        vm.prank(POA);
        expectError(selector);
        manager.whitelistOperator(address(0));
        vm.prank(OWNER);
        expectError(selector);
        manager.setStateConfirmer(address(0));
        vm.prank(OWNER);
        expectError(selector);
        manager.setPoAManager(address(0));
        vm.prank(OWNER);
        expectError(selector);
        manager.setCommitteeManager(address(0));
    }

    function test_initialize_needsWhoPauses() public {
        address implementation = newImplementation(address(core));
        expectError(IMultiProverServiceManager.ZeroAddr.selector);
        newManager(implementation, DevPauserRegistry(address(0)));
    }

    function test_threshold_isNeverBelowAMajority() public {
        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.ThresholdTooLow.selector, 0, 51, 50)
        );
        manager.setQuorumThreshold(0, 50);
        vm.prank(OWNER);
        manager.setQuorumThreshold(0, 51);
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumThresholdPercentages = hex"3343";
        confirm(header, 1);
    }

    function test_committees_areWhole() public {
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.CommitteeExist.selector);
        manager.addCommittee(IMultiProverServiceManager.Committee(COMMITTEE, "again", "", hex"00"));
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.TEEQuorumUsed.selector);
        manager.addCommittee(IMultiProverServiceManager.Committee(2, "second", "", hex"00"));
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.TEEQuorumNotExist.selector);
        manager.addCommittee(IMultiProverServiceManager.Committee(2, "second", "", hex"07"));
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.ZeroId.selector);
        manager.addCommittee(IMultiProverServiceManager.Committee(0, "none", "", hex"07"));
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.InvalidQuorumParam.selector);
        manager.addCommittee(IMultiProverServiceManager.Committee(2, "empty", "", ""));
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.TEEQuorumUsed.selector);
        manager.removeTEEQuorum(0);
    }

    function test_committees_giveTheirQuorumsBack() public {
        vm.prank(COMMITTEES);
        manager.updateCommittee(
            IMultiProverServiceManager.Committee(COMMITTEE, "smaller", "", hex"01")
        );
        check(manager.quorumIdToCommitteeId(0) == 0, "free");
        vm.prank(COMMITTEES);
        manager.addCommittee(IMultiProverServiceManager.Committee(2, "second", "", hex"00"));
        vm.prank(COMMITTEES);
        manager.removeCommittee(2);
        vm.prank(COMMITTEES);
        manager.removeTEEQuorum(0);
        check(manager.teeQuorums(0) == TEE.NONE, "gone");
        vm.prank(COMMITTEES);
        expectError(IMultiProverServiceManager.CommitteeNotExist.selector);
        manager.removeCommittee(2);
    }

    function testFuzz_pause_onlyAddsAndUnpauseOnlyTakesAway(uint8 first, uint8 second, uint8 third)
        public
    {
        vm.prank(OWNER);
        manager.pause(first);
        vm.prank(OWNER);
        if (first & second != first) {
            expectError(IMultiProverServiceManager.InvalidPausedStatus.selector);
        }
        manager.pause(second);
        uint256 status = manager.paused();
        vm.prank(OWNER);
        if (third & ~status != 0) {
            expectError(IMultiProverServiceManager.InvalidPausedStatus.selector);
        }
        manager.unpause(third);
        check(manager.paused() == (third & ~status == 0 ? third : status), "paused");
    }

    // ---- EigenLayer

    function test_m2_registersListedOperators() public {
        IAVSDirectory.SignatureWithSaltAndExpiry memory consent;
        vm.prank(POA);
        manager.enablePoA();
        vm.prank(address(registries));
        expectError(IMultiProverServiceManager.NotWhitelisted.selector);
        manager.registerOperatorToAVS(STRANGER, consent);
        vm.prank(POA);
        manager.whitelistOperator(STRANGER);
        vm.prank(address(registries));
        manager.registerOperatorToAVS(STRANGER, consent);
        check(core.registered() == STRANGER, "registered");
        vm.prank(OWNER);
        manager.pause(2);
        vm.prank(address(registries));
        vm.expectPartialRevert(IMultiProverServiceManager.CurrentlyPaused.selector);
        manager.registerOperatorToAVS(STRANGER, consent);
        vm.prank(address(registries));
        manager.deregisterOperatorFromAVS(STRANGER);
        check(core.deregistered() == STRANGER, "leaving is never paused");
    }

    function test_leaving_ofAnOperatorOfOperatorSetsIsNotStoppedByTheDirectory() public {
        vm.prank(address(registries));
        manager.deregisterOperatorFromAVS(STRANGER);
        check(core.deregistered() == address(0), "the directory did not know it");
    }

    function test_eject_isForThePoAManagerOrOfTheUnlisted() public {
        expectError(IMultiProverServiceManager.NoPermission.selector);
        manager.ejectOperator(accountOf(0), hex"00");
        vm.prank(POA);
        manager.ejectOperator(accountOf(0), hex"00");
        check(registries.ejected() == accountOf(0), "by the manager");
        vm.prank(POA);
        manager.enablePoA();
        vm.prank(STRANGER);
        manager.ejectOperator(accountOf(2), hex"00");
        check(registries.ejected() == accountOf(2), "by anyone");
    }

    function test_settings_areTheOwners() public {
        bytes4 denied = bytes4(keccak256("OwnableUnauthorizedAccount(address)"));
        vm.expectPartialRevert(denied);
        manager.setLivenessVerifier(TEELivenessVerifier(STRANGER));
        vm.expectPartialRevert(denied);
        manager.setRewards(STRANGER);
        vm.expectPartialRevert(denied);
        manager.setMaxReferenceAge(1);
        vm.expectPartialRevert(denied);
        manager.setMaxStakeAge(1);
    }

    /// @notice Without provers nothing could be told live, and no block is of age zero.
    function test_settings_areSomething() public {
        vm.prank(OWNER);
        expectError(IMultiProverServiceManager.ZeroAddr.selector);
        manager.setLivenessVerifier(TEELivenessVerifier(address(0)));
        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMultiProverServiceManager.InvalidPolicy.selector, bytes32("maxReferenceAge")
            )
        );
        manager.setMaxReferenceAge(0);
        vm.prank(OWNER);
        manager.setMaxReferenceAge(1);
        check(manager.maxReferenceAge() == 1, "set");
    }

    /// @notice No part of nothing is enough.
    function test_confirm_needsStakeInEachQuorum() public {
        for (uint256 i = 1; i < 8; i += 2) {
            registries.setStake(ids[i], 0);
        }
        expectRefusal(
            headerOf(1, 10),
            0,
            abi.encodeWithSelector(IMultiProverServiceManager.InsufficientThreshold.selector)
        );
    }

    function test_act_reachesEigenLayerAlone() public {
        vm.prank(OWNER);
        expectError(IMultiProverServiceManager.NoPermission.selector);
        manager.actAtEigenLayer(address(token), abi.encodeWithSignature("totalSupply()"));
        vm.prank(OWNER);
        manager.actAtEigenLayer(address(core), abi.encodeWithSignature("setSlashable(bool)", false));
        check(!core.isSlashable(), "called");
        vm.prank(OWNER);
        vm.expectRevert(bytes(""));
        manager.actAtEigenLayer(address(core), hex"12345678");
    }

    /// @notice Allocations and permissions are two contracts; both are reached.
    function test_act_reachesBothOfThem() public {
        FakeCore permissions = new FakeCore();
        manager = newManager(newImplementation(address(permissions)), pausers);
        bytes memory call = abi.encodeWithSignature("setSlashable(bool)", false);
        FakeCore[2] memory both = [core, permissions];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(OWNER);
            manager.actAtEigenLayer(address(both[i]), call);
            check(!both[i].isSlashable(), "called");
        }
    }
}
