// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../src/dev/DevChains.sol";
import {MockSP1Verifier} from "../src/dev/MockSP1Verifier.sol";
import {SystemConfigExtension} from "../src/dev/SystemConfigExtension.sol";
import {TestBase} from "./support/TestBase.sol";

/// @title MockSP1VerifierTest
/// @notice The mock takes mock proofs on development chains, and nothing else anywhere.
contract MockSP1VerifierTest is TestBase {
    function setUp() public {
        mock = new MockSP1Verifier();
    }

    function testFuzz_takesItsOwnProofs(bytes32 key, bytes calldata values) public view {
        mock.verifyProof(key, values, mock.mockProof(key, values));
    }

    function testFuzz_refusesAnotherKey(bytes32 key, bytes32 other, bytes calldata values) public {
        vm.assume(key != other);
        bytes memory proof = mock.mockProof(other, values);
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.MockProofMismatch.selector));
        mock.verifyProof(key, values, proof);
    }

    function testFuzz_refusesOtherFormats(bytes calldata proof) public {
        bool isMock = proof.length == 36 && bytes4(proof[:4]) == mock.MOCK_SELECTOR();
        vm.assume(!isMock);
        vm.expectRevert(abi.encodePacked(MockSP1Verifier.NotAMockProof.selector));
        mock.verifyProof(bytes32(0), "", proof);
    }

    function testFuzz_isDeadOnRealChains(uint64 chainId) public {
        bool isDev = chainId == 31337 || chainId == 1337 || (chainId >= 900 && chainId <= 909);
        vm.assume(!isDev && chainId != 0);
        bytes memory proof = mock.mockProof(bytes32(0), "");
        vm.chainId(chainId);
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, chainId));
        mock.verifyProof(bytes32(0), "", proof);
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, chainId));
        new MockSP1Verifier();
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, chainId));
        new SystemConfigExtension(address(this));
    }

    function test_livesOnEachDevChain() public {
        uint256[4] memory ids = [uint256(900), 909, 1337, 31337];
        for (uint256 i = 0; i < ids.length; ++i) {
            vm.chainId(ids[i]);
            new MockSP1Verifier();
        }
    }
}
