// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {TEE} from "../src/attestation/IQuoteVerifier.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {TEEProverRegistry} from "../src/attestation/TEEProverRegistry.sol";
import {OracleProxy} from "../src/proxy/OracleProxy.sol";
import {Timelock} from "../src/proxy/Timelock.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {
    ITransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title NextRegistry
/// @notice A later version.
contract NextRegistry is TEEProverRegistry {
    function isNext() external pure returns (bool) {
        return true;
    }
}

/// @title RegistryTimelockTest
/// @notice Upgrades and what loosens the policy wait for the timelock's delay.
contract RegistryTimelockTest is RegistryTestBase {
    uint256 private constant DELAY = 2 days;
    address private constant PROPOSER_ = address(0x9120);

    Timelock private timelock;

    function setUp() public {
        deployRegistry();
        address[] memory proposers = new address[](1);
        proposers[0] = PROPOSER_;
        timelock = new Timelock(DELAY, proposers, new address[](1));
        AttestationPolicy.InitParams memory params = policyParams();
        params.admin = address(timelock);
        params.policy = address(timelock);
        policy = AttestationPolicy(
            proxied(
                address(new AttestationPolicy()),
                abi.encodeCall(AttestationPolicy.initialize, (params))
            )
        );
        registry = TEEProverRegistry(
            proxied(
                address(new TEEProverRegistry()),
                abi.encodeCall(
                    TEEProverRegistry.initialize,
                    (address(timelock), address(timelock), GUARDIAN, policy, registryParams())
                )
            )
        );
        register(prover);
    }

    function test_upgrade_waitsAndKeepsTheProvers() public {
        ProxyAdmin admin = ProxyAdmin(proxyAdmin(address(registry)));
        check(admin.owner() == address(timelock), "owner");
        bytes memory call_ = abi.encodeCall(
            ProxyAdmin.upgradeAndCall,
            (
                ITransparentUpgradeableProxy(payable(address(registry))),
                address(new NextRegistry()),
                ""
            )
        );
        // Nobody goes round the timelock.
        address[3] memory callers = [PROPOSER_, GUARDIAN, ADMIN];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            (bool success,) = address(admin).call(call_);
            check(!success, "upgraded at once");
        }
        ProverRecords.Prover memory before = registry.proverOf(prover.addr);
        throughTimelock(address(admin), call_);
        check(NextRegistry(address(registry)).isNext(), "upgraded");
        ProverRecords.Prover memory after_ = registry.proverOf(prover.addr);
        check(keccak256(abi.encode(before)) == keccak256(abi.encode(after_)), "prover");
        check(registry.isReplayKeyUsed(keccak256(abi.encode("evidence", 1))), "replay key");
        expectError(bytes4(keccak256("InvalidInitialization()")));
        registry.initialize(STRANGER, STRANGER, STRANGER, policy, registryParams());
    }

    function test_policy_waits() public {
        throughTimelock(
            address(policy),
            abi.encodeCall(AttestationPolicy.setTcbAcceptance, (TEE.INTEL_SGX, 1, FOREVER))
        );
        check(policy.tcbAcceptedUntil(TEE.INTEL_SGX, 1) == FOREVER, "accepted");
        ProverRecords.Parameters memory values = registryParams();
        values.ttl = 7200;
        throughTimelock(address(registry), abi.encodeCall(ProverRecords.setParameters, (values)));
        check(registry.parameters().ttl == 7200, "ttl");
    }

    function test_delay_changesThroughItselfAlone() public {
        vm.prank(PROPOSER_);
        expectError(TimelockController.TimelockUnauthorizedCaller.selector);
        timelock.updateDelay(0);
        check(!timelock.hasRole(bytes32(0), address(this)), "no outside administrator");
        throughTimelock(
            address(timelock), abi.encodeCall(TimelockController.updateDelay, (DELAY + 1))
        );
        check(timelock.getMinDelay() == DELAY + 1, "delay");
    }

    function test_guardian_doesNotWait() public {
        vm.prank(GUARDIAN);
        registry.pause();
        checkLive(prover.addr, ProverRecords.Liveness.PAUSED);
        throughTimelock(address(registry), abi.encodeCall(ProverRecords.unpause, ()));
        check(!registry.paused(), "goes on");
        vm.prank(GUARDIAN);
        policy.revokeMeasurement(SGX_CODE);
        check(!policy.isMeasurementActive(SGX_CODE), "revoked");
    }

    /// @dev Schedules a call, sees that it is refused until the delay is over, and executes it.
    function throughTimelock(address target, bytes memory data) private {
        expectError(bytes4(keccak256("AccessControlUnauthorizedAccount(address,bytes32)")));
        timelock.schedule(target, 0, data, bytes32(0), bytes32(0), DELAY);
        vm.prank(PROPOSER_);
        expectError(TimelockController.TimelockInsufficientDelay.selector);
        timelock.schedule(target, 0, data, bytes32(0), bytes32(0), DELAY - 1);
        vm.prank(PROPOSER_);
        timelock.schedule(target, 0, data, bytes32(0), bytes32(0), DELAY);
        vm.warp(block.timestamp + DELAY - 1);
        expectError(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(target, 0, data, bytes32(0), bytes32(0));
        vm.warp(block.timestamp + 1);
        timelock.execute(target, 0, data, bytes32(0), bytes32(0));
    }

    function proxied(address implementation, bytes memory data) private returns (address) {
        return address(new OracleProxy(implementation, address(timelock), data));
    }

    function proxyAdmin(address proxy) private view returns (address) {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        return address(uint160(uint256(vm.load(proxy, slot))));
    }
}
