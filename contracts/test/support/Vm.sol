// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice A key pair that forge makes.
/// @param addr       Address.
/// @param publicKeyX First coordinate.
/// @param publicKeyY Second coordinate.
/// @param privateKey Private key.
struct Log {
    bytes32[] topics;
    bytes data;
    address emitter;
}

struct Wallet {
    address addr;
    uint256 publicKeyX;
    uint256 publicKeyY;
    uint256 privateKey;
}

/// @title Vm
/// @notice The cheat codes of forge that our tests use.
interface Vm {
    /// @notice Makes the next call come from an account.
    function prank(address sender) external;

    /// @notice Makes the next call come from an account, in a transaction of another one.
    function prank(address sender, address origin) external;

    /// @notice Sets an account's balance.
    function deal(address account, uint256 newBalance) external;

    /// @notice Sets the block's time.
    function warp(uint256 timestamp) external;

    /// @notice Sets the block's number.
    function roll(uint256 number) external;

    /// @notice Sets the chain id.
    function chainId(uint256 id) external;

    /// @notice Sets the hash of one of the last 256 blocks.
    function setBlockhash(uint256 number, bytes32 hash) external;

    /// @notice Expects the next call to revert with exactly this data.
    function expectRevert(bytes calldata data) external;

    /// @notice Expects the next call to emit the event that follows, every topic and the data.
    function expectEmit() external;

    /// @notice Leaves a fuzz input out when the condition is false.
    function assume(bool condition) external pure;

    /// @notice Reads a storage slot.
    function load(address account, bytes32 slot) external view returns (bytes32);

    /// @notice Writes a storage slot.
    function store(address account, bytes32 slot, bytes32 value) external;

    /// @notice The creation code in an artifact file of the project.
    function getCode(string calldata path) external view returns (bytes memory);

    /// @notice Puts code at an address.
    function etch(address account, bytes calldata code) external;

    /// @notice The key pair of a private key.
    function createWallet(uint256 privateKey) external returns (Wallet memory);

    /// @notice Signs a digest with secp256k1.
    function sign(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (uint8 v, bytes32 r, bytes32 s);

    /// @notice Expects the next call to revert with this selector, whatever follows it.
    function expectPartialRevert(bytes4 selector) external;

    /// @dev Keeps the logs that follow.
    function recordLogs() external;

    /// @dev Returns the logs that were kept.
    function getRecordedLogs() external returns (Log[] memory);
}
