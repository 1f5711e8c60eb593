// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {ProverBinding, Registration} from "../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {TEEProverRegistry} from "../src/attestation/TEEProverRegistry.sol";
import {OracleProxy} from "../src/proxy/OracleProxy.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {Wallet} from "./support/Vm.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title WalletContract
/// @notice An operator that is a contract: it says yes to one digest.
contract WalletContract {
    bytes32 private immutable _digest;

    constructor(bytes32 digest) {
        _digest = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == _digest ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @title TEEProverRegistryTest
/// @notice What the registry lets in, whom it believes, and what it refuses by which name.
contract TEEProverRegistryTest is RegistryTestBase {
    function setUp() public {
        deployRegistry();
    }

    // Registration

    function test_register_makesAProverLive() public {
        checkLive(prover.addr, ProverRecords.Liveness.UNKNOWN);
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes memory attestation = attest(registration);
        vm.expectEmit();
        emit TEEProverRegistry.ProverRegistered(
            prover.addr, operator.addr, TEE.INTEL_SGX, registration.x, registration.y
        );
        vm.expectEmit();
        emit TEEProverRegistry.ProverAttested(
            prover.addr, operator.addr, TEE.INTEL_SGX, SGX_CODE, 0, uint64(NOW + TTL), false, false
        );
        registerAs(operator.addr, attestation);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        ProverRecords.Prover memory record = registry.proverOf(prover.addr);
        check(record.operator == operator.addr, "operator");
        check(record.measurement == SGX_CODE, "measurement");
        check(record.validUntil == NOW + TTL, "validUntil");
        check(record.registeredAt == NOW && record.attestedAt == NOW, "times");
        check(record.securityVersion == 2, "securityVersion");
        check(!record.simulated && !record.attested && !record.challenged, "flags");
    }

    /// @dev The eleven words of ProverBinding, and the digest of a fixed tuple as Python has it.
    function testFuzz_binding_coversEveryField(
        address who,
        uint8 tee,
        bytes32 x,
        bytes32 y,
        uint256 number,
        bytes32 hash,
        bytes32 nonce
    ) public view {
        Registration memory registration = Registration({
            tee: TEE(bound(tee, 0, 6)),
            operator: who,
            x: x,
            y: y,
            blockNumber: number,
            blockHash: hash,
            nonce: nonce,
            evidence: hex"01",
            consent: hex"02"
        });
        bytes32 expected = keccak256(
            abi.encodePacked(
                keccak256("coprove.tee.registration"),
                uint256(1),
                block.chainid,
                uint256(uint160(address(registry))),
                uint256(uint160(who)),
                uint256(bound(tee, 0, 6)),
                x,
                y,
                number,
                hash,
                nonce
            )
        );
        check(registry.bindingDigest(abi.encode(registration)) == expected, "digest");
    }

    /// @dev A quote that says anything else in its report data is another prover's, operator's,
    ///      registry's, chain's or block's (rows 35 and 37).
    function testFuzz_register_refusesOtherReportData(bytes32 digest) public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        vm.assume(digest != claims.reportDigest);
        bytes32 expected = claims.reportDigest;
        claims.reportDigest = digest;
        refuse(
            abi.encodeWithSelector(TEEProverRegistry.ReportDataMismatch.selector, expected, digest),
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function test_register_refusesAQuoteCopiedFromAnotherOperator() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        registration.operator = STRANGER;
        refuseBy(
            TEEProverRegistry.ReportDataMismatch.selector,
            STRANGER,
            attestWith(registration, claims)
        );
    }

    function test_register_refusesAQuoteForAnotherChainOrRegistry() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes memory attestation = attest(registration);
        vm.chainId(901);
        refuseBy(TEEProverRegistry.ReportDataMismatch.selector, operator.addr, attestation);
        vm.chainId(31337);
        TEEProverRegistry twin = TEEProverRegistry(
            address(
                new OracleProxy(
                    address(new TEEProverRegistry()),
                    ADMIN,
                    abi.encodeCall(
                        TEEProverRegistry.initialize,
                        (ADMIN, POLICY, GUARDIAN, policy, registryParams())
                    )
                )
            )
        );
        expectError(TEEProverRegistry.ReportDataMismatch.selector);
        vm.prank(operator.addr);
        twin.registerTEEProver(attestation);
        registerAs(operator.addr, attestation);
    }

    function test_register_refusesAnotherKeyThanTheBoundOne() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        registration.x = bytes32(other.publicKeyX);
        registration.y = bytes32(other.publicKeyY);
        refuseBy(
            TEEProverRegistry.ReportDataMismatch.selector,
            operator.addr,
            attestWith(registration, claims)
        );
    }

    function testFuzz_register_refusesWhatIsNoKey(bytes32 x, bytes32 y) public {
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.x = x;
        registration.y = y;
        refuse(
            abi.encodePacked(ProverBinding.NotAProverKey.selector),
            operator.addr,
            attestWith(registration, claimsFor(registrationOf(prover, operator.addr)))
        );
    }

    function test_register_refusesAKeyBeyondTheField() public {
        // (1, y) and (1 + p, y) would be the same point: one of them alone is a key. So for y.
        uint256 field = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F;
        uint256 y = 0x4218F20AE6C646B363DB68605822FB14264CA8D2587FDD6FBC750D587E76A7EE;
        uint256 x = 0x1FE1E5EF3FCEB5C135AB7741333CE5A6E80D68167653F6B2B24BCBCFAAAFF507;
        uint256[2][2] memory points = [[1, y], [x, 1]];
        bytes memory refusal = abi.encodePacked(ProverBinding.NotAProverKey.selector);
        for (uint256 i = 0; i < 2; ++i) {
            Registration memory registration = registrationOf(prover, operator.addr);
            registration.x = bytes32(points[i][0]);
            registration.y = bytes32(points[i][1]);
            registerAs(operator.addr, attest(registration));
            if (i == 0) registration.x = bytes32(field + 1);
            else registration.y = bytes32(field + 1);
            refuse(refusal, operator.addr, abi.encode(registration));
        }
    }

    function testFuzz_register_refusesShortBytes(bytes calldata data) public {
        bytes memory short = data.length < 384 ? data : data[:383];
        refuse(
            abi.encodeWithSelector(ProverBinding.MalformedRegistration.selector, short.length),
            operator.addr,
            short
        );
    }

    // Reference block (row 36)

    function test_register_refusesUnknownOldAndForgedBlocks() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.blockNumber = block.number;
        refuse(
            abi.encodeWithSelector(ProverBinding.BlockNotPast.selector, block.number),
            operator.addr,
            attest(registration)
        );

        registration.blockNumber = HEAD - 8192;
        refuse(
            abi.encodeWithSelector(ProverBinding.BlockTooOld.selector, HEAD - 8192, HEAD - 8191),
            operator.addr,
            attest(registration)
        );

        // Within the age, but this chain has no history contract and forgets after 256 blocks.
        registration.blockNumber = HEAD - 257;
        registration.blockHash = bytes32(0);
        refuse(
            abi.encodeWithSelector(ProverBinding.BlockHashUnknown.selector, HEAD - 257),
            operator.addr,
            attest(registration)
        );

        registration.blockNumber = HEAD - 1;
        refuse(
            abi.encodeWithSelector(
                ProverBinding.BlockHashMismatch.selector, HEAD - 1, blockhash(HEAD - 1), bytes32(0)
            ),
            operator.addr,
            attest(registration)
        );
    }

    /// @dev EIP-2935's contract answers for 8,191 blocks, with the code that mainnet has there.
    function testFuzz_register_readsTheHistoryContract(uint16 age) public {
        uint256 number = HEAD - bound(age, 257, 8191);
        bytes32 hash = keccak256(abi.encode(number));
        vm.etch(
            ProverBinding.HISTORY,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        vm.store(ProverBinding.HISTORY, bytes32(number % 8191), hash);
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.blockNumber = number;
        registration.blockHash = keccak256("forged");
        refuseBy(ProverBinding.BlockHashMismatch.selector, operator.addr, attest(registration));
        registration.blockHash = hash;
        registerAs(operator.addr, attest(registration));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
    }

    function test_register_ageIsAParameter() public {
        ProverRecords.Parameters memory values = registryParams();
        values.maxBlockAge = 1;
        vm.prank(POLICY);
        registry.setParameters(values);
        vm.setBlockhash(HEAD - 2, keccak256("two back"));
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.blockNumber = HEAD - 2;
        registration.blockHash = keccak256("two back");
        refuseBy(ProverBinding.BlockTooOld.selector, operator.addr, attest(registration));
    }

    // Nonce, replay, order

    function testFuzz_register_refusesAnotherNonce(bytes32 nonce) public {
        vm.assume(nonce != bytes32(0));
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.nonce = nonce;
        refuse(
            abi.encodeWithSelector(TEEProverRegistry.NonceMismatch.selector, bytes32(0), nonce),
            operator.addr,
            attest(registration)
        );
    }

    function test_register_takesEvidenceOnce() public {
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        registerAs(operator.addr, attestation);
        refuseBy(TEEProverRegistry.EvidenceReplayed.selector, operator.addr, attestation);
    }

    function test_register_refusesEvidenceWithoutAReplayKey() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.replayKey = bytes32(0);
        refuseBy(
            TEEProverRegistry.EvidenceReplayed.selector,
            operator.addr,
            attestWith(registration, claims)
        );
    }

    /// @dev A malleated copy has the same replay key, whatever its bytes (row 34).
    function test_register_refusesTheSameKeyInOtherBytes() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        registerAs(operator.addr, attestWith(registration, claims));
        bytes memory malleated = attestWith(registration, claims);
        registration.evidence = bytes.concat(registration.evidence, bytes32(uint256(1)));
        malleated = abi.encode(registration);
        refuse(
            abi.encodeWithSelector(TEEProverRegistry.EvidenceReplayed.selector, claims.replayKey),
            operator.addr,
            malleated
        );
    }

    function test_register_doesNotGoBackInTime() public {
        vm.setBlockhash(HEAD - 2, keccak256("two back"));
        Registration memory older = registrationOf(prover, operator.addr);
        older.blockNumber = HEAD - 2;
        older.blockHash = keccak256("two back");
        register(prover);
        bytes memory attestation = attest(older);
        bytes memory outdated =
            abi.encodeWithSelector(TEEProverRegistry.EvidenceOutdated.selector, HEAD - 1, HEAD - 2);
        refuse(outdated, operator.addr, attestation);
        vm.expectRevert(outdated);
        registry.previewAttestation(attestation);
    }

    function test_voidEvidence_voidsWhatWasNotUsed() public {
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        vm.expectRevert(
            abi.encodeWithSelector(
                TEEProverRegistry.NotTheOperator.selector, STRANGER, operator.addr
            )
        );
        vm.prank(STRANGER);
        registry.voidEvidence(operator.addr);
        vm.prank(operator.addr);
        registry.voidEvidence(operator.addr);
        refuseBy(TEEProverRegistry.NonceMismatch.selector, operator.addr, attestation);
    }

    // Consent

    function test_register_needsTheOperatorsConsent() public {
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        refuse(
            abi.encodeWithSelector(TEEProverRegistry.NoConsent.selector, operator.addr),
            STRANGER,
            attestation
        );
    }

    function test_register_takesASignedConsent() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes32 binding = registry.bindingDigest(abi.encode(registration));
        registration.consent = signed(other, registry.consentDigest(binding));
        refuseBy(TEEProverRegistry.NoConsent.selector, STRANGER, attest(registration));
        registration.consent = signed(operator, registry.consentDigest(binding));
        registerAs(STRANGER, attest(registration));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
    }

    function test_register_takesADelegatesConsent() public {
        vm.prank(operator.addr);
        registry.setDelegate(other.addr, true);
        registerAs(other.addr, attest(registrationOf(prover, operator.addr)));

        Wallet memory second = vm.createWallet(uint256(keccak256("second")));
        Registration memory registration = registrationOf(second, operator.addr);
        bytes32 binding = registry.bindingDigest(abi.encode(registration));
        registration.consent = signed(other, registry.consentDigest(binding));
        registerAs(STRANGER, attest(registration));

        vm.prank(operator.addr);
        registry.setDelegate(other.addr, false);
        Wallet memory third = vm.createWallet(uint256(keccak256("third")));
        bytes memory attestation = attest(registrationOf(third, operator.addr));
        refuseBy(TEEProverRegistry.NoConsent.selector, other.addr, attestation);
    }

    function test_register_takesAContractsConsent() public {
        address wallet = address(0x0A11E7);
        Registration memory registration = registrationOf(prover, wallet);
        registration.consent = hex"00";
        bytes32 binding = registry.bindingDigest(abi.encode(registration));
        vm.etch(wallet, address(new WalletContract(keccak256("no"))).code);
        bytes memory attestation = attest(registration);
        refuseBy(TEEProverRegistry.NoConsent.selector, STRANGER, attestation);
        vm.etch(wallet, address(new WalletContract(registry.consentDigest(binding))).code);
        registerAs(STRANGER, attestation);
        check(registry.proverOf(prover.addr).operator == wallet, "operator");
    }

    /// @dev A consent holds for one binding: with another nonce it is none.
    function test_consent_isNotReusable() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes32 binding = registry.bindingDigest(abi.encode(registration));
        registration.consent = signed(operator, registry.consentDigest(binding));
        registerAs(STRANGER, attest(registration));
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        registration.nonce = registry.nonceFor(prover.addr, operator.addr);
        bytes memory attestation = attest(registration);
        refuseBy(TEEProverRegistry.NoConsent.selector, STRANGER, attestation);
    }

    // Re-attestation

    function test_reattest_extendsWithoutConsent() public {
        register(prover);
        pass(TTL - 1);
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        vm.expectEmit();
        emit TEEProverRegistry.ProverAttested(
            prover.addr,
            operator.addr,
            TEE.INTEL_SGX,
            SGX_CODE,
            0,
            uint64(block.timestamp + TTL),
            false,
            false
        );
        registerAs(STRANGER, attestation);
        pass(TTL);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        ProverRecords.Prover memory record = registry.proverOf(prover.addr);
        check(record.registeredAt == NOW && record.attestedAt == NOW + TTL - 1, "times");
        pass(1);
        checkLive(prover.addr, ProverRecords.Liveness.EXPIRED);
        // An expired prover comes back the same way.
        registerAs(STRANGER, attest(registrationOf(prover, operator.addr)));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
    }

    function test_reattest_isForTheSameOperator() public {
        register(prover);
        bytes memory attestation = attest(registrationOf(prover, STRANGER));
        refuse(
            abi.encodeWithSelector(
                TEEProverRegistry.ProverOfAnotherOperator.selector, prover.addr, operator.addr
            ),
            STRANGER,
            attestation
        );
    }

    function testFuzz_expiry_isTheEarlierOfTtlAndCollateral(uint64 end) public {
        end = uint64(bound(end, NOW, NOW + 2 * TTL));
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.validUntil = end;
        registerAs(operator.addr, attestWith(registration, claims));
        uint64 expected = end < NOW + TTL ? end : uint64(NOW + TTL);
        check(registry.proverOf(prover.addr).validUntil == expected, "validUntil");
        vm.warp(expected);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        vm.warp(expected + 1);
        checkLive(prover.addr, ProverRecords.Liveness.EXPIRED);
    }

    // Leaving

    function test_deregister_withTheProversSignature() public {
        register(prover);
        bytes memory signature = signed(prover, registry.deregistrationDigest(operator.addr, 0));
        vm.expectEmit();
        emit TEEProverRegistry.ProverDeregistered(prover.addr, operator.addr);
        vm.expectEmit();
        emit ProverRecords.OperatorNonceRaised(operator.addr, 1);
        vm.prank(operator.addr);
        registry.deregisterTEEProver(signature);
        checkLive(prover.addr, ProverRecords.Liveness.DEREGISTERED);
        // The signature is no use a second time.
        register(prover);
        vm.prank(operator.addr);
        expectError(TEEProverRegistry.ProverOfAnotherOperator.selector);
        registry.deregisterTEEProver(signature);
    }

    function test_deregister_isNotForOthers() public {
        register(prover);
        bytes memory signature = signed(prover, registry.deregistrationDigest(operator.addr, 0));
        vm.prank(STRANGER);
        expectError(TEEProverRegistry.ProverOfAnotherOperator.selector);
        registry.deregisterTEEProver(signature);
        vm.prank(STRANGER);
        expectError(TEEProverRegistry.NotTheOperator.selector);
        registry.deregister(prover.addr);
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        vm.prank(operator.addr);
        expectError(TEEProverRegistry.ProverNotRegistered.selector);
        registry.deregister(prover.addr);
    }

    function test_deregister_refusesTheHighS() public {
        register(prover);
        bytes32 digest = registry.deregistrationDigest(operator.addr, 0);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(prover.privateKey, digest);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        s = bytes32(order - uint256(s));
        bytes memory malleated = abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27));
        vm.prank(operator.addr);
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, s));
        registry.deregisterTEEProver(malleated);
    }

    /// @dev A key that left may serve another operator, with evidence that says so.
    function test_deregister_freesTheKey() public {
        register(prover);
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        registerAs(STRANGER, attest(registrationOf(prover, STRANGER)));
        check(registry.proverOf(prover.addr).operator == STRANGER, "operator");
    }

    function test_ban_isForEver() public {
        register(prover);
        vm.prank(STRANGER);
        expectError(IAccessControl.AccessControlUnauthorizedAccount.selector);
        registry.banProver(prover.addr);
        vm.prank(GUARDIAN);
        registry.banProver(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.BANNED);
        bytes memory attestation = attest(registrationOf(prover, operator.addr));
        refuse(
            abi.encodeWithSelector(TEEProverRegistry.ProverIsBanned.selector, prover.addr),
            operator.addr,
            attestation
        );
        register(other);
        checkLive(other.addr, ProverRecords.Liveness.LIVE);
    }

    // Pause, roles, initialization

    function test_pause_stopsAllButLeaving() public {
        register(prover);
        vm.prank(STRANGER);
        expectError(IAccessControl.AccessControlUnauthorizedAccount.selector);
        registry.pause();
        vm.prank(GUARDIAN);
        registry.pause();
        checkLive(prover.addr, ProverRecords.Liveness.PAUSED);
        bytes memory attestation = attest(registrationOf(other, operator.addr));
        bytes memory enforced = abi.encodeWithSignature("EnforcedPause()");
        refuse(enforced, operator.addr, attestation);
        vm.expectRevert(enforced);
        registry.previewAttestation(attestation);
        vm.expectRevert(enforced);
        registry.submitLivenessChallenge(attestation);
        vm.expectRevert(enforced);
        registry.challengeProver(prover.addr);
        vm.prank(GUARDIAN);
        expectError(IAccessControl.AccessControlUnauthorizedAccount.selector);
        registry.unpause();
        vm.prank(GUARDIAN);
        vm.expectRevert(enforced);
        registry.pause();
        vm.expectEmit();
        emit ProverRecords.Unpaused(POLICY);
        vm.prank(POLICY);
        registry.unpause();
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        vm.prank(POLICY);
        expectError(ProverRecords.ExpectedPause.selector);
        registry.unpause();
        vm.expectEmit();
        emit ProverRecords.Paused(GUARDIAN);
        vm.prank(GUARDIAN);
        registry.pause();
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        checkLive(prover.addr, ProverRecords.Liveness.DEREGISTERED);
    }

    function test_initialize_worksOnceAndNeverOnTheImplementation() public {
        bytes memory invalid = abi.encodeWithSignature("InvalidInitialization()");
        vm.expectRevert(invalid);
        registry.initialize(ADMIN, POLICY, GUARDIAN, policy, registryParams());
        vm.expectRevert(invalid);
        policy.initialize(policyParams());
        TEEProverRegistry bare = new TEEProverRegistry();
        vm.expectRevert(invalid);
        bare.initialize(ADMIN, POLICY, GUARDIAN, policy, registryParams());
        AttestationPolicy barePolicy = new AttestationPolicy();
        vm.expectRevert(invalid);
        barePolicy.initialize(policyParams());
    }

    function test_parameters_haveBounds() public {
        ProverRecords.Parameters memory values = registryParams();
        vm.prank(STRANGER);
        expectError(IAccessControl.AccessControlUnauthorizedAccount.selector);
        registry.setParameters(values);

        values.ttl = 0;
        refuseParameters(values, "ttl");
        values = registryParams();
        values.maxBlockAge = 0;
        refuseParameters(values, "maxBlockAge");
        values.maxBlockAge = 8192;
        refuseParameters(values, "maxBlockAge");
        values = registryParams();
        values.challengeWindow = 0;
        refuseParameters(values, "challengeWindow");
        // A development chain may be quick, others give an operator ten minutes.
        values.challengeWindow = 599;
        vm.prank(POLICY);
        registry.setParameters(values);
        check(registry.parameters().challengeWindow == 599, "challengeWindow");
        vm.chainId(1);
        refuseParameters(values, "challengeWindow");
    }

    function test_preview_saysWhatTheTransactionWould() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        bytes memory attestation = attestWith(registration, claims);
        (address who, QuoteClaims memory seen) = registry.previewAttestation(attestation);
        check(who == prover.addr && seen.replayKey == claims.replayKey, "preview");
        registerAs(operator.addr, attestation);
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        registry.previewAttestation(attestation);
        claims.measurement = keccak256("other code");
        attestation = attestWith(registration, claims);
        expectError(AttestationPolicy.MeasurementNotActive.selector);
        registry.previewAttestation(attestation);
    }

    function refuseParameters(ProverRecords.Parameters memory values, bytes32 name) private {
        vm.expectRevert(abi.encodeWithSelector(ProverRecords.ParameterOutOfBounds.selector, name));
        vm.prank(POLICY);
        registry.setParameters(values);
    }
}
