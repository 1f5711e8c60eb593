// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PoEVerifier, ProofOfExecution} from "../src/attestation/PoEVerifier.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title PoEVerifierTest
/// @notice A proof of execution holds for one claim, while its prover is live.
contract PoEVerifierTest is RegistryTestBase {
    PoEVerifier private poes;

    function setUp() public {
        deployRegistry();
        poes = new PoEVerifier(registry);
        register(prover);
    }

    /// @dev The digest that poe.py has for the same claim on chain 900.
    function test_digest_isPythons() public {
        vm.chainId(900);
        check(
            poes.digestOf(claim())
                == 0xe753ebacd07377852819cbfffacdcea31e14bb04295f28414f379d23aba2ce4d,
            "digest"
        );
    }

    function test_verify_takesALiveProversWord() public {
        bytes memory signature = signed(prover, poes.digestOf(claim()));
        check(poes.verify(claim(), signature) == prover.addr, "prover");
        vm.expectEmit();
        emit PoEVerifier.PoERecorded(
            poes.digestOf(claim()), prover.addr, operator.addr, claim(), false
        );
        poes.record(claim(), signature);
        check(poes.recordedAt(poes.digestOf(claim()), prover.addr) == NOW, "recordedAt");
        expectError(PoEVerifier.AlreadyRecorded.selector);
        poes.record(claim(), signature);
    }

    /// @dev With any word changed, the signature is that of some other key.
    function testFuzz_verify_coversEveryWord(uint8 which, uint256 value) public {
        bytes memory signature = signed(prover, poes.digestOf(claim()));
        ProofOfExecution memory other_ = claim();
        which = uint8(bound(which, 0, 6));
        if (which == 0) other_.l2ChainId = value;
        if (which == 1) other_.rollupConfigHash = bytes32(value);
        if (which == 2) other_.l1Head = bytes32(value);
        if (which == 3) other_.l2PreRoot = bytes32(value);
        if (which == 4) other_.l2PostRoot = bytes32(value);
        if (which == 5) other_.l2PreBlock = uint64(bound(value, 0, 104));
        if (which == 6) other_.l2PostBlock = uint64(bound(value, 101, type(uint64).max));
        vm.assume(poes.digestOf(other_) != poes.digestOf(claim()));
        expectError(PoEVerifier.ProverNotLive.selector);
        poes.verify(other_, signature);
    }

    function test_verify_holdsOnOneChain() public {
        bytes memory signature = signed(prover, poes.digestOf(claim()));
        vm.chainId(901);
        expectError(PoEVerifier.ProverNotLive.selector);
        poes.verify(claim(), signature);
    }

    function test_verify_needsTheRegisteredCode() public {
        ProofOfExecution memory poe = claim();
        poe.measurement = TDX_CODE;
        bytes memory signature = signed(prover, poes.digestOf(poe));
        vm.expectRevert(
            abi.encodeWithSelector(PoEVerifier.WrongMeasurement.selector, SGX_CODE, TDX_CODE)
        );
        poes.verify(poe, signature);
    }

    function test_verify_needsALiveProver() public {
        bytes memory foreign = signed(other, poes.digestOf(claim()));
        refused(foreign, other.addr, ProverRecords.Liveness.UNKNOWN);
        bytes memory signature = signed(prover, poes.digestOf(claim()));
        challenge(prover.addr);
        poes.verify(claim(), signature);
        pass(WINDOW + 1);
        refused(signature, prover.addr, ProverRecords.Liveness.CHALLENGE_FAILED);
        registry.settleChallenge(prover.addr);
        refused(signature, prover.addr, ProverRecords.Liveness.SUSPENDED);
        register(prover);
        poes.verify(claim(), signature);
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        refused(signature, prover.addr, ProverRecords.Liveness.MEASUREMENT_NOT_ACTIVE);
        vm.warp(block.timestamp + TTL + 1);
        refused(signature, prover.addr, ProverRecords.Liveness.EXPIRED);
    }

    function test_verify_refusesTheHighS() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(prover.privateKey, poes.digestOf(claim()));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        s = bytes32(order - uint256(s));
        bytes memory malleated = abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, s));
        poes.verify(claim(), malleated);
    }

    function testFuzz_verify_refusesOtherLengths(bytes calldata signature) public {
        vm.assume(signature.length != 65);
        vm.expectRevert(
            abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, signature.length)
        );
        poes.verify(claim(), signature);
    }

    function test_verify_refusesEmptyRanges() public {
        ProofOfExecution memory poe = claim();
        poe.l2PostBlock = poe.l2PreBlock;
        bytes memory signature = signed(prover, poes.digestOf(poe));
        vm.expectRevert(
            abi.encodeWithSelector(PoEVerifier.EmptyRange.selector, uint64(100), uint64(100))
        );
        poes.verify(poe, signature);
    }

    function claim() private pure returns (ProofOfExecution memory) {
        return ProofOfExecution({
            l2ChainId: 901,
            rollupConfigHash: CONFIG_HASH,
            l1Head: keccak256("l1 head"),
            l2PreRoot: keccak256("pre"),
            l2PostRoot: keccak256("post"),
            l2PreBlock: 100,
            l2PostBlock: 105,
            measurement: SGX_CODE
        });
    }

    function refused(bytes memory signature, address who, ProverRecords.Liveness reason) private {
        vm.expectRevert(abi.encodeWithSelector(PoEVerifier.ProverNotLive.selector, who, reason));
        poes.verify(claim(), signature);
    }
}
