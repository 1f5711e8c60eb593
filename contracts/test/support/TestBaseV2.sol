// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracleV2} from "../../src/L2OutputOracleV2.sol";
import {ValidityDisputeGame} from "../../src/ValidityDisputeGame.sol";
import {MockSP1Verifier} from "../../src/dev/MockSP1Verifier.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../../src/interfaces/IDisputeGameFactory.sol";
import {OracleProxy} from "../../src/proxy/OracleProxy.sol";
import {TestBase} from "./TestBase.sol";

/// @title TestBaseV2
/// @notice A second-generation oracle behind its proxy, with a mock verifier and, where a test asks
///         for it, OP Stack's own DisputeGameFactory.
abstract contract TestBaseV2 is TestBase {
    address internal constant PROVER = address(0x9403);
    uint256 internal constant FALLBACK = 2 weeks;
    bytes32 internal constant GENESIS = keccak256("opsuccinct_genesis");
    string internal constant FACTORY_ARTIFACT =
        "node_modules/@eth-optimism/contracts-bedrock/forge-artifacts/DisputeGameFactory.sol/DisputeGameFactory.json";

    L2OutputOracleV2 internal second;
    IDisputeGameFactory internal factory;

    function deploySecond() internal {
        vm.warp(STARTING_TIME + 1_000_000);
        vm.roll(500_000);
        mock = new MockSP1Verifier();
        second = L2OutputOracleV2(
            address(
                new OracleProxy(
                    address(new L2OutputOracleV2()),
                    OWNER,
                    abi.encodeCall(L2OutputOracleV2.initialize, (parametersV2()))
                )
            )
        );
    }

    /// @dev Deploys the real factory behind a proxy, registers the game, sends proposals through it.
    function deployFactory(address registry) internal {
        bytes memory code = vm.getCode(FACTORY_ARTIFACT);
        address implementation;
        assembly {
            implementation := create(0, add(code, 0x20), mload(code))
        }
        check(implementation != address(0), "factory deployed");
        factory = IDisputeGameFactory(
            address(
                new OracleProxy(
                    implementation, OWNER, abi.encodeWithSignature("initialize(address)", OWNER)
                )
            )
        );
        ValidityDisputeGame game = new ValidityDisputeGame(address(second), registry);
        vm.prank(OWNER);
        factory.setImplementation(6, IDisputeGame(address(game)));
        vm.prank(OWNER);
        second.setDisputeGameFactory(address(factory));
    }

    function parametersV2() internal view returns (L2OutputOracleV2.InitParams memory) {
        return L2OutputOracleV2.InitParams({
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
            verifier: address(mock),
            fallbackTimeout: FALLBACK
        });
    }

    /// @dev Checkpoints the block before the current one.
    function checkpointV2() internal returns (uint256 number) {
        number = block.number - 1;
        vm.setBlockhash(number, keccak256(abi.encode("L1 block", number)));
        second.checkpointBlockHash(number);
    }

    /// @dev The public values of a claim as the contract should rebuild them: 224 bytes.
    function publicValues(bytes32 name, bytes32 root, uint256 l2Block, uint256 l1Block)
        internal
        view
        returns (bytes memory)
    {
        (, bytes32 commitment, bytes32 configHash) = second.opSuccinctConfigs(name);
        return abi.encode(
            second.historicBlockHashes(l1Block),
            second.getL2Output(second.latestOutputIndex()).outputRoot,
            root,
            l2Block,
            configHash,
            commitment,
            PROVER
        );
    }

    function proofForV2(bytes32 name, bytes32 root, uint256 l2Block, uint256 l1Block)
        internal
        view
        returns (bytes memory)
    {
        (bytes32 vkey,,) = second.opSuccinctConfigs(name);
        return mock.mockProof(vkey, publicValues(name, root, l2Block, l1Block));
    }

    /// @dev Proposes a valid output at the next block, directly.
    function proposeNextV2(bytes32 root) internal {
        uint256 l1Block = checkpointV2();
        uint256 l2Block = second.nextBlockNumber();
        bytes memory proof = proofForV2(GENESIS, root, l2Block, l1Block);
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(GENESIS, root, l2Block, l1Block, proof, PROVER);
    }
}
