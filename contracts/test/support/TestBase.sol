// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracle} from "../../src/L2OutputOracle.sol";
import {MockSP1Verifier} from "../../src/dev/MockSP1Verifier.sol";
import {OracleProxy} from "../../src/proxy/OracleProxy.sol";
import {Vm} from "./Vm.sol";

/// @title TestBase
/// @notice Assertions, and an oracle behind its proxy with a mock verifier.
abstract contract TestBase {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant OWNER = address(0xA11CE);
    address internal constant CHALLENGER = address(0xC4A1);
    address internal constant PROPOSER = address(0x9409);
    address internal constant STRANGER = address(0x57A6);
    bytes32 internal constant AGGREGATION_VKEY = keccak256("aggregation");
    bytes32 internal constant RANGE_VKEY = keccak256("range");
    bytes32 internal constant CONFIG_HASH = keccak256("config");
    bytes32 internal constant STARTING_ROOT = keccak256("starting root");
    uint256 internal constant STARTING_BLOCK = 1000;
    uint256 internal constant STARTING_TIME = 1_000_000;
    uint256 internal constant INTERVAL = 10;
    uint256 internal constant BLOCK_TIME = 2;
    uint256 internal constant PERIOD = 3600;

    L2OutputOracle internal oracle;
    MockSP1Verifier internal mock;

    /// @notice An assertion failed.
    error AssertionFailed(string what);

    function check(bool condition, string memory what) internal pure {
        if (!condition) revert AssertionFailed(what);
    }

    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }

    function revertText(string memory text) internal {
        vm.expectRevert(abi.encodeWithSignature("Error(string)", text));
    }

    function deployOracle() internal {
        vm.warp(STARTING_TIME + 1_000_000);
        vm.roll(500_000);
        mock = new MockSP1Verifier();
        oracle = L2OutputOracle(
            address(
                new OracleProxy(
                    address(new L2OutputOracle()),
                    OWNER,
                    abi.encodeCall(L2OutputOracle.initialize, (parameters()))
                )
            )
        );
    }

    function parameters() internal view returns (L2OutputOracle.InitParams memory) {
        return L2OutputOracle.InitParams({
            challenger: CHALLENGER,
            proposer: PROPOSER,
            owner: OWNER,
            finalizationPeriodSeconds: PERIOD,
            l2BlockTime: BLOCK_TIME,
            aggregationVkey: AGGREGATION_VKEY,
            rangeVkeyCommitment: RANGE_VKEY,
            rollupConfigHash: CONFIG_HASH,
            startingOutputRoot: STARTING_ROOT,
            startingBlockNumber: STARTING_BLOCK,
            startingTimestamp: STARTING_TIME,
            submissionInterval: INTERVAL,
            verifier: address(mock)
        });
    }

    /// @dev Checkpoints the block before the current one.
    function checkpoint() internal returns (uint256 number) {
        number = block.number - 1;
        vm.setBlockhash(number, keccak256(abi.encode("L1 block", number)));
        oracle.checkpointBlockHash(number);
    }

    function proofFor(bytes32 root, uint256 l2Block, uint256 l1Block)
        internal
        view
        returns (bytes memory)
    {
        bytes32 preRoot = oracle.getL2Output(oracle.latestOutputIndex()).outputRoot;
        return mock.mockProof(
            oracle.aggregationVkey(),
            abi.encode(
                oracle.historicBlockHashes(l1Block),
                preRoot,
                root,
                l2Block,
                oracle.rollupConfigHash(),
                oracle.rangeVkeyCommitment()
            )
        );
    }

    /// @dev Proposes a valid output at the next block.
    function proposeNext(bytes32 root) internal {
        uint256 l1Block = checkpoint();
        uint256 l2Block = oracle.nextBlockNumber();
        bytes memory proof = proofFor(root, l2Block, l1Block);
        vm.prank(PROPOSER);
        oracle.proposeL2Output(root, l2Block, l1Block, proof);
    }
}
