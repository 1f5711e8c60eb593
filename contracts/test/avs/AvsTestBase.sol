// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {TEELivenessVerifier} from "../../src/attestation/TEELivenessVerifier.sol";
import {BN254} from "../../src/avs/BN254.sol";
import {MultiProverServiceManager} from "../../src/avs/MultiProverServiceManager.sol";
import {StateChecker} from "../../src/avs/StateChecker.sol";
import {
    IAVSDirectory,
    IAllocationManager,
    IBLSApkRegistry,
    IBLSSignatureCheckerTypes,
    IIndexRegistry,
    IRegistryCoordinator,
    IStakeRegistry
} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {DevPauserRegistry, DevToken} from "../../src/dev/eigenlayer/DevEigenLayer.sol";
import {OracleProxy} from "../../src/proxy/OracleProxy.sol";
import {Vm} from "../support/Vm.sol";
import {FakeCore, FakeRegistries} from "./FakeEigenLayer.sol";
import {G2} from "./G2.sol";

/// @title AvsTestBase
/// @notice A service manager over registries in memory, with two quorums: SGX operators in 0, TDX
///         operators in 1. Operator i has the secret key 2^i, so that any set has its own sum.
abstract contract AvsTestBase {
    using BN254 for BN254.G1Point;

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant OWNER = address(0xA11CE);
    address internal constant CONFIRMER = address(0xC0F1);
    address internal constant POA = address(0x904);
    address internal constant COMMITTEES = address(0xC033);
    address internal constant STRANGER = address(0x57A6);
    address internal constant ORACLE = address(0x04AC1E);
    uint256 internal constant COMMITTEE = 1;
    uint256 internal constant L2_CHAIN = 901;
    bytes32 internal constant CONFIG = keccak256("config");
    bytes32 internal constant L1_HEAD = keccak256("l1 head");
    uint64 internal constant INTERVAL = 10;
    uint32 internal constant REFERENCE = 1000;
    uint96 internal constant REWARD = 1e18;
    uint256 internal constant BOTH = 3;

    FakeRegistries internal registries;
    FakeCore internal core;
    StateChecker internal checker;
    MultiProverServiceManager internal manager;
    DevPauserRegistry internal pausers;
    DevToken internal token;
    bytes32[] internal ids;

    error AssertionFailed(string what);

    function check(bool condition, string memory what) internal pure {
        if (!condition) revert AssertionFailed(what);
    }

    function setUp() public virtual {
        vm.roll(REFERENCE + 5);
        vm.warp(1_000_000);
        registries = new FakeRegistries();
        core = new FakeCore();
        token = new DevToken(1e30);
        pausers = new DevPauserRegistry(OWNER);
        address r = address(registries);
        checker = new StateChecker(IRegistryCoordinator(r), IStakeRegistry(r), IBLSApkRegistry(r));
        manager = newManager(newImplementation(address(core)), pausers);
        vm.prank(OWNER);
        manager.setLivenessVerifier(TEELivenessVerifier(r));
        vm.prank(COMMITTEES);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_SGX, 0));
        vm.prank(COMMITTEES);
        manager.addTEEQuorum(IMultiProverServiceManager.TEEQuorum(TEE.INTEL_TDX, 1));
        vm.prank(COMMITTEES);
        manager.addCommittee(
            IMultiProverServiceManager.Committee(COMMITTEE, "devnet", "", hex"0001")
        );
        vm.prank(COMMITTEES);
        manager.setRollupPolicy(COMMITTEE, policy());
        addOperators();
    }

    function newImplementation(address permissions) internal returns (address) {
        return address(
            new MultiProverServiceManager(
                MultiProverServiceManager.EigenLayer({
                    checker: checker,
                    indices: IIndexRegistry(address(registries)),
                    avsDirectory: IAVSDirectory(address(core)),
                    allocations: IAllocationManager(address(core)),
                    permissions: permissions
                })
            )
        );
    }

    function newManager(address implementation, DevPauserRegistry pausers_)
        internal
        returns (MultiProverServiceManager)
    {
        bytes memory initializer = abi.encodeCall(
            MultiProverServiceManager.initialize,
            (pausers_, 0, OWNER, CONFIRMER, POA, COMMITTEES, false)
        );
        return
            MultiProverServiceManager(address(new OracleProxy(implementation, OWNER, initializer)));
    }

    /// @dev Eight operators: even ones SGX in quorum 0, odd ones TDX in quorum 1.
    function addOperators() internal virtual {
        for (uint256 i = 0; i < 8; ++i) {
            bool isSgx = i % 2 == 0;
            addOperator(i, isSgx ? 1 : 2, uint96(100 + i), isSgx ? TEE.INTEL_SGX : TEE.INTEL_TDX);
        }
    }

    function addOperator(uint256 i, uint192 quorums, uint96 stake, TEE tee) internal {
        ids.push(registries.add(keyOf(i), accountOf(i), quorums, stake, tee));
    }

    function policy() internal view returns (IMultiProverServiceManager.RollupPolicy memory) {
        return IMultiProverServiceManager.RollupPolicy({
            l2ChainId: L2_CHAIN,
            rollupConfigHash: CONFIG,
            oracle: ORACLE,
            firstBlock: 1,
            interval: INTERVAL,
            l2GenesisTime: 900_000,
            l2BlockTime: 2,
            window: 200_000,
            minimumReward: 2e18,
            reward: REWARD,
            rewardToken: address(token)
        });
    }

    function secretOf(uint256 i) internal pure returns (uint256) {
        return 1 << i;
    }

    function keyOf(uint256 i) internal view returns (BN254.G1Point memory) {
        return BN254.G1Point(1, 2).times(secretOf(i));
    }

    function accountOf(uint256 i) internal pure returns (address) {
        return address(uint160(0x0BEE0000 + i));
    }

    function metadataOf(uint256 start, uint256 end) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                "{\"start_block\":", decimal(start), ",\"end_block\":", decimal(end), "}"
            );
    }

    function stateOf(bytes32 batch, bytes32 prev, bytes32 next)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            "{\"batch_hash\":\"0x",
            hexOf(batch),
            "\",\"state_hash\":\"0x",
            hexOf(keccak256("boot info")),
            "\",\"prev_state_root\":\"0x",
            hexOf(prev),
            "\",\"new_state_root\":\"0x",
            hexOf(next),
            "\",\"withdrawal_root\":\"0x",
            hexOf(keccak256("withdrawals")),
            "\",\"signature\":\"0x",
            hexOf(0),
            hexOf(0),
            "00\"}"
        );
    }

    function batchOf(uint64 start, uint64 end) internal pure returns (bytes32) {
        return keccak256(abi.encode(L2_CHAIN, CONFIG, L1_HEAD, start - 1, end));
    }

    function rootOf(uint64 l2Block) internal pure returns (bytes32) {
        return keccak256(abi.encode("output", l2Block));
    }

    function goodState(uint64 start, uint64 end) internal pure returns (bytes memory) {
        return stateOf(batchOf(start, end), rootOf(start - 1), rootOf(end));
    }

    function headerOf(uint64 start, uint64 end)
        internal
        pure
        returns (IMultiProverServiceManager.StateHeader memory)
    {
        return IMultiProverServiceManager.StateHeader({
            committeeId: COMMITTEE,
            metadata: metadataOf(start, end),
            state: goodState(start, end),
            quorumNumbers: hex"0001",
            quorumThresholdPercentages: hex"4343",
            referenceBlockNumber: REFERENCE
        });
    }

    /// @dev Signs as all operators but those whose bit is set. Operators outside the header's quorums
    ///      are neither signers nor non-signers.
    function signed(IMultiProverServiceManager.StateHeader memory header, uint256 absent)
        internal
        view
        returns (IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss)
    {
        uint256 quorums = header.quorumNumbers.length;
        nss.quorumApks = new BN254.G1Point[](quorums);
        nss.quorumApkIndices = new uint32[](quorums);
        nss.totalStakeIndices = new uint32[](quorums);
        nss.nonSignerStakeIndices = new uint32[][](quorums);
        uint256[] memory missing = _missing(header.quorumNumbers, absent);
        nss.nonSignerPubkeys = new BN254.G1Point[](missing.length);
        nss.nonSignerQuorumBitmapIndices = new uint32[](missing.length);
        for (uint256 j = 0; j < missing.length; ++j) {
            nss.nonSignerPubkeys[j] = keyOf(missing[j]);
            nss.nonSignerQuorumBitmapIndices[j] = 3;
        }
        uint256 sum = 0;
        for (uint256 q = 0; q < quorums; ++q) {
            uint8 quorum = uint8(header.quorumNumbers[q]);
            nss.quorumApks[q] = registries.apk(quorum);
            (nss.quorumApkIndices[q], nss.totalStakeIndices[q]) = (6, 5);
            uint256 count = 0;
            for (uint256 i = 0; i < ids.length; ++i) {
                if (!isIn(i, quorum)) continue;
                if (absent >> i & 1 == 1) ++count;
                else sum += secretOf(i);
            }
            nss.nonSignerStakeIndices[q] = new uint32[](count);
            for (uint256 j = 0; j < count; ++j) {
                nss.nonSignerStakeIndices[q][j] = 4;
            }
        }
        nss.apkG2 = G2.times(sum);
        nss.sigma = BN254.hashToG1(digestOf(header)).times(sum);
    }

    function digestOf(IMultiProverServiceManager.StateHeader memory header)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                IMultiProverServiceManager.ReducedStateHeader(
                    header.committeeId, header.metadata, header.state, header.referenceBlockNumber
                )
            )
        );
    }

    function confirm(IMultiProverServiceManager.StateHeader memory header, uint256 absent)
        internal
    {
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, absent);
        vm.prank(CONFIRMER);
        manager.confirmState(header, nss);
    }

    function nonSignersOf(uint256 absent) internal view returns (bytes32[] memory list) {
        uint256[] memory missing = _missing(hex"0001", absent);
        list = new bytes32[](missing.length);
        for (uint256 j = 0; j < missing.length; ++j) {
            list[j] = ids[missing[j]];
        }
    }

    function isIn(uint256 i, uint8 quorum) internal view returns (bool) {
        (, uint192 quorums,,) = registries.operators(ids[i]);
        return quorums >> quorum & 1 == 1;
    }

    /// @dev Absent operators of the quorums, ascending by id.
    function _missing(bytes memory quorumNumbers, uint256 absent)
        private
        view
        returns (uint256[] memory found)
    {
        uint256 count = 0;
        uint256[] memory all = new uint256[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            bool isMember = false;
            for (uint256 q = 0; q < quorumNumbers.length; ++q) {
                if (isIn(i, uint8(quorumNumbers[q]))) isMember = true;
            }
            if (!isMember || absent >> i & 1 == 0) continue;
            uint256 place = count++;
            for (; place > 0 && ids[all[place - 1]] > ids[i]; --place) {
                all[place] = all[place - 1];
            }
            all[place] = i;
        }
        found = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = all[i];
        }
    }

    function decimal(uint256 value) internal pure returns (bytes memory text) {
        if (value == 0) return "0";
        for (; value > 0; value /= 10) {
            text = abi.encodePacked(bytes1(uint8(48 + value % 10)), text);
        }
    }

    function hexOf(bytes32 value) internal pure returns (bytes memory text) {
        text = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            uint8 digit = uint8(uint256(value) >> (252 - 4 * i)) & 15;
            text[i] = bytes1(digit < 10 ? 48 + digit : 87 + digit);
        }
    }
}
