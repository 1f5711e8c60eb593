// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {ProverBinding, Registration} from "../src/attestation/ProverBinding.sol";
import {IOperatorKeys, TEELivenessVerifier} from "../src/attestation/TEELivenessVerifier.sol";
import {TEEProverRegistry} from "../src/attestation/TEEProverRegistry.sol";
import {ITEELivenessVerifier} from "../src/attestation/interfaces/ITEELivenessVerifier.sol";
import {OracleProxy} from "../src/proxy/OracleProxy.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {Wallet} from "./support/Vm.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title KeyBook
/// @notice Stands for EigenLayer's BLSApkRegistry.
contract KeyBook is IOperatorKeys {
    mapping(bytes32 => address) public pubkeyHashToOperator;

    function set(bytes32 x, bytes32 y, address operator) external {
        pubkeyHashToOperator[keccak256(abi.encodePacked(x, y))] = operator;
    }
}

/// @title TEELivenessVerifierTest
/// @notice An operator of the multi-prover AVS attests and is seen to be live, without the holes.
contract TEELivenessVerifierTest is RegistryTestBase {
    bytes32 private constant BLS_X = keccak256("bls x");
    bytes32 private constant BLS_Y = keccak256("bls y");
    address private constant PAYER = address(0x9A7E4);

    TEELivenessVerifier private liveness_;
    KeyBook private keys;

    function setUp() public {
        deployRegistry();
        liveness_ = TEELivenessVerifier(
            address(
                new OracleProxy(
                    address(new TEELivenessVerifier()),
                    ADMIN,
                    abi.encodeCall(
                        TEELivenessVerifier.initialize, (OWNER, address(registry), 100, 3600)
                    )
                )
            )
        );
        keys = new KeyBook();
        keys.set(BLS_X, BLS_Y, operator.addr);
        vm.prank(OWNER);
        liveness_.changeOperatorKeys(keys);
    }

    function test_selectors_areTheAvsOnes() public pure {
        check(ITEELivenessVerifier.verifyLivenessProof.selector == 0xb72c58b1, "proof");
        check(ITEELivenessVerifier.verifyLivenessProofV2.selector == 0xa14065dc, "proofV2");
        check(
            ITEELivenessVerifier.submitLivenessProofV2.selector
                == bytes4(
                    keccak256(
                        "submitLivenessProofV2(((bytes32,bytes32),uint256,bytes32,bytes32),bytes)"
                    )
                ),
            "submit"
        );
    }

    /// @dev As the AVS' operator does it: from a second account that pays, for its BLS key.
    function test_submit_makesTheOperatorsKeyLive() public {
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "not yet");
        submit(consented());
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "live");
        check(liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, prover.addr), "V2");
        check(!liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, other.addr), "V2 of another");
        bytes32 key = keccak256(abi.encodePacked(BLS_X, BLS_Y));
        check(liveness_.attestedProverAddr(key) == prover.addr, "attestedProverAddr");
        (ITEELivenessVerifier.Pubkey memory pubkey, uint256 time) = liveness_.attestedProvers(key);
        check(pubkey.x == BLS_X && pubkey.y == BLS_Y && time == NOW, "attestedProvers");
        // It renews without another consent.
        pass(3599);
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "almost over");
        submit(registrationOf(prover, operator.addr));
        pass(3599);
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "renewed");
        pass(1);
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "over");
    }

    function sinceOf() internal view returns (address account, TEE tee, uint64 since) {
        return liveness_.liveOperator(keccak256(abi.encodePacked(BLS_X, BLS_Y)));
    }

    function test_liveOperator_sinceItsFirstReportWithoutABreak() public {
        (address account, TEE tee, uint64 since) = sinceOf();
        check(account == address(0) && tee == TEE.NONE && since == 0, "not yet");
        submit(consented());
        uint256 first = block.number;
        (account, tee, since) = sinceOf();
        check(account == operator.addr && since == first, "live");
        check(tee == registry.proverOf(prover.addr).tee, "kind");
        pass(1800);
        submit(registrationOf(prover, operator.addr));
        (,, since) = sinceOf();
        check(since == first && block.number > first, "renewed in time: no break");
        pass(3601);
        (account,,) = sinceOf();
        check(account == address(0), "over");
        submit(registrationOf(prover, operator.addr));
        (,, since) = sinceOf();
        check(since == block.number, "after a break it begins anew");
    }

    /// @notice A prover that left and was registered again past this contract does not count until a
    ///         report comes here: nobody saw how long it was away.
    function test_liveOperator_notUnderARegistrationThatItDidNotSee() public {
        submit(consented());
        pass(10);
        vm.prank(operator.addr);
        registry.deregister(prover.addr);
        pass(10);
        bytes memory again = attest(registrationOf(prover, operator.addr));
        vm.prank(operator.addr);
        registry.registerTEEProver(again);
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "live in the registry");
        (address account,,) = sinceOf();
        check(account == address(0), "but not without a break");
        pass(10);
        submit(registrationOf(prover, operator.addr));
        (,, uint64 since) = sinceOf();
        check(since == block.number, "from here on");
    }

    function test_validity_isItsOwn() public {
        submit(consented());
        vm.prank(OWNER);
        liveness_.changeAttestValiditySeconds(60);
        pass(59);
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "live");
        pass(1);
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "over");
        check(registry.checkTEEProverStatus(prover.addr), "registry's own TTL");
    }

    /// @dev What the registry takes back is not live here: no other state to forget.
    function test_live_followsTheRegistry() public {
        submit(consented());
        challenge(prover.addr);
        pass(WINDOW + 1);
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "challenge failed");
        registry.settleChallenge(prover.addr);
        submit(consented());
        check(liveness_.verifyLivenessProof(BLS_X, BLS_Y), "back");
        keys.set(BLS_X, BLS_Y, STRANGER);
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "the key is another's");
        check(!liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, prover.addr), "V2");
    }

    function test_submit_answersAnOpenChallenge() public {
        submit(consented());
        challenge(prover.addr);
        submit(registrationOf(prover, operator.addr));
        check(!registry.proverOf(prover.addr).challenged, "answered");
        check(registry.credits(operator.addr) == BOND, "bond");
    }

    function test_submit_refusesAnothersKey() public {
        Registration memory registration = consented();
        keys.set(BLS_X, BLS_Y, STRANGER);
        bytes memory report = attest(registration);
        expectError(TEELivenessVerifier.KeyMismatch.selector);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
    }

    function test_submit_needsTheOperatorsConsent() public {
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes memory report = attest(registration);
        expectError(TEEProverRegistry.NoConsent.selector);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
    }

    function test_submit_refusesOtherBlocksAndReplays() public {
        Registration memory registration = consented();
        bytes memory report = attest(registration);
        ITEELivenessVerifier.ReportDataV2 memory data = dataOf(registration);
        data.referenceBlockNumber -= 1;
        expectError(TEELivenessVerifier.ReferenceBlockMismatch.selector);
        liveness_.submitLivenessProofV2(data, report);
        data = dataOf(registration);
        data.referenceBlockHash = keccak256("forged");
        expectError(ProverBinding.BlockHashMismatch.selector);
        liveness_.submitLivenessProofV2(data, report);
        data = dataOf(registration);
        vm.deal(PAYER, 1 ether);
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(TEELivenessVerifier.NoFee.selector, 1));
        liveness_.submitLivenessProofV2{value: 1}(data, report);
        liveness_.submitLivenessProofV2(data, report);
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        liveness_.submitLivenessProofV2(data, report);
        check(liveness_.attestedReports(keccak256(abi.encode("evidence", 1))), "used");
    }

    /// @dev A report is public before it counts: whoever takes it to the registry first cannot keep the
    ///      operator's key from becoming live.
    function test_submit_cannotBeLockedOut() public {
        Registration memory registration = consented();
        bytes memory report = attest(registration);
        vm.prank(STRANGER);
        registry.registerTEEProver(report);
        vm.prank(PAYER);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
        check(liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, prover.addr), "live");
        // A second prover under the same key, brought around it again.
        pass(1);
        registration = consentedTo(other);
        bytes memory next = attest(registration);
        vm.prank(STRANGER);
        registry.registerTEEProver(next);
        liveness_.submitLivenessProofV2(dataOf(registration), next);
        check(liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, other.addr), "the later one");
    }

    /// @dev What was used only tells of the prover that attested last.
    function test_submit_doesNotGoBack() public {
        Registration memory first = consented();
        bytes memory report = attest(first);
        registerAs(PAYER, report);
        pass(1);
        Registration memory second = consentedTo(other);
        vm.prank(PAYER);
        liveness_.submitLivenessProofV2(dataOf(second), attest(second));
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        liveness_.submitLivenessProofV2(dataOf(first), report);
        check(liveness_.verifyLivenessProofV2(BLS_X, BLS_Y, other.addr), "the later one");
    }

    /// @dev Nor of a prover whose evidence it is not, nor by other evidence under the same replay key.
    function test_submit_usedEvidenceIsItsProversAlone() public {
        registerAs(PAYER, attest(consented()));
        Registration memory foreign = consentedTo(other);
        QuoteClaims memory claims = claimsFor(foreign);
        claims.replayKey = keccak256(abi.encode("evidence", 1));
        bytes memory report = attestWith(foreign, claims);
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        liveness_.submitLivenessProofV2(dataOf(foreign), report);
        pass(1);
        Registration memory newer = registrationOf(prover, operator.addr);
        claims = claimsFor(newer);
        claims.replayKey = keccak256(abi.encode("evidence", 1));
        report = attestWith(newer, claims);
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        liveness_.submitLivenessProofV2(dataOf(newer), report);
        check(
            liveness_.attestedProverAddr(keccak256(abi.encodePacked(BLS_X, BLS_Y))) == address(0),
            "no prover"
        );
    }

    function test_submit_hasItsOwnAge() public {
        vm.prank(OWNER);
        liveness_.changeMaxBlockNumberDiff(1);
        Registration memory registration = consented();
        bytes memory report = attest(registration);
        vm.roll(HEAD + 1);
        expectError(ProverBinding.BlockTooOld.selector);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
    }

    function test_attestation_isChecked() public {
        Registration memory registration = consented();
        bytes memory report = attest(registration);
        check(liveness_.verifyAttestationV2(BLS_X, BLS_Y, report), "the operator's");
        check(!liveness_.verifyAttestationV2(BLS_Y, BLS_X, report), "another key");
        registerAs(operator.addr, report);
        expectError(TEEProverRegistry.EvidenceReplayed.selector);
        liveness_.verifyAttestationV2(BLS_X, BLS_Y, report);
    }

    /// @dev Public verifiers say yes to everything here.
    function testFuzz_code_isOnTheList(bytes32 mrenclave, bytes32 mrsigner) public {
        vm.assume(mrsigner != SIGNER);
        check(!liveness_.verifyMrEnclave(mrenclave), "MRENCLAVE");
        check(!liveness_.verifyMrSigner(mrsigner), "MRSIGNER");
        check(liveness_.verifyMrSigner(SIGNER), "the list's MRSIGNER");
        check(!liveness_.verifyMrSigner(bytes32(0)), "none");
        AttestationPolicy.Measurement memory rules = measurement(TEE.INTEL_SGX);
        rules.activeFrom = uint64(NOW + NOTICE);
        rules.signer = mrsigner;
        vm.prank(POLICY);
        policy.scheduleMeasurement(keccak256(abi.encodePacked(uint8(1), mrenclave)), rules);
        check(!liveness_.verifyMrEnclave(mrenclave), "not yet");
        check(!liveness_.verifyMrSigner(mrsigner), "not yet its MRSIGNER");
        vm.warp(NOW + NOTICE);
        check(liveness_.verifyMrEnclave(mrenclave), "MRENCLAVE");
        check(liveness_.verifyMrSigner(mrsigner) == (mrsigner != bytes32(0)), "its MRSIGNER");
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(keccak256(abi.encodePacked(uint8(1), mrenclave)));
        check(!liveness_.verifyMrSigner(SIGNER), "no code of it");
    }

    /// @dev Code that any signer may sign makes no signer an accepted one.
    function test_code_ofAnySigner() public {
        testFuzz_code_isOnTheList(keccak256("code"), bytes32(0));
    }

    /// @dev Without a place of BLS keys, a key is the prover's own, registered anyhow.
    function test_ownKeys() public {
        vm.prank(OWNER);
        liveness_.changeOperatorKeys(IOperatorKeys(address(0)));
        register(prover);
        bytes32 x = bytes32(prover.publicKeyX);
        bytes32 y = bytes32(prover.publicKeyY);
        check(liveness_.verifyLivenessProof(x, y), "live");
        check(liveness_.verifyLivenessProofV2(x, y, prover.addr), "V2");
        check(!liveness_.verifyLivenessProof(BLS_X, BLS_Y), "no key");
        Registration memory registration = registrationOf(prover, operator.addr);
        bytes memory report = attest(registration);
        expectError(TEELivenessVerifier.KeyMismatch.selector);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
        ITEELivenessVerifier.ReportDataV2 memory data = dataOf(registration);
        data.pubkey = ITEELivenessVerifier.Pubkey(x, y);
        liveness_.submitLivenessProofV2(data, report);
    }

    function test_fee_isNone() public {
        check(liveness_.estimateBaseFeeVerifyOnChain(hex"01") == 0, "fee");
        expectError(TEELivenessVerifier.NoFee.selector);
        liveness_.estimateBaseFeeVerifyOnChain{value: 1}(hex"01");
    }

    function test_owner_alone() public {
        bytes memory unauthorized =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        liveness_.changeMaxBlockNumberDiff(1);
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        liveness_.changeAttestationImpl(address(registry));
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        liveness_.changeAttestValiditySeconds(1);
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized);
        liveness_.changeOperatorKeys(keys);
        vm.prank(OWNER);
        expectError(TEELivenessVerifier.NotAContract.selector);
        liveness_.changeAttestationImpl(STRANGER);
        vm.prank(OWNER);
        expectError(TEELivenessVerifier.NotAContract.selector);
        liveness_.changeOperatorKeys(IOperatorKeys(STRANGER));
        vm.prank(OWNER);
        liveness_.changeAttestationImpl(address(registry));
        expectError(bytes4(keccak256("InvalidInitialization()")));
        liveness_.initialize(STRANGER, address(registry), 1, 1);
    }

    function consented() private view returns (Registration memory) {
        return consentedTo(prover);
    }

    function consentedTo(Wallet memory key)
        private
        view
        returns (Registration memory registration)
    {
        registration = registrationOf(key, operator.addr);
        bytes32 binding = registry.bindingDigest(abi.encode(registration));
        registration.consent = signed(operator, registry.consentDigest(binding));
    }

    function dataOf(Registration memory registration)
        private
        pure
        returns (ITEELivenessVerifier.ReportDataV2 memory)
    {
        return ITEELivenessVerifier.ReportDataV2({
            pubkey: ITEELivenessVerifier.Pubkey(BLS_X, BLS_Y),
            referenceBlockNumber: registration.blockNumber,
            referenceBlockHash: registration.blockHash,
            proverAddressHash: keccak256("http://prover:18232")
        });
    }

    function submit(Registration memory registration) private {
        bytes memory report = attest(registration);
        vm.prank(PAYER);
        liveness_.submitLivenessProofV2(dataOf(registration), report);
    }
}
