// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../dev/DevChains.sol";
import {IQuoteVerifier, QuoteClaims, TEE} from "./IQuoteVerifier.sol";
import {Accepted, IAttestationPolicy, Standing} from "./interfaces/IAttestationPolicy.sol";
import {IAttestedClaims} from "./interfaces/IAttestedClaims.sol";
import {
    AccessControlUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/AccessControlUpgradeable.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @custom:proxied
/// @title AttestationPolicy
/// @notice Which evidence the registry accepts: verifiers of platforms, measurements with their
///         rotation, TCB statuses with their grace; and who may change that.
/// @dev    What loosens the policy takes effect after a notice or through the timelock that holds
///         POLICY_ROLE. What tightens it takes effect at once, for registered provers too.
contract AttestationPolicy is AccessControlUpgradeable, IAttestationPolicy {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /// @notice How evidence of one kind of environment is verified.
    /// @param verifier   Contract that verifies it; zero: the kind is not accepted.
    /// @param generation Rises when registrations of this kind are to be made anew.
    /// @param attested   Whether claims rest on attestors' word instead of a verification on chain.
    struct Platform {
        IQuoteVerifier verifier;
        uint32 generation;
        bool attested;
    }

    /// @notice Code that provers may run.
    /// @param activeFrom         Unix seconds from which on it is accepted.
    /// @param expiresAt          Unix seconds from which on it is not any more.
    /// @param minSecurityVersion Lowest security version.
    /// @param tee                Kind of environment that it is measured by.
    /// @param signer             Signer that it must have; zero: any.
    struct Measurement {
        uint64 activeFrom;
        uint64 expiresAt;
        uint32 minSecurityVersion;
        TEE tee;
        bytes32 signer;
    }

    /// @notice What `initialize` takes.
    /// @param admin             Gives and takes roles; a timelock.
    /// @param policy            Sets the policy; a timelock.
    /// @param guardian          May withdraw measurements at once.
    /// @param measurementNotice Seconds from announcing a measurement to its activation, at least.
    /// @param platforms         Verifiers of the first kinds.
    /// @param measurements      First measurements, without the notice.
    /// @param tcb               First accepted statuses.
    struct InitParams {
        address admin;
        address policy;
        address guardian;
        uint32 measurementNotice;
        InitialPlatform[] platforms;
        InitialMeasurement[] measurements;
        InitialTcb[] tcb;
    }

    /// @notice A kind that is accepted from the start.
    /// @param tee      Kind of environment.
    /// @param verifier Its verifier.
    struct InitialPlatform {
        TEE tee;
        IQuoteVerifier verifier;
    }

    /// @notice A measurement that is there from the start.
    /// @param id          Its 32-byte name.
    /// @param measurement Its rules.
    struct InitialMeasurement {
        bytes32 id;
        Measurement measurement;
    }

    /// @notice A status that is accepted from the start.
    /// @param tee    Kind of environment.
    /// @param status The status.
    /// @param until  Unix seconds until which it is.
    struct InitialTcb {
        TEE tee;
        uint8 status;
        uint64 until;
    }

    /// @notice Semantic version.
    /// @custom:semver 1.0.0
    string public constant version = "1.0.0";

    /// @notice May set verifiers, measurements, TCB statuses and the notice.
    bytes32 public constant POLICY_ROLE = keccak256("POLICY_ROLE");

    /// @notice May withdraw a measurement at once.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice Longest grace for platforms that are out of date.
    uint64 public constant MAX_GRACE = 180 days;

    /// @notice Greatest number of measurements.
    uint256 public constant MAX_MEASUREMENTS = 64;

    /// @notice Highest status that can be accepted at all; Revoked and Unrecognized are above.
    uint8 public constant MAX_TCB_STATUS = 5;

    /// @dev Lowest status that means a platform is out of date.
    uint8 private constant _OUT_OF_DATE = 4;

    /// @notice How evidence of each kind is verified.
    mapping(TEE tee => Platform) public platforms;

    /// @notice Unix seconds until which a kind's TCB status is accepted, inclusive; zero: never.
    mapping(TEE tee => mapping(uint8 status => uint64)) public tcbAcceptedUntil;

    mapping(bytes32 id => Measurement) private _measurements;
    EnumerableSet.Bytes32Set private _measurementIds;

    /// @notice Seconds from announcing a measurement to its activation, at least.
    uint32 public measurementNotice;

    /// @notice Emitted when a kind's verifier is set.
    /// @param tee        Kind of environment.
    /// @param verifier   The verifier; zero: not accepted any more.
    /// @param generation Registrations of another generation do not count.
    /// @param attested   Whether its claims rest on attestors' word.
    event PlatformSet(TEE indexed tee, address indexed verifier, uint32 generation, bool attested);

    /// @notice Emitted when a measurement is announced, or its rules change.
    /// @param id                 The measurement's 32-byte name.
    /// @param tee                Kind of environment.
    /// @param activeFrom         Unix seconds of its activation.
    /// @param expiresAt          Unix seconds of its end.
    /// @param minSecurityVersion Lowest security version.
    /// @param signer             Signer that it must have; zero: any.
    event MeasurementSet(
        bytes32 indexed id,
        TEE indexed tee,
        uint64 activeFrom,
        uint64 expiresAt,
        uint32 minSecurityVersion,
        bytes32 signer
    );

    /// @notice Emitted when a measurement is withdrawn at once.
    /// @param id The measurement's name.
    event MeasurementRevoked(bytes32 indexed id);

    /// @notice Emitted when the acceptance of a TCB status changes.
    /// @param tee           Kind of environment.
    /// @param status        The status.
    /// @param acceptedUntil Unix seconds until which it is accepted; zero: never.
    event TcbAcceptanceSet(TEE indexed tee, uint8 indexed status, uint64 acceptedUntil);

    /// @notice Emitted when the notice of new measurements changes.
    /// @param measurementNotice Seconds.
    event MeasurementNoticeSet(uint32 measurementNotice);

    /// @notice The kind NONE, or a kind without a verifier.
    /// @param tee The kind.
    error PlatformNotSupported(TEE tee);

    /// @notice There is no contract at a verifier's address.
    /// @param verifier The address.
    error NotAVerifier(address verifier);

    /// @notice A measurement with this name is there already.
    /// @param id Its name.
    error MeasurementExists(bytes32 id);

    /// @notice There is no such measurement, or it has ended.
    /// @param id Its name.
    error MeasurementUnknown(bytes32 id);

    /// @notice A measurement's activation comes before the notice is over.
    /// @param activeFrom Activation that was asked for.
    /// @param earliest   Earliest that is possible.
    error NoticeTooShort(uint64 activeFrom, uint64 earliest);

    /// @notice A measurement would end before it begins, or has the name or kind zero.
    error InvalidMeasurement();

    /// @notice The security version can only rise.
    /// @param current The lowest that is accepted now.
    /// @param asked   The lower one.
    error SecurityVersionLowered(uint32 current, uint32 asked);

    /// @notice The registry holds as many measurements as it may.
    error TooManyMeasurements();

    /// @notice A status that can never be accepted.
    /// @param status The status.
    error TcbStatusNeverAccepted(uint8 status);

    /// @notice A grace for platforms that are out of date ends too late.
    /// @param until  End that was asked for.
    /// @param latest Latest that is possible.
    error GraceTooLong(uint64 until, uint64 latest);

    /// @notice The evidence is of another kind of environment.
    /// @param expected Kind that was named.
    /// @param actual   Kind of the evidence.
    error TeeMismatch(TEE expected, TEE actual);

    /// @notice Evidence of the simulation counts on development chains alone.
    /// @param chainId This chain's id.
    error SimulatedEvidence(uint256 chainId);

    /// @notice The platform's TCB status is not accepted now.
    /// @param tee    Kind of environment.
    /// @param status The status.
    error TcbNotAccepted(TEE tee, uint8 status);

    /// @notice The code is not accepted now.
    /// @param measurement Its 32-byte name.
    error MeasurementNotActive(bytes32 measurement);

    /// @notice The code's security version is too low.
    /// @param lowest The lowest that is accepted.
    /// @param actual The evidence's.
    error SecurityVersionTooLow(uint32 lowest, uint32 actual);

    /// @notice The code was signed by someone else.
    /// @param expected Signer that it must have.
    /// @param actual   The evidence's.
    error WrongSigner(bytes32 expected, bytes32 actual);

    /// @notice The evidence's collateral has ended.
    /// @param validUntil Unix seconds of its end.
    error EvidenceExpired(uint64 validUntil);

    /// @notice Locks the implementation: only a proxy can be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @notice Sets roles and the first policy.
    /// @param params Who and what.
    function initialize(InitParams calldata params) external initializer {
        __AccessControl_init();
        _grantRole(DEFAULT_ADMIN_ROLE, params.admin);
        _grantRole(POLICY_ROLE, params.policy);
        _grantRole(GUARDIAN_ROLE, params.guardian);
        _setMeasurementNotice(params.measurementNotice);
        for (uint256 i = 0; i < params.platforms.length; ++i) {
            _setPlatform(params.platforms[i].tee, params.platforms[i].verifier, false);
        }
        for (uint256 i = 0; i < params.measurements.length; ++i) {
            _addMeasurement(params.measurements[i].id, params.measurements[i].measurement);
        }
        for (uint256 i = 0; i < params.tcb.length; ++i) {
            _setTcbAcceptance(params.tcb[i].tee, params.tcb[i].status, params.tcb[i].until);
        }
    }

    /// @notice Sets how evidence of a kind is verified. For the policy role.
    /// @param tee      Kind of environment.
    /// @param verifier The verifier; zero accepts the kind no more.
    /// @param keep     Whether registrations that the verifier before let in still count.
    function setPlatform(TEE tee, IQuoteVerifier verifier, bool keep)
        external
        onlyRole(POLICY_ROLE)
    {
        _setPlatform(tee, verifier, keep);
    }

    /// @notice Announces a measurement. For the policy role.
    /// @param id          Its 32-byte name: keccak256(uint8(tee), raw measurement).
    /// @param measurement Its rules; active after the notice at the earliest.
    function scheduleMeasurement(bytes32 id, Measurement calldata measurement)
        external
        onlyRole(POLICY_ROLE)
    {
        uint64 earliest = uint64(block.timestamp) + measurementNotice;
        if (measurement.activeFrom < earliest) {
            revert NoticeTooShort(measurement.activeFrom, earliest);
        }
        _addMeasurement(id, measurement);
    }

    /// @notice Moves the end of a measurement that has not ended. For the policy role.
    /// @param id        Its name.
    /// @param expiresAt Unix seconds from which on it is not accepted any more.
    function setMeasurementExpiry(bytes32 id, uint64 expiresAt) external onlyRole(POLICY_ROLE) {
        Measurement storage entry = _existing(id);
        if (expiresAt <= entry.activeFrom) revert InvalidMeasurement();
        entry.expiresAt = expiresAt;
        _emitMeasurement(id, entry);
    }

    /// @notice Raises a measurement's lowest security version. For the policy role.
    /// @param id     Its name.
    /// @param lowest The lowest version from now on.
    function raiseSecurityVersion(bytes32 id, uint32 lowest) external onlyRole(POLICY_ROLE) {
        Measurement storage entry = _existing(id);
        if (lowest < entry.minSecurityVersion) {
            revert SecurityVersionLowered(entry.minSecurityVersion, lowest);
        }
        entry.minSecurityVersion = lowest;
        _emitMeasurement(id, entry);
    }

    /// @notice Withdraws a measurement at once: no prover that runs it is live any more. For the
    ///         guardian.
    /// @param id Its name.
    function revokeMeasurement(bytes32 id) external onlyRole(GUARDIAN_ROLE) {
        if (!_measurementIds.remove(id)) revert MeasurementUnknown(id);
        delete _measurements[id];
        emit MeasurementRevoked(id);
    }

    /// @notice Sets until when a TCB status is accepted. For the policy role.
    /// @param tee    Kind of environment.
    /// @param status The status; Revoked and Unrecognized never are.
    /// @param until  Unix seconds, inclusive; for platforms that are out of date at most MAX_GRACE
    ///               from now; zero: never.
    function setTcbAcceptance(TEE tee, uint8 status, uint64 until) external onlyRole(POLICY_ROLE) {
        _setTcbAcceptance(tee, status, until);
    }

    /// @notice Sets the notice of new measurements. For the policy role.
    /// @param notice Seconds from announcing a measurement to its activation, at least.
    function setMeasurementNotice(uint32 notice) external onlyRole(POLICY_ROLE) {
        _setMeasurementNotice(notice);
    }

    /// @inheritdoc IAttestationPolicy
    function admit(TEE tee, bytes calldata evidence)
        external
        view
        returns (QuoteClaims memory claims, uint32 generation, bool attested)
    {
        Platform memory platform = platforms[tee];
        if (address(platform.verifier) == address(0)) revert PlatformNotSupported(tee);
        claims = platform.verifier.verify(evidence);
        if (claims.tee != tee) revert TeeMismatch(tee, claims.tee);
        if (claims.simulated && !DevChains.contains(block.chainid)) {
            revert SimulatedEvidence(block.chainid);
        }
        if (block.timestamp > tcbAcceptedUntil[tee][claims.tcbStatus]) {
            revert TcbNotAccepted(tee, claims.tcbStatus);
        }
        _checkMeasurement(claims);
        if (block.timestamp > claims.validUntil) revert EvidenceExpired(claims.validUntil);
        return (claims, platform.generation, platform.attested);
    }

    /// @inheritdoc IAttestationPolicy
    function standingOf(Accepted calldata accepted)
        external
        view
        returns (Standing standing, uint64 until)
    {
        // A fork of a development chain may have another id.
        if (accepted.simulated && !DevChains.contains(block.chainid)) {
            return (Standing.SIMULATED_OFF_DEV_CHAIN, 0);
        }
        Platform memory platform = platforms[accepted.tee];
        bool isAttested = accepted.attestedKey != bytes32(0);
        bool isCurrent = address(platform.verifier) != address(0)
            && platform.generation == accepted.generation && (platform.attested || !isAttested);
        if (!isCurrent) return (Standing.PLATFORM_CHANGED, 0);
        Measurement storage measurement = _measurements[accepted.measurement];
        if (!_isActive(measurement)) return (Standing.MEASUREMENT_NOT_ACTIVE, 0);
        if (accepted.securityVersion < measurement.minSecurityVersion) {
            return (Standing.SECURITY_VERSION_TOO_LOW, 0);
        }
        until = tcbAcceptedUntil[accepted.tee][accepted.tcbStatus];
        if (block.timestamp > until) return (Standing.TCB_NOT_ACCEPTED, 0);
        if (isAttested) {
            IAttestedClaims verifier = IAttestedClaims(address(platform.verifier));
            if (verifier.isDisputed(accepted.attestedKey)) return (Standing.CLAIMS_DISPUTED, 0);
        }
        uint64 lastSecond = measurement.expiresAt - 1;
        if (lastSecond < until) until = lastSecond;
    }

    /// @notice The rules of a measurement; all zero when there is none.
    /// @param id Its name.
    /// @return The rules.
    function measurementOf(bytes32 id) external view returns (Measurement memory) {
        return _measurements[id];
    }

    /// @notice The names of all measurements, ended and future ones too.
    /// @return Names in no particular order.
    function measurementIds() external view returns (bytes32[] memory) {
        return _measurementIds.values();
    }

    /// @inheritdoc IAttestationPolicy
    function isMeasurementActive(bytes32 id) external view returns (bool) {
        return _isActive(_measurements[id]);
    }

    /// @dev Sets a verifier; `keep` leaves the generation as it is.
    function _setPlatform(TEE tee, IQuoteVerifier verifier, bool keep) private {
        if (tee == TEE.NONE) revert PlatformNotSupported(tee);
        Platform storage platform = platforms[tee];
        bool isAttested;
        if (address(verifier) != address(0)) {
            if (address(verifier).code.length == 0) revert NotAVerifier(address(verifier));
            isAttested = _isAttested(address(verifier));
        }
        platform.verifier = verifier;
        platform.attested = isAttested;
        if (!keep) ++platform.generation;
        emit PlatformSet(tee, address(verifier), platform.generation, isAttested);
    }

    function _addMeasurement(bytes32 id, Measurement memory measurement) private {
        bool isValid = id != bytes32(0) && measurement.tee != TEE.NONE
            && measurement.activeFrom < measurement.expiresAt;
        if (!isValid) revert InvalidMeasurement();
        if (!_measurementIds.add(id)) revert MeasurementExists(id);
        if (_measurementIds.length() > MAX_MEASUREMENTS) revert TooManyMeasurements();
        _measurements[id] = measurement;
        _emitMeasurement(id, _measurements[id]);
    }

    function _setTcbAcceptance(TEE tee, uint8 status, uint64 until) private {
        if (tee == TEE.NONE) revert PlatformNotSupported(tee);
        if (status > MAX_TCB_STATUS) revert TcbStatusNeverAccepted(status);
        uint64 latest = uint64(block.timestamp) + MAX_GRACE;
        if (status >= _OUT_OF_DATE && until > latest) revert GraceTooLong(until, latest);
        tcbAcceptedUntil[tee][status] = until;
        emit TcbAcceptanceSet(tee, status, until);
    }

    function _setMeasurementNotice(uint32 notice) private {
        measurementNotice = notice;
        emit MeasurementNoticeSet(notice);
    }

    function _checkMeasurement(QuoteClaims memory claims) private view {
        Measurement storage measurement = _measurements[claims.measurement];
        // One kind's verifier has no say about another kind's code.
        if (!_isActive(measurement) || measurement.tee != claims.tee) {
            revert MeasurementNotActive(claims.measurement);
        }
        if (claims.securityVersion < measurement.minSecurityVersion) {
            revert SecurityVersionTooLow(measurement.minSecurityVersion, claims.securityVersion);
        }
        bytes32 signer = measurement.signer;
        if (signer != bytes32(0) && claims.signer != signer) {
            revert WrongSigner(signer, claims.signer);
        }
    }

    function _isActive(Measurement storage entry) private view returns (bool) {
        // An entry that is not there has its end at zero.
        return entry.activeFrom <= block.timestamp && block.timestamp < entry.expiresAt;
    }

    function _existing(bytes32 id) private view returns (Measurement storage entry) {
        entry = _measurements[id];
        if (block.timestamp >= entry.expiresAt) revert MeasurementUnknown(id);
    }

    function _emitMeasurement(bytes32 id, Measurement storage entry) private {
        emit MeasurementSet(
            id, entry.tee, entry.activeFrom, entry.expiresAt, entry.minSecurityVersion, entry.signer
        );
    }

    /// @dev A verifier that verifies on chain need not know the question.
    function _isAttested(address verifier) private view returns (bool) {
        (bool success, bytes memory answer) =
            verifier.staticcall(abi.encodeCall(IAttestedClaims.attestedOffChain, ()));
        return success && answer.length == 32 && uint256(bytes32(answer)) == 1;
    }
}
