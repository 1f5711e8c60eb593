// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ITEELivenessVerifier
/// @notice What operators and the aggregator of the multi-prover AVS ask of its TEELivenessVerifier.
interface ITEELivenessVerifier {
    /// @notice A key that liveness is asked for: the operator's BLS key on BN254's G1.
    /// @param x First coordinate.
    /// @param y Second coordinate.
    struct Pubkey {
        bytes32 x;
        bytes32 y;
    }

    /// @notice What an operator sends along with its report.
    /// @param pubkey               The operator's key.
    /// @param referenceBlockNumber A recent block.
    /// @param referenceBlockHash   Its hash.
    /// @param proverAddressHash    Hash of the prover's endpoint.
    struct ReportDataV2 {
        Pubkey pubkey;
        uint256 referenceBlockNumber;
        bytes32 referenceBlockHash;
        bytes32 proverAddressHash;
    }

    /// @notice Shows that an operator's prover is live.
    /// @param data   The operator's key and the block that the report refers to.
    /// @param report Evidence.
    function submitLivenessProofV2(ReportDataV2 calldata data, bytes calldata report)
        external
        payable;

    /// @notice Sets the greatest number of blocks that a report may be old. For the owner.
    /// @param maxBlockNumberDiff_ Number of blocks.
    function changeMaxBlockNumberDiff(uint256 maxBlockNumberDiff_) external;

    /// @notice Sets the contract that judges reports. For the owner.
    /// @param attestation Its address.
    function changeAttestationImpl(address attestation) external;

    /// @notice Sets how long a report counts. For the owner.
    /// @param seconds_ Seconds.
    function changeAttestValiditySeconds(uint256 seconds_) external;

    /// @notice Fee of an attestation.
    /// @param report Evidence.
    /// @return Wei.
    function estimateBaseFeeVerifyOnChain(bytes calldata report) external payable returns (uint256);

    /// @notice Whether a key's prover showed itself live recently.
    /// @param pubkeyX First coordinate.
    /// @param pubkeyY Second coordinate.
    /// @return True when it did.
    function verifyLivenessProof(bytes32 pubkeyX, bytes32 pubkeyY) external view returns (bool);

    /// @notice Whether a key's prover showed itself live recently and is the given one.
    /// @param pubkeyX   First coordinate.
    /// @param pubkeyY   Second coordinate.
    /// @param proverKey Address of the prover's key.
    /// @return True when it did and is.
    function verifyLivenessProofV2(bytes32 pubkeyX, bytes32 pubkeyY, address proverKey)
        external
        view
        returns (bool);

    /// @notice Whether evidence is good and of a key's prover. Reverts when it is not good.
    /// @param pubkeyX First coordinate.
    /// @param pubkeyY Second coordinate.
    /// @param data    Evidence.
    /// @return True when it is of that prover.
    function verifyAttestationV2(bytes32 pubkeyX, bytes32 pubkeyY, bytes calldata data)
        external
        view
        returns (bool);

    /// @notice Whether SGX code is accepted.
    /// @param mrenclave MRENCLAVE.
    /// @return True while it is.
    function verifyMrEnclave(bytes32 mrenclave) external view returns (bool);

    /// @notice Whether SGX code of a signer is accepted.
    /// @param mrsigner MRSIGNER.
    /// @return True while some is.
    function verifyMrSigner(bytes32 mrsigner) external view returns (bool);
}
