// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title CollateralStore
/// @notice Keeps bytes as the code of an account: an eighth of the price of storage, and one access to
///         read them all.
library CollateralStore {
    /// @notice The bytes could not be kept: they are too long.
    error CollateralTooLong();

    /// @notice Keeps bytes.
    /// @param data The bytes.
    /// @return account Where they are.
    function write(bytes memory data) internal returns (address account) {
        // Returns all that follows its own eleven bytes: a byte that stops every call, and the data.
        bytes memory creation = abi.encodePacked(hex"600b80380380913d393df300", data);
        assembly ("memory-safe") {
            account := create(0, add(creation, 0x20), mload(creation))
        }
        if (account == address(0)) revert CollateralTooLong();
    }

    /// @notice Reads bytes that were kept.
    /// @param account Where they are.
    /// @return data The bytes.
    function read(address account) internal view returns (bytes memory data) {
        assembly ("memory-safe") {
            let size := sub(extcodesize(account), 1)
            data := mload(0x40)
            mstore(0x40, add(add(data, 0x40), size))
            mstore(data, size)
            extcodecopy(account, add(data, 0x20), 1, size)
        }
    }
}
