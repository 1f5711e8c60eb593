// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../dev/DevChains.sol";
import {TEE} from "./IQuoteVerifier.sol";
import {Accepted, IAttestationPolicy, Standing} from "./interfaces/IAttestationPolicy.sol";
import {
    AccessControlUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/AccessControlUpgradeable.sol";

/// @title ProverRecords
/// @notice Who is registered, whether a prover is live, and liveness challenges.
abstract contract ProverRecords is AccessControlUpgradeable {
    /// @notice Where a prover's key stands.
    enum State {
        NONE,
        REGISTERED,
        SUSPENDED,
        DEREGISTERED,
        BANNED
    }

    /// @notice Whether a prover's word may be taken, and why not. From PLATFORM_CHANGED on the
    ///         policy's reasons, in its order.
    enum Liveness {
        UNKNOWN,
        LIVE,
        SUSPENDED,
        DEREGISTERED,
        BANNED,
        PAUSED,
        EXPIRED,
        CHALLENGE_FAILED,
        PLATFORM_CHANGED,
        MEASUREMENT_NOT_ACTIVE,
        SECURITY_VERSION_TOO_LOW,
        TCB_NOT_ACCEPTED,
        CLAIMS_DISPUTED,
        SIMULATED_OFF_DEV_CHAIN
    }

    /// @notice Times, ages and the bond.
    /// @param ttl               Seconds that a registration lasts at most.
    /// @param challengeWindow   Seconds in which a challenge must be answered.
    /// @param challengeCooldown Seconds after a challenge in which no other may follow.
    /// @param maxBlockAge       Blocks that a reference block may lie behind, at most 8,191.
    /// @param challengeBond     Wei that a challenge costs when it is answered.
    struct Parameters {
        uint32 ttl;
        uint32 challengeWindow;
        uint32 challengeCooldown;
        uint16 maxBlockAge;
        uint96 challengeBond;
    }

    /// @notice A registered prover.
    /// @param operator        Who answers for it.
    /// @param validUntil      Unix seconds until which the registration lasts, inclusive: the earlier
    ///                        of the registry's TTL and the collateral's end.
    /// @param tee             Kind of its environment.
    /// @param tcbStatus       Its platform's TCB status.
    /// @param state           Where it stands.
    /// @param simulated       Whether its evidence is a simulation's.
    /// @param measurement     32-byte name of its code.
    /// @param attestedAt      Unix seconds of its latest evidence.
    /// @param registeredAt    Unix seconds of its registration.
    /// @param referenceBlock  Block that the latest evidence refers to.
    /// @param generation      Generation of the platform's verifier.
    /// @param securityVersion Security version of its code.
    /// @param challenged      Whether a challenge is open.
    /// @param attested        Whether its claims rest on attestors' word.
    struct Prover {
        address operator;
        uint64 validUntil;
        TEE tee;
        uint8 tcbStatus;
        State state;
        bool simulated;
        bytes32 measurement;
        uint48 attestedAt;
        uint48 registeredAt;
        uint48 referenceBlock;
        uint32 generation;
        uint32 securityVersion;
        bool challenged;
        bool attested;
    }

    /// @notice A liveness challenge.
    /// @param challenger Who made it.
    /// @param deadline   Unix seconds until which it can be answered, inclusive.
    /// @param pauses     Number of pauses before it.
    /// @param bond       Wei that it cost.
    /// @param openedAt   Unix seconds at which it was made.
    /// @param nonce      Nonce that the answer's evidence must bind.
    struct Challenge {
        address challenger;
        uint64 deadline;
        uint32 pauses;
        uint96 bond;
        uint64 openedAt;
        bytes32 nonce;
    }

    /// @notice May set parameters and end a pause.
    bytes32 public constant POLICY_ROLE = keccak256("POLICY_ROLE");

    /// @notice May pause and ban a key: what only takes away.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice May challenge without a bond.
    bytes32 public constant CHALLENGER_ROLE = keccak256("CHALLENGER_ROLE");

    /// @notice Shortest time to answer a challenge on other chains than development chains.
    uint32 public constant MIN_CHALLENGE_WINDOW = 10 minutes;

    /// @dev Oldest block whose hash EIP-2935 keeps.
    uint16 private constant _HISTORY_BLOCKS = 8191;

    /// @dev First word of what a challenge's nonce is the hash of.
    bytes32 private constant _CHALLENGE_DOMAIN = keccak256("coprove.tee.challenge");

    /// @notice Decides which evidence is accepted.
    IAttestationPolicy public policy;

    /// @notice Whether nothing is registered and nobody live for now. Beside the policy, which is read
    ///         with it.
    bool public paused;

    /// @notice Wei that accounts can withdraw: bonds that were returned or won.
    mapping(address account => uint256) public credits;

    /// @notice Rises when an operator's outstanding evidence is to be void.
    mapping(address operator => uint256) public operatorNonce;

    /// @notice Replay keys of evidence that was used.
    mapping(bytes32 replayKey => bool) public isReplayKeyUsed;

    mapping(address prover => Prover) internal _provers;
    mapping(address prover => Challenge) internal _challenges;

    /// @dev Replay key of the latest evidence, for provers whose claims rest on attestors' word.
    mapping(address prover => bytes32) internal _attestedKey;

    Parameters internal _parameters;

    /// @dev Times at which the registry was paused, ascending.
    uint64[] private _pauseTimes;

    uint256 private _challengeCount;

    /// @dev Room for later versions.
    uint256[39] private __gap;

    /// @notice Emitted when the parameters change.
    /// @param parameters What they are now.
    event ParametersSet(Parameters parameters);

    /// @notice Emitted when the registry is paused.
    /// @param account Who did it.
    event Paused(address account);

    /// @notice Emitted when it goes on.
    /// @param account Who did it.
    event Unpaused(address account);

    /// @notice Emitted when a prover is challenged.
    /// @param prover     The prover.
    /// @param operator   Its operator.
    /// @param challenger Who challenged.
    /// @param nonce      Nonce that the answer's evidence must bind.
    /// @param deadline   Unix seconds until which it can be answered.
    /// @param bond       Wei that it cost.
    event ChallengeOpened(
        address indexed prover,
        address indexed operator,
        address indexed challenger,
        bytes32 nonce,
        uint64 deadline,
        uint96 bond
    );

    /// @notice Emitted when a challenge was not answered in time: ground to slash the operator.
    /// @param prover     The prover, suspended from now on.
    /// @param operator   Its operator.
    /// @param challenger Who challenged; gets the bond back.
    /// @param nonce      The challenge's nonce.
    event ChallengeFailed(
        address indexed prover, address indexed operator, address indexed challenger, bytes32 nonce
    );

    /// @notice Emitted when a challenge ends without a result; the bond goes back.
    /// @param prover     The prover.
    /// @param challenger Who challenged.
    /// @param nonce      The challenge's nonce.
    event ChallengeVoided(address indexed prover, address indexed challenger, bytes32 nonce);

    /// @notice Emitted when a prover is suspended. It comes back by registering again.
    /// @param prover   The prover.
    /// @param operator Its operator.
    event ProverSuspended(address indexed prover, address indexed operator);

    /// @notice Emitted when evidence that an operator has not used yet becomes void.
    /// @param operator The operator.
    /// @param nonce    The nonce from now on.
    event OperatorNonceRaised(address indexed operator, uint256 nonce);

    /// @notice Emitted when an account withdraws what it is owed.
    /// @param account The account.
    /// @param to      Where the money went.
    /// @param amount  Wei.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice The registry is paused.
    error EnforcedPause();

    /// @notice The registry is not paused.
    error ExpectedPause();

    /// @notice The prover is not live.
    /// @param prover The prover.
    /// @param reason Why not.
    error ProverNotLive(address prover, Liveness reason);

    /// @notice A challenge must be answered or settled first.
    /// @param nonce    Its nonce.
    /// @param deadline Unix seconds until which it can be answered.
    error ChallengeIsOpen(bytes32 nonce, uint64 deadline);

    /// @notice The prover has no open challenge.
    /// @param prover The prover.
    error NoChallenge(address prover);

    /// @notice The challenge's deadline has passed: it can only be settled.
    /// @param deadline The deadline.
    error ChallengeOverdue(uint64 deadline);

    /// @notice The prover was challenged a short while ago.
    /// @param earliest Unix seconds from which on it can be challenged again.
    error ChallengedRecently(uint256 earliest);

    /// @notice The value sent is not the bond.
    /// @param expected Wei that a challenge costs this caller.
    /// @param actual   Wei that came.
    error WrongBond(uint256 expected, uint256 actual);

    /// @notice A parameter is out of its bounds.
    /// @param name Its name in ASCII.
    error ParameterOutOfBounds(bytes32 name);

    /// @notice The caller is owed nothing.
    error NothingToWithdraw();

    /// @notice The recipient does not take the money.
    error TransferFailed();

    /// @dev Passes while the registry is not paused.
    modifier whenNotPaused() {
        if (paused) revert EnforcedPause();
        _;
    }

    /// @notice Challenges a live prover to show fresh evidence. Anyone may, with the bond, which goes
    ///         to the operator when it answers and back when it does not.
    /// @param prover The prover.
    /// @return nonce What the answer's evidence must bind.
    function challengeProver(address prover)
        external
        payable
        whenNotPaused
        returns (bytes32 nonce)
    {
        Prover storage record = _provers[prover];
        Challenge storage challenge = _challenges[prover];
        if (record.challenged) revert ChallengeIsOpen(challenge.nonce, challenge.deadline);
        (Liveness liveness,) = livenessOf(prover);
        if (liveness != Liveness.LIVE) revert ProverNotLive(prover, liveness);
        uint256 earliest = uint256(challenge.openedAt) + _parameters.challengeCooldown;
        if (block.timestamp < earliest) revert ChallengedRecently(earliest);
        uint96 bond = hasRole(CHALLENGER_ROLE, msg.sender) ? 0 : _parameters.challengeBond;
        if (msg.value != bond) revert WrongBond(bond, msg.value);

        // Not known before this block, so that no answer can be prepared.
        nonce = keccak256(
            abi.encode(
                _CHALLENGE_DOMAIN,
                block.chainid,
                address(this),
                prover,
                ++_challengeCount,
                msg.sender,
                blockhash(block.number - 1),
                block.prevrandao
            )
        );
        uint64 deadline = uint64(block.timestamp) + _parameters.challengeWindow;
        _challenges[prover] = Challenge({
            challenger: msg.sender,
            deadline: deadline,
            pauses: uint32(_pauseTimes.length),
            bond: bond,
            openedAt: uint64(block.timestamp),
            nonce: nonce
        });
        record.challenged = true;
        emit ChallengeOpened(prover, record.operator, msg.sender, nonce, deadline, bond);
    }

    /// @notice Settles a challenge whose deadline has passed: the prover is suspended, without blame
    ///         when the policy had taken away what an answer needs. A challenge that could not be
    ///         answered because of a pause just ends. Anyone may call it.
    /// @param prover The prover.
    function settleChallenge(address prover) external {
        Prover storage record = _provers[prover];
        if (!record.challenged) revert NoChallenge(prover);
        Challenge storage challenge = _challenges[prover];
        if (_isVoid(challenge)) {
            _voidChallenge(prover);
            return;
        }
        if (block.timestamp <= challenge.deadline) {
            revert ChallengeIsOpen(challenge.nonce, challenge.deadline);
        }
        _endOverdue(prover);
    }

    /// @notice Sets times, ages and the bond. For the policy role.
    /// @param values What they are from now on; open challenges keep their deadline and bond.
    function setParameters(Parameters calldata values) external onlyRole(POLICY_ROLE) {
        _setParameters(values);
    }

    /// @notice Stops registrations and challenges; no prover is live while it lasts. For the
    ///         guardian.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        if (paused) revert EnforcedPause();
        paused = true;
        emit Paused(msg.sender);
        _pauseTimes.push(uint64(block.timestamp));
    }

    /// @notice Goes on. For the policy role. Challenges that could not be answered because of the
    ///         pause are void.
    function unpause() external onlyRole(POLICY_ROLE) {
        if (!paused) revert ExpectedPause();
        paused = false;
        emit Unpaused(msg.sender);
    }

    /// @notice Sends the caller what it is owed.
    /// @param to Recipient.
    function withdraw(address payable to) external {
        uint256 amount = credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw();
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed();
    }

    /// @notice Times, ages and the bond.
    /// @return The parameters.
    function parameters() external view returns (Parameters memory) {
        return _parameters;
    }

    /// @notice The record of a prover; all zero when it never was registered.
    /// @param prover Address of its key.
    /// @return The record.
    function proverOf(address prover) external view returns (Prover memory) {
        return _provers[prover];
    }

    /// @notice The latest challenge of a prover, open or not.
    /// @param prover Address of its key.
    /// @return The challenge; whether it is open is in the prover's record.
    function challengeOf(address prover) external view returns (Challenge memory) {
        return _challenges[prover];
    }

    /// @notice Whether a prover is live, and until when.
    /// @param prover Address of its key.
    /// @return liveness LIVE, or the first reason against it.
    /// @return until    Unix seconds until which it stays live if nothing changes: the earliest end of
    ///                  registration, measurement, TCB grace and open challenge; zero when it is not.
    function livenessOf(address prover) public view returns (Liveness liveness, uint64 until) {
        Prover memory record = _provers[prover];
        liveness = _ownLiveness(prover, record);
        if (liveness != Liveness.LIVE) return (liveness, 0);
        Standing standing;
        (standing, until) = _standing(prover);
        if (standing != Standing.ACCEPTED) {
            uint8 offset = uint8(Liveness.PLATFORM_CHANGED) - uint8(Standing.PLATFORM_CHANGED);
            return (Liveness(uint8(standing) + offset), 0);
        }
        if (record.validUntil < until) until = record.validUntil;
        if (record.challenged) {
            Challenge storage challenge = _challenges[prover];
            if (!_isVoid(challenge) && challenge.deadline < until) until = challenge.deadline;
        }
    }

    /// @dev What the policy says of a prover now.
    function _standing(address prover) private view returns (Standing, uint64) {
        Prover memory record = _provers[prover];
        return policy.standingOf(
            Accepted({
                tee: record.tee,
                generation: record.generation,
                securityVersion: record.securityVersion,
                tcbStatus: record.tcbStatus,
                simulated: record.simulated,
                measurement: record.measurement,
                attestedKey: record.attested ? _attestedKey[prover] : bytes32(0)
            })
        );
    }

    /// @dev The first reason against a prover that needs no policy.
    function _ownLiveness(address prover, Prover memory record) private view returns (Liveness) {
        if (record.state == State.NONE) return Liveness.UNKNOWN;
        if (record.state == State.SUSPENDED) return Liveness.SUSPENDED;
        if (record.state == State.DEREGISTERED) return Liveness.DEREGISTERED;
        if (record.state == State.BANNED) return Liveness.BANNED;
        if (record.challenged && _isOverdue(_challenges[prover])) return Liveness.CHALLENGE_FAILED;
        if (paused) return Liveness.PAUSED;
        return block.timestamp > record.validUntil ? Liveness.EXPIRED : Liveness.LIVE;
    }

    /// @dev Whether a challenge was not answered in time.
    function _isOverdue(Challenge storage challenge) internal view returns (bool) {
        return block.timestamp > challenge.deadline && !_isVoid(challenge);
    }

    /// @dev Whether a pause fell between a challenge and its deadline, so that it could not be
    ///      answered. One that was overdue before stands.
    function _isVoid(Challenge storage challenge) internal view returns (bool) {
        uint256 pauses = challenge.pauses;
        return _pauseTimes.length > pauses && challenge.deadline >= _pauseTimes[pauses];
    }

    /// @dev Suspends a prover that did not answer. What the policy took away it could not answer for;
    ///      in place of claims that are disputed it could have shown others. Either way only fresh
    ///      evidence brings it back, whatever the policy accepts later.
    function _endOverdue(address prover) internal {
        Prover storage record = _provers[prover];
        (Standing standing,) = _standing(prover);
        if (standing == Standing.ACCEPTED || standing == Standing.CLAIMS_DISPUTED) {
            Challenge storage challenge = _challenges[prover];
            record.challenged = false;
            _credit(challenge.challenger, challenge.bond);
            emit ChallengeFailed(prover, record.operator, challenge.challenger, challenge.nonce);
        } else {
            _voidChallenge(prover);
        }
        record.state = State.SUSPENDED;
        emit ProverSuspended(prover, record.operator);
        _raiseNonce(record.operator);
    }

    /// @dev Ends a challenge without a result.
    function _voidChallenge(address prover) internal {
        Challenge storage challenge = _challenges[prover];
        _provers[prover].challenged = false;
        _credit(challenge.challenger, challenge.bond);
        emit ChallengeVoided(prover, challenge.challenger, challenge.nonce);
    }

    function _credit(address account, uint96 amount) internal {
        if (amount != 0) credits[account] += amount;
    }

    function _setParameters(Parameters memory values) internal {
        uint32 shortest = DevChains.contains(block.chainid) ? 1 : MIN_CHALLENGE_WINDOW;
        if (values.ttl == 0) revert ParameterOutOfBounds("ttl");
        if (values.challengeWindow < shortest) revert ParameterOutOfBounds("challengeWindow");
        if (values.maxBlockAge == 0 || values.maxBlockAge > _HISTORY_BLOCKS) {
            revert ParameterOutOfBounds("maxBlockAge");
        }
        _parameters = values;
        emit ParametersSet(values);
    }

    function _raiseNonce(address operator) internal {
        emit OperatorNonceRaised(operator, ++operatorNonce[operator]);
    }
}
