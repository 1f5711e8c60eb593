// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttestationPolicy} from "../src/attestation/AttestationPolicy.sol";
import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {Registration} from "../src/attestation/ProverBinding.sol";
import {ProverRecords} from "../src/attestation/ProverRecords.sol";
import {TEEProverRegistry} from "../src/attestation/TEEProverRegistry.sol";
import {RegistryTestBase} from "./support/RegistryTestBase.sol";
import {Wallet} from "./support/Vm.sol";

/// @title RegistryHandler
/// @notice Does what operators, challengers, the policy, the guardian and attackers do, and keeps a
///         model of what must hold.
contract RegistryHandler is RegistryTestBase {
    /// @dev What the model knows of a prover, written from what the calls mean.
    struct Model {
        bool registered;
        bool banned;
        uint256 end;
        bytes32 code;
        uint32 securityVersion;
        uint8 status;
        bool challenged;
        uint256 deadline;
        uint256 openedAt;
        uint256 pausesBefore;
    }

    Wallet[3] private wallets;
    bytes32[3] public codes;
    mapping(address => Model) public models;
    mapping(bytes32 code => uint256) public activeFrom;
    mapping(bytes32 code => uint256) public expiresAt;
    mapping(bytes32 code => uint32) public floorOf;
    mapping(uint8 status => uint256) public acceptedUntil;
    mapping(bytes32 replayKey => uint256) public uses;
    bytes32[] public keys;
    bytes[] private oldEvidence;
    uint256[] private pauses;
    bool public isPaused;
    /// @notice Set when a call succeeded that must not, or failed that must not.
    string public violation;

    constructor() {
        deployRegistry();
        for (uint256 i = 0; i < 3; ++i) {
            wallets[i] = vm.createWallet(uint256(keccak256(abi.encode("prover", i))));
        }
        codes = [SGX_CODE, keccak256("next code"), keccak256("never allowed")];
        activeFrom[SGX_CODE] = NOW;
        expiresAt[SGX_CODE] = FOREVER;
        floorOf[SGX_CODE] = 2;
        acceptedUntil[0] = FOREVER;
    }

    function target() external view returns (TEEProverRegistry) {
        return registry;
    }

    function proverAt(uint256 i) external view returns (address) {
        return wallets[i].addr;
    }

    function keysLength() external view returns (uint256) {
        return keys.length;
    }

    function tick(uint16 time) external {
        pass(bound(time, 1, 1500));
    }

    /// @dev Brings evidence that is good but for what the arguments spoil.
    function show(uint8 who, uint8 code, uint8 spoiled, uint8 status, uint16 lasts) external {
        // One in two is good.
        spoiled = spoiled % 8;
        code = code < 200 ? 0 : code;
        Wallet memory key = wallets[who % 3];
        Model storage model = models[key.addr];
        Registration memory registration = registrationOf(key, operator.addr);
        QuoteClaims memory claims = claimsFor(registration);
        claims.measurement = codes[code % 3];
        claims.securityVersion = spoiled == 1 ? 1 : 2;
        claims.tcbStatus = spoiled == 2 ? status : 0;
        claims.validUntil = uint64(block.timestamp + lasts);
        if (spoiled == 3) claims.reportDigest = keccak256("another binding");
        bytes memory attestation = attestWith(registration, claims);
        if (spoiled == 4 && oldEvidence.length != 0) {
            attestation = oldEvidence[status % oldEvidence.length];
        }
        bool isAnswer = model.challenged;
        vm.prank(operator.addr);
        (bool success,) = address(registry)
            .call(
                isAnswer
                    ? abi.encodeCall(registry.submitLivenessChallenge, (attestation))
                    : abi.encodeCall(registry.registerTEEProver, (attestation))
            );
        if (!success) return;
        if (spoiled == 3) violation = "another binding";
        if (spoiled == 4 && oldEvidence.length != 0) violation = "used evidence";
        if (isPaused) violation = "evidence while paused";
        if (model.banned) violation = "a banned key";
        if (isAnswer && (block.timestamp > model.deadline || isVoid(key.addr))) {
            violation = "an answer that is none";
        }
        if (!isAccepted(claims.measurement, claims.securityVersion, claims.tcbStatus)) {
            violation = "code or platform that is not accepted";
        }
        uint256 ttl = block.timestamp + TTL;
        model.registered = true;
        model.end = claims.validUntil < ttl ? claims.validUntil : ttl;
        model.code = claims.measurement;
        model.securityVersion = claims.securityVersion;
        model.status = claims.tcbStatus;
        model.challenged = false;
        if (uses[claims.replayKey]++ == 0) keys.push(claims.replayKey);
        oldEvidence.push(attestation);
    }

    function open(uint8 who) external {
        address key = wallets[who % 3].addr;
        Model storage model = models[key];
        bool mayOpen = shouldBeLive(key) && !model.challenged
            && (model.openedAt == 0 || block.timestamp >= model.openedAt + COOLDOWN);
        vm.deal(STRANGER, BOND);
        vm.prank(STRANGER);
        try registry.challengeProver{value: BOND}(key) {
            if (!mayOpen) violation = "a challenge that may not be";
            model.challenged = true;
            model.deadline = block.timestamp + WINDOW;
            model.openedAt = block.timestamp;
            model.pausesBefore = pauses.length;
        } catch {
            if (mayOpen) violation = "a challenge was refused";
        }
    }

    function settle(uint8 who) external {
        address key = wallets[who % 3].addr;
        Model storage model = models[key];
        try registry.settleChallenge(key) {
            if (!model.challenged) violation = "settled nothing";
            if (block.timestamp <= model.deadline && !isVoid(key)) violation = "settled early";
            if (!isVoid(key)) model.registered = false;
            model.challenged = false;
        } catch {
            if (model.challenged && block.timestamp > model.deadline) violation = "not settled";
        }
    }

    function leave(uint8 who, bool isOperator) external {
        address key = wallets[who % 3].addr;
        Model storage model = models[key];
        vm.prank(isOperator ? operator.addr : STRANGER);
        try registry.deregister(key) {
            if (!isOperator) violation = "a stranger deregistered";
            if (model.challenged && block.timestamp > model.deadline && !isVoid(key)) {
                violation = "left after a failure";
            }
            model.registered = false;
            model.challenged = false;
        } catch {}
    }

    function ban(uint8 who, uint8 luck) external {
        if (luck > 16) return;
        address key = wallets[who % 3].addr;
        vm.prank(GUARDIAN);
        registry.banProver(key);
        models[key].banned = true;
        models[key].registered = false;
        models[key].challenged = false;
    }

    function togglePause(uint8 luck) external {
        if (isPaused) {
            vm.prank(POLICY);
            registry.unpause();
            isPaused = false;
        } else if (luck < 64) {
            vm.prank(GUARDIAN);
            registry.pause();
            pauses.push(block.timestamp);
            isPaused = true;
        }
    }

    function rotate(uint8 code, uint8 what, uint32 time) external {
        bytes32 id = codes[code % 2];
        what = what % 4;
        if (what == 0) {
            AttestationPolicy.Measurement memory rules = measurement(TEE.INTEL_SGX);
            rules.activeFrom = uint64(block.timestamp + NOTICE + time % 1000);
            vm.prank(POLICY);
            try policy.scheduleMeasurement(id, rules) {
                activeFrom[id] = rules.activeFrom;
                expiresAt[id] = FOREVER;
                floorOf[id] = 2;
            } catch {}
        } else if (what == 1) {
            uint64 end = uint64(block.timestamp + time % 5000);
            vm.prank(POLICY);
            try policy.setMeasurementExpiry(id, end) {
                expiresAt[id] = end;
            } catch {}
        } else if (what == 2) {
            vm.prank(GUARDIAN);
            try policy.revokeMeasurement(id) {
                activeFrom[id] = 0;
                expiresAt[id] = 0;
            } catch {}
        } else if (time % 8 == 0) {
            vm.prank(POLICY);
            try policy.raiseSecurityVersion(id, 3) {
                floorOf[id] = 3;
            } catch {}
        } else {
            // A day passes, so that what was announced becomes active.
            pass(NOTICE);
        }
    }

    function grace(uint8 status, uint16 time) external {
        status = status % 8;
        vm.prank(POLICY);
        try policy.setTcbAcceptance(TEE.INTEL_SGX, status, uint64(block.timestamp + time)) {
            if (status > 5) violation = "Revoked may be accepted";
            acceptedUntil[status] = block.timestamp + time;
        } catch {}
    }

    function collect(bool isOperator) external {
        vm.prank(isOperator ? operator.addr : STRANGER);
        try registry.withdraw(payable(address(0xBEEF))) {} catch {}
    }

    /// @dev The whole rule, independent of the contracts' order of checks.
    function shouldBeLive(address key) public view returns (bool) {
        Model storage model = models[key];
        bool hasFailed = model.challenged && block.timestamp > model.deadline && !isVoid(key);
        return model.registered && !model.banned && !isPaused && !hasFailed
            && block.timestamp <= model.end
            && isAccepted(model.code, model.securityVersion, model.status);
    }

    function isAccepted(bytes32 code, uint32 securityVersion, uint8 status)
        public
        view
        returns (bool)
    {
        return activeFrom[code] <= block.timestamp && block.timestamp < expiresAt[code]
            && securityVersion >= floorOf[code] && block.timestamp <= acceptedUntil[status];
    }

    /// @dev Whether some pause fell between a challenge and its deadline.
    function isVoid(address key) public view returns (bool) {
        Model storage model = models[key];
        for (uint256 i = model.pausesBefore; i < pauses.length; ++i) {
            if (pauses[i] <= model.deadline) return true;
        }
        return false;
    }
}

