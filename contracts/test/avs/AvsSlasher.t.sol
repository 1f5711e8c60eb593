// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AvsSlasher} from "../../src/avs/AvsSlasher.sol";
import {BN254} from "../../src/avs/BN254.sol";
import {SignedRecord} from "../../src/avs/SignedRecord.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {IL2OutputOracle} from "../../src/interfaces/IL2OutputOracle.sol";
import {AvsTestBase} from "./AvsTestBase.sol";
import {G2} from "./G2.sol";

/// @notice An oracle with the outputs that it is given.
contract FakeOracle {
    mapping(uint256 l2Block => bytes32) public roots;
    uint256 public timestamp;
    uint256 public constant FINALIZATION_PERIOD_SECONDS = 100;

    function set(uint256 l2Block, bytes32 root) external {
        roots[l2Block] = root;
    }

    function setTime(uint256 time) external {
        timestamp = time;
    }

    function getL2OutputAfter(uint256 l2Block)
        external
        view
        returns (IL2OutputOracle.OutputProposal memory)
    {
        uint256 found = l2Block;
        while (roots[found] == 0) ++found;
        return IL2OutputOracle.OutputProposal(roots[found], uint128(timestamp), uint128(found));
    }
}

/// @notice Evidence that slashes, and evidence that does not.
contract AvsSlasherTest is AvsTestBase {
    using BN254 for BN254.G1Point;

    uint64 internal constant HEAD_NUMBER = REFERENCE - 3;

    AvsSlasher internal slasher;
    FakeOracle internal oracle;

    function setUp() public override {
        super.setUp();
        slasher = new AvsSlasher(OWNER, manager, 0.25e18);
        address[] memory strategies = new address[](2);
        (strategies[0], strategies[1]) = (address(9), address(5));
        core.setStrategies(strategies);
        vm.setBlockhash(HEAD_NUMBER, L1_HEAD);
        FakeOracle code = new FakeOracle();
        vm.etch(ORACLE, address(code).code);
        oracle = FakeOracle(ORACLE);
        oracle.set(0, rootOf(0));
        oracle.set(10, rootOf(10));
        oracle.set(20, rootOf(20));
        oracle.setTime(block.timestamp - 100);
    }

    function signerOf(uint256 i) internal view returns (AvsSlasher.Signer memory) {
        return AvsSlasher.Signer(keyOf(i), G2.times(secretOf(i)));
    }

    function signedBy(uint256 i, bytes memory state, uint32 referenceBlock)
        internal
        view
        returns (AvsSlasher.SignedState memory)
    {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.state = state;
        header.referenceBlockNumber = referenceBlock;
        return AvsSlasher.SignedState(
            state, referenceBlock, BN254.hashToG1(digestOf(header)).times(secretOf(i))
        );
    }

    function wrongState() internal pure returns (bytes memory) {
        return stateOf(batchOf(1, 10), rootOf(0), rootOf(99));
    }

    function head() internal pure returns (AvsSlasher.L1Head memory) {
        return AvsSlasher.L1Head(HEAD_NUMBER, L1_HEAD);
    }

    function checkSlashed(uint256 i, string memory why) internal view {
        (address operator, uint32 set, string memory description) = core.slashed();
        check(core.slashings() > 0 && operator == accountOf(i), "whom");
        check(keccak256(bytes(description)) == keccak256(bytes(why)), "what for");
        check(set == 1, "in the last of the committee's sets");
        check(slasher.isSlashed(manager.taskIdOf(COMMITTEE, 1, 10), ids[i]), "noted");
    }

    // ---- two states

    function equivocate(uint256 i, bytes memory first, bytes memory second) internal {
        slasher.slashEquivocation(
            COMMITTEE,
            metadataOf(1, 10),
            signedBy(i, first, REFERENCE),
            signedBy(i, second, REFERENCE + 1),
            signerOf(i)
        );
    }

    function test_equivocation_slashes() public {
        vm.prank(STRANGER);
        equivocate(3, goodState(1, 10), wrongState());
        checkSlashed(3, "signed two states of one task");
        check(core.slashings() == 2, "in both sets");
    }

    function test_equivocation_onceForATask() public {
        equivocate(3, goodState(1, 10), wrongState());
        bytes32 taskId = manager.taskIdOf(COMMITTEE, 1, 10);
        AvsSlasher.SignedState memory first = signedBy(3, wrongState(), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(3, goodState(1, 10), REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(3);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.AlreadySlashed.selector, ids[3], taskId));
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    /// @notice The same state signed again, along another reference block, is no offence.
    function test_equivocation_needsTwoStates() public {
        AvsSlasher.SignedState memory first = signedBy(3, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(3, goodState(1, 10), REFERENCE + 1);
        AvsSlasher.Signer memory signer = signerOf(3);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotContradictory.selector));
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    /// @notice An L1 head may be reorged away: states of two heads are no contradiction.
    function test_equivocation_needsOneL1Head() public {
        bytes memory other = stateOf(keccak256("another head"), rootOf(0), rootOf(11));
        AvsSlasher.SignedState memory first = signedBy(3, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(3, other, REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(3);
        vm.expectPartialRevert(AvsSlasher.DifferentRanges.selector);
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    /// @notice Nobody is slashed for what another key signed.
    function testFuzz_equivocation_needsTheOperatorsSignature(uint8 by, bool isFirst) public {
        uint256 other = by % 8 == 3 ? 4 : by % 8;
        AvsSlasher.SignedState memory first =
            signedBy(isFirst ? other : 3, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second =
            signedBy(isFirst ? 3 : other, wrongState(), REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(3);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotSigned.selector, ids[3]));
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    function test_equivocation_needsBothFormsOfTheKey() public {
        AvsSlasher.SignedState memory first = signedBy(4, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(4, wrongState(), REFERENCE);
        AvsSlasher.Signer memory signer = AvsSlasher.Signer(keyOf(3), G2.times(secretOf(4)));
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotSigned.selector, ids[3]));
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    function test_equivocation_ofAKeyThatNobodyHas() public {
        AvsSlasher.SignedState memory first = signedBy(20, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(20, wrongState(), REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(20);
        vm.expectPartialRevert(AvsSlasher.UnknownOperator.selector);
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    function test_slash_needsSomethingToSlash() public {
        core.setSlashable(false);
        AvsSlasher.SignedState memory first = signedBy(3, goodState(1, 10), REFERENCE);
        AvsSlasher.SignedState memory second = signedBy(3, wrongState(), REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(3);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NothingToSlash.selector, accountOf(3)));
        slasher.slashEquivocation(COMMITTEE, metadataOf(1, 10), first, second, signer);
    }

    // ---- another state than was confirmed

    function test_contradiction_slashes() public {
        confirm(headerOf(1, 10), 1 << 3);
        slasher.slashContradiction(
            headerOf(1, 10), nonSignersOf(1 << 3), signedBy(3, wrongState(), REFERENCE), signerOf(3)
        );
        checkSlashed(3, "signed another state than was confirmed");
    }

    function test_contradiction_needsWhatWasConfirmed() public {
        AvsSlasher.SignedState memory other = signedBy(3, wrongState(), REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(3);
        bytes32[] memory none = new bytes32[](0);
        vm.expectPartialRevert(SignedRecord.RecordMismatch.selector);
        slasher.slashContradiction(headerOf(1, 10), none, other, signer);
        confirm(headerOf(1, 10), 1 << 3);
        vm.expectPartialRevert(SignedRecord.RecordMismatch.selector);
        slasher.slashContradiction(headerOf(1, 10), none, other, signer);
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.state = stateOf(batchOf(1, 10), rootOf(0), rootOf(12));
        bytes32[] memory absent = nonSignersOf(1 << 3);
        vm.expectPartialRevert(SignedRecord.RecordMismatch.selector);
        slasher.slashContradiction(header, absent, other, signer);
    }

    // ---- what a proof says

    function proveWrong(uint256 i, bytes memory state, AvsSlasher.L1Head memory l1Head) internal {
        slasher.slashProvenWrong(
            COMMITTEE, metadataOf(1, 10), signedBy(i, state, REFERENCE), signerOf(i), l1Head
        );
    }

    function test_proven_slashesWrongRoots() public {
        proveWrong(2, wrongState(), head());
        checkSlashed(2, "signed a state that a proof contradicts");
        proveWrong(4, stateOf(batchOf(1, 10), rootOf(1), rootOf(10)), head());
        checkSlashed(4, "signed a state that a proof contradicts");
    }

    function expectNoSlash(bytes memory state, AvsSlasher.L1Head memory l1Head, bytes4 reason)
        internal
    {
        AvsSlasher.SignedState memory wrong = signedBy(2, state, REFERENCE);
        AvsSlasher.Signer memory signer = signerOf(2);
        vm.expectPartialRevert(reason);
        slasher.slashProvenWrong(COMMITTEE, metadataOf(1, 10), wrong, signer, l1Head);
    }

    function test_proven_aRightStateIsNoOffence() public {
        expectNoSlash(goodState(1, 10), head(), AvsSlasher.NotContradictory.selector);
    }

    /// @notice A state of a fork of L1 that lost is not judged by the chain that won.
    function test_proven_needsAnL1HeadOfThisChain() public {
        bytes32 batch =
            keccak256(abi.encode(L2_CHAIN, CONFIG, keccak256("fork"), uint64(0), uint64(10)));
        expectNoSlash(
            stateOf(batch, rootOf(0), rootOf(99)),
            AvsSlasher.L1Head(HEAD_NUMBER, keccak256("fork")),
            bytes4(keccak256("BlockHashMismatch(uint256,bytes32,bytes32)"))
        );
        expectNoSlash(
            stateOf(batch, rootOf(0), rootOf(99)), head(), AvsSlasher.DifferentRanges.selector
        );
    }

    /// @notice An output of another block says nothing; nor one that may still be deleted.
    function test_proven_needsAFinalOutputOfTheBlock() public {
        oracle.set(10, 0);
        expectNoSlash(wrongState(), head(), AvsSlasher.NoOutput.selector);
        oracle.set(10, rootOf(10));
        oracle.setTime(block.timestamp - 99);
        expectNoSlash(wrongState(), head(), AvsSlasher.NoOutput.selector);
        vm.etch(ORACLE, "");
        expectNoSlash(wrongState(), head(), AvsSlasher.NoOutput.selector);
    }

    function test_confirmedWrong_slashesSignersByTheRecord() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.state = wrongState();
        confirm(header, 1 << 3);
        bytes32[] memory absent = nonSignersOf(1 << 3);
        slasher.slashConfirmedWrong(header, absent, ids[2], 3, head());
        checkSlashed(2, "signed a state that a proof contradicts");
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotASigner.selector, ids[3]));
        slasher.slashConfirmedWrong(header, absent, ids[3], 3, head());
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotASigner.selector, keccak256("nobody")));
        slasher.slashConfirmedWrong(header, absent, keccak256("nobody"), 3, head());
    }

    function test_confirmedWrong_aRightStateIsNoOffence() public {
        confirm(headerOf(1, 10), 0);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.NotContradictory.selector));
        slasher.slashConfirmedWrong(headerOf(1, 10), new bytes32[](0), ids[2], 3, head());
    }

    function test_wad_isAPart() public {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.InvalidWad.selector, 1e18 + 1));
        slasher.setWad(AvsSlasher.Offence.EQUIVOCATION, 1e18 + 1);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(AvsSlasher.InvalidWad.selector, 0));
        slasher.setWad(AvsSlasher.Offence.EQUIVOCATION, 0);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        slasher.setWad(AvsSlasher.Offence.EQUIVOCATION, 1);
    }
}
