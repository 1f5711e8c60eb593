// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {Registration} from "../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {TEEProverRegistry} from "../src/attestation/TEEProverRegistry.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {Wallet} from "./support/Vm.sol";

/// @title LivenessChallengeTest
/// @notice Who may challenge, how a challenge is answered, and what follows when it is not.
contract LivenessChallengeTest is RegistryTestBase {
    address private constant WATCHER = address(0x3A7C);

    function setUp() public {
        deployRegistry();
        register(prover);
        pass(60);
    }

    function test_challenge_isOpenedByAnyoneWithTheBond() public {
        vm.deal(STRANGER, 1 ether);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ProverRecords.WrongBond.selector, uint256(BOND), 0));
        registry.challengeProver(prover.addr);
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(
                ProverRecords.WrongBond.selector, uint256(BOND), uint256(BOND) + 1
            )
        );
        registry.challengeProver{value: BOND + 1}(prover.addr);
        bytes32 nonce = challenge(prover.addr);
        ProverRecords.Challenge memory open = registry.challengeOf(prover.addr);
        check(open.nonce == nonce && nonce != bytes32(0), "nonce");
        check(open.challenger == STRANGER && open.bond == BOND, "challenger");
        check(open.deadline == block.timestamp + WINDOW, "deadline");
        check(registry.nonceFor(prover.addr, operator.addr) == nonce, "nonceFor");
        // Until the deadline the prover is believed.
        vm.warp(open.deadline);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        (, uint64 until) = registry.livenessOf(prover.addr);
        check(until == open.deadline, "until");
        vm.warp(open.deadline + 1);
        checkLive(prover.addr, ProverRecords.Liveness.CHALLENGE_FAILED);
    }

    function test_challenge_isFreeForTheRole() public {
        bytes32 role = registry.CHALLENGER_ROLE();
        vm.prank(ADMIN);
        registry.grantRole(role, WATCHER);
        vm.prank(WATCHER);
        registry.challengeProver(prover.addr);
        check(registry.challengeOf(prover.addr).bond == 0, "bond");
        passDeadline();
        registry.settleChallenge(prover.addr);
        check(registry.credits(WATCHER) == 0, "credits");
    }

    function test_challenge_isForLiveProversAlone() public {
        bytes4 notLive = ProverRecords.ProverNotLive.selector;
        vm.expectRevert(abi.encodeWithSelector(notLive, other.addr, ProverRecords.Liveness.UNKNOWN));
        registry.challengeProver(other.addr);
        vm.warp(block.timestamp + TTL);
        vm.expectRevert(
            abi.encodeWithSelector(notLive, prover.addr, ProverRecords.Liveness.EXPIRED)
        );
        registry.challengeProver(prover.addr);
    }

    /// @dev Spam is bounded: one at a time, and none again within the cooldown.
    function test_challenge_isOneAtATimeAndNotOften() public {
        challenge(prover.addr);
        uint256 openedAt = block.timestamp;
        vm.deal(STRANGER, BOND);
        vm.prank(STRANGER);
        expectError(ProverRecords.ChallengeIsOpen.selector);
        registry.challengeProver{value: BOND}(prover.addr);
        answer(prover);
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(ProverRecords.ChallengedRecently.selector, openedAt + COOLDOWN)
        );
        registry.challengeProver{value: BOND}(prover.addr);
        pass(COOLDOWN - 1);
        registerAs(operator.addr, attest(registrationOf(prover, operator.addr)));
        vm.prank(STRANGER);
        expectError(ProverRecords.ChallengedRecently.selector);
        registry.challengeProver{value: BOND}(prover.addr);
        pass(1);
        challenge(prover.addr);
    }

    function test_answer_keepsTheProverAndPaysTheOperator() public {
        bytes32 nonce = challenge(prover.addr);
        pass(WINDOW);
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        vm.expectEmit();
        emit TEEProverRegistry.ChallengeAnswered(prover.addr, operator.addr, nonce);
        // Anyone may bring it: the evidence is the prover's.
        vm.prank(address(0x123));
        registry.submitLivenessChallenge(attestation);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        check(registry.credits(operator.addr) == BOND, "credits");
        check(registry.proverOf(prover.addr).validUntil == block.timestamp + TTL, "renewed");
        vm.prank(operator.addr);
        registry.withdraw(payable(address(0xBEEF)));
        check(address(0xBEEF).balance == BOND, "paid");
        vm.prank(operator.addr);
        vm.expectRevert(abi.encodePacked(ProverRecords.NothingToWithdraw.selector));
        registry.withdraw(payable(address(0xBEEF)));
    }

    /// @dev Only evidence that binds the challenge's nonce answers it.
    function test_answer_needsTheChallengesNonce() public {
        bytes memory before = attest(registrationOf(prover, operator.addr));
        bytes32 nonce = challenge(prover.addr);
        vm.expectRevert(
            abi.encodeWithSelector(TEEProverRegistry.NonceMismatch.selector, nonce, bytes32(0))
        );
        registry.submitLivenessChallenge(before);
        // A renewal does not go round the challenge, with either nonce.
        refuseBy(ProverRecords.ChallengeIsOpen.selector, operator.addr, before);
        bytes memory now_ = attest(registrationOf(prover, operator.addr));
        refuseBy(ProverRecords.ChallengeIsOpen.selector, operator.addr, now_);
        registry.submitLivenessChallenge(now_);
        expectError(ProverRecords.NoChallenge.selector);
        registry.submitLivenessChallenge(now_);
    }

    function test_answer_isForTheChallengedProver() public {
        register(other);
        challenge(prover.addr);
        Registration memory registration = registrationOf(other, operator.addr);
        registration.nonce = registry.nonceFor(prover.addr, operator.addr);
        bytes memory attestation = attest(registration);
        expectError(ProverRecords.NoChallenge.selector);
        registry.submitLivenessChallenge(attestation);
        registration = registrationOf(prover, STRANGER);
        attestation = attest(registration);
        expectError(TEEProverRegistry.ProverOfAnotherOperator.selector);
        registry.submitLivenessChallenge(attestation);
    }

    /// @dev An answer is evidence like any other: it is checked in full.
    function test_answer_isCheckedInFull() public {
        challenge(prover.addr);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = keccak256("other code");
        bytes memory attestation = attestWith(registration, claims);
        expectPolicyError("MeasurementNotActive(bytes32)");
        registry.submitLivenessChallenge(attestation);
    }

    function test_answer_comesInTime() public {
        bytes32 nonce = challenge(prover.addr);
        uint64 deadline = registry.challengeOf(prover.addr).deadline;
        passDeadline();
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        vm.expectRevert(abi.encodeWithSelector(ProverRecords.ChallengeOverdue.selector, deadline));
        registry.submitLivenessChallenge(attestation);
        vm.expectRevert(abi.encodeWithSelector(ProverRecords.ChallengeOverdue.selector, deadline));
        registry.previewAttestation(attestation);
        // Nor does registering or leaving undo the failure.
        refuse(
            abi.encodeWithSelector(ProverRecords.ChallengeIsOpen.selector, nonce, deadline),
            operator.addr,
            attestation
        );
        vm.prank(operator.addr);
        expectError(ProverRecords.ChallengeOverdue.selector);
        registry.deregister(prover.addr);
    }

    function test_settle_suspendsAndReturnsTheBond() public {
        bytes32 nonce = challenge(prover.addr);
        expectError(ProverRecords.ChallengeIsOpen.selector);
        registry.settleChallenge(prover.addr);
        passDeadline();
        vm.expectEmit();
        emit ProverRecords.ChallengeFailed(prover.addr, operator.addr, STRANGER, nonce);
        vm.expectEmit();
        emit ProverRecords.ProverSuspended(prover.addr, operator.addr);
        vm.prank(address(0x123));
        registry.settleChallenge(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
        check(registry.credits(STRANGER) == BOND, "credits");
        expectError(ProverRecords.NoChallenge.selector);
        registry.settleChallenge(prover.addr);
    }

    /// @dev Back with evidence made after the suspension and the operator's consent: the same key or
    ///      a new one.
    function test_suspended_comesBackByRegistering() public {
        bytes memory prepared = attest(registrationOf(other, operator.addr));
        challenge(prover.addr);
        passDeadline();
        registry.settleChallenge(prover.addr);
        refuseBy(TEEProverRegistry.NonceMismatch.selector, operator.addr, prepared);
        bytes memory same = attest(registrationOf(prover, operator.addr));
        refuseBy(TEEProverRegistry.NoConsent.selector, STRANGER, same);
        register(other);
        checkLive(other.addr, ProverRecords.Liveness.LIVE);
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
        // A suspended key does not change hands.
        bytes memory foreign = attest(registrationOf(prover, STRANGER));
        refuseBy(TEEProverRegistry.ProverOfAnotherOperator.selector, STRANGER, foreign);
        registerAs(operator.addr, same);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
    }

    function test_leaving_endsAChallengeInTime() public {
        bytes32 nonce = challenge(prover.addr);
        vm.expectEmit();
        emit ProverRecords.ChallengeVoided(prover.addr, STRANGER, nonce);
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        check(registry.credits(STRANGER) == BOND, "credits");
        checkLive(prover.addr, ProverRecords.Liveness.DEREGISTERED);
        register(prover);
        check(!registry.proverOf(prover.addr).challenged, "no challenge");
    }

    function test_ban_endsAChallengeAsItStands() public {
        challenge(prover.addr);
        vm.prank(GUARDIAN);
        registry.banProver(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.BANNED);
        check(registry.credits(STRANGER) == BOND, "credits");
        expectError(ProverRecords.NoChallenge.selector);
        registry.settleChallenge(prover.addr);
        register(other);
        bytes32 nonce = challenge(other.addr);
        passDeadline();
        vm.expectEmit();
        emit ProverRecords.ChallengeFailed(other.addr, operator.addr, STRANGER, nonce);
        vm.prank(GUARDIAN);
        registry.banProver(other.addr);
        checkLive(other.addr, ProverRecords.Liveness.BANNED);
    }

    /// @dev What a pause or the policy made impossible to answer is nobody's failure.
    function test_pause_voidsWhatItCutShort() public {
        challenge(prover.addr);
        pass(1);
        vm.prank(GUARDIAN);
        registry.pause();
        passDeadline();
        checkLive(prover.addr, ProverRecords.Liveness.PAUSED);
        vm.prank(POLICY);
        registry.unpause();
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        bytes memory late = attest(registrationOf(prover, operator.addr));
        expectError(ProverRecords.NoChallenge.selector);
        registry.submitLivenessChallenge(late);
        registry.settleChallenge(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        check(registry.credits(STRANGER) == BOND, "credits");
    }

    function test_pause_doesNotSaveWhoFailedBefore() public {
        challenge(prover.addr);
        passDeadline();
        vm.prank(GUARDIAN);
        registry.pause();
        pass(1);
        checkLive(prover.addr, ProverRecords.Liveness.CHALLENGE_FAILED);
        registry.settleChallenge(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
    }

    /// @dev Nobody's failure, but no answer either: when the policy takes the code again, the prover
    ///      does not count until it shows fresh evidence.
    function test_policy_voidsWhatItMadeImpossible() public {
        bytes32 nonce = challenge(prover.addr);
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        passDeadline();
        vm.expectEmit();
        emit ProverRecords.ChallengeVoided(prover.addr, STRANGER, nonce);
        registry.settleChallenge(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
        check(registry.credits(STRANGER) == BOND, "credits");
    }

    /// @dev A status that was accepted up to the deadline and is not when somebody settles.
    function test_policy_doesNotSaveWhoFailedBefore() public {
        challenge(prover.addr);
        passDeadline();
        vm.prank(POLICY);
        policy.setTcbAcceptance(TEE.INTEL_SGX, 0, 0);
        registry.settleChallenge(prover.addr);
        vm.prank(POLICY);
        policy.setTcbAcceptance(TEE.INTEL_SGX, 0, FOREVER);
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
    }

    function test_ban_blamesNobodyForWhatThePolicyTookAway() public {
        bytes32 nonce = challenge(prover.addr);
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        passDeadline();
        vm.expectEmit();
        emit ProverRecords.ChallengeVoided(prover.addr, STRANGER, nonce);
        vm.prank(GUARDIAN);
        registry.banProver(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.BANNED);
    }

    function test_withdraw_toWhoRefuses() public {
        challenge(prover.addr);
        answer(prover);
        vm.prank(operator.addr);
        vm.expectRevert(abi.encodePacked(ProverRecords.TransferFailed.selector));
        registry.withdraw(payable(address(policy)));
        check(registry.credits(operator.addr) == BOND, "credits");
    }

    /// @dev No two challenges have the same nonce, so an answer is never of use twice.
    function test_nonces_differ() public {
        bytes32 first = challenge(prover.addr);
        answer(prover);
        register(other);
        pass(COOLDOWN);
        registerAs(operator.addr, attest(registrationOf(prover, operator.addr)));
        registerAs(operator.addr, attest(registrationOf(other, operator.addr)));
        bytes32 second = challenge(prover.addr);
        bytes32 third = challenge(other.addr);
        check(first != second && second != third && first != third, "nonces");
    }

    function answer(Wallet memory key) private {
        registry.submitLivenessChallenge(attest(registrationOf(key, operator.addr)));
    }

    function passDeadline() private {
        pass(WINDOW + 1);
    }

    function expectPolicyError(string memory signature) private {
        expectError(bytes4(keccak256(bytes(signature))));
    }
}
