// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {BN254} from "../../src/avs/BN254.sol";
import {
    IAVSDirectory,
    IAllocationManager,
    IRewardsCoordinator
} from "../../src/avs/interfaces/IEigenLayer.sol";

/// @title FakeRegistries
/// @notice Coordinator, stakes, keys, lists and provers of a fixed set of operators, which does not
///         change from block to block. Index arguments must be what `indexOf` says.
contract FakeRegistries {
    using BN254 for BN254.G1Point;

    struct Operator {
        address account;
        uint192 quorums;
        TEE tee;
        uint64 liveSince;
    }

    mapping(bytes32 operatorId => Operator) public operators;
    mapping(uint8 quorum => mapping(bytes32 operatorId => uint96)) public stakes;
    mapping(uint8 quorum => uint96) public totals;
    mapping(uint8 quorum => bytes32[]) private _lists;
    mapping(uint8 quorum => BN254.G1Point) private _apks;
    mapping(uint8 quorum => uint256) public quorumUpdateBlockNumber;

    address public ejected;

    error WrongIndex();

    function add(BN254.G1Point memory key, address account, uint192 quorums, uint96 stake, TEE tee)
        external
        returns (bytes32 id)
    {
        id = key.hashG1Point();
        operators[id] = Operator(account, quorums, tee, 1);
        for (uint8 q = 0; q < 8; ++q) {
            if (quorums >> q & 1 == 0) continue;
            stakes[q][id] = stake;
            totals[q] += stake;
            _lists[q].push(id);
            _apks[q] = _apks[q].plus(key);
        }
    }

    function setStake(bytes32 id, uint96 stake) external {
        for (uint8 q = 0; q < 8; ++q) {
            if (operators[id].quorums >> q & 1 == 0) continue;
            totals[q] = totals[q] - stakes[q][id] + stake;
            stakes[q][id] = stake;
        }
    }

    function setLive(bytes32 id, TEE tee, uint64 since) external {
        operators[id].tee = tee;
        operators[id].liveSince = since;
    }

    function setUpdated(uint8 quorum, uint256 blockNumber) external {
        quorumUpdateBlockNumber[quorum] = blockNumber;
    }

    function apk(uint8 quorum) external view returns (BN254.G1Point memory) {
        return _apks[quorum];
    }

    function getQuorumBitmapAtBlockNumberByIndex(bytes32 id, uint32, uint256 index)
        external
        view
        returns (uint192)
    {
        if (index != 3) revert WrongIndex();
        return operators[id].quorums;
    }

    function getOperatorFromId(bytes32 id) external view returns (address) {
        return operators[id].account;
    }

    function ejectOperator(address operator, bytes calldata) external {
        ejected = operator;
    }

    function getStakeAtBlockNumberAndIndex(uint8 quorum, uint32, bytes32 id, uint256 index)
        external
        view
        returns (uint96)
    {
        if (index != 4) revert WrongIndex();
        return stakes[quorum][id];
    }

    function getTotalStakeAtBlockNumberFromIndex(uint8 quorum, uint32, uint256 index)
        external
        view
        returns (uint96)
    {
        if (index != 5) revert WrongIndex();
        return totals[quorum];
    }

    function getApkHashAtBlockNumberAndIndex(uint8 quorum, uint32, uint256 index)
        external
        view
        returns (bytes24)
    {
        if (index != 6) revert WrongIndex();
        return bytes24(_apks[quorum].hashG1Point());
    }

    function getOperatorListAtBlockNumber(uint8 quorum, uint32)
        external
        view
        returns (bytes32[] memory)
    {
        return _lists[quorum];
    }

    function liveOperator(bytes32 id)
        external
        view
        returns (address account, TEE tee, uint64 since)
    {
        Operator memory operator = operators[id];
        if (operator.liveSince == 0) return (address(0), TEE.NONE, 0);
        return (operator.account, operator.tee, operator.liveSince);
    }
}

/// @title FakeCore
/// @notice Notes what the AVS asks of EigenLayer's core.
contract FakeCore {
    IAllocationManager.SlashingParams public slashed;
    uint256 public slashings;
    address public registered;
    address public deregistered;
    mapping(address operator => uint256) public rewarded;
    address public rewardedToken;
    uint256 public pulled;
    uint32 public startTimestamp;
    uint32 public duration;
    bool public isSlashable = true;

    address[] private _strategies;

    function setStrategies(address[] calldata strategies) external {
        _strategies = strategies;
    }

    function setSlashable(bool slashable) external {
        isSlashable = slashable;
    }

    function isOperatorSlashable(address, IAllocationManager.OperatorSet calldata)
        external
        view
        returns (bool)
    {
        return isSlashable;
    }

    function getStrategiesInOperatorSet(IAllocationManager.OperatorSet calldata)
        external
        view
        returns (address[] memory)
    {
        return _strategies;
    }

    function slashOperator(address, IAllocationManager.SlashingParams calldata params) external {
        slashed = params;
        ++slashings;
        for (uint256 i = 1; i < params.strategies.length; ++i) {
            require(params.strategies[i - 1] < params.strategies[i], "strategies not ascending");
        }
    }

    function registerOperatorToAVS(
        address operator,
        IAVSDirectory.SignatureWithSaltAndExpiry calldata
    ) external {
        registered = operator;
    }

    function deregisterOperatorFromAVS(address operator) external {
        require(operator == registered, "not registered to the AVS");
        deregistered = operator;
    }

    function avsOperatorStatus(address, address operator)
        external
        view
        returns (IAVSDirectory.OperatorAVSRegistrationStatus)
    {
        return operator == registered
            ? IAVSDirectory.OperatorAVSRegistrationStatus.REGISTERED
            : IAVSDirectory.OperatorAVSRegistrationStatus.UNREGISTERED;
    }

    function CALCULATION_INTERVAL_SECONDS() external pure returns (uint32) {
        return 100;
    }

    function createOperatorDirectedAVSRewardsSubmission(
        address,
        IRewardsCoordinator.OperatorDirectedRewardsSubmission[] calldata submissions
    ) external {
        IRewardsCoordinator.OperatorDirectedRewardsSubmission calldata one = submissions[0];
        (rewardedToken, startTimestamp, duration) = (one.token, one.startTimestamp, one.duration);
        for (uint256 i = 0; i < one.operatorRewards.length; ++i) {
            require(one.operatorRewards[i].amount > 0, "empty reward");
            require(
                i == 0 || one.operatorRewards[i - 1].operator < one.operatorRewards[i].operator,
                "operators not ascending"
            );
            rewarded[one.operatorRewards[i].operator] += one.operatorRewards[i].amount;
            pulled += one.operatorRewards[i].amount;
        }
        (bool success,) = one.token
            .call(
                abi.encodeWithSignature(
                    "transferFrom(address,address,uint256)", msg.sender, address(this), pulled
                )
            );
        require(success, "not paid");
    }
}
