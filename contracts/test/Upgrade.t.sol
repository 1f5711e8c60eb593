// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {L2OutputOracle} from "../src/L2OutputOracle.sol";
import {L2OutputOracleV2} from "../src/L2OutputOracleV2.sol";
import {TestBaseV2} from "./support/TestBaseV2.sol";
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title UpgradeTest
/// @notice A live proxy of the first generation becomes one of the second, in place.
contract UpgradeTest is TestBaseV2 {
    bytes32 private constant ROOT = keccak256("root");

    function setUp() public {
        deployOracle();
        proposeNext(ROOT);
    }

    function test_upgrade_keepsOutputsRolesAndCheckpoints() public {
        uint256 checkpointed = block.number - 1;
        bytes32 hash = oracle.historicBlockHashes(checkpointed);
        L2OutputOracleV2.InitParams memory params = parametersV2();
        params.startingOutputRoot = keccak256("ignored");
        params.startingBlockNumber = 7;
        params.startingTimestamp = 8;
        upgrade(abi.encodeCall(L2OutputOracleV2.initialize, (params)));

        check(second.nextOutputIndex() == 2, "outputs");
        check(second.getL2Output(0).outputRoot == STARTING_ROOT, "starting output");
        check(second.getL2Output(1).outputRoot == ROOT, "output");
        check(second.startingBlockNumber() == STARTING_BLOCK, "startingBlockNumber");
        check(second.startingTimestamp() == STARTING_TIME, "startingTimestamp");
        check(second.historicBlockHashes(checkpointed) == hash && hash != 0, "checkpoint");
        check(second.approvedProposers(PROPOSER), "proposer");
        check(second.owner() == OWNER, "owner");
        check(second.fallbackTimeout() == FALLBACK, "fallbackTimeout");
        proposeNextV2(keccak256("after"));
        check(second.nextOutputIndex() == 3, "proposes on");
    }

    /// @dev Both generations count a proxy as initialized that op-succinct's contract initialized:
    ///      nobody can take it over after an upgrade without an initializer call.
    function test_upgrade_leavesNoInitializerOpenAtTheSameVersion() public {
        upgrade(abi.encodeCall(L2OutputOracleV2.initialize, (parametersV2())));
        address next = address(new L2OutputOracleV2());
        ProxyAdmin admin = proxyAdmin();
        vm.prank(OWNER);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(payable(address(second))), next, "");
        revertText("Initializable: contract is already initialized");
        second.initialize(parametersV2());
        // Back to the first generation: its version is below.
        address back = address(new L2OutputOracle());
        vm.prank(OWNER);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(payable(address(second))), back, "");
        revertText("Initializable: contract is already initialized");
        oracle.initialize(parameters());
    }

    /// @dev A proxy whose first slot says version 1, as op-succinct's first generation leaves it.
    function testFuzz_initializer_readsSlotZero(uint8 version) public {
        deploySecond();
        vm.store(address(second), bytes32(0), bytes32(uint256(version)));
        if (version >= 3) revertText("Initializable: contract is already initialized");
        second.initialize(parametersV2());
    }

    function upgrade(bytes memory data) private {
        address next = address(new L2OutputOracleV2());
        ProxyAdmin admin = proxyAdmin();
        vm.prank(OWNER);
        admin.upgradeAndCall(ITransparentUpgradeableProxy(payable(address(oracle))), next, data);
        second = L2OutputOracleV2(address(oracle));
    }

    function proxyAdmin() private view returns (ProxyAdmin) {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        return ProxyAdmin(address(uint160(uint256(vm.load(address(oracle), slot)))));
    }
}
