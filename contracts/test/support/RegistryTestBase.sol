// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../../src/attestation/AttestationPolicy.sol";
import {IQuoteVerifier, QuoteClaims, TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {Registration} from "../../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../../src/attestation/ProverRecords.sol";
import {TEEProverRegistry} from "../../src/attestation/TEEProverRegistry.sol";
import {OracleProxy} from "../../src/proxy/OracleProxy.sol";
import {DecodingVerifier} from "./DecodingVerifier.sol";
import {TestBase} from "./TestBase.sol";
import {Wallet} from "./Vm.sol";

/// @title RegistryTestBase
/// @notice A registry and its policy behind their proxies, with a verifier that believes its
///         evidence, and provers with keys.
abstract contract RegistryTestBase is TestBase {
    address internal constant ADMIN = address(0xAD);
    address internal constant POLICY = address(0x9011C7);
    address internal constant GUARDIAN = address(0x6A4D);
    uint256 internal constant NOW = 1_800_000_000;
    uint256 internal constant HEAD = 20_000_000;
    uint64 internal constant COLLATERAL_END = uint64(NOW + 30 days);
    uint64 internal constant FOREVER = type(uint64).max;
    uint32 internal constant TTL = 1 hours;
    uint32 internal constant WINDOW = 20 minutes;
    uint32 internal constant COOLDOWN = 1 hours;
    uint32 internal constant NOTICE = 1 days;
    uint96 internal constant BOND = 0.1 ether;
    bytes32 internal constant SGX_CODE = keccak256("sgx code");
    bytes32 internal constant TDX_CODE = keccak256("tdx code");
    bytes32 internal constant SIGNER = keccak256("signer");

    AttestationPolicy internal policy;
    TEEProverRegistry internal registry;
    DecodingVerifier internal verifier;
    Wallet internal operator;
    Wallet internal prover;
    Wallet internal other;
    uint256 private evidenceCount;

    function deployRegistry() internal {
        vm.warp(NOW);
        vm.roll(HEAD);
        vm.setBlockhash(HEAD - 1, keccak256("head"));
        operator = vm.createWallet(uint256(keccak256("operator")));
        prover = vm.createWallet(uint256(keccak256("prover")));
        other = vm.createWallet(uint256(keccak256("other")));
        verifier = new DecodingVerifier();
        policy = AttestationPolicy(
            address(
                new OracleProxy(
                    address(new AttestationPolicy()),
                    ADMIN,
                    abi.encodeCall(AttestationPolicy.initialize, (policyParams()))
                )
            )
        );
        registry = TEEProverRegistry(
            address(
                new OracleProxy(
                    address(new TEEProverRegistry()),
                    ADMIN,
                    abi.encodeCall(
                        TEEProverRegistry.initialize,
                        (ADMIN, POLICY, GUARDIAN, policy, registryParams())
                    )
                )
            )
        );
    }

    function policyParams() internal view returns (AttestationPolicy.InitParams memory params) {
        params.admin = ADMIN;
        params.policy = POLICY;
        params.guardian = GUARDIAN;
        params.measurementNotice = NOTICE;
        params.platforms = new AttestationPolicy.InitialPlatform[](2);
        params.platforms[0] = AttestationPolicy.InitialPlatform(TEE.INTEL_SGX, verifier);
        params.platforms[1] = AttestationPolicy.InitialPlatform(TEE.INTEL_TDX, verifier);
        params.measurements = new AttestationPolicy.InitialMeasurement[](2);
        params.measurements[0] =
            AttestationPolicy.InitialMeasurement(SGX_CODE, measurement(TEE.INTEL_SGX));
        params.measurements[1] =
            AttestationPolicy.InitialMeasurement(TDX_CODE, measurement(TEE.INTEL_TDX));
        params.tcb = new AttestationPolicy.InitialTcb[](2);
        params.tcb[0] = AttestationPolicy.InitialTcb(TEE.INTEL_SGX, 0, FOREVER);
        params.tcb[1] = AttestationPolicy.InitialTcb(TEE.INTEL_TDX, 0, FOREVER);
    }

    function registryParams() internal pure returns (ProverRecords.Parameters memory) {
        return ProverRecords.Parameters({
            ttl: TTL,
            challengeWindow: WINDOW,
            challengeCooldown: COOLDOWN,
            maxBlockAge: 8191,
            challengeBond: BOND
        });
    }

    function measurement(TEE tee) internal pure returns (AttestationPolicy.Measurement memory) {
        return AttestationPolicy.Measurement({
            activeFrom: uint64(NOW),
            expiresAt: FOREVER,
            minSecurityVersion: 2,
            tee: tee,
            signer: SIGNER
        });
    }

    /// @dev A registration of a prover for an operator, without evidence, at the block before.
    function registrationOf(Wallet memory key, address who)
        internal
        view
        returns (Registration memory)
    {
        return Registration({
            tee: TEE.INTEL_SGX,
            operator: who,
            x: bytes32(key.publicKeyX),
            y: bytes32(key.publicKeyY),
            blockNumber: block.number - 1,
            blockHash: blockhash(block.number - 1),
            nonce: registry.nonceFor(key.addr, who),
            evidence: "",
            consent: ""
        });
    }

    /// @dev Genuine claims for a registration, with a replay key of their own.
    function claimsFor(Registration memory registration)
        internal
        returns (QuoteClaims memory claims)
    {
        registration.evidence = "";
        claims = QuoteClaims({
            tee: registration.tee,
            measurement: registration.tee == TEE.INTEL_SGX ? SGX_CODE : TDX_CODE,
            signer: SIGNER,
            securityVersion: 2,
            reportDigest: registry.bindingDigest(abi.encode(registration)),
            tcbStatus: 0,
            validUntil: COLLATERAL_END,
            replayKey: keccak256(abi.encode("evidence", ++evidenceCount)),
            simulated: false
        });
    }

    /// @dev The registration as bytes, with genuine evidence.
    function attest(Registration memory registration) internal returns (bytes memory) {
        return attestWith(registration, claimsFor(registration));
    }

    function attestWith(Registration memory registration, QuoteClaims memory claims)
        internal
        pure
        returns (bytes memory)
    {
        registration.evidence = abi.encode(claims);
        return abi.encode(registration);
    }

    function registerAs(address caller, bytes memory attestation) internal {
        vm.prank(caller);
        registry.registerTEEProver(attestation);
    }

    /// @dev Expects a registration to be refused with exactly this error.
    function refuse(bytes memory expected, address caller, bytes memory attestation) internal {
        vm.expectRevert(expected);
        registerAs(caller, attestation);
    }

    /// @dev Expects a registration to be refused with an error of this kind.
    function refuseBy(bytes4 selector, address caller, bytes memory attestation) internal {
        expectError(selector);
        registerAs(caller, attestation);
    }

    /// @dev Registers a key for the operator.
    function register(Wallet memory key) internal {
        registerAs(operator.addr, attest(registrationOf(key, operator.addr)));
    }

    function signed(Wallet memory key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key.privateKey, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Time passes, and one block with it.
    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1);
        vm.setBlockhash(block.number - 1, keccak256(abi.encode("block", block.number - 1)));
    }

    function challenge(address who) internal returns (bytes32 nonce) {
        vm.deal(STRANGER, BOND);
        vm.prank(STRANGER);
        return registry.challengeProver{value: BOND}(who);
    }

    function liveness(address who) internal view returns (ProverRecords.Liveness result) {
        (result,) = registry.livenessOf(who);
    }

    function checkLive(address who, ProverRecords.Liveness expected) internal view {
        check(liveness(who) == expected, "liveness");
        bool isLive = expected == ProverRecords.Liveness.LIVE;
        check(registry.checkTEEProverStatus(who) == isLive, "checkTEEProverStatus");
    }

    function expectError(bytes4 selector) internal {
        vm.expectPartialRevert(selector);
    }
}
