// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice How a dispute game stands.
/// @custom:value IN_PROGRESS     Not resolved.
/// @custom:value CHALLENGER_WINS The root claim is wrong.
/// @custom:value DEFENDER_WINS   The root claim is right.
enum GameStatus {
    IN_PROGRESS,
    CHALLENGER_WINS,
    DEFENDER_WINS
}

/// @title IDisputeGame
/// @notice What OP Stack's DisputeGameFactory, portal and tools ask of a dispute game.
/// @dev    Game types are uint32, claims and hashes bytes32, timestamps uint64, as in their ABI.
interface IDisputeGame {
    /// @notice Emitted when the game is resolved.
    /// @param status How it ended.
    event Resolved(GameStatus indexed status);

    /// @notice Starts the game; the factory calls it right after it has cloned it.
    function initialize() external payable;

    /// @notice Ends the game.
    /// @return status_ How it ended.
    function resolve() external returns (GameStatus status_);

    /// @notice When the game was created.
    /// @return Seconds since 1970.
    function createdAt() external view returns (uint64);

    /// @notice When the game was resolved.
    /// @return Seconds since 1970; 0 while it is not.
    function resolvedAt() external view returns (uint64);

    /// @notice How the game stands.
    /// @return The status.
    function status() external view returns (GameStatus);

    /// @notice Kind of the game.
    /// @return Number in the factory's list.
    function gameType() external view returns (uint32);

    /// @notice Who had the factory create the game.
    /// @return The caller of the factory.
    function gameCreator() external pure returns (address);

    /// @notice The claim that the game is about.
    /// @return An output root.
    function rootClaim() external pure returns (bytes32);

    /// @notice The L1 block before the one that created the game.
    /// @return Its hash.
    function l1Head() external pure returns (bytes32);

    /// @notice What the creator handed over beside the claim.
    /// @return The bytes.
    function extraData() external pure returns (bytes memory);

    /// @notice What identifies the game in the factory.
    /// @return gameType_  Kind of the game.
    /// @return rootClaim_ Its claim.
    /// @return extraData_ Its extra data.
    function gameData()
        external
        view
        returns (uint32 gameType_, bytes32 rootClaim_, bytes memory extraData_);
}
