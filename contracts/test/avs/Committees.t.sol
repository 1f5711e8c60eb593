// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {AvsTestBase} from "./AvsTestBase.sol";

/// @notice What a committee manager cannot do, and what nobody else can.
contract CommitteesTest is AvsTestBase {
    function refused(bytes4 selector) internal {
        vm.prank(COMMITTEES);
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function test_quorums_areOfSomeKindAndNumber() public {
        refused(IMultiProverServiceManager.InvalidQuorumParam.selector);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.NONE, 2));
        refused(IMultiProverServiceManager.InvalidQuorumParam.selector);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 192));
        vm.prank(COMMITTEES);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 191));
        check(manager.teeQuorums(191) == TEE.INTEL_SGX, "the last number");
    }

    function test_quorums_keepTheirKind() public {
        refused(IMultiProverServiceManager.TEEQuorumExist.selector);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_TDX, 0));
        refused(IMultiProverServiceManager.TEEQuorumNotExist.selector);
        manager.removeTEEQuorum(2);
    }

    function test_committees_nameTheirQuorumsOnce() public {
        vm.prank(COMMITTEES);
        manager.removeCommittee(COMMITTEE);
        bytes[2] memory wrong = [bytes(hex"0100"), bytes(hex"0000")];
        for (uint256 i = 0; i < wrong.length; ++i) {
            refused(IMultiProverServiceManager.InvalidQuorumParam.selector);
            manager.addCommittee(
                IMultiProverServiceManager.Committee(COMMITTEE, "wrong", "", wrong[i])
            );
        }
    }

    function test_committees_thatAreNotThere() public {
        refused(IMultiProverServiceManager.CommitteeNotExist.selector);
        manager.updateCommittee(IMultiProverServiceManager.Committee(9, "none", "", hex"00"));
        refused(IMultiProverServiceManager.CommitteeNotExist.selector);
        manager.removeCommittee(9);
        refused(IMultiProverServiceManager.CommitteeNotExist.selector);
        manager.setRollupPolicy(9, policy());
    }

    function refusedPolicy(IMultiProverServiceManager.RollupPolicy memory wrong, bytes32 field)
        internal
    {
        vm.prank(COMMITTEES);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.InvalidPolicy.selector, field)
        );
        manager.setRollupPolicy(COMMITTEE, wrong);
    }

    /// @notice Each field that nothing could be checked against without.
    function test_policies_areWhole() public {
        IMultiProverServiceManager.RollupPolicy memory wrong = policy();
        wrong.l2ChainId = 0;
        refusedPolicy(wrong, "l2ChainId");
        wrong = policy();
        wrong.rollupConfigHash = bytes32(0);
        refusedPolicy(wrong, "rollupConfigHash");
        wrong = policy();
        wrong.firstBlock = 0;
        refusedPolicy(wrong, "firstBlock");
        wrong = policy();
        wrong.l2BlockTime = 0;
        refusedPolicy(wrong, "l2BlockTime");
        wrong = policy();
        wrong.window = 0;
        refusedPolicy(wrong, "window");
        wrong = policy();
        wrong.rewardToken = address(0);
        refusedPolicy(wrong, "rewardToken");
        wrong.reward = 0;
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, wrong);
    }

    /// @notice A reward below the least one could not be split.
    function test_policies_payEnough() public {
        IMultiProverServiceManager.RollupPolicy memory wrong = policy();
        wrong.reward = uint96(manager.LEAST_REWARD()) - 1;
        refusedPolicy(wrong, "reward");
        wrong.reward = uint96(manager.LEAST_REWARD());
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, wrong);
    }

    function test_thresholds_areParts() public {
        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(IMultiProverServiceManager.ThresholdTooLow.selector, 0, 51, 101)
        );
        manager.setQuorumThreshold(0, 101);
        vm.prank(OWNER);
        manager.setQuorumThreshold(0, 100);
        check(manager.quorumThreshold(0) == 100, "all");
    }

    function test_everythingIsTheCommitteeManagers() public {
        bytes memory denied =
            abi.encodeWithSelector(IMultiProverServiceManager.NoPermission.selector);
        vm.expectRevert(denied);
        manager.addCommittee(IMultiProverServiceManager.Committee(2, "mine", "", hex"00"));
        vm.expectRevert(denied);
        manager.updateCommittee(
            IMultiProverServiceManager.Committee(COMMITTEE, "mine", "", hex"00")
        );
        vm.expectRevert(denied);
        manager.removeCommittee(COMMITTEE);
        vm.expectRevert(denied);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 5));
        vm.expectRevert(denied);
        manager.removeTEEQuorum(1);
        vm.expectRevert(denied);
        manager.setRollupPolicy(COMMITTEE, policy());
    }
}
