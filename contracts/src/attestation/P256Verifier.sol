// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {P256Fallback} from "./P256Fallback.sol";

/// @title P256Verifier
/// @notice ECDSA over P-256 by the precompile P256VERIFY (EIP-7951), or by a fallback contract where
///         the chain has none. Which of the two is found out once, when the contract is deployed, by
///         a known signature that must hold and the same one over another message that must not.
abstract contract P256Verifier {
    /// @dev Address of P256VERIFY.
    address private constant PRECOMPILE = address(0x100);
    /// @dev Order of the curve.
    uint256 internal constant P256_N =
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
    /// @dev A signature of Project Wycheproof's ecdsa_secp256r1_sha256_p1363: SHA-256 of "123400".
    bytes32 private constant KNOWN_DIGEST =
        0xbb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023;
    uint256 private constant KNOWN_R = 5;
    uint256 private constant KNOWN_S = 1;
    uint256 private constant KNOWN_X =
        0xa71af64de5126a4a4e02b7922d66ce9415ce88a4c9d25514d91082c8725ac957;
    uint256 private constant KNOWN_Y =
        0x5d47723c8fbe580bb369fec9c2665d8e30a435b9932645482e7c9f11e872296b;

    /// @notice The contract that verifies signatures; zero when the precompile does.
    P256Fallback public immutable P256_FALLBACK;

    /// @notice The chain has no working P256VERIFY and no working fallback was given.
    error P256Unavailable();

    /// @param fallbackVerifier Contract to use where the precompile is missing, or zero.
    constructor(P256Fallback fallbackVerifier) {
        if (_works(P256Fallback(address(0)))) return;
        if (address(fallbackVerifier).code.length == 0 || !_works(fallbackVerifier)) {
            revert P256Unavailable();
        }
        P256_FALLBACK = fallbackVerifier;
    }

    /// @dev Whether a signature holds, whichever of s and n - s it has.
    function _verifyP256(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y)
        internal
        view
        returns (bool)
    {
        return _verifyWith(P256_FALLBACK, digest, r, s, x, y);
    }

    /// @dev Whether s is the lower of s and n - s, so that nobody can make a second signature of it.
    function _isLow(uint256 s) internal pure returns (bool) {
        return s <= P256_N / 2;
    }

    function _works(P256Fallback verifier) private view returns (bool) {
        bytes32 digest = KNOWN_DIGEST;
        return _verifyWith(verifier, digest, KNOWN_R, KNOWN_S, KNOWN_X, KNOWN_Y)
            && !_verifyWith(
            verifier, bytes32(uint256(digest) ^ 1), KNOWN_R, KNOWN_S, KNOWN_X, KNOWN_Y
        );
    }

    function _verifyWith(
        P256Fallback verifier,
        bytes32 digest,
        uint256 r,
        uint256 s,
        uint256 x,
        uint256 y
    ) private view returns (bool) {
        if (address(verifier) != address(0)) return verifier.verify(digest, r, s, x, y);
        return _verifyByPrecompile(digest, r, s, x, y);
    }

    /// @dev An invalid signature and a missing precompile both answer with nothing; only 32 bytes that
    ///      are 1 mean yes.
    function _verifyByPrecompile(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y)
        private
        view
        returns (bool valid)
    {
        address precompile = PRECOMPILE;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, digest)
            mstore(add(input, 0x20), r)
            mstore(add(input, 0x40), s)
            mstore(add(input, 0x60), x)
            mstore(add(input, 0x80), y)
            valid := staticcall(gas(), precompile, input, 0xa0, 0x00, 0x20)
            valid := and(valid, and(eq(returndatasize(), 0x20), eq(mload(0x00), 1)))
        }
    }
}
