// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title SlotZeroInitializable
/// @notice Lets an initializer run once for each version of a proxied contract, and never on the
///         implementation itself.
/// @dev    Keeps its state where the oracles of op-succinct keep theirs, in the first two bytes of
///         slot 0, with the same event and texts. So a live proxy of theirs counts as initialized
///         after an upgrade, and nobody can initialize it a second time at the same version.
abstract contract SlotZeroInitializable {
    /// @notice Version that was initialized last; 255 on an implementation.
    uint8 private _initialized;

    /// @notice Whether an initializer runs now.
    bool private _initializing;

    /// @notice Emitted when an initializer has run.
    /// @param version Its version.
    event Initialized(uint8 version);

    /// @dev Passes once for each version, in ascending order.
    /// @param version The initializer's version.
    modifier reinitializer(uint8 version) {
        require(
            !_initializing && _initialized < version,
            "Initializable: contract is already initialized"
        );
        _initialized = version;
        _initializing = true;
        _;
        _initializing = false;
        emit Initialized(version);
    }

    /// @dev Locks this contract for ever.
    function _disableInitializers() internal {
        _initialized = type(uint8).max;
        emit Initialized(type(uint8).max);
    }
}
