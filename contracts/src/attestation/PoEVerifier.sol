// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ProverRecords} from "./ProverRecords.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice What a prover claims of one range: from this output root, by L1 data up to this head, to
///         that one.
/// @param l2ChainId        EIP-155 id of the rollup.
/// @param rollupConfigHash Hash of its configuration.
/// @param l1Head           Hash of the L1 block up to which L1 data was read.
/// @param l2PreRoot        Output root of the agreed block.
/// @param l2PostRoot       Output root of the claimed block.
/// @param l2PreBlock       Number of the agreed block.
/// @param l2PostBlock      Number of the claimed block.
/// @param measurement      32-byte name of the code that executed the range.
struct ProofOfExecution {
    uint256 l2ChainId;
    bytes32 rollupConfigHash;
    bytes32 l1Head;
    bytes32 l2PreRoot;
    bytes32 l2PostRoot;
    uint64 l2PreBlock;
    uint64 l2PostBlock;
    bytes32 measurement;
}

/// @title PoEVerifier
/// @notice Verifies proofs of execution: EIP-712 claims about one range, signed by a prover that is
///         registered and live, for the code that it is registered with. A signature holds for this
///         settlement chain and exactly one chain, configuration, range and pair of roots.
contract PoEVerifier {
    /// @notice EIP-712 type of the claim.
    bytes32 public constant POE_TYPEHASH = keccak256(
        "ProofOfExecution(uint256 l2ChainId,bytes32 rollupConfigHash,bytes32 l1Head,"
        "bytes32 l2PreRoot,bytes32 l2PostRoot,uint64 l2PreBlock,uint64 l2PostBlock,"
        "bytes32 measurement)"
    );

    bytes32 private constant _DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId)");
    bytes32 private constant _DOMAIN_NAME = keccak256("coprove proof of execution");
    bytes32 private constant _DOMAIN_VERSION = keccak256("1");

    /// @notice The registry of provers.
    ProverRecords public immutable registry;

    /// @notice Unix seconds at which a prover's claim was recorded; zero: it was not.
    mapping(bytes32 digest => mapping(address prover => uint64)) public recordedAt;

    /// @notice Emitted when a proof of execution is recorded.
    /// @param digest    The claim's EIP-712 digest.
    /// @param prover    The prover.
    /// @param operator  Its operator.
    /// @param poe       The claim.
    /// @param simulated Whether the prover's evidence is a simulation's.
    event PoERecorded(
        bytes32 indexed digest,
        address indexed prover,
        address indexed operator,
        ProofOfExecution poe,
        bool simulated
    );

    /// @notice The range is empty or runs backwards.
    /// @param l2PreBlock  Number of the agreed block.
    /// @param l2PostBlock Number of the claimed block.
    error EmptyRange(uint64 l2PreBlock, uint64 l2PostBlock);

    /// @notice The signature is not that of a live prover: of another key, over another claim, or the
    ///         prover is not live any more.
    /// @param prover   Whose signature it would be.
    /// @param liveness Why that prover's word does not count.
    error ProverNotLive(address prover, ProverRecords.Liveness liveness);

    /// @notice The claim names other code than the prover is registered with.
    /// @param expected The registered measurement.
    /// @param actual   The claim's.
    error WrongMeasurement(bytes32 expected, bytes32 actual);

    /// @notice The claim was recorded for this prover before.
    /// @param digest The claim's digest.
    /// @param prover The prover.
    error AlreadyRecorded(bytes32 digest, address prover);

    /// @notice Binds the verifier to a registry.
    /// @param registry_ The registry of provers.
    constructor(ProverRecords registry_) {
        registry = registry_;
    }

    /// @notice Verifies a proof and keeps that fact. Anyone may bring it, once.
    /// @param poe       The claim.
    /// @param signature The prover's signature, 65 bytes, low s.
    /// @return prover Who signed it.
    function record(ProofOfExecution calldata poe, bytes calldata signature)
        external
        returns (address prover)
    {
        prover = verify(poe, signature);
        bytes32 digest = digestOf(poe);
        if (recordedAt[digest][prover] != 0) revert AlreadyRecorded(digest, prover);
        recordedAt[digest][prover] = uint64(block.timestamp);
        ProverRecords.Prover memory known = registry.proverOf(prover);
        emit PoERecorded(digest, prover, known.operator, poe, known.simulated);
    }

    /// @notice Verifies a proof at the block's time. Reverts with a named error when it does not hold.
    /// @param poe       The claim.
    /// @param signature The prover's signature, 65 bytes, low s.
    /// @return prover Who signed it.
    function verify(ProofOfExecution calldata poe, bytes calldata signature)
        public
        view
        returns (address prover)
    {
        if (poe.l2PreBlock >= poe.l2PostBlock) {
            revert EmptyRange(poe.l2PreBlock, poe.l2PostBlock);
        }
        prover = ECDSA.recoverCalldata(digestOf(poe), signature);
        (ProverRecords.Liveness liveness,) = registry.livenessOf(prover);
        if (liveness != ProverRecords.Liveness.LIVE) revert ProverNotLive(prover, liveness);
        bytes32 expected = registry.proverOf(prover).measurement;
        if (poe.measurement != expected) revert WrongMeasurement(expected, poe.measurement);
    }

    /// @notice What the prover signs.
    /// @param poe The claim.
    /// @return The EIP-712 digest under this chain's domain.
    function digestOf(ProofOfExecution calldata poe) public view returns (bytes32) {
        bytes32 domain =
            keccak256(abi.encode(_DOMAIN_TYPEHASH, _DOMAIN_NAME, _DOMAIN_VERSION, block.chainid));
        return
            keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(POE_TYPEHASH, poe))));
    }
}
