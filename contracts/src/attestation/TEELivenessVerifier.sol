// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "./AttestationPolicy.sol";
import {TEE} from "./IQuoteVerifier.sol";
import {ProverBinding, Registration} from "./ProverBinding.sol";
import {ProverRecords} from "./ProverRecords.sol";
import {TEEProverRegistry} from "./TEEProverRegistry.sol";
import {ITEELivenessVerifier} from "./interfaces/ITEELivenessVerifier.sol";
import {
    OwnableUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";

/// @title IOperatorKeys
/// @notice Whose a BLS key is: the part of EigenLayer's BLSApkRegistry that matters here.
interface IOperatorKeys {
    /// @notice The operator that registered a key with a proof of possession.
    /// @param pubkeyHash keccak256 of the key's coordinates.
    /// @return The operator; zero when nobody did.
    function pubkeyHashToOperator(bytes32 pubkeyHash) external view returns (address);
}

/// @custom:proxied
/// @title TEELivenessVerifier
/// @notice The interface that operators and the aggregator of the multi-prover AVS know, over a
///         TEEProverRegistry. A report is a `Registration`, so it binds chain, registry and operator,
///         counts once, and has passed the policy; what the registry takes back is not live here
///         either.
/// @dev    The key of a report is the operator's BLS key, looked up where it was registered with a
///         proof of possession; without such a place it is the prover's own key. No fee is taken.
contract TEELivenessVerifier is OwnableUpgradeable, ITEELivenessVerifier {
    /// @notice The registry behind it, under the name that users know.
    TEEProverRegistry public attestationVerifier;

    /// @notice Where BLS keys are registered; zero: keys are the provers' own.
    IOperatorKeys public operatorKeys;

    /// @notice Seconds that a report counts, beside the registration's own end.
    uint256 public attestValiditySeconds;

    /// @notice Greatest number of blocks that a report may be old.
    uint256 public maxBlockNumberDiff;

    /// @notice The prover of a key, by keccak256 of the key's coordinates.
    mapping(bytes32 pubkeyHash => address) public attestedProverAddr;

    mapping(bytes32 pubkeyHash => Pubkey) private _pubkeys;

    /// @dev Since when a key's prover is live without a break that was seen.
    /// @param block_       Block of the report that made it so.
    /// @param registeredAt The prover's registration that it was seen under.
    struct Since {
        uint64 block_;
        uint48 registeredAt;
    }

    mapping(bytes32 pubkeyHash => Since) private _since;

    /// @dev Room for later versions.
    uint256[43] private __gap;

    /// @notice Emitted when a report is accepted.
    /// @param pubkeyHash        keccak256 of the key's coordinates.
    /// @param prover            The prover.
    /// @param operator          Its operator.
    /// @param proverAddressHash Hash of the prover's endpoint, as the operator tells.
    event LivenessProofAccepted(
        bytes32 indexed pubkeyHash,
        address indexed prover,
        address indexed operator,
        bytes32 proverAddressHash
    );

    /// @notice Emitted when the registry behind it changes.
    /// @param registry The registry from now on.
    event AttestationImplChanged(address indexed registry);

    /// @notice Emitted when the place of BLS keys changes.
    /// @param keys The place from now on; zero: keys are the provers' own.
    event OperatorKeysChanged(address indexed keys);

    /// @notice Emitted when the greatest age of reports changes.
    /// @param maxBlockNumberDiff Number of blocks.
    event MaxBlockNumberDiffChanged(uint256 maxBlockNumberDiff);

    /// @notice Emitted when the time that a report counts changes.
    /// @param attestValiditySeconds Seconds.
    event AttestValiditySecondsChanged(uint256 attestValiditySeconds);

    /// @notice The key is not that of the report's operator, or not the prover's own.
    /// @param pubkeyHash keccak256 of the key's coordinates.
    error KeyMismatch(bytes32 pubkeyHash);

    /// @notice The data name another block than the report.
    /// @param expected The report's.
    /// @param actual   The data's.
    error ReferenceBlockMismatch(uint256 expected, uint256 actual);

    /// @notice No fee is taken, so no value may be sent.
    /// @param value Wei that came.
    error NoFee(uint256 value);

    /// @notice There is no contract at an address.
    /// @param account The address.
    error NotAContract(address account);

    /// @notice Locks the implementation: only a proxy can be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @notice Sets owner, registry and times; keys are the provers' own until `changeOperatorKeys`.
    /// @param owner_     May change all of it.
    /// @param registry   A TEEProverRegistry.
    /// @param maxBlocks  Greatest number of blocks that a report may be old.
    /// @param validity   Seconds that a report counts.
    function initialize(address owner_, address registry, uint256 maxBlocks, uint256 validity)
        external
        initializer
    {
        __Ownable_init(owner_);
        _changeAttestationImpl(registry);
        maxBlockNumberDiff = maxBlocks;
        attestValiditySeconds = validity;
        emit MaxBlockNumberDiffChanged(maxBlocks);
        emit AttestValiditySecondsChanged(validity);
    }

    /// @inheritdoc ITEELivenessVerifier
    /// @dev The report registers or renews the prover, or answers its open challenge; or somebody
    ///      brought it to the registry already. A new prover needs the operator's signed consent in it,
    ///      since this contract is not the operator.
    function submitLivenessProofV2(ReportDataV2 calldata data, bytes calldata report)
        external
        payable
    {
        if (msg.value != 0) revert NoFee(msg.value);
        Registration memory registration = ProverBinding.decode(report);
        if (data.referenceBlockNumber != registration.blockNumber) {
            revert ReferenceBlockMismatch(registration.blockNumber, data.referenceBlockNumber);
        }
        ProverBinding.checkBlock(
            data.referenceBlockNumber, data.referenceBlockHash, maxBlockNumberDiff
        );
        bytes32 key = _hash(data.pubkey.x, data.pubkey.y);
        if (!_isKeyOf(key, registration)) revert KeyMismatch(key);

        address prover = ProverBinding.proverOf(registration.x, registration.y);
        bool wasLive = attestedProverAddr[key] == prover && _isUnbroken(key);
        if (attestationVerifier.proverOf(prover).challenged) {
            attestationVerifier.submitLivenessChallenge(report);
        } else {
            try attestationVerifier.registerTEEProver(report) {}
            catch (bytes memory reason) {
                _checkBrought(key, prover, registration, reason);
            }
        }
        if (attestedProverAddr[key] != prover) {
            attestedProverAddr[key] = prover;
            _pubkeys[key] = data.pubkey;
        }
        if (!wasLive) {
            _since[key] = Since({
                block_: uint64(block.number),
                registeredAt: attestationVerifier.proverOf(prover).registeredAt
            });
        }
        emit LivenessProofAccepted(key, prover, registration.operator, data.proverAddressHash);
    }

    /// @inheritdoc ITEELivenessVerifier
    function changeMaxBlockNumberDiff(uint256 maxBlockNumberDiff_) external onlyOwner {
        maxBlockNumberDiff = maxBlockNumberDiff_;
        emit MaxBlockNumberDiffChanged(maxBlockNumberDiff_);
    }

    /// @inheritdoc ITEELivenessVerifier
    function changeAttestationImpl(address attestation) external onlyOwner {
        _changeAttestationImpl(attestation);
    }

    /// @inheritdoc ITEELivenessVerifier
    function changeAttestValiditySeconds(uint256 seconds_) external onlyOwner {
        attestValiditySeconds = seconds_;
        emit AttestValiditySecondsChanged(seconds_);
    }

    /// @notice Sets where BLS keys are registered. For the owner.
    /// @param keys A BLSApkRegistry; zero: keys are the provers' own.
    function changeOperatorKeys(IOperatorKeys keys) external onlyOwner {
        if (address(keys) != address(0) && address(keys).code.length == 0) {
            revert NotAContract(address(keys));
        }
        operatorKeys = keys;
        emit OperatorKeysChanged(address(keys));
    }

    /// @inheritdoc ITEELivenessVerifier
    function estimateBaseFeeVerifyOnChain(bytes calldata) external payable returns (uint256) {
        if (msg.value != 0) revert NoFee(msg.value);
        return 0;
    }

    /// @inheritdoc ITEELivenessVerifier
    function verifyLivenessProof(bytes32 pubkeyX, bytes32 pubkeyY) external view returns (bool) {
        return _isLive(_hash(pubkeyX, pubkeyY));
    }

    /// @inheritdoc ITEELivenessVerifier
    function verifyLivenessProofV2(bytes32 pubkeyX, bytes32 pubkeyY, address proverKey)
        external
        view
        returns (bool)
    {
        bytes32 key = _hash(pubkeyX, pubkeyY);
        return _proverOf(key) == proverKey && _isLive(key);
    }

    /// @notice Whose prover is live under a key, of which kind, and since when.
    /// @param pubkeyHash keccak256 of the key's coordinates.
    /// @return operator The operator; zero when there is no live prover, or when it was registered anew
    ///                  since its latest report came here.
    /// @return tee      Kind of its environment.
    /// @return since    Block since which reports kept it live.
    function liveOperator(bytes32 pubkeyHash)
        external
        view
        returns (address operator, TEE tee, uint64 since)
    {
        (bool isLive, ProverRecords.Prover memory record) = _liveProver(pubkeyHash);
        Since memory seen = _since[pubkeyHash];
        if (!isLive || seen.block_ == 0 || seen.registeredAt != record.registeredAt) {
            return (address(0), TEE.NONE, 0);
        }
        return (record.operator, record.tee, seen.block_);
    }

    /// @inheritdoc ITEELivenessVerifier
    function verifyAttestationV2(bytes32 pubkeyX, bytes32 pubkeyY, bytes calldata data)
        external
        view
        returns (bool)
    {
        attestationVerifier.previewAttestation(data);
        return _isKeyOf(_hash(pubkeyX, pubkeyY), ProverBinding.decode(data));
    }

    /// @inheritdoc ITEELivenessVerifier
    function verifyMrEnclave(bytes32 mrenclave) external view returns (bool) {
        bytes32 id = keccak256(abi.encodePacked(uint8(TEE.INTEL_SGX), mrenclave));
        return attestationVerifier.policy().isMeasurementActive(id);
    }

    /// @inheritdoc ITEELivenessVerifier
    /// @dev A signer alone lets no code in: this tells whether some accepted code must be its.
    function verifyMrSigner(bytes32 mrsigner) external view returns (bool) {
        if (mrsigner == bytes32(0)) return false;
        AttestationPolicy policy = AttestationPolicy(address(attestationVerifier.policy()));
        bytes32[] memory ids = policy.measurementIds();
        for (uint256 i = 0; i < ids.length; ++i) {
            AttestationPolicy.Measurement memory rules = policy.measurementOf(ids[i]);
            bool isOfSigner = rules.tee == TEE.INTEL_SGX && rules.signer == mrsigner;
            if (isOfSigner && policy.isMeasurementActive(ids[i])) return true;
        }
        return false;
    }

    /// @notice Whether a report was used, by its replay key.
    /// @param replayKey The evidence's replay key.
    /// @return True when it was.
    function attestedReports(bytes32 replayKey) external view returns (bool) {
        return attestationVerifier.isReplayKeyUsed(replayKey);
    }

    /// @notice A key that a report came for, and when its prover showed evidence last.
    /// @param pubkeyHash keccak256 of the key's coordinates.
    /// @return pubkey The key.
    /// @return time   Unix seconds.
    function attestedProvers(bytes32 pubkeyHash)
        external
        view
        returns (Pubkey memory pubkey, uint256 time)
    {
        pubkey = _pubkeys[pubkeyHash];
        time = attestationVerifier.proverOf(attestedProverAddr[pubkeyHash]).attestedAt;
    }

    /// @dev Passes when somebody else took the report to the registry, which says that it is used only
    ///      after it found nothing else against it. Nobody can keep a key from becoming live that way;
    ///      nor lead it back to a prover that attested earlier.
    function _checkBrought(
        bytes32 key,
        address prover,
        Registration memory registration,
        bytes memory reason
    ) private view {
        if (bytes4(reason) == TEEProverRegistry.EvidenceReplayed.selector) {
            ProverRecords.Prover memory record = attestationVerifier.proverOf(prover);
            bool isItsLatest = record.referenceBlock == registration.blockNumber;
            uint256 known = attestationVerifier.proverOf(attestedProverAddr[key]).attestedAt;
            if (isItsLatest && known < record.attestedAt) return;
        }
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    function _changeAttestationImpl(address registry) private {
        if (registry.code.length == 0) revert NotAContract(registry);
        attestationVerifier = TEEProverRegistry(registry);
        emit AttestationImplChanged(registry);
    }

    function _isLive(bytes32 key) private view returns (bool isLive) {
        (isLive,) = _liveProver(key);
    }

    /// @dev A key's prover, and whether it is live; the record is empty where that is seen without it.
    function _liveProver(bytes32 key)
        private
        view
        returns (bool isLive, ProverRecords.Prover memory record)
    {
        address prover = _proverOf(key);
        if (!attestationVerifier.checkTEEProverStatus(prover)) return (false, record);
        record = attestationVerifier.proverOf(prover);
        if (record.attestedAt + attestValiditySeconds <= block.timestamp) return (false, record);
        // The key or the prover may have changed hands.
        isLive = address(operatorKeys) == address(0)
            || operatorKeys.pubkeyHashToOperator(key) == record.operator;
    }

    /// @dev Whether a key's prover is live under the registration that its reports were seen under.
    function _isUnbroken(bytes32 key) private view returns (bool) {
        (bool isLive, ProverRecords.Prover memory record) = _liveProver(key);
        Since memory seen = _since[key];
        return isLive && seen.block_ != 0 && seen.registeredAt == record.registeredAt;
    }

    /// @dev A prover's own key names it, however it was registered.
    function _proverOf(bytes32 key) private view returns (address) {
        return address(operatorKeys) == address(0)
            ? address(uint160(uint256(key)))
            : attestedProverAddr[key];
    }

    function _isKeyOf(bytes32 key, Registration memory registration) private view returns (bool) {
        return address(operatorKeys) == address(0)
            ? _hash(registration.x, registration.y) == key
            : operatorKeys.pubkeyHashToOperator(key) == registration.operator;
    }

    function _hash(bytes32 x, bytes32 y) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(x, y));
    }
}
