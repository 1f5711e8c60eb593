// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IIndexRegistry} from "../../avs/interfaces/IEigenLayer.sol";

/// @title DevIndexRegistry
/// @notice Stands for EigenLayer's IndexRegistry on development chains: keeps each quorum's list of
///         operators and what it was at earlier blocks. A leaving operator's place goes to the last.
contract DevIndexRegistry is IIndexRegistry {
    struct Occupant {
        uint32 fromBlock;
        bytes32 operatorId;
    }

    struct Count {
        uint32 fromBlock;
        uint32 operators;
    }

    /// @notice The RegistryCoordinator.
    address public immutable registryCoordinator;

    /// @notice Place of an operator in a quorum's list.
    mapping(uint8 quorumNumber => mapping(bytes32 operatorId => uint32)) public
        currentOperatorIndex;

    mapping(uint8 quorumNumber => mapping(uint32 index => Occupant[])) private _occupants;

    mapping(uint8 quorumNumber => Count[]) private _counts;

    /// @notice Emitted when an operator gets a place.
    /// @param operatorId   The operator.
    /// @param quorumNumber The quorum.
    /// @param newIndex     Its place.
    event QuorumIndexUpdate(bytes32 indexed operatorId, uint8 quorumNumber, uint32 newIndex);

    /// @notice Only the coordinator may.
    error OnlyRegistryCoordinator();

    /// @notice The quorum was not made.
    error QuorumDoesNotExist();

    modifier onlyCoordinator() {
        if (msg.sender != registryCoordinator) revert OnlyRegistryCoordinator();
        _;
    }

    /// @notice Belongs to one coordinator.
    /// @param coordinator The RegistryCoordinator.
    constructor(address coordinator) {
        registryCoordinator = coordinator;
    }

    /// @notice Makes a quorum.
    /// @param quorumNumber Its number.
    function initializeQuorum(uint8 quorumNumber) external onlyCoordinator {
        _counts[quorumNumber].push(Count({fromBlock: uint32(block.number), operators: 0}));
    }

    /// @notice Adds an operator to quorums.
    /// @param operatorId    The operator.
    /// @param quorumNumbers One byte each.
    /// @return numOperators How many are in each then.
    function registerOperator(bytes32 operatorId, bytes calldata quorumNumbers)
        external
        onlyCoordinator
        returns (uint32[] memory numOperators)
    {
        numOperators = new uint32[](quorumNumbers.length);
        for (uint256 i = 0; i < quorumNumbers.length; ++i) {
            uint8 quorum = uint8(quorumNumbers[i]);
            uint32 count = totalOperatorsForQuorum(quorum);
            _place(quorum, count, operatorId);
            _setCount(quorum, count + 1);
            numOperators[i] = count + 1;
        }
    }

    /// @notice Takes an operator out of quorums.
    /// @param operatorId    The operator.
    /// @param quorumNumbers One byte each.
    function deregisterOperator(bytes32 operatorId, bytes calldata quorumNumbers)
        external
        onlyCoordinator
    {
        for (uint256 i = 0; i < quorumNumbers.length; ++i) {
            uint8 quorum = uint8(quorumNumbers[i]);
            uint32 last = totalOperatorsForQuorum(quorum) - 1;
            uint32 index = currentOperatorIndex[quorum][operatorId];
            Occupant[] storage history = _occupants[quorum][last];
            bytes32 mover = history[history.length - 1].operatorId;
            _setCount(quorum, last);
            if (mover != operatorId) _place(quorum, index, mover);
        }
    }

    /// @notice Number of operators in a quorum now.
    /// @param quorumNumber The quorum.
    /// @return Number.
    function totalOperatorsForQuorum(uint8 quorumNumber) public view returns (uint32) {
        Count[] storage history = _counts[quorumNumber];
        if (history.length == 0) revert QuorumDoesNotExist();
        return history[history.length - 1].operators;
    }

    /// @inheritdoc IIndexRegistry
    function getOperatorListAtBlockNumber(uint8 quorumNumber, uint32 blockNumber)
        external
        view
        returns (bytes32[] memory list)
    {
        list = new bytes32[](_countAt(quorumNumber, blockNumber));
        for (uint32 i = 0; i < list.length; ++i) {
            Occupant[] storage history = _occupants[quorumNumber][i];
            uint256 j = history.length;
            while (history[j - 1].fromBlock > blockNumber) --j;
            list[i] = history[j - 1].operatorId;
        }
    }

    function _countAt(uint8 quorumNumber, uint32 blockNumber) private view returns (uint32) {
        Count[] storage history = _counts[quorumNumber];
        for (uint256 j = history.length; j > 0; --j) {
            if (history[j - 1].fromBlock <= blockNumber) return history[j - 1].operators;
        }
        revert QuorumDoesNotExist();
    }

    function _place(uint8 quorum, uint32 index, bytes32 operatorId) private {
        currentOperatorIndex[quorum][operatorId] = index;
        Occupant[] storage history = _occupants[quorum][index];
        uint32 now_ = uint32(block.number);
        if (history.length > 0 && history[history.length - 1].fromBlock == now_) {
            history[history.length - 1].operatorId = operatorId;
        } else {
            history.push(Occupant({fromBlock: now_, operatorId: operatorId}));
        }
        emit QuorumIndexUpdate(operatorId, quorum, index);
    }

    function _setCount(uint8 quorum, uint32 operators) private {
        Count[] storage history = _counts[quorum];
        uint32 now_ = uint32(block.number);
        if (history[history.length - 1].fromBlock == now_) {
            history[history.length - 1].operators = operators;
        } else {
            history.push(Count({fromBlock: now_, operators: operators}));
        }
    }
}
