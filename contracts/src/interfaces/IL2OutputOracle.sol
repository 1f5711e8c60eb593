// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IL2OutputOracle
/// @notice The part of an L2 output oracle that an OptimismPortal of the L2OutputOracle generation
///         and the tools around it read.
interface IL2OutputOracle {
    /// @notice A proposed output, as the portal reads it.
    /// @param outputRoot    Hash of the L2 output.
    /// @param timestamp     L1 time of the proposal, in seconds.
    /// @param l2BlockNumber L2 block of the output.
    struct OutputProposal {
        bytes32 outputRoot;
        uint128 timestamp;
        uint128 l2BlockNumber;
    }

    /// @notice Emitted when an output is proposed.
    /// @param outputRoot    The output root.
    /// @param l2OutputIndex Its index in the list of outputs.
    /// @param l2BlockNumber Its L2 block number.
    /// @param l1Timestamp   L1 time of the proposal, in seconds.
    event OutputProposed(
        bytes32 indexed outputRoot,
        uint256 indexed l2OutputIndex,
        uint256 indexed l2BlockNumber,
        uint256 l1Timestamp
    );

    /// @notice Emitted when outputs are deleted.
    /// @param prevNextOutputIndex Number of outputs before the deletion.
    /// @param newNextOutputIndex  Number of outputs after it.
    event OutputsDeleted(uint256 indexed prevNextOutputIndex, uint256 indexed newNextOutputIndex);

    /// @notice The output at an index.
    /// @param _l2OutputIndex Index in the list of outputs.
    /// @return The output.
    function getL2Output(uint256 _l2OutputIndex) external view returns (OutputProposal memory);

    /// @notice The index of the first output at or above an L2 block.
    /// @param _l2BlockNumber L2 block to look for.
    /// @return Index in the list of outputs.
    function getL2OutputIndexAfter(uint256 _l2BlockNumber) external view returns (uint256);

    /// @notice The first output at or above an L2 block.
    /// @param _l2BlockNumber L2 block to look for.
    /// @return The output.
    function getL2OutputAfter(uint256 _l2BlockNumber) external view returns (OutputProposal memory);

    /// @notice Index of the latest output; reverts when there is none.
    /// @return Index in the list of outputs.
    function latestOutputIndex() external view returns (uint256);

    /// @notice Index that the next output will have.
    /// @return Number of outputs.
    function nextOutputIndex() external view returns (uint256);

    /// @notice L2 block of the latest output.
    /// @return L2 block number.
    function latestBlockNumber() external view returns (uint256);

    /// @notice Lowest L2 block that the next output may have.
    /// @return L2 block number.
    function nextBlockNumber() external view returns (uint256);

    /// @notice Time of an L2 block.
    /// @param _l2BlockNumber L2 block number, at or above the starting block.
    /// @return Seconds since 1970.
    function computeL2Timestamp(uint256 _l2BlockNumber) external view returns (uint256);

    /// @notice Seconds until a withdrawal proven against an output may be finalized.
    /// @return Seconds.
    function FINALIZATION_PERIOD_SECONDS() external view returns (uint256);
}
