// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title IDisputeGameFactory
/// @notice The part of OP Stack's DisputeGameFactory that proposals, deployment and tests use.
interface IDisputeGameFactory {
    /// @notice Emitted when a game is created.
    /// @param disputeProxy The game.
    /// @param gameType     Its kind.
    /// @param rootClaim    Its claim.
    event DisputeGameCreated(
        address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim
    );

    /// @notice Clones the game of a kind and starts it.
    /// @param _gameType  Kind of the game.
    /// @param _rootClaim Its claim.
    /// @param _extraData What goes with the claim.
    /// @return The game.
    function create(uint32 _gameType, bytes32 _rootClaim, bytes calldata _extraData)
        external
        payable
        returns (IDisputeGame);

    /// @notice Sets the contract that is cloned for a kind. For the owner.
    /// @param _gameType Kind of the game.
    /// @param _impl     The contract.
    function setImplementation(uint32 _gameType, IDisputeGame _impl) external;

    /// @notice Sets the bond of a kind. For the owner.
    /// @param _gameType Kind of the game.
    /// @param _initBond Wei that `create` must be called with.
    function setInitBond(uint32 _gameType, uint256 _initBond) external;

    /// @notice How many games were created.
    /// @return The number.
    function gameCount() external view returns (uint256);

    /// @notice A game by its place in the order of creation.
    /// @param _index The place.
    /// @return gameType_  Its kind.
    /// @return timestamp_ When it was created, in seconds.
    /// @return proxy_     The game.
    function gameAtIndex(uint256 _index)
        external
        view
        returns (uint32 gameType_, uint64 timestamp_, IDisputeGame proxy_);
}

/// @title IRespectedGameType
/// @notice The question that a game asks of OP Stack's AnchorStateRegistry.
interface IRespectedGameType {
    /// @notice The kind of games that withdrawals count on.
    /// @return Number in the factory's list.
    function respectedGameType() external view returns (uint32);
}
