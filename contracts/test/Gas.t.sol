// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestBaseV2} from "./support/TestBaseV2.sol";

/// @title GasFirstTest
/// @notice What each call of the first generation costs; `.gas-snapshot` holds the figures.
contract GasFirstTest is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private l1Block;
    uint256 private l2Block;
    bytes private proof;

    function setUp() public {
        deployOracle();
        proposeNext(keccak256("first"));
        l1Block = checkpoint();
        l2Block = oracle.nextBlockNumber();
        proof = proofFor(ROOT, l2Block, l1Block);
    }

    function test_gas_checkpoint() public {
        vm.setBlockhash(block.number - 2, ROOT);
        oracle.checkpointBlockHash(block.number - 2);
    }

    function test_gas_propose() public {
        vm.prank(PROPOSER, PROPOSER);
        oracle.proposeL2Output(ROOT, l2Block, l1Block, proof);
    }

    function test_gas_delete() public {
        vm.prank(CHALLENGER);
        oracle.deleteL2Outputs(1);
    }
}

/// @title GasSecondTest
/// @notice What each call of the second generation costs.
contract GasSecondTest is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private l1Block;
    uint256 private l2Block;
    bytes private proof;

    function setUp() public {
        deploySecond();
        proposeNextV2(keccak256("first"));
        l1Block = checkpointV2();
        l2Block = second.nextBlockNumber();
        proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
    }

    function test_gas_checkpoint() public {
        vm.setBlockhash(block.number - 2, ROOT);
        second.checkpointBlockHash(block.number - 2);
    }

    function test_gas_propose() public {
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }

    function test_gas_delete() public {
        vm.prank(CHALLENGER);
        second.deleteL2Outputs(1);
    }

    function test_gas_addConfig() public {
        vm.prank(OWNER);
        second.addOpSuccinctConfig(ROOT, CONFIG_HASH, AGGREGATION_VKEY, RANGE_VKEY);
    }
}

/// @title GasGameTest
/// @notice What a proposal through OP Stack's DisputeGameFactory costs.
contract GasGameTest is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private l1Block;
    uint256 private l2Block;
    bytes private proof;

    function setUp() public {
        deploySecond();
        proposeNextV2(keccak256("first"));
        deployFactory(address(0));
        l1Block = checkpointV2();
        l2Block = second.nextBlockNumber();
        proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
    }

    function test_gas_propose() public {
        vm.prank(PROPOSER, PROPOSER);
        second.dgfProposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }
}
