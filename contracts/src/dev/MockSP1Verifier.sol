// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {DevChains} from "./DevChains.sol";

/// @title MockSP1Verifier
/// @notice Stands in for the SP1 gateway on development chains. A mock proof proves nothing: anyone
///         can make one. It does bind the verification key and the public values, so prover and
///         contract must agree on every byte of them, as with a real proof.
/// @dev    Deployment and every call revert outside DevChains. No SP1 verifier's selector equals
///         MOCK_SELECTOR, and the real ones refuse 36 bytes, so neither side takes the other's
///         proofs.
contract MockSP1Verifier is ISP1Verifier {
    /// @notice First four bytes of every mock proof: "MOCK" in ASCII.
    bytes4 public constant MOCK_SELECTOR = 0x4d4f434b;

    /// @notice The bytes are no mock proof: the length or the selector is another.
    error NotAMockProof();

    /// @notice The mock proof was made for another key or other public values.
    error MockProofMismatch();

    /// @notice Refuses to exist outside a development chain.
    constructor() {
        DevChains.check();
    }

    /// @inheritdoc ISP1Verifier
    function verifyProof(
        bytes32 programVKey,
        bytes calldata publicValues,
        bytes calldata proofBytes
    ) external view {
        DevChains.check();
        if (proofBytes.length != 36 || bytes4(proofBytes[:4]) != MOCK_SELECTOR) {
            revert NotAMockProof();
        }
        if (bytes32(proofBytes[4:]) != mockDigest(programVKey, publicValues)) {
            revert MockProofMismatch();
        }
    }

    /// @notice The mock proof of a key and public values: selector, then digest.
    /// @param programVKey  Verification key of the program.
    /// @param publicValues Bytes that the program committed to.
    /// @return 36 bytes.
    function mockProof(bytes32 programVKey, bytes calldata publicValues)
        external
        pure
        returns (bytes memory)
    {
        return bytes.concat(MOCK_SELECTOR, mockDigest(programVKey, publicValues));
    }

    /// @notice keccak256(selector ++ key ++ keccak256(public values)).
    /// @param programVKey  Verification key of the program.
    /// @param publicValues Bytes that the program committed to.
    /// @return The digest.
    function mockDigest(bytes32 programVKey, bytes calldata publicValues)
        public
        pure
        returns (bytes32)
    {
        return keccak256(bytes.concat(MOCK_SELECTOR, programVKey, keccak256(publicValues)));
    }
}