/// @title TEEProverRegistryInvariants
/// @notice What holds after any sequence of calls.
contract TEEProverRegistryInvariants is RegistryTestBase {
    RegistryHandler private handler;

    function setUp() public {
        handler = new RegistryHandler();
        registry = handler.target();
    }

    /// @dev Read by forge: the contracts that the invariant runs call.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_nothingForbiddenSucceeded() public view {
        check(bytes(handler.violation()).length == 0, handler.violation());
    }

    /// @dev No expired, deregistered, suspended, banned or wrong-measurement prover is ever live, and
    ///      none else is not.
    function invariant_liveIsWhoShouldBe() public view {
        for (uint256 i = 0; i < 3; ++i) {
            address key = handler.proverAt(i);
            check(registry.checkTEEProverStatus(key) == handler.shouldBeLive(key), "live");
            (ProverRecords.Liveness reason, uint64 until) = registry.livenessOf(key);
            bool isLive = reason == ProverRecords.Liveness.LIVE;
            check(isLive == handler.shouldBeLive(key), "reason");
            check(isLive ? until >= block.timestamp : until == 0, "until");
        }
    }

    function invariant_replayKeysAreUsedOnce() public view {
        for (uint256 i = 0; i < handler.keysLength(); ++i) {
            check(handler.uses(handler.keys(i)) == 1, "used once");
            check(registry.isReplayKeyUsed(handler.keys(i)), "recorded");
        }
    }

    /// @dev All money in the contract belongs to someone: open bonds and credits.
    function invariant_bondsAreAccountedFor() public view {
        uint256 owed = registry.credits(operator_()) + registry.credits(STRANGER);
        for (uint256 i = 0; i < 3; ++i) {
            address key = handler.proverAt(i);
            if (registry.proverOf(key).challenged) owed += registry.challengeOf(key).bond;
        }
        check(address(registry).balance == owed, "balance");
    }

    function operator_() private view returns (address) {
        for (uint256 i = 0; i < 3; ++i) {
            address known = registry.proverOf(handler.proverAt(i)).operator;
            if (known != address(0)) return known;
        }
        return address(0);
    }
}
