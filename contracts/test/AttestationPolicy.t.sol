// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {IQuoteVerifier, QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {Registration} from "../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {DecodingVerifier} from "./support/DecodingVerifier.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @title AttestationPolicyTest
/// @notice Which evidence is accepted, when a change counts, and for whom.
contract AttestationPolicyTest is RegistryTestBase {
    bytes32 private constant NEXT_CODE = keccak256("next code");
    uint64 private constant TOMORROW = uint64(NOW + NOTICE);

    function setUp() public {
        deployRegistry();
    }

    // Platforms

    function test_platform_isNeeded() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.tee = TEE.AWS_NITRO;
        refuse(
            abi.encodeWithSelector(AttestationPolicy.PlatformNotSupported.selector, TEE.AWS_NITRO),
            operator.addr,
            attest(registration)
        );
        registration.tee = TEE.NONE;
        refuseBy(
            AttestationPolicy.PlatformNotSupported.selector, operator.addr, attest(registration)
        );
    }

    function test_platform_isThatOfTheEvidence() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.tee = TEE.INTEL_TDX;
        refuse(
            abi.encodeWithSelector(
                AttestationPolicy.TeeMismatch.selector, TEE.INTEL_SGX, TEE.INTEL_TDX
            ),
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function test_platform_newVerifierEndsOrKeepsRegistrations() public {
        register(prover);
        setPlatform(new DecodingVerifier(), true);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        setPlatform(new DecodingVerifier(), false);
        checkLive(prover.addr, ProverRecords.Liveness.PLATFORM_CHANGED);
        registerAs(operator.addr, attest(registrationOf(prover, operator.addr)));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        setPlatform(IQuoteVerifier(address(0)), true);
        checkLive(prover.addr, ProverRecords.Liveness.PLATFORM_CHANGED);
    }

    function test_platform_isAContract() public {
        vm.prank(POLICY);
        vm.expectRevert(abi.encodeWithSelector(AttestationPolicy.NotAVerifier.selector, STRANGER));
        policy.setPlatform(TEE.INTEL_SGX, IQuoteVerifier(STRANGER), false);
        vm.prank(POLICY);
        expectError(AttestationPolicy.PlatformNotSupported.selector);
        policy.setPlatform(TEE.NONE, verifier, false);
    }

    // Measurements (row 38)

    function testFuzz_measurement_isOnTheList(bytes32 code) public {
        vm.assume(code != SGX_CODE);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = code;
        refuse(
            abi.encodeWithSelector(AttestationPolicy.MeasurementNotActive.selector, code),
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function test_measurement_isOfItsPlatform() public {
        // Another platform's verifier, attestors for instance, has no say about SGX code.
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.tee = TEE.INTEL_TDX;
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = SGX_CODE;
        refuseBy(
            AttestationPolicy.MeasurementNotActive.selector,
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function testFuzz_measurement_hasAFloor(uint32 version) public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.securityVersion = version;
        bytes memory attestation = attestWith(registration, claims);
        if (version >= 2) {
            registerAs(operator.addr, attestation);
            return;
        }
        refuse(
            abi.encodeWithSelector(
                AttestationPolicy.SecurityVersionTooLow.selector, uint32(2), version
            ),
            operator.addr,
            attestation
        );
    }

    function testFuzz_measurement_hasASigner(bytes32 signer) public {
        vm.assume(signer != SIGNER);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.signer = signer;
        refuse(
            abi.encodeWithSelector(AttestationPolicy.WrongSigner.selector, SIGNER, signer),
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function testFuzz_measurement_mayHaveAnySigner(bytes32 signer) public {
        AttestationPolicy.Measurement memory rules = measurement(TEE.INTEL_SGX);
        rules.activeFrom = TOMORROW;
        rules.signer = bytes32(0);
        vm.prank(POLICY);
        policy.scheduleMeasurement(NEXT_CODE, rules);
        vm.warp(TOMORROW);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = NEXT_CODE;
        claims.signer = signer;
        registerAs(operator.addr, attestWith(registration, claims));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
    }

    /// @dev A rotation: the next version is announced, both count for a while, the old one ends.
    function test_rotation_isScheduled() public {
        register(prover);
        AttestationPolicy.Measurement memory next = measurement(TEE.INTEL_SGX);
        next.activeFrom = TOMORROW;
        vm.expectEmit();
        emit AttestationPolicy.MeasurementSet(
            NEXT_CODE, TEE.INTEL_SGX, TOMORROW, FOREVER, 2, SIGNER
        );
        vm.prank(POLICY);
        policy.scheduleMeasurement(NEXT_CODE, next);
        vm.prank(POLICY);
        policy.setMeasurementExpiry(SGX_CODE, TOMORROW + 1 hours);

        check(!policy.isMeasurementActive(NEXT_CODE), "not yet");
        Registration memory registration = registrationOf(other, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = NEXT_CODE;
        bytes memory early = attestWith(registration, claims);
        refuseBy(AttestationPolicy.MeasurementNotActive.selector, operator.addr, early);

        vm.warp(TOMORROW);
        check(policy.isMeasurementActive(NEXT_CODE), "active");
        registerAs(operator.addr, early);
        registerAs(operator.addr, attest(registrationOf(prover, operator.addr)));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        checkLive(other.addr, ProverRecords.Liveness.LIVE);

        vm.warp(TOMORROW + 1 hours - 1);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        (, uint64 until) = registry.livenessOf(prover.addr);
        check(until == TOMORROW + 1 hours - 1, "until");
        vm.warp(TOMORROW + 1 hours);
        checkLive(prover.addr, ProverRecords.Liveness.MEASUREMENT_NOT_ACTIVE);
        checkLive(other.addr, ProverRecords.Liveness.LIVE);
        check(!policy.isMeasurementActive(SGX_CODE), "ended");
    }

    function test_rotation_needsTheNotice() public {
        AttestationPolicy.Measurement memory next = measurement(TEE.INTEL_SGX);
        next.activeFrom = TOMORROW - 1;
        vm.prank(POLICY);
        vm.expectRevert(
            abi.encodeWithSelector(
                AttestationPolicy.NoticeTooShort.selector, TOMORROW - 1, TOMORROW
            )
        );
        policy.scheduleMeasurement(NEXT_CODE, next);
        vm.prank(POLICY);
        policy.setMeasurementNotice(60);
        next.activeFrom = uint64(NOW + 60);
        vm.prank(POLICY);
        policy.scheduleMeasurement(NEXT_CODE, next);
    }

    function test_measurement_tightensAtOnce() public {
        register(prover);
        vm.prank(POLICY);
        policy.raiseSecurityVersion(SGX_CODE, 3);
        checkLive(prover.addr, ProverRecords.Liveness.SECURITY_VERSION_TOO_LOW);
        vm.prank(POLICY);
        vm.expectRevert(
            abi.encodeWithSelector(
                AttestationPolicy.SecurityVersionLowered.selector, uint32(3), uint32(2)
            )
        );
        policy.raiseSecurityVersion(SGX_CODE, 2);
        vm.expectEmit();
        emit AttestationPolicy.MeasurementRevoked(SGX_CODE);
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        checkLive(prover.addr, ProverRecords.Liveness.MEASUREMENT_NOT_ACTIVE);
        check(policy.measurementOf(SGX_CODE).expiresAt == 0, "gone");
        check(policy.measurementIds().length == 1, "ids");
    }

    function test_measurement_refusesNonsense() public {
        AttestationPolicy.Measurement memory next = measurement(TEE.INTEL_SGX);
        next.activeFrom = TOMORROW;
        bytes memory invalid = abi.encodePacked(AttestationPolicy.InvalidMeasurement.selector);
        next.expiresAt = TOMORROW;
        schedule(invalid, NEXT_CODE, next);
        next.expiresAt = FOREVER;
        schedule(invalid, bytes32(0), next);
        next.tee = TEE.NONE;
        schedule(invalid, NEXT_CODE, next);
        next.tee = TEE.INTEL_SGX;
        schedule(
            abi.encodeWithSelector(AttestationPolicy.MeasurementExists.selector, SGX_CODE),
            SGX_CODE,
            next
        );
        vm.prank(POLICY);
        vm.expectRevert(invalid);
        policy.setMeasurementExpiry(SGX_CODE, uint64(NOW));
        bytes memory unknown =
            abi.encodeWithSelector(AttestationPolicy.MeasurementUnknown.selector, NEXT_CODE);
        vm.prank(POLICY);
        vm.expectRevert(unknown);
        policy.setMeasurementExpiry(NEXT_CODE, FOREVER);
        vm.prank(POLICY);
        vm.expectRevert(unknown);
        policy.raiseSecurityVersion(NEXT_CODE, 5);
        vm.prank(GUARDIAN);
        vm.expectRevert(unknown);
        policy.revokeMeasurement(NEXT_CODE);
        // What has ended is not brought back without the notice.
        vm.prank(POLICY);
        policy.setMeasurementExpiry(SGX_CODE, uint64(NOW + 1));
        vm.warp(NOW + 1);
        vm.prank(POLICY);
        expectError(AttestationPolicy.MeasurementUnknown.selector);
        policy.setMeasurementExpiry(SGX_CODE, FOREVER);
    }

    function test_measurements_areBounded() public {
        AttestationPolicy.Measurement memory next = measurement(TEE.INTEL_SGX);
        next.activeFrom = TOMORROW;
        for (uint256 i = 2; i < 64; ++i) {
            vm.prank(POLICY);
            policy.scheduleMeasurement(keccak256(abi.encode(i)), next);
        }
        schedule(abi.encodePacked(AttestationPolicy.TooManyMeasurements.selector), NEXT_CODE, next);
    }

    // TCB

    function testFuzz_tcb_isAcceptedUntilItsDate(uint8 status, uint32 grace, uint32 later) public {
        status = uint8(bound(status, 1, 5));
        uint64 until = uint64(NOW + bound(grace, 0, TTL));
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.tcbStatus = status;
        bytes memory attestation = attestWith(registration, claims);
        refuse(
            abi.encodeWithSelector(
                AttestationPolicy.TcbNotAccepted.selector, TEE.INTEL_SGX, status
            ),
            operator.addr,
            attestation
        );
        vm.prank(POLICY);
        policy.setTcbAcceptance(TEE.INTEL_SGX, status, until);
        registerAs(operator.addr, attestation);
        vm.warp(NOW + bound(later, 0, TTL));
        bool isAccepted = block.timestamp <= until;
        checkLive(
            prover.addr,
            isAccepted ? ProverRecords.Liveness.LIVE : ProverRecords.Liveness.TCB_NOT_ACCEPTED
        );
        (, uint64 seen) = registry.livenessOf(prover.addr);
        check(seen == (isAccepted ? until : 0), "until");
    }

    /// @dev Revoked and Unrecognized are never success, whatever the policy wants (row 29).
    function testFuzz_tcb_neverAcceptsRevoked(uint8 status, uint64 until) public {
        status = uint8(bound(status, 6, 255));
        vm.prank(POLICY);
        vm.expectRevert(
            abi.encodeWithSelector(AttestationPolicy.TcbStatusNeverAccepted.selector, status)
        );
        policy.setTcbAcceptance(TEE.INTEL_SGX, status, until);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.tcbStatus = status;
        refuseBy(
            AttestationPolicy.TcbNotAccepted.selector,
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function test_tcb_outOfDateHasABoundedGrace() public {
        uint64 latest = uint64(NOW + 180 days);
        for (uint8 status = 4; status <= 5; ++status) {
            vm.prank(POLICY);
            vm.expectRevert(
                abi.encodeWithSelector(AttestationPolicy.GraceTooLong.selector, latest + 1, latest)
            );
            policy.setTcbAcceptance(TEE.INTEL_SGX, status, latest + 1);
            vm.prank(POLICY);
            policy.setTcbAcceptance(TEE.INTEL_SGX, status, latest);
        }
        vm.prank(POLICY);
        policy.setTcbAcceptance(TEE.INTEL_SGX, 1, FOREVER);
        vm.prank(POLICY);
        expectError(AttestationPolicy.PlatformNotSupported.selector);
        policy.setTcbAcceptance(TEE.NONE, 1, FOREVER);
    }

    // Collateral, simulation

    function test_evidence_isRefusedAfterItsCollateral() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.validUntil = uint64(NOW - 1);
        refuse(
            abi.encodeWithSelector(AttestationPolicy.EvidenceExpired.selector, uint64(NOW - 1)),
            operator.addr,
            attestWith(registration, claims)
        );
    }

    /// @dev Simulated evidence counts on development chains alone, and is seen to be (row 41).
    function testFuzz_simulation_isForDevelopmentChains(uint64 chain) public {
        bool isDev = chain == 31337 || chain == 1337 || (chain >= 900 && chain <= 909);
        vm.assume(!isDev && chain != 0);
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.simulated = true;
        registerAs(operator.addr, attestWith(registration, claims));
        check(registry.proverOf(prover.addr).simulated, "seen");
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);

        // A registry that wakes up on a real chain believes none of it.
        vm.chainId(chain);
        checkLive(prover.addr, ProverRecords.Liveness.SIMULATED_OFF_DEV_CHAIN);
        registration = registrationOf(other, operator.addr);
        claims = claimsFor(registration);
        claims.simulated = true;
        refuse(
            abi.encodeWithSelector(AttestationPolicy.SimulatedEvidence.selector, uint256(chain)),
            operator.addr,
            attestWith(registration, claims)
        );
        claims.simulated = false;
        registerAs(operator.addr, attestWith(registration, claims));
        checkLive(other.addr, ProverRecords.Liveness.LIVE);
    }

    // Roles

    function test_roles_areNeeded() public {
        bytes4 unauthorized = IAccessControl.AccessControlUnauthorizedAccount.selector;
        AttestationPolicy.Measurement memory next = measurement(TEE.INTEL_SGX);
        address[3] memory callers = [STRANGER, GUARDIAN, ADMIN];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.setPlatform(TEE.INTEL_SGX, verifier, true);
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.scheduleMeasurement(NEXT_CODE, next);
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.setMeasurementExpiry(SGX_CODE, FOREVER);
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.raiseSecurityVersion(SGX_CODE, 9);
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.setTcbAcceptance(TEE.INTEL_SGX, 1, FOREVER);
            vm.prank(callers[i]);
            expectError(unauthorized);
            policy.setMeasurementNotice(0);
        }
        vm.prank(POLICY);
        expectError(unauthorized);
        policy.revokeMeasurement(SGX_CODE);
    }

    function setPlatform(IQuoteVerifier next, bool keep) private {
        vm.prank(POLICY);
        policy.setPlatform(TEE.INTEL_SGX, next, keep);
    }

    function schedule(bytes memory expected, bytes32 id, AttestationPolicy.Measurement memory rules)
        private
    {
        vm.expectRevert(expected);
        vm.prank(POLICY);
        policy.scheduleMeasurement(id, rules);
    }
}
