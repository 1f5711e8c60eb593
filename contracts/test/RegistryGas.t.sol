// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PoEVerifier, ProofOfExecution} from "../src/attestation/PoEVerifier.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";

/// @title RegistryGasTest
/// @notice What the registry's own part of each call costs, behind its proxies, without the quote's
///         verification; the evidence is as long as a stripped quote.
contract RegistryGasTest is RegistryTestBase {
    /// @dev Prepared calldata lie in code: to read them from storage would cost more than the calls.
    address private constant FIRST = address(0xF1);
    address private constant RENEWAL = address(0xF2);
    address private constant ANSWER = address(0xF3);
    address private constant POE = address(0xF4);

    PoEVerifier private poes;

    function setUp() public {
        deployRegistry();
        poes = new PoEVerifier(registry);
        register(prover);
        challenge(prover.addr);
        vm.etch(ANSWER, padded(attest(registrationOf(prover, operator.addr))));
        register(other);
        vm.etch(RENEWAL, padded(attest(registrationOf(other, operator.addr))));
        vm.etch(
            FIRST,
            padded(
                attest(registrationOf(vm.createWallet(uint256(keccak256("new"))), operator.addr))
            )
        );
        ProofOfExecution memory poe;
        poe.l2PostBlock = 1;
        poe.measurement = SGX_CODE;
        vm.etch(POE, abi.encode(poe, signed(other, poes.digestOf(poe))));
        vm.deal(STRANGER, 1 ether);
        // Renewals come later than the evidence before.
        pass(1800);
    }

    function test_gas_register() public {
        bytes memory attestation = FIRST.code;
        vm.prank(operator.addr);
        registry.registerTEEProver(attestation);
    }

    /// @dev With 21,000 for the transaction, 20,000 for its calldata and two P-256 checks it must
    ///      stay below 200,000.
    function test_gas_reattest() public {
        bytes memory attestation = RENEWAL.code;
        vm.prank(STRANGER);
        uint256 before = gasleft();
        registry.registerTEEProver(attestation);
        check(before - gasleft() <= 100_000, "the registry's own part");
    }

    function test_gas_answer() public {
        bytes memory attestation = ANSWER.code;
        vm.warp(block.timestamp - 1000);
        vm.prank(STRANGER);
        registry.submitLivenessChallenge(attestation);
    }

    function test_gas_challenge() public {
        vm.prank(STRANGER);
        registry.challengeProver{value: BOND}(other.addr);
    }

    function test_gas_status() public view {
        registry.checkTEEProverStatus(other.addr);
    }

    function test_gas_verifyPoE() public view {
        (ProofOfExecution memory poe, bytes memory signature) =
            abi.decode(POE.code, (ProofOfExecution, bytes));
        poes.verify(poe, signature);
    }

    function test_gas_recordPoE() public {
        (ProofOfExecution memory poe, bytes memory signature) =
            abi.decode(POE.code, (ProofOfExecution, bytes));
        poes.record(poe, signature);
    }

    /// @dev A stripped quote with its platform has 1,152 bytes; the claims here have 288.
    function padded(bytes memory attestation) private pure returns (bytes memory) {
        return bytes.concat(attestation, new bytes(1152 - 288));
    }
}
