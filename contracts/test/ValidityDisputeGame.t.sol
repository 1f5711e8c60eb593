// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracleV2} from "../src/L2OutputOracleV2.sol";
import {ValidityDisputeGame} from "../src/ValidityDisputeGame.sol";
import {MockSP1Verifier} from "../src/dev/MockSP1Verifier.sol";
import {GameStatus, IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../src/interfaces/IDisputeGameFactory.sol";
import {TestBaseV2} from "./support/TestBaseV2.sol";

/// @title Registry
/// @notice Answers as OP Stack's AnchorStateRegistry which games withdrawals count on.
contract Registry {
    uint32 public respectedGameType;

    constructor(uint32 gameType) {
        respectedGameType = gameType;
    }
}

/// @title IdleGame
/// @notice A game that proposes nothing.
contract IdleGame {
    function initialize() external payable {}
}

/// @title ValidityDisputeGameTest
/// @notice The dispute-game route, through OP Stack's own DisputeGameFactory.
contract ValidityDisputeGameTest is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private l1Block;
    uint256 private l2Block;

    function setUp() public {
        deploySecond();
        proposeNextV2(keccak256("first"));
        deployFactory(address(0));
        l1Block = checkpointV2();
        l2Block = second.nextBlockNumber();
    }

    function test_route_createsAResolvedGameAndItsOutput() public {
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        ValidityDisputeGame game = proposeThrough(proof);

        check(second.latestBlockNumber() == l2Block, "output's block");
        check(second.getL2Output(second.latestOutputIndex()).outputRoot == ROOT, "output's root");
        (uint32 kind,, IDisputeGame listed) = factory.gameAtIndex(0);
        check(kind == 6 && address(listed) == address(game), "listed");
        check(factory.gameCount() == 1, "gameCount");

        check(game.status() == GameStatus.DEFENDER_WINS, "status");
        check(game.createdAt() == block.timestamp, "createdAt");
        check(game.resolvedAt() == block.timestamp, "resolvedAt");
        check(game.wasRespectedGameTypeWhenCreated(), "respected");
        check(game.gameType() == 6, "gameType");
        check(game.gameCreator() == address(second), "gameCreator");
        check(game.rootClaim() == ROOT, "rootClaim");
        check(game.l1Head() == blockhash(block.number - 1), "l1Head");
        check(game.l2SequenceNumber() == l2Block, "l2SequenceNumber");
        check(game.l2BlockNumber() == l2Block, "l2BlockNumber");
        check(game.l1BlockNumber() == l1Block, "l1BlockNumber");
        check(game.proverAddress() == PROVER, "proverAddress");
        check(game.configName() == GENESIS, "configName");
        check(keccak256(game.proof()) == keccak256(proof), "proof");
        bytes memory extra = abi.encodePacked(l2Block, l1Block, PROVER, GENESIS, proof);
        check(keccak256(game.extraData()) == keccak256(extra), "extraData");
        (uint32 gameType, bytes32 claim, bytes memory data) = game.gameData();
        check(gameType == 6 && claim == ROOT && keccak256(data) == keccak256(extra), "gameData");
        check(game.l2OutputOracle() == address(second), "l2OutputOracle");
        check(game.anchorStateRegistry() == address(0), "anchorStateRegistry");
    }

    function test_route_carriesTheVerifiersReason() public {
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.NotAMockProof.selector));
        proposeThrough("no proof");
        check(factory.gameCount() == 0, "no game");
        check(second.nextOutputIndex() == 2, "no output");
    }

    function test_route_isTheOnlyOneWhileAFactoryIsSet() public {
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        string memory text =
            "L2OutputOracle: cannot propose L2 output from outside DisputeGameFactory.create while disputeGameFactory is set";
        revertText(text);
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        // The factory alone is no way in either.
        revertText(text);
        vm.prank(PROPOSER, PROPOSER);
        factory.create(6, ROOT, abi.encodePacked(l2Block, l1Block, PROVER, GENESIS, proof));
        // Without it the direct way is open again, and the other one closed.
        vm.prank(OWNER);
        second.setDisputeGameFactory(address(0));
        revertText("L2OutputOracle: dispute game factory is not set");
        proposeThrough(proof);
        vm.prank(PROPOSER, PROPOSER);
        second.proposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }

    function test_route_needsAnApprovedProposer() public {
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        revertText("L2OutputOracle: only approved proposers can propose new outputs");
        vm.prank(STRANGER, STRANGER);
        second.dgfProposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
        vm.warp(block.timestamp + FALLBACK + 1);
        vm.prank(STRANGER, STRANGER);
        second.dgfProposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }

    function test_route_isClosedInOptimisticMode() public {
        vm.prank(OWNER);
        second.enableOptimisticMode(PERIOD);
        revertText("L2OutputOracle: optimistic mode is enabled");
        proposeThrough("");
    }

    function test_route_refusesABondThatNobodyGetsBack() public {
        vm.prank(OWNER);
        factory.setInitBond(6, 1 ether);
        bytes memory proof = proofForV2(GENESIS, ROOT, l2Block, l1Block);
        vm.deal(PROPOSER, 1 ether);
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.IncorrectBondAmount.selector));
        vm.prank(PROPOSER, PROPOSER);
        second.dgfProposeL2Output{value: 1 ether}(GENESIS, ROOT, l2Block, l1Block, proof, PROVER);
    }

    function test_route_refusesAGameThatProposesNothing() public {
        address idle = address(new IdleGame());
        vm.prank(OWNER);
        factory.setImplementation(6, IDisputeGame(idle));
        revertText("L2OutputOracle: the dispute game proposed no output");
        proposeThrough("");
    }

    function test_game_runsOnce() public {
        ValidityDisputeGame game = proposeThrough(proofForV2(GENESIS, ROOT, l2Block, l1Block));
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.AlreadyInitialized.selector));
        game.initialize();
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.GameNotInProgress.selector));
        game.resolve();
    }

    function test_game_isNothingByItself() public {
        ValidityDisputeGame game = new ValidityDisputeGame(address(second), address(0));
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.BadExtraData.selector));
        game.initialize();
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.GameNotInProgress.selector));
        game.resolve();
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.BadExtraData.selector));
        game.rootClaim();
    }

    function testFuzz_game_refusesShortExtraData(bytes memory extra) public {
        if (extra.length > 115) {
            assembly {
                mstore(extra, 115)
            }
        }
        vm.expectRevert(abi.encodePacked(ValidityDisputeGame.BadExtraData.selector));
        factory.create(6, ROOT, extra);
    }

    function testFuzz_game_readsBackItsArguments(
        bytes32 root,
        uint32 extra,
        bytes32 name,
        bytes memory more
    ) public {
        vm.assume(root != 0 && name != GENESIS && name != 0);
        // A verifier that takes everything, so that the proof may be any bytes of any length.
        address all = address(new TakesAll());
        vm.prank(OWNER);
        second.updateVerifier(all);
        vm.prank(OWNER);
        second.addOpSuccinctConfig(name, CONFIG_HASH, AGGREGATION_VKEY, RANGE_VKEY);
        uint256 last = STARTING_BLOCK + (block.timestamp - STARTING_TIME - 1) / BLOCK_TIME;
        uint256 number = bound(extra, second.nextBlockNumber(), last);
        vm.prank(PROPOSER, PROPOSER);
        ValidityDisputeGame game = ValidityDisputeGame(
            address(second.dgfProposeL2Output(name, root, number, l1Block, more, PROVER))
        );
        check(game.rootClaim() == root, "root");
        check(game.l2SequenceNumber() == number, "block");
        check(game.configName() == name, "name");
        check(keccak256(game.proof()) == keccak256(more), "proof");
    }

    function test_game_notesWhichKindIsRespected() public {
        for (uint32 kind = 5; kind < 7; ++kind) {
            deployFactory(address(new Registry(kind)));
            bytes32 root = keccak256(abi.encode(kind));
            l2Block = second.nextBlockNumber();
            bytes memory proof = proofForV2(GENESIS, root, l2Block, l1Block);
            vm.prank(PROPOSER, PROPOSER);
            ValidityDisputeGame game = ValidityDisputeGame(
                address(second.dgfProposeL2Output(GENESIS, root, l2Block, l1Block, proof, PROVER))
            );
            check(game.wasRespectedGameTypeWhenCreated() == (kind == 6), "respected");
        }
    }

    function proposeThrough(bytes memory proof) private returns (ValidityDisputeGame) {
        vm.prank(PROPOSER, PROPOSER);
        return ValidityDisputeGame(
            address(second.dgfProposeL2Output(GENESIS, ROOT, l2Block, l1Block, proof, PROVER))
        );
    }
}

/// @title TakesAll
/// @notice A verifier that accepts every proof.
contract TakesAll {
    function verifyProof(bytes32, bytes calldata, bytes calldata) external view {}
}
