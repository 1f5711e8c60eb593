// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What operators sign of a range: five roots.
/// @param batchHash      What the range is: keccak256 of L2 chain id, rollup config hash, L1 head, agreed
///                       and claimed block, a word each.
/// @param stateHash      keccak256 of the encoded BootInfo, what the ZK lane proves.
/// @param prevStateRoot  Output root of the agreed block.
/// @param newStateRoot   Output root of the claimed block.
/// @param withdrawalRoot Storage root of the L2ToL1MessagePasser in the claimed block.
struct Poe {
    bytes32 batchHash;
    bytes32 stateHash;
    bytes32 prevStateRoot;
    bytes32 newStateRoot;
    bytes32 withdrawalRoot;
}

/// @title PoeState
/// @notice Reads a state: the JSON of a proof of execution in the one spelling that the AVS' provers and
///         operators write.
library PoeState {
    bytes private constant _BATCH = "{\"batch_hash\":\"0x";
    bytes private constant _STATE = "\",\"state_hash\":\"0x";
    bytes private constant _PREV = "\",\"prev_state_root\":\"0x";
    bytes private constant _NEW = "\",\"new_state_root\":\"0x";
    bytes private constant _WITHDRAWAL = "\",\"withdrawal_root\":\"0x";
    // The PoE's own signature has always been 65 zeros there.
    bytes private constant _TAIL = "\",\"signature\":\"0x"
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000" "00\"}";

    /// @notice The bytes are not a state in its one spelling.
    /// @param place Where it is not as it must be.
    error MalformedState(uint256 place);

    /// @notice Reads a state.
    /// @param state The bytes.
    /// @return poe  Its roots.
    function decode(bytes calldata state) internal pure returns (Poe memory poe) {
        uint256 place;
        (poe.batchHash, place) = _root(state, 0, _BATCH);
        (poe.stateHash, place) = _root(state, place, _STATE);
        (poe.prevStateRoot, place) = _root(state, place, _PREV);
        (poe.newStateRoot, place) = _root(state, place, _NEW);
        (poe.withdrawalRoot, place) = _root(state, place, _WITHDRAWAL);
        bool endsWell =
            state.length == place + _TAIL.length && keccak256(state[place:]) == keccak256(_TAIL);
        if (!endsWell) revert MalformedState(place);
    }

    /// @notice What a range is, and of which chain.
    /// @param l2ChainId        EIP-155 id of the rollup.
    /// @param rollupConfigHash Hash of its configuration.
    /// @param l1Head           Hash of the L1 block up to which L1 data was read.
    /// @param preBlock         The agreed block.
    /// @param postBlock        The claimed block.
    /// @return The hash that a state begins with.
    function batchHash(
        uint256 l2ChainId,
        bytes32 rollupConfigHash,
        bytes32 l1Head,
        uint64 preBlock,
        uint64 postBlock
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(l2ChainId, rollupConfigHash, l1Head, preBlock, postBlock));
    }

    /// @dev A name and the 64 lower-case digits behind it.
    function _root(bytes calldata state, uint256 place, bytes memory name)
        private
        pure
        returns (bytes32 root, uint256 end)
    {
        uint256 digits = place + name.length;
        end = digits + 64;
        if (end > state.length || keccak256(state[place:digits]) != keccak256(name)) {
            revert MalformedState(place);
        }
        uint256 value = 0;
        unchecked {
            for (uint256 i = digits; i < end; ++i) {
                uint256 digit = uint8(state[i]);
                if (digit > 96 && digit < 103) digit -= 87;
                else if (digit > 47 && digit < 58) digit -= 48;
                else revert MalformedState(i);
                value = value << 4 | digit;
            }
        }
        root = bytes32(value);
    }
}
