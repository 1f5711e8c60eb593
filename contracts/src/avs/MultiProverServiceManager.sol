// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../attestation/IQuoteVerifier.sol";
import {TEELivenessVerifier} from "../attestation/TEELivenessVerifier.sol";
import {SignedHeader, StateChecker} from "./StateChecker.sol";
import {Tasks} from "./Tasks.sol";
import {
    IAVSDirectory,
    IAllocationManager,
    IIndexRegistry,
    IPauserRegistry,
    IRegistryCoordinator,
    IStakeRegistry
} from "./interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";

/// @custom:proxied
/// @title MultiProverServiceManager
/// @notice The multi-prover AVS at EigenLayer: confirms what its committees' quorums signed of a
///         rollup's ranges. A state is confirmed once for a range, by all of the committee's quorums,
///         with the stake that the contract asks for, by operators whose provers were live at the
///         reference block and are.
contract MultiProverServiceManager is Tasks {
    /// @notice EigenLayer's contracts that belong to the AVS.
    /// @param checker         Reads and checks what was signed, against the registries.
    /// @param indices         Lists of operators.
    /// @param avsDirectory    Registration before operator sets.
    /// @param allocations     Operator sets and slashing.
    /// @param permissions     Who acts for the AVS.
    struct EigenLayer {
        StateChecker checker;
        IIndexRegistry indices;
        IAVSDirectory avsDirectory;
        IAllocationManager allocations;
        address permissions;
    }

    /// @notice Reads and checks what was signed.
    StateChecker public immutable stateChecker;

    /// @notice Who is in which quorum.
    IRegistryCoordinator public immutable registryCoordinator;

    /// @notice Stakes.
    IStakeRegistry public immutable stakeRegistry;

    /// @notice Lists of operators.
    IIndexRegistry public immutable indexRegistry;

    /// @notice Registration before operator sets.
    IAVSDirectory public immutable avsDirectory;

    /// @notice Operator sets and slashing.
    IAllocationManager public immutable allocationManager;

    /// @notice Who acts for the AVS.
    address public immutable permissionController;

    /// @notice Knows operators' provers.
    TEELivenessVerifier public livenessVerifier;

    /// @notice Greatest number of blocks that a reference block may be old.
    uint32 public maxReferenceAge;

    /// @notice Number of blocks within which a quorum's stakes must have been brought up to date before
    ///         the reference block; zero: it is not asked.
    uint32 public maxStakeAge;

    /// @dev Room for later versions.
    uint256[48] private __gapServiceManager;

    /// @notice Emitted when the greatest age of stakes changes.
    /// @param blocks From now on.
    event MaxStakeAgeSet(uint32 blocks);

    /// @notice Sets EigenLayer's contracts and locks the implementation.
    /// @param eigenLayer The contracts.
    constructor(EigenLayer memory eigenLayer) {
        stateChecker = eigenLayer.checker;
        registryCoordinator = eigenLayer.checker.registryCoordinator();
        stakeRegistry = eigenLayer.checker.stakeRegistry();
        indexRegistry = eigenLayer.indices;
        avsDirectory = eigenLayer.avsDirectory;
        allocationManager = eigenLayer.allocations;
        permissionController = eigenLayer.permissions;
        _disableInitializers();
    }

    /// @notice Sets who may do what.
    /// @param pausers           EigenLayer's registry of pausers.
    /// @param pausedStatus      What is paused.
    /// @param owner_            Sets roles, thresholds, modules.
    /// @param confirmer         Confirms states.
    /// @param poaManager_       Keeps the allow-list.
    /// @param committeeManager_ Keeps committees.
    /// @param isPoaEnabled      Whether only listed operators count.
    function initialize(
        IPauserRegistry pausers,
        uint256 pausedStatus,
        address owner_,
        address confirmer,
        address poaManager_,
        address committeeManager_,
        bool isPoaEnabled
    ) external initializer {
        __AvsRoles_init(
            pausers, pausedStatus, owner_, confirmer, poaManager_, committeeManager_, isPoaEnabled
        );
        _setMaxReferenceAge(300);
    }

    /// @inheritdoc IMultiProverServiceManager
    function confirmState(
        StateHeader calldata stateHeader,
        NonSignerStakesAndSignature calldata nonSignerStakesAndSignature
    ) external onlyWhenNotPaused(PAUSED_SUBMIT_STATE) {
        _requireIs(stateConfirmer);
        _checkQuorums(stateHeader);
        _checkReferenceBlock(stateHeader);
        SignedHeader memory found =
            stateChecker.checkState(stateHeader, nonSignerStakesAndSignature);
        (bytes32 taskId, Task storage task) =
            _toConfirm(stateHeader.committeeId, found.startBlock, found.endBlock);
        _checkThresholds(stateHeader, found);
        _checkProvers(stateHeader, found.nonSigners);

        task.confirmedAt = uint64(block.timestamp);
        task.confirmedBlock = uint32(block.number);
        task.referenceBlock = stateHeader.referenceBlockNumber;
        task.outputRoot = found.outputRoot;
        task.batchHash = found.batchHash;
        task.recordHash = found.recordHash;
        emit StateConfirmed(stateHeader.committeeId, stateHeader.metadata, stateHeader.state);
        emit TaskConfirmed(
            taskId,
            stateHeader.committeeId,
            found.endBlock,
            found.startBlock,
            found.outputRoot,
            stateHeader.referenceBlockNumber,
            found.nonSigners,
            found.signedStakes,
            found.totalStakes
        );
    }

    /// @notice Takes an operator out of quorums. For the PoA manager; for everyone when the allow-list
    ///         counts and the operator is not on it. This contract must be the coordinator's ejector.
    /// @param operator      The operator.
    /// @param quorumNumbers One byte each.
    function ejectOperator(address operator, bytes calldata quorumNumbers) external {
        if (_isListed(operator)) _requireIs(poaManager);
        registryCoordinator.ejectOperator(operator, quorumNumbers);
    }

    /// @inheritdoc IMultiProverServiceManager
    function registerOperatorToAVS(
        address operator,
        IAVSDirectory.SignatureWithSaltAndExpiry calldata operatorSignature
    ) external onlyWhenNotPaused(PAUSED_OPERATOR_REGISTRATION) {
        _requireIs(address(registryCoordinator));
        if (!_isListed(operator)) revert NotWhitelisted();
        avsDirectory.registerOperatorToAVS(operator, operatorSignature);
    }

    /// @inheritdoc IMultiProverServiceManager
    /// @dev Leaving is never paused. The coordinator calls this for operators of operator sets as well,
    ///      which the directory does not know and would refuse to take out.
    function deregisterOperatorFromAVS(address operator) external {
        _requireIs(address(registryCoordinator));
        IAVSDirectory.OperatorAVSRegistrationStatus status =
            avsDirectory.avsOperatorStatus(address(this), operator);
        if (status == IAVSDirectory.OperatorAVSRegistrationStatus.REGISTERED) {
            avsDirectory.deregisterOperatorFromAVS(operator);
        }
    }

    /// @notice Sets the contract that knows operators' provers. For the owner.
    /// @param verifier Its address.
    function setLivenessVerifier(TEELivenessVerifier verifier) external onlyOwner {
        if (address(verifier) == address(0)) revert ZeroAddr();
        livenessVerifier = verifier;
        emit ModuleSet("livenessVerifier", address(verifier));
    }

    /// @notice Sets the contract that pays rewards. For the owner.
    /// @param module Its address; zero: none.
    function setRewards(address module) external onlyOwner {
        rewards = module;
        emit ModuleSet("rewards", module);
    }

    /// @notice Acts for the AVS at EigenLayer: appoints who may slash and pay, names its description and
    ///         its registrar. For the owner.
    /// @param target The AllocationManager or the PermissionController.
    /// @param data   What to call.
    function actAtEigenLayer(address target, bytes calldata data) external onlyOwner {
        bool isAllowed = target == address(allocationManager) || target == permissionController;
        if (!isAllowed) revert NoPermission();
        (bool success, bytes memory reason) = target.call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// @notice Sets the greatest age of reference blocks. For the owner.
    /// @param blocks From 1.
    function setMaxReferenceAge(uint32 blocks) external onlyOwner {
        _setMaxReferenceAge(blocks);
    }

    /// @notice Sets the greatest age of stakes. For the owner.
    /// @param blocks Zero: it is not asked.
    function setMaxStakeAge(uint32 blocks) external onlyOwner {
        maxStakeAge = blocks;
        emit MaxStakeAgeSet(blocks);
    }

    /// @notice What a committee found of a rollup.
    /// @param committeeId The committee.
    /// @param startBlock  First block of the range.
    /// @param endBlock    Last block of the range.
    /// @return outputRoot  Output root of the last block; zero while it is not confirmed.
    /// @return batchHash   What range it is, and up to which L1 head.
    /// @return confirmedAt Unix seconds; zero while it is not confirmed.
    function confirmedOutput(uint256 committeeId, uint64 startBlock, uint64 endBlock)
        external
        view
        returns (bytes32 outputRoot, bytes32 batchHash, uint64 confirmedAt)
    {
        Task storage task = _tasks[taskIdOf(committeeId, startBlock, endBlock)];
        return (task.outputRoot, task.batchHash, task.confirmedAt);
    }

    /// @notice Whether an operator's signature counts in a quorum.
    /// @param operatorId     keccak256 of its G1 key.
    /// @param quorumNumber   The quorum.
    /// @param referenceBlock Block from which its prover must have been live.
    /// @return True when its prover is live, was at that block and is of the quorum's kind, and the
    ///         allow-list lets it count.
    function counts(bytes32 operatorId, uint8 quorumNumber, uint32 referenceBlock)
        public
        view
        returns (bool)
    {
        (address operator, TEE tee, uint64 since) = livenessVerifier.liveOperator(operatorId);
        return operator != address(0) && since <= referenceBlock && tee == teeQuorums[quorumNumber]
            && _isListed(operator);
    }

    function _checkReferenceBlock(StateHeader calldata header) private view {
        uint32 referenceBlock = header.referenceBlockNumber;
        // One that is not in the past is refused with the signatures.
        if (uint256(referenceBlock) + maxReferenceAge < block.number) {
            revert ReferenceBlockTooOld(block.number - maxReferenceAge, referenceBlock);
        }
        if (maxStakeAge == 0) return;
        for (uint256 i = 0; i < header.quorumNumbers.length; ++i) {
            uint8 quorum = uint8(header.quorumNumbers[i]);
            uint256 updatedAt = registryCoordinator.quorumUpdateBlockNumber(quorum);
            if (updatedAt + maxStakeAge <= referenceBlock) revert StaleStakes(quorum, updatedAt);
        }
    }

    /// @dev A quorum without stake confirms nothing.
    function _checkThresholds(StateHeader calldata header, SignedHeader memory found) private pure {
        for (uint256 i = 0; i < header.quorumThresholdPercentages.length; ++i) {
            uint256 signed = found.signedStakes[i];
            uint256 needed =
                uint256(found.totalStakes[i]) * uint8(header.quorumThresholdPercentages[i]);
            if (signed == 0 || signed * 100 < needed) revert InsufficientThreshold();
        }
    }

    /// @dev That every signer counts: all that were in a quorum at the reference block and are not among
    ///      the non-signers.
    function _checkProvers(StateHeader calldata header, bytes32[] memory nonSigners) private view {
        uint32 referenceBlock = header.referenceBlockNumber;
        for (uint256 i = 0; i < header.quorumNumbers.length; ++i) {
            uint8 quorum = uint8(header.quorumNumbers[i]);
            bytes32[] memory ids =
                indexRegistry.getOperatorListAtBlockNumber(quorum, referenceBlock);
            for (uint256 j = 0; j < ids.length; ++j) {
                if (_isIn(nonSigners, ids[j])) continue;
                if (!counts(ids[j], quorum, referenceBlock)) revert ProverNotLive(ids[j], quorum);
            }
        }
    }

    /// @dev Whether an id is in an ascending list.
    function _isIn(bytes32[] memory ids, bytes32 id) private pure returns (bool) {
        uint256 low = 0;
        uint256 high = ids.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (ids[middle] == id) return true;
            if (uint256(ids[middle]) < uint256(id)) low = middle + 1;
            else high = middle;
        }
        return false;
    }

    function _setMaxReferenceAge(uint32 blocks) private {
        if (blocks == 0) revert InvalidPolicy("maxReferenceAge");
        maxReferenceAge = blocks;
        emit MaxReferenceAgeSet(blocks);
    }
}
