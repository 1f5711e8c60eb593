// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QuoteClaims, TEE} from "./IQuoteVerifier.sol";
import {ProverBinding, Registration} from "./ProverBinding.sol";
import {ProverRecords} from "./ProverRecords.sol";
import {IAttestationPolicy} from "./interfaces/IAttestationPolicy.sol";
import {ITEEProverRegistry} from "./interfaces/ITEEProverRegistry.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @custom:proxied
/// @title TEEProverRegistry
/// @notice Provers in trusted execution environments: each with a secp256k1 key that was born in
///         one, an operator who answers for it, and evidence of the code that it runs.
/// @dev    Evidence counts once, for one registry, operator, key, recent block and nonce; its report
///         data are zero behind the hash of all that. Anyone may bring it, with the operator's
///         consent where the key is new.
contract TEEProverRegistry is ProverRecords, ITEEProverRegistry {
    /// @dev Evidence that passed.
    struct Evidence {
        QuoteClaims claims;
        bytes32 binding;
        uint32 generation;
        bool attested;
    }

    /// @notice Semantic version.
    /// @custom:semver 1.0.0
    string public constant version = "1.0.0";

    /// @notice EIP-712 type of an operator's consent to a registration.
    bytes32 public constant CONSENT_TYPEHASH = keccak256("Consent(bytes32 binding)");

    /// @notice EIP-712 type of a prover's consent to leaving.
    bytes32 public constant DEREGISTRATION_TYPEHASH =
        keccak256("Deregistration(address operator,uint256 nonce)");

    bytes32 private constant _DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant _DOMAIN_NAME = keccak256("coprove TEE prover registry");
    bytes32 private constant _DOMAIN_VERSION = keccak256("1");

    /// @notice Accounts that may register and deregister provers in an operator's name.
    mapping(address operator => mapping(address delegate => bool)) public isDelegate;

    /// @notice Emitted when a key is registered, or comes back after it was not any more.
    /// @param prover   Address of the key.
    /// @param operator Who answers for it.
    /// @param tee      Kind of its environment.
    /// @param x        The key's first coordinate.
    /// @param y        The key's second coordinate.
    event ProverRegistered(
        address indexed prover, address indexed operator, TEE indexed tee, bytes32 x, bytes32 y
    );

    /// @notice Emitted for all evidence that is accepted: a registration's, a renewal's, an answer's.
    /// @param prover      Address of the key.
    /// @param operator    Who answers for it.
    /// @param tee         Kind of its environment.
    /// @param measurement 32-byte name of its code.
    /// @param tcbStatus   Its platform's TCB status.
    /// @param validUntil  Unix seconds until which the registration lasts.
    /// @param simulated   Whether the evidence is a simulation's.
    /// @param attested    Whether its claims rest on attestors' word.
    event ProverAttested(
        address indexed prover,
        address indexed operator,
        TEE indexed tee,
        bytes32 measurement,
        uint8 tcbStatus,
        uint64 validUntil,
        bool simulated,
        bool attested
    );

    /// @notice Emitted when a challenge is answered in time; the bond is the operator's.
    /// @param prover   The prover.
    /// @param operator Its operator.
    /// @param nonce    The challenge's nonce.
    event ChallengeAnswered(address indexed prover, address indexed operator, bytes32 nonce);

    /// @notice Emitted when a prover is taken out by its operator.
    /// @param prover   The prover.
    /// @param operator Its operator.
    event ProverDeregistered(address indexed prover, address indexed operator);

    /// @notice Emitted when a key is banned for ever.
    /// @param prover   Address of the key.
    /// @param operator Its operator, where it had one.
    event ProverBanned(address indexed prover, address indexed operator);

    /// @notice Emitted when an operator gives or takes a delegate's right.
    /// @param operator The operator.
    /// @param delegate The delegate.
    /// @param allowed  Whether it may act for the operator.
    event DelegateSet(address indexed operator, address indexed delegate, bool allowed);

    /// @notice The operator did not consent to the registration of a new key.
    /// @param operator The operator.
    error NoConsent(address operator);

    /// @notice The key belongs to another operator.
    /// @param prover   Address of the key.
    /// @param operator Its operator.
    error ProverOfAnotherOperator(address prover, address operator);

    /// @notice The key is banned.
    /// @param prover Address of the key.
    error ProverIsBanned(address prover);

    /// @notice The caller may not act for this prover's operator.
    /// @param caller   The caller.
    /// @param operator The operator.
    error NotTheOperator(address caller, address operator);

    /// @notice The prover is not registered.
    /// @param prover Address of its key.
    error ProverNotRegistered(address prover);

    /// @notice The evidence was made for another nonce.
    /// @param expected The operator's or the challenge's.
    /// @param actual   The nonce that came.
    error NonceMismatch(bytes32 expected, bytes32 actual);

    /// @notice The evidence binds something else: another key, operator, registry, chain or block.
    /// @param expected What the report data must be.
    /// @param actual   What they are.
    error ReportDataMismatch(bytes32 expected, bytes32 actual);

    /// @notice The evidence was used before.
    /// @param replayKey Its replay key; zero is none.
    error EvidenceReplayed(bytes32 replayKey);

    /// @notice The evidence refers to an older block than the prover's latest one did.
    /// @param latest Block of the latest evidence.
    /// @param actual Block of this one.
    error EvidenceOutdated(uint256 latest, uint256 actual);

    /// @notice Locks the implementation: only a proxy can be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @notice Sets roles, policy and parameters.
    /// @param admin       Gives and takes roles; a timelock.
    /// @param steward     Sets parameters and ends pauses; a timelock.
    /// @param guardian    May pause and ban.
    /// @param policy_     Decides which evidence is accepted.
    /// @param parameters_ Times, ages and the bond.
    function initialize(
        address admin,
        address steward,
        address guardian,
        IAttestationPolicy policy_,
        Parameters calldata parameters_
    ) external initializer {
        __AccessControl_init();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(POLICY_ROLE, steward);
        _grantRole(GUARDIAN_ROLE, guardian);
        policy = policy_;
        _setParameters(parameters_);
    }

    /// @inheritdoc ITEEProverRegistry
    /// @dev A key that is new here, or was suspended or deregistered, needs the operator's consent; a
    ///      registered one is renewed by whoever brings its evidence.
    function registerTEEProver(bytes calldata attestation) external whenNotPaused {
        Registration memory registration = ProverBinding.decode(attestation);
        (address prover, bool isNew) = _checkRegistrable(registration);
        Evidence memory evidence =
            _checkEvidence(prover, registration, bytes32(operatorNonce[registration.operator]));
        if (isNew && !_hasConsent(registration, evidence.binding)) {
            revert NoConsent(registration.operator);
        }
        _store(prover, registration, evidence, isNew);
    }

    /// @inheritdoc ITEEProverRegistry
    function submitLivenessChallenge(bytes calldata challenge) external whenNotPaused {
        Registration memory registration = ProverBinding.decode(challenge);
        address prover = ProverBinding.proverOf(registration.x, registration.y);
        Challenge storage open = _checkAnswerable(prover, registration);
        Evidence memory evidence = _checkEvidence(prover, registration, open.nonce);
        _provers[prover].challenged = false;
        _credit(registration.operator, open.bond);
        emit ChallengeAnswered(prover, registration.operator, open.nonce);
        _store(prover, registration, evidence, false);
    }

    /// @inheritdoc ITEEProverRegistry
    function deregisterTEEProver(bytes calldata signature) external {
        bytes32 digest = deregistrationDigest(msg.sender, operatorNonce[msg.sender]);
        address prover = ECDSA.recoverCalldata(digest, signature);
        if (_provers[prover].operator != msg.sender) {
            revert ProverOfAnotherOperator(prover, _provers[prover].operator);
        }
        _deregister(prover);
    }

    /// @notice Takes a prover out that cannot sign any more. For its operator or a delegate.
    /// @param prover Address of its key.
    function deregister(address prover) external {
        _requireActsFor(_provers[prover].operator);
        _deregister(prover);
    }

    /// @notice Bans a key for ever. For the guardian.
    /// @param prover Address of the key.
    function banProver(address prover) external onlyRole(GUARDIAN_ROLE) {
        Prover storage record = _provers[prover];
        if (record.challenged) {
            if (_isOverdue(_challenges[prover])) _endOverdue(prover);
            else _voidChallenge(prover);
        }
        record.state = State.BANNED;
        emit ProverBanned(prover, record.operator);
    }

    /// @notice Lets an account register and deregister provers in the caller's name, or not any more.
    /// @param delegate The account.
    /// @param allowed  Whether it may.
    function setDelegate(address delegate, bool allowed) external {
        isDelegate[msg.sender][delegate] = allowed;
        emit DelegateSet(msg.sender, delegate, allowed);
    }

    /// @notice Makes evidence void that the operator has not used yet. For it or a delegate.
    /// @param operator The operator.
    function voidEvidence(address operator) external {
        _requireActsFor(operator);
        _raiseNonce(operator);
    }

    /// @inheritdoc ITEEProverRegistry
    function checkTEEProverStatus(address prover) external view returns (bool valid) {
        (Liveness liveness,) = livenessOf(prover);
        return liveness == Liveness.LIVE;
    }

    /// @notice Everything that a registration or an answer is checked for, but the consent. Reverts
    ///         with the error that the transaction would end with.
    /// @param attestation ABI encoding of a `Registration`.
    /// @return prover Address of its key.
    /// @return claims What its evidence says.
    function previewAttestation(bytes calldata attestation)
        external
        view
        whenNotPaused
        returns (address prover, QuoteClaims memory claims)
    {
        Registration memory registration = ProverBinding.decode(attestation);
        prover = ProverBinding.proverOf(registration.x, registration.y);
        if (_provers[prover].challenged) _checkAnswerable(prover, registration);
        else _checkRegistrable(registration);
        claims =
        _checkEvidence(prover, registration, nonceFor(prover, registration.operator)).claims;
    }

    /// @notice The nonce that a prover's next evidence must bind.
    /// @param prover   Address of its key.
    /// @param operator Its operator.
    /// @return The open challenge's, or else the operator's.
    function nonceFor(address prover, address operator) public view returns (bytes32) {
        if (_provers[prover].challenged) return _challenges[prover].nonce;
        return bytes32(operatorNonce[operator]);
    }

    /// @notice What the first half of the report data must be for a registration.
    /// @param attestation ABI encoding of a `Registration`, whose evidence does not matter.
    /// @return The digest.
    function bindingDigest(bytes calldata attestation) external view returns (bytes32) {
        return ProverBinding.digest(ProverBinding.decode(attestation));
    }

    /// @notice What an operator or its delegate signs to consent to a registration.
    /// @param binding The registration's binding digest.
    /// @return The EIP-712 digest.
    function consentDigest(bytes32 binding) public view returns (bytes32) {
        return _typedDigest(keccak256(abi.encode(CONSENT_TYPEHASH, binding)));
    }

    /// @notice What a prover signs to leave.
    /// @param operator Its operator.
    /// @param nonce    The operator's nonce.
    /// @return The EIP-712 digest.
    function deregistrationDigest(address operator, uint256 nonce) public view returns (bytes32) {
        return _typedDigest(keccak256(abi.encode(DEREGISTRATION_TYPEHASH, operator, nonce)));
    }

    /// @dev Whose key it is, and whether it is registered already.
    function _checkRegistrable(Registration memory registration)
        private
        view
        returns (address prover, bool isNew)
    {
        prover = ProverBinding.proverOf(registration.x, registration.y);
        Prover storage record = _provers[prover];
        State state = record.state;
        if (state == State.BANNED) revert ProverIsBanned(prover);
        bool isTaken = state == State.REGISTERED || state == State.SUSPENDED;
        if (isTaken && record.operator != registration.operator) {
            revert ProverOfAnotherOperator(prover, record.operator);
        }
        if (record.challenged) {
            revert ChallengeIsOpen(_challenges[prover].nonce, _challenges[prover].deadline);
        }
        isNew = state != State.REGISTERED;
    }

    /// @dev The open challenge that a registration may answer.
    function _checkAnswerable(address prover, Registration memory registration)
        private
        view
        returns (Challenge storage open)
    {
        Prover storage record = _provers[prover];
        open = _challenges[prover];
        if (!record.challenged || _isVoid(open)) revert NoChallenge(prover);
        if (block.timestamp > open.deadline) revert ChallengeOverdue(open.deadline);
        if (record.operator != registration.operator) {
            revert ProverOfAnotherOperator(prover, record.operator);
        }
    }

    /// @dev All that evidence must show. Cheap checks come first.
    function _checkEvidence(address prover, Registration memory registration, bytes32 nonce)
        private
        view
        returns (Evidence memory evidence)
    {
        if (registration.nonce != nonce) revert NonceMismatch(nonce, registration.nonce);
        ProverBinding.checkBlock(
            registration.blockNumber, registration.blockHash, _parameters.maxBlockAge
        );
        uint256 latest = _provers[prover].referenceBlock;
        if (registration.blockNumber < latest) {
            revert EvidenceOutdated(latest, registration.blockNumber);
        }
        (evidence.claims, evidence.generation, evidence.attested) =
            policy.admit(registration.tee, registration.evidence);
        evidence.binding = ProverBinding.digest(registration);
        if (evidence.claims.reportDigest != evidence.binding) {
            revert ReportDataMismatch(evidence.binding, evidence.claims.reportDigest);
        }
        bytes32 replayKey = evidence.claims.replayKey;
        if (replayKey == bytes32(0) || isReplayKeyUsed[replayKey]) {
            revert EvidenceReplayed(replayKey);
        }
    }

    function _store(
        address prover,
        Registration memory registration,
        Evidence memory evidence,
        bool isNew
    ) private {
        QuoteClaims memory claims = evidence.claims;
        Prover storage record = _provers[prover];
        isReplayKeyUsed[claims.replayKey] = true;
        uint64 until = uint64(block.timestamp) + _parameters.ttl;
        if (claims.validUntil < until) until = claims.validUntil;

        record.operator = registration.operator;
        record.validUntil = until;
        record.tee = claims.tee;
        record.tcbStatus = claims.tcbStatus;
        record.state = State.REGISTERED;
        record.simulated = claims.simulated;
        record.measurement = claims.measurement;
        record.attestedAt = uint48(block.timestamp);
        if (isNew) record.registeredAt = uint48(block.timestamp);
        record.referenceBlock = uint48(registration.blockNumber);
        record.generation = evidence.generation;
        record.securityVersion = claims.securityVersion;
        record.attested = evidence.attested;
        if (evidence.attested) _attestedKey[prover] = claims.replayKey;
        if (isNew) {
            emit ProverRegistered(
                prover, registration.operator, claims.tee, registration.x, registration.y
            );
        }
        emit ProverAttested(
            prover,
            registration.operator,
            claims.tee,
            claims.measurement,
            claims.tcbStatus,
            until,
            claims.simulated,
            evidence.attested
        );
    }

    function _deregister(address prover) private {
        Prover storage record = _provers[prover];
        if (record.state != State.REGISTERED) revert ProverNotRegistered(prover);
        if (record.challenged) {
            Challenge storage open = _challenges[prover];
            // Leaving does not undo a failure.
            if (_isOverdue(open)) revert ChallengeOverdue(open.deadline);
            _voidChallenge(prover);
        }
        record.state = State.DEREGISTERED;
        emit ProverDeregistered(prover, record.operator);
        _raiseNonce(record.operator);
    }

    function _hasConsent(Registration memory registration, bytes32 binding)
        private
        view
        returns (bool)
    {
        address operator = registration.operator;
        if (_actsFor(msg.sender, operator)) return true;
        bytes32 digest = consentDigest(binding);
        (address signer, ECDSA.RecoverError failure,) =
            ECDSA.tryRecover(digest, registration.consent);
        if (failure == ECDSA.RecoverError.NoError && _actsFor(signer, operator)) return true;
        return operator.code.length != 0
            && SignatureChecker.isValidERC1271SignatureNow(operator, digest, registration.consent);
    }

    function _requireActsFor(address operator) private view {
        if (!_actsFor(msg.sender, operator)) revert NotTheOperator(msg.sender, operator);
    }

    function _actsFor(address account, address operator) private view returns (bool) {
        return account == operator || isDelegate[operator][account];
    }

    function _typedDigest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                _DOMAIN_TYPEHASH, _DOMAIN_NAME, _DOMAIN_VERSION, block.chainid, address(this)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
