// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {AttestorVerifier} from "../src/attestation/AttestorVerifier.sol";
import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {Registration} from "../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {DevChains} from "../src/dev/DevChains.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {Wallet} from "./support/Vm.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title AttestorVerifierTest
/// @notice k of n attestors vouch for evidence; anyone may dispute what they say.
contract AttestorVerifierTest is RegistryTestBase {
    bytes32 private constant NITRO_CODE = keccak256("nitro code");
    uint96 private constant DISPUTE_BOND = 0.2 ether;

    AttestorVerifier private attestors;
    /// @dev Ascending by address.
    Wallet[] private wallets;

    function setUp() public {
        deployRegistry();
        Wallet[] memory made = new Wallet[](4);
        address[] memory accounts = new address[](4);
        for (uint256 i = 0; i < 4; ++i) {
            made[i] = vm.createWallet(uint256(keccak256(abi.encode("attestor", i))));
            for (uint256 j = i; j > 0 && made[j].addr < made[j - 1].addr; --j) {
                (made[j], made[j - 1]) = (made[j - 1], made[j]);
            }
        }
        for (uint256 i = 0; i < 4; ++i) {
            wallets.push(made[i]);
            accounts[i] = made[i].addr;
        }
        attestors = new AttestorVerifier(OWNER, accounts, rules());
        vm.prank(POLICY);
        policy.setPlatform(TEE.AWS_NITRO, attestors, false);
        AttestationPolicy.Measurement memory code = measurement(TEE.AWS_NITRO);
        code.activeFrom = uint64(NOW + NOTICE);
        code.signer = bytes32(0);
        vm.prank(POLICY);
        policy.scheduleMeasurement(NITRO_CODE, code);
        vm.prank(POLICY);
        policy.setTcbAcceptance(TEE.AWS_NITRO, 0, FOREVER);
        vm.warp(NOW + NOTICE);
    }

    function test_verify_takesAQuorum() public view {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        QuoteClaims memory seen = attestors.verify(vouched(statement, 2));
        check(keccak256(abi.encode(seen)) == keccak256(abi.encode(statement.claims)), "claims");
        attestors.verify(vouched(statement, 3));
    }

    function test_verify_refusesFewerOrTheSameTwice() public {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        bytes memory evidence = vouched(statement, 1);
        vm.expectRevert(abi.encodeWithSelector(AttestorVerifier.TooFewAttestors.selector, 2, 1));
        attestors.verify(evidence);
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = signed(wallets[0], attestors.statementDigest(statement));
        signatures[1] = signatures[0];
        expectError(AttestorVerifier.SignersNotAscending.selector);
        attestors.verify(abi.encode(statement, signatures));
        signatures[1] = signed(operator, attestors.statementDigest(statement));
        expectError(
            operator.addr > wallets[0].addr
                ? AttestorVerifier.NotAnAttestor.selector
                : AttestorVerifier.SignersNotAscending.selector
        );
        attestors.verify(abi.encode(statement, signatures));
    }

    /// @dev Each word of the statement is signed.
    function testFuzz_verify_coversEveryWord(uint8 which, uint256 value) public {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        bytes32 digest = attestors.statementDigest(statement);
        bytes[] memory signatures = signaturesOver(digest, 2);
        which = uint8(bound(which, 0, 10));
        if (which == 0) statement.claims.tee = TEE(bound(value, 2, 4));
        if (which == 1) statement.claims.measurement = bytes32(value);
        if (which == 2) statement.claims.signer = bytes32(value);
        if (which == 3) statement.claims.securityVersion = uint32(value);
        if (which == 4) statement.claims.reportDigest = bytes32(value);
        if (which == 5) statement.claims.tcbStatus = uint8(bound(value, 0, 5));
        if (which == 6) {
            statement.claims.validUntil = uint64(bound(value, block.timestamp, FOREVER - 1));
        }
        if (which == 7) statement.claims.replayKey = bytes32(value);
        if (which == 8) statement.claims.simulated = value % 2 == 0;
        if (which == 9) statement.evidenceHash = bytes32(value);
        if (which == 10) statement.signedAt = uint64(block.timestamp - bound(value, 0, 600));
        vm.assume(attestors.statementDigest(statement) != digest);
        // The signers are other keys then: none of them an attestor, or not even in order.
        (bool success,) = address(attestors)
            .staticcall(abi.encodeCall(attestors.verify, (abi.encode(statement, signatures))));
        check(!success, "accepted");
    }

    /// @dev The digest that attestors in Python sign.
    function test_digest_isEip712() public view {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        QuoteClaims memory c = statement.claims;
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("coprove attestors"),
                keccak256("1"),
                block.chainid,
                address(attestors)
            )
        );
        bytes memory first = abi.encode(
            attestors.STATEMENT_TYPEHASH(),
            c.tee,
            c.measurement,
            c.signer,
            c.securityVersion,
            c.reportDigest
        );
        bytes memory second = abi.encode(
            c.tcbStatus,
            c.validUntil,
            c.replayKey,
            c.simulated,
            statement.evidenceHash,
            statement.signedAt
        );
        bytes32 structHash = keccak256(bytes.concat(first, second));
        check(
            attestors.statementDigest(statement)
                == keccak256(abi.encodePacked(hex"1901", domain, structHash)),
            "digest"
        );
    }

    function test_verify_isNotForWhatIsVerifiedOnChain() public {
        TEE[3] memory kinds = [TEE.NONE, TEE.INTEL_SGX, TEE.INTEL_TDX];
        for (uint256 i = 0; i < 3; ++i) {
            QuoteClaims memory c = claims();
            c.tee = kinds[i];
            bytes memory evidence = vouched(statementOf(c), 2);
            vm.expectRevert(
                abi.encodeWithSelector(AttestorVerifier.NotForAttestors.selector, kinds[i])
            );
            attestors.verify(evidence);
        }
        TEE[4] memory others = [TEE.AWS_NITRO, TEE.AMD_SEV, TEE.ARM_TRUSTZONE, TEE.ARM_CCA];
        for (uint256 i = 0; i < 4; ++i) {
            QuoteClaims memory c = claims();
            c.tee = others[i];
            attestors.verify(vouched(statementOf(c), 2));
        }
    }

    function testFuzz_verify_neverTakesRevoked(uint8 status) public {
        QuoteClaims memory c = claims();
        c.tcbStatus = uint8(bound(status, 6, 255));
        bytes memory evidence = vouched(statementOf(c), 2);
        expectError(AttestorVerifier.TcbRevoked.selector);
        attestors.verify(evidence);
    }

    function test_verify_hasDates() public {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        bytes memory evidence = vouched(statement, 2);
        vm.warp(block.timestamp + 600);
        attestors.verify(evidence);
        vm.warp(block.timestamp + 1);
        expectError(AttestorVerifier.StatementNotCurrent.selector);
        attestors.verify(evidence);
        statement.signedAt = uint64(block.timestamp + 1);
        evidence = vouched(statement, 2);
        expectError(AttestorVerifier.StatementNotCurrent.selector);
        attestors.verify(evidence);
        QuoteClaims memory c = claims();
        c.validUntil = uint64(block.timestamp - 1);
        evidence = vouched(statementOf(c), 2);
        expectError(AttestorVerifier.EndorsementsExpired.selector);
        attestors.verify(evidence);
    }

    function test_verify_simulationIsForDevelopmentChains() public {
        QuoteClaims memory c = claims();
        c.simulated = true;
        attestors.verify(vouched(statementOf(c), 2));
        vm.chainId(1);
        bytes memory evidence = vouched(statementOf(c), 2);
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, 1));
        attestors.verify(evidence);
    }

    // With the registry

    function test_registry_labelsTheProver() public {
        bytes memory attestation = attestNitro();
        registerAs(operator.addr, attestation);
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        check(registry.proverOf(prover.addr).attested, "attested");
        (,, bool isAttested) = policy.platforms(TEE.AWS_NITRO);
        check(isAttested, "platform");
        (,, isAttested) = policy.platforms(TEE.INTEL_SGX);
        check(!isAttested, "a verifier that does not know the question");
    }

    function test_dispute_stopsTheProverUntilConfirmed() public {
        bytes memory attestation = attestNitro();
        registerAs(operator.addr, attestation);
        bytes memory evidence = abi.decode(attestation, (Registration)).evidence;
        (AttestorVerifier.Statement memory statement,) =
            abi.decode(evidence, (AttestorVerifier.Statement, bytes[]));
        bytes32 key = statement.claims.replayKey;
        address[] memory signers = new address[](2);
        signers[0] = wallets[0].addr;
        signers[1] = wallets[1].addr;
        vm.deal(STRANGER, 1 ether);
        vm.expectEmit();
        emit AttestorVerifier.ClaimsDisputed(
            key, STRANGER, statement.evidenceHash, uint64(block.timestamp + 1 days), signers
        );
        vm.prank(STRANGER);
        attestors.dispute{value: DISPUTE_BOND}(evidence);
        checkLive(prover.addr, ProverRecords.Liveness.CLAIMS_DISPUTED);
        expectError(AttestorVerifier.StatementDisputed.selector);
        attestors.verify(evidence);

        bytes[] memory few = signaturesOver(attestors.confirmationDigest(key), 2);
        vm.expectRevert(abi.encodeWithSelector(AttestorVerifier.TooFewAttestors.selector, 3, 2));
        attestors.confirm(key, few);
        // Signatures under the statement are no confirmation of it.
        bytes[] memory old = signaturesOver(attestors.statementDigest(statement), 3);
        (bool success,) = address(attestors).call(abi.encodeCall(attestors.confirm, (key, old)));
        check(!success, "old signatures");
        attestors.confirm(key, signaturesOver(attestors.confirmationDigest(key), 3));
        checkLive(prover.addr, ProverRecords.Liveness.LIVE);
        attestors.verify(evidence);

        // The bond is the confirmers', to the last wei, and it is not disputed again.
        uint256 total;
        for (uint256 i = 0; i < 4; ++i) {
            total += attestors.credits(wallets[i].addr);
        }
        check(total == DISPUTE_BOND && attestors.credits(wallets[3].addr) == 0, "credits");
        vm.prank(wallets[0].addr);
        expectError(AttestorVerifier.TransferFailed.selector);
        attestors.withdraw(payable(address(policy)));
        vm.prank(wallets[0].addr);
        attestors.withdraw(payable(address(0xBEEF)));
        check(address(0xBEEF).balance != 0, "paid");
        vm.prank(wallets[0].addr);
        expectError(AttestorVerifier.NothingToWithdraw.selector);
        attestors.withdraw(payable(address(0xBEEF)));
        vm.prank(STRANGER);
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.dispute{value: DISPUTE_BOND}(evidence);
    }

    function test_dispute_voidsWhatNobodyConfirms() public {
        bytes memory attestation = attestNitro();
        registerAs(operator.addr, attestation);
        bytes memory evidence = abi.decode(attestation, (Registration)).evidence;
        bytes32 key = attestors.verify(evidence).replayKey;
        vm.deal(STRANGER, 1 ether);
        vm.prank(STRANGER);
        attestors.dispute{value: DISPUTE_BOND}(evidence);
        expectError(AttestorVerifier.WrongTime.selector);
        attestors.settle(key);
        vm.warp(block.timestamp + 1 days + 1);
        bytes[] memory late = signaturesOver(attestors.confirmationDigest(key), 3);
        expectError(AttestorVerifier.WrongTime.selector);
        attestors.confirm(key, late);
        vm.expectEmit();
        emit AttestorVerifier.ClaimsVoided(key, STRANGER);
        attestors.settle(key);
        check(attestors.credits(STRANGER) == DISPUTE_BOND, "credits");
        check(attestors.isDisputed(key), "void");
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.settle(key);
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.confirm(key, late);
    }

    function test_dispute_needsAStatementAndTheBond() public {
        AttestorVerifier.Statement memory statement = statementOf(claims());
        bytes memory evidence = vouched(statement, 1);
        vm.deal(STRANGER, 1 ether);
        vm.prank(STRANGER);
        expectError(AttestorVerifier.TooFewAttestors.selector);
        attestors.dispute{value: DISPUTE_BOND}(evidence);
        evidence = vouched(statement, 2);
        vm.prank(STRANGER);
        expectError(AttestorVerifier.WrongBond.selector);
        attestors.dispute(evidence);
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.settle(statement.claims.replayKey);
    }

    /// @dev A verifier that cannot be asked about disputes does not make the registry fail.
    function test_registry_survivesAVerifierOfTheOtherKind() public {
        registerAs(operator.addr, attestNitro());
        vm.prank(POLICY);
        policy.setPlatform(TEE.AWS_NITRO, verifier, true);
        checkLive(prover.addr, ProverRecords.Liveness.PLATFORM_CHANGED);
    }

    // Owner

    function test_rules_fitTogether() public {
        AttestorVerifier.Rules memory bad = rules();
        bad.quorum = 0;
        refuseRules(bad);
        bad = rules();
        bad.confirmations = 1;
        refuseRules(bad);
        bad.confirmations = 5;
        refuseRules(bad);
        bad = rules();
        bad.maxAge = 0;
        refuseRules(bad);
        bad = rules();
        bad.disputeWindow = 0;
        refuseRules(bad);
        bytes memory unauthorized =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        attestors.setRules(rules());
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        attestors.setAttestor(STRANGER, true);
    }

    /// @dev To dispute a prover's own claims is no way round its challenge: it could have answered
    ///      with other evidence.
    function test_dispute_doesNotSaveWhoIsChallenged() public {
        bytes memory attestation = attestNitro();
        registerAs(operator.addr, attestation);
        bytes32 key = keccak256("document");
        bytes32 nonce = challenge(prover.addr);
        vm.deal(operator.addr, DISPUTE_BOND);
        vm.prank(operator.addr);
        attestors.dispute{value: DISPUTE_BOND}(abi.decode(attestation, (Registration)).evidence);
        pass(WINDOW + 1);
        vm.expectEmit();
        emit ProverRecords.ChallengeFailed(prover.addr, operator.addr, STRANGER, nonce);
        registry.settleChallenge(prover.addr);
        attestors.confirm(key, signaturesOver(attestors.confirmationDigest(key), 3));
        checkLive(prover.addr, ProverRecords.Liveness.SUSPENDED);
    }

    /// @dev What the larger quorum confirmed says nothing of other claims that a smaller one signed
    ///      for the same evidence.
    function test_dispute_confirmsTheClaimsThatWereDisputed() public {
        QuoteClaims memory truth = claims();
        bytes memory honest = vouched(statementOf(truth), 2);
        QuoteClaims memory lie = claims();
        lie.reportDigest = keccak256("another key");
        bytes memory forged = vouched(statementOf(lie), 2);
        vm.deal(STRANGER, 3 * DISPUTE_BOND);
        vm.prank(STRANGER);
        attestors.dispute{value: DISPUTE_BOND}(honest);
        bytes32 key = truth.replayKey;
        attestors.confirm(key, signaturesOver(attestors.confirmationDigest(key), 3));
        // The same again is settled, at whatever time it was signed.
        AttestorVerifier.Statement memory again = statementOf(truth);
        again.signedAt -= 1;
        bytes memory later = vouched(again, 2);
        vm.prank(STRANGER);
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.dispute{value: DISPUTE_BOND}(later);
        vm.prank(STRANGER);
        attestors.dispute{value: DISPUTE_BOND}(forged);
        expectError(AttestorVerifier.StatementDisputed.selector);
        attestors.verify(forged);
        vm.warp(block.timestamp + 1 days + 1);
        attestors.settle(key);
        check(attestors.credits(STRANGER) == DISPUTE_BOND, "bond");
        // What is void stays so.
        vm.prank(STRANGER);
        expectError(AttestorVerifier.DisputeNotPossible.selector);
        attestors.dispute{value: DISPUTE_BOND}(honest);
    }

    function test_attestors_changeByTheOwner() public {
        bytes memory evidence = vouched(statementOf(claims()), 2);
        vm.prank(OWNER);
        attestors.setAttestor(wallets[0].addr, false);
        expectError(AttestorVerifier.NotAnAttestor.selector);
        attestors.verify(evidence);
        // Not fewer than a confirmation needs.
        vm.prank(OWNER);
        expectError(AttestorVerifier.InvalidRules.selector);
        attestors.setAttestor(wallets[1].addr, false);
        vm.prank(OWNER);
        expectError(AttestorVerifier.AttestorUnchanged.selector);
        attestors.setAttestor(wallets[0].addr, false);
        vm.prank(OWNER);
        expectError(AttestorVerifier.AttestorUnchanged.selector);
        attestors.setAttestor(address(0), true);
        vm.prank(OWNER);
        attestors.setAttestor(wallets[0].addr, true);
        attestors.verify(evidence);
        for (uint256 i = 5; i <= 32; ++i) {
            vm.prank(OWNER);
            attestors.setAttestor(address(uint160(i)), true);
        }
        vm.prank(OWNER);
        expectError(AttestorVerifier.InvalidRules.selector);
        attestors.setAttestor(address(33), true);
    }

    function rules() private pure returns (AttestorVerifier.Rules memory) {
        return AttestorVerifier.Rules({
            quorum: 2, confirmations: 3, maxAge: 600, disputeWindow: 1 days, bond: DISPUTE_BOND
        });
    }

    function refuseRules(AttestorVerifier.Rules memory bad) private {
        vm.prank(OWNER);
        expectError(AttestorVerifier.InvalidRules.selector);
        attestors.setRules(bad);
    }

    function claims() private view returns (QuoteClaims memory) {
        return QuoteClaims({
            tee: TEE.AWS_NITRO,
            measurement: NITRO_CODE,
            signer: bytes32(0),
            securityVersion: 2,
            reportDigest: keccak256("report"),
            tcbStatus: 0,
            validUntil: uint64(block.timestamp + 3 hours),
            replayKey: keccak256("document"),
            simulated: false
        });
    }

    function statementOf(QuoteClaims memory c)
        private
        view
        returns (AttestorVerifier.Statement memory)
    {
        return AttestorVerifier.Statement({
            claims: c, evidenceHash: keccak256("evidence"), signedAt: uint64(block.timestamp)
        });
    }

    function signaturesOver(bytes32 digest, uint256 count)
        private
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = signed(wallets[i], digest);
        }
    }

    function vouched(AttestorVerifier.Statement memory statement, uint256 count)
        private
        view
        returns (bytes memory)
    {
        return abi.encode(statement, signaturesOver(attestors.statementDigest(statement), count));
    }

    function attestNitro() private view returns (bytes memory) {
        Registration memory registration = registrationOf(prover, operator.addr);
        registration.tee = TEE.AWS_NITRO;
        QuoteClaims memory c = claims();
        c.reportDigest = registry.bindingDigest(abi.encode(registration));
        registration.evidence = vouched(statementOf(c), 2);
        return abi.encode(registration);
    }
}
