// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracleV2} from "./L2OutputOracleV2.sol";
import {GameStatus, IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IRespectedGameType} from "./interfaces/IDisputeGameFactory.sol";

/// @title ValidityDisputeGame
/// @notice A dispute game that is decided when it is created: it brings its proof to the output
///         oracle, which accepts it or reverts. Game type 6 of OP Stack's DisputeGameFactory.
/// @dev    Speaks the ABI of OPSuccinctDisputeGame v4.0.0. The factory clones it with immutable
///         arguments: they follow the calldata of every call, and the last two bytes say how long
///         they are, these two included. Layout, in bytes from their start:
///         creator 0, root claim 20, L1 head 52, then the extra data: L2 block 84, L1 block 116,
///         prover 148, config name 168, proof 200 to the end.
contract ValidityDisputeGame is IDisputeGame {
    /// @notice Semantic version: the one whose ABI this is, then our own.
    /// @custom:semver v4.0.0+coprove.1
    string public constant version = "v4.0.0+coprove.1";

    uint256 private constant CREATOR = 0;
    uint256 private constant ROOT_CLAIM = 20;
    uint256 private constant L1_HEAD = 52;
    uint256 private constant EXTRA_DATA = 84;
    uint256 private constant L2_BLOCK = 84;
    uint256 private constant L1_BLOCK = 116;
    uint256 private constant PROVER = 148;
    uint256 private constant CONFIG_NAME = 168;
    uint256 private constant PROOF = 200;
    uint32 private constant GAME_TYPE = 6;

    address private immutable L2_OUTPUT_ORACLE;
    address private immutable ANCHOR_STATE_REGISTRY;

    /// @inheritdoc IDisputeGame
    uint64 public createdAt;

    /// @inheritdoc IDisputeGame
    uint64 public resolvedAt;

    /// @inheritdoc IDisputeGame
    GameStatus public status;

    /// @notice Whether withdrawals counted on this kind of game when the game was created.
    bool public wasRespectedGameTypeWhenCreated;

    /// @notice The game was initialized before.
    error AlreadyInitialized();

    /// @notice The game is resolved, or was never initialized.
    error GameNotInProgress();

    /// @notice The extra data ends before the proof begins.
    error BadExtraData();

    /// @notice A bond came with the game; it needs none, and could not give it back.
    error IncorrectBondAmount();

    /// @notice Binds the game to its oracle.
    /// @param _l2OutputOracle      Proxy of the output oracle.
    /// @param _anchorStateRegistry OP Stack's registry, which names the respected game type; zero
    ///                             where there is none.
    constructor(address _l2OutputOracle, address _anchorStateRegistry) {
        L2_OUTPUT_ORACLE = _l2OutputOracle;
        ANCHOR_STATE_REGISTRY = _anchorStateRegistry;
    }

    /// @inheritdoc IDisputeGame
    /// @dev Reverts with the oracle's reason when it does not accept the proof.
    function initialize() external payable {
        if (createdAt != 0) revert AlreadyInitialized();
        if (msg.value != 0) revert IncorrectBondAmount();
        createdAt = uint64(block.timestamp);
        wasRespectedGameTypeWhenCreated = ANCHOR_STATE_REGISTRY == address(0)
            || IRespectedGameType(ANCHOR_STATE_REGISTRY).respectedGameType() == GAME_TYPE;

        L2OutputOracleV2(L2_OUTPUT_ORACLE)
            .proposeL2Output(
                configName(),
                rootClaim(),
                l2SequenceNumber(),
                l1BlockNumber(),
                proof(),
                proverAddress()
            );
        _resolve();
    }

    /// @inheritdoc IDisputeGame
    /// @dev Always reverts on a created game: it was resolved at its creation.
    function resolve() external returns (GameStatus status_) {
        if (createdAt == 0 || status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        return _resolve();
    }

    /// @notice The oracle that the game proposes to.
    /// @return Its proxy.
    function l2OutputOracle() external view returns (address) {
        return L2_OUTPUT_ORACLE;
    }

    /// @notice OP Stack's registry.
    /// @return Its address; zero where there is none.
    function anchorStateRegistry() external view returns (address) {
        return ANCHOR_STATE_REGISTRY;
    }

    /// @inheritdoc IDisputeGame
    function gameData()
        external
        pure
        returns (uint32 gameType_, bytes32 rootClaim_, bytes memory extraData_)
    {
        return (GAME_TYPE, rootClaim(), extraData());
    }

    /// @notice L2 block of the claim, under the name that older portals use.
    /// @return L2 block number.
    function l2BlockNumber() external pure returns (uint256) {
        return l2SequenceNumber();
    }

    /// @inheritdoc IDisputeGame
    function gameType() external pure returns (uint32) {
        return GAME_TYPE;
    }

    /// @inheritdoc IDisputeGame
    /// @dev The oracle, on the route that it allows.
    function gameCreator() external pure returns (address) {
        return address(bytes20(_word(CREATOR)));
    }

    /// @inheritdoc IDisputeGame
    function l1Head() external pure returns (bytes32) {
        return _word(L1_HEAD);
    }

    /// @inheritdoc IDisputeGame
    function rootClaim() public pure returns (bytes32) {
        return _word(ROOT_CLAIM);
    }

    /// @notice L2 block of the claim.
    /// @return L2 block number.
    function l2SequenceNumber() public pure returns (uint256) {
        return uint256(_word(L2_BLOCK));
    }

    /// @notice Checkpointed L1 block that the proof's l1Head is.
    /// @return L1 block number.
    function l1BlockNumber() public pure returns (uint256) {
        return uint256(_word(L1_BLOCK));
    }

    /// @notice Prover that the proof commits to.
    /// @return Its address.
    function proverAddress() public pure returns (address) {
        return address(bytes20(_word(PROVER)));
    }

    /// @notice Config that the proof is made for.
    /// @return Hash of its name.
    function configName() public pure returns (bytes32) {
        return _word(CONFIG_NAME);
    }

    /// @notice The proof.
    /// @return As the verifier reads it.
    function proof() public pure returns (bytes memory) {
        return _tail(PROOF);
    }

    /// @inheritdoc IDisputeGame
    function extraData() public pure returns (bytes memory) {
        return _tail(EXTRA_DATA);
    }

    /// @dev Ends the game for the claim.
    function _resolve() private returns (GameStatus) {
        resolvedAt = uint64(block.timestamp);
        status = GameStatus.DEFENDER_WINS;
        emit Resolved(GameStatus.DEFENDER_WINS);
        return GameStatus.DEFENDER_WINS;
    }

    /// @dev Length of the immutable arguments without the two bytes that hold it; zero when the
    ///      contract is called itself instead of a clone.
    function _argumentsLength() private pure returns (uint256 length) {
        uint256 size = msg.data.length;
        if (size < 6) return 0;
        uint256 total = uint16(bytes2(msg.data[size - 2:]));
        return total < 2 || total > size - 4 ? 0 : total - 2;
    }

    /// @dev The word at an offset in the immutable arguments.
    function _word(uint256 _offset) private pure returns (bytes32) {
        return bytes32(_tail(_offset));
    }

    /// @dev The immutable arguments from an offset to their end.
    function _tail(uint256 _offset) private pure returns (bytes memory) {
        uint256 length = _argumentsLength();
        if (length < _offset) revert BadExtraData();
        uint256 end = msg.data.length - 2;
        return msg.data[end - length + _offset:end];
    }
}
