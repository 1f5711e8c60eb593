// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "./IQuoteVerifier.sol";

/// @notice What registers or renews a prover.
/// @param tee         Kind of its environment.
/// @param operator    Who answers for the prover.
/// @param x           Its secp256k1 key, first coordinate.
/// @param y           Its secp256k1 key, second coordinate.
/// @param blockNumber A recent block of this chain.
/// @param blockHash   Hash of that block.
/// @param nonce       The operator's nonce, or the challenge's that is answered.
/// @param evidence    Bytes for the platform's quote verifier.
/// @param consent     Signature of the operator or its delegate over the EIP-712 struct
///                    `Consent(bytes32 binding)`; empty when one of them sends the transaction, or
///                    when a registered prover is renewed.
struct Registration {
    TEE tee;
    address operator;
    bytes32 x;
    bytes32 y;
    uint256 blockNumber;
    bytes32 blockHash;
    bytes32 nonce;
    bytes evidence;
    bytes consent;
}

/// @title ProverBinding
/// @notice What a prover's evidence binds: its key, its operator, one registry on one chain, a
///         recent block and a nonce.
library ProverBinding {
    /// @notice First word of the hashed tuple.
    bytes32 internal constant DOMAIN = keccak256("coprove.tee.registration");

    /// @notice Second word; rises when the tuple changes.
    uint256 internal constant VERSION = 1;

    /// @notice History contract of EIP-2935: hashes of the last 8,191 blocks.
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @dev Prime of secp256k1's field.
    uint256 private constant FIELD =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F;

    /// @notice The bytes are too short to be a registration.
    /// @param length Their number.
    error MalformedRegistration(uint256 length);

    /// @notice The coordinates are no point of secp256k1.
    error NotAProverKey();

    /// @notice The reference block is not before this one.
    /// @param number Its number.
    error BlockNotPast(uint256 number);

    /// @notice The reference block is older than allowed.
    /// @param number Its number.
    /// @param oldest The oldest that is allowed.
    error BlockTooOld(uint256 number, uint256 oldest);

    /// @notice This chain does not tell the reference block's hash any more.
    /// @param number Its number.
    error BlockHashUnknown(uint256 number);

    /// @notice The reference block has another hash on this chain.
    /// @param number   Its number.
    /// @param expected Its hash.
    /// @param actual   The hash that came.
    error BlockHashMismatch(uint256 number, bytes32 expected, bytes32 actual);

    /// @notice Decodes a registration. Reverts when the bytes are none.
    /// @param data ABI encoding of a `Registration`.
    /// @return The registration.
    function decode(bytes calldata data) internal pure returns (Registration memory) {
        // Offset of the tuple, its nine words, two lengths.
        if (data.length < 12 * 32) revert MalformedRegistration(data.length);
        return abi.decode(data, (Registration));
    }

    /// @notice The address of a prover's key. Reverts when the coordinates are no key.
    /// @param x First coordinate.
    /// @param y Second coordinate.
    /// @return Last 20 bytes of keccak256(x, y).
    function proverOf(bytes32 x, bytes32 y) internal pure returns (address) {
        uint256 first = uint256(x);
        uint256 second = uint256(y);
        uint256 cube = mulmod(mulmod(first, first, FIELD), first, FIELD);
        bool isOnCurve = first < FIELD && second < FIELD
            && mulmod(second, second, FIELD) == addmod(cube, 7, FIELD);
        if (!isOnCurve) revert NotAProverKey();
        return address(uint160(uint256(keccak256(abi.encodePacked(x, y)))));
    }

    /// @notice What the first half of the report data must be, for this contract on this chain.
    /// @param registration The registration.
    /// @return keccak256 of eleven words.
    function digest(Registration memory registration) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN,
                VERSION,
                block.chainid,
                address(this),
                registration.operator,
                registration.tee,
                registration.x,
                registration.y,
                registration.blockNumber,
                registration.blockHash,
                registration.nonce
            )
        );
    }

    /// @notice Reverts unless a hash is that of a recent block of this chain.
    /// @param number Block's number.
    /// @param hash   Hash that it should have.
    /// @param maxAge Greatest number of blocks that it may lie behind this one.
    function checkBlock(uint256 number, bytes32 hash, uint256 maxAge) internal view {
        if (number >= block.number) revert BlockNotPast(number);
        if (block.number - number > maxAge) revert BlockTooOld(number, block.number - maxAge);
        bytes32 expected = blockhash(number);
        if (expected == bytes32(0)) expected = _fromHistory(number);
        if (expected == bytes32(0)) revert BlockHashUnknown(number);
        if (hash != expected) revert BlockHashMismatch(number, expected, hash);
    }

    /// @dev Zero where the contract is not there or does not know the block.
    function _fromHistory(uint256 number) private view returns (bytes32 hash) {
        (bool success, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
        if (success && answer.length == 32) hash = bytes32(answer);
    }
}
