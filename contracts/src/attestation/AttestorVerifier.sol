// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../dev/DevChains.sol";
import {IQuoteVerifier, QuoteClaims, TEE} from "./IQuoteVerifier.sol";
import {IAttestedClaims} from "./interfaces/IAttestedClaims.sol";
import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title AttestorVerifier
/// @notice Takes the word of k out of n attestors for evidence that is too dear to verify on chain:
///         SEV-SNP and Nitro (P-384 has no precompile) and ARM. What it returns was attested, not
///         verified here, and whoever relies on it is told so.
/// @dev    Anyone may dispute a statement with a bond. While disputed it does not count. A larger
///         quorum may confirm it and shares the bond; without that it is void for ever and the bond
///         goes back. SGX and TDX, which can be verified on chain, are not accepted.
contract AttestorVerifier is IQuoteVerifier, IAttestedClaims, Ownable2Step, EIP712 {
    /// @notice What attestors sign.
    /// @param claims       What the evidence says.
    /// @param evidenceHash keccak256 of the evidence that was verified off chain.
    /// @param signedAt     Unix seconds at which it was verified.
    struct Statement {
        QuoteClaims claims;
        bytes32 evidenceHash;
        uint64 signedAt;
    }

    /// @notice How a dispute stands. A dispute that is OPEN after its deadline is as good as VOID.
    enum DisputeState {
        NONE,
        OPEN,
        CONFIRMED,
        VOID
    }

    /// @notice A dispute about a statement.
    /// @param disputer  Who disputes it.
    /// @param deadline  Unix seconds until which it can be confirmed, inclusive.
    /// @param state     How it stands.
    /// @param bond      Wei that it cost.
    /// @param statement The statement's struct hash.
    struct Dispute {
        address disputer;
        uint64 deadline;
        DisputeState state;
        uint96 bond;
        bytes32 statement;
    }

    /// @notice Numbers of signatures, times and the bond.
    /// @param quorum        Attestors that must sign a statement.
    /// @param confirmations Attestors that must confirm one that is disputed; at least the quorum.
    /// @param maxAge        Seconds that a statement can be used for.
    /// @param disputeWindow Seconds in which a disputed one must be confirmed.
    /// @param bond          Wei that a dispute costs when the statement is confirmed.
    struct Rules {
        uint8 quorum;
        uint8 confirmations;
        uint32 maxAge;
        uint32 disputeWindow;
        uint96 bond;
    }

    /// @notice EIP-712 type of a statement.
    bytes32 public constant STATEMENT_TYPEHASH = keccak256(
        "Statement(uint8 tee,bytes32 measurement,bytes32 signer,uint32 securityVersion,"
        "bytes32 reportDigest,uint8 tcbStatus,uint64 validUntil,bytes32 replayKey,bool simulated,"
        "bytes32 evidenceHash,uint64 signedAt)"
    );

    /// @notice EIP-712 type of a confirmation.
    bytes32 public constant CONFIRMATION_TYPEHASH = keccak256("Confirmation(bytes32 statement)");

    /// @notice Greatest number of attestors.
    uint256 public constant MAX_ATTESTORS = 32;

    /// @dev Highest TCB status that is no revocation.
    uint8 private constant _MAX_TCB_STATUS = 5;

    /// @notice Whether an account is an attestor.
    mapping(address account => bool) public isAttestor;

    /// @notice Number of attestors.
    uint256 public attestorCount;

    /// @notice Numbers of signatures, times and the bond.
    Rules public rules;

    /// @notice Disputes, by the evidence's replay key.
    mapping(bytes32 replayKey => Dispute) public disputes;

    /// @dev Hash of the claims that the latest dispute is about. To confirm them says nothing of other
    ///      claims that were signed for the same evidence.
    mapping(bytes32 replayKey => bytes32) private _disputedClaims;

    /// @notice Wei that accounts can withdraw.
    mapping(address account => uint256) public credits;

    /// @notice Emitted when an attestor is added or removed.
    /// @param attestor The attestor.
    /// @param added    Whether it is one now.
    event AttestorSet(address indexed attestor, bool added);

    /// @notice Emitted when the rules change.
    /// @param rules What they are now.
    event RulesSet(Rules rules);

    /// @notice Emitted when a statement is disputed: it does not count from now on.
    /// @param replayKey    Replay key of the evidence.
    /// @param disputer     Who disputes it.
    /// @param evidenceHash Hash of the evidence that attestors must show.
    /// @param deadline     Unix seconds until which it can be confirmed.
    /// @param signers      Attestors that signed it.
    event ClaimsDisputed(
        bytes32 indexed replayKey,
        address indexed disputer,
        bytes32 evidenceHash,
        uint64 deadline,
        address[] signers
    );

    /// @notice Emitted when a disputed statement is confirmed: it counts again.
    /// @param replayKey Replay key of the evidence.
    /// @param signers   Attestors that confirmed it and share the bond.
    event ClaimsConfirmed(bytes32 indexed replayKey, address[] signers);

    /// @notice Emitted when a disputed statement was not confirmed in time.
    /// @param replayKey Replay key of the evidence.
    /// @param disputer  Who disputed it; gets the bond back.
    event ClaimsVoided(bytes32 indexed replayKey, address indexed disputer);

    /// @notice Emitted when an account withdraws what it is owed.
    /// @param account The account.
    /// @param to      Where the money went.
    /// @param amount  Wei.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice Numbers of signatures that do not fit together or the number of attestors, or a time
    ///         that is zero.
    error InvalidRules();

    /// @notice The account is an attestor already, or is none.
    /// @param account The account.
    error AttestorUnchanged(address account);

    /// @notice Evidence of this kind is verified on chain.
    /// @param tee The kind.
    error NotForAttestors(TEE tee);

    /// @notice The platform or its TCB level was revoked, or the status is unknown.
    /// @param status The status.
    error TcbRevoked(uint8 status);

    /// @notice The statement is too old, or from the future.
    /// @param signedAt Unix seconds at which it was made.
    error StatementNotCurrent(uint64 signedAt);

    /// @notice The evidence's endorsements have ended.
    /// @param validUntil Unix seconds of their end.
    error EndorsementsExpired(uint64 validUntil);

    /// @notice The statement is disputed, or void.
    /// @param replayKey Replay key of the evidence.
    error StatementDisputed(bytes32 replayKey);

    /// @notice A signature is not an attestor's.
    /// @param signer Whose it is.
    error NotAnAttestor(address signer);

    /// @notice Signatures must come in ascending order of their signers, each once.
    /// @param signer The signer out of order.
    error SignersNotAscending(address signer);

    /// @notice Too few attestors signed.
    /// @param needed Number that must sign.
    /// @param actual Number that signed.
    error TooFewAttestors(uint256 needed, uint256 actual);

    /// @notice The value sent is not the bond.
    /// @param expected Wei that a dispute costs.
    /// @param actual   Wei that came.
    error WrongBond(uint256 expected, uint256 actual);

    /// @notice The claims were disputed before, or are not disputed.
    /// @param state How its dispute stands.
    error DisputeNotPossible(DisputeState state);

    /// @notice The dispute's deadline has passed, or has not yet.
    /// @param deadline The deadline.
    error WrongTime(uint64 deadline);

    /// @notice The caller is owed nothing.
    error NothingToWithdraw();

    /// @notice The recipient does not take the money.
    error TransferFailed();

    /// @notice Sets who attests, and the rules.
    /// @param owner_    May change attestors and rules; a timelock.
    /// @param attestors The first attestors.
    /// @param rules_    Numbers of signatures, times and the bond.
    constructor(address owner_, address[] memory attestors, Rules memory rules_)
        Ownable(owner_)
        EIP712("coprove attestors", "1")
    {
        for (uint256 i = 0; i < attestors.length; ++i) {
            _setAttestor(attestors[i], true);
        }
        _setRules(rules_);
    }

    /// @notice Adds or removes an attestor. For the owner.
    /// @dev    Registrations that a removed attestor vouched for stay until they end; the policy's
    ///         `setPlatform` without `keep` ends them at once.
    /// @param attestor The account.
    /// @param added    Whether it is one from now on.
    function setAttestor(address attestor, bool added) external onlyOwner {
        _setAttestor(attestor, added);
        if (attestorCount < rules.confirmations) revert InvalidRules();
    }

    /// @notice Sets the rules. For the owner.
    /// @param rules_ Numbers of signatures, times and the bond.
    function setRules(Rules calldata rules_) external onlyOwner {
        _setRules(rules_);
    }

    /// @notice Disputes a statement. It does not count until it is confirmed, nor does any other about
    ///         the same evidence. Once claims are confirmed, only others about it can be disputed.
    /// @param evidence The statement and its signatures, as `verify` takes them.
    function dispute(bytes calldata evidence) external payable {
        (Statement memory statement, bytes[] memory signatures) = _decode(evidence);
        bytes32 key = statement.claims.replayKey;
        DisputeState state = disputes[key].state;
        bytes32 claimsHash = keccak256(abi.encode(statement.claims));
        bool isPossible = state == DisputeState.NONE
            || (state == DisputeState.CONFIRMED && claimsHash != _disputedClaims[key]);
        if (!isPossible) revert DisputeNotPossible(state);
        uint96 bond = rules.bond;
        if (msg.value != bond) revert WrongBond(bond, msg.value);
        bytes32 structHash = _structHash(statement);
        address[] memory signers = _signers(structHash, signatures, rules.quorum);
        uint64 deadline = uint64(block.timestamp) + rules.disputeWindow;
        disputes[key] = Dispute({
            disputer: msg.sender,
            deadline: deadline,
            state: DisputeState.OPEN,
            bond: bond,
            statement: structHash
        });
        _disputedClaims[key] = claimsHash;
        emit ClaimsDisputed(key, msg.sender, statement.evidenceHash, deadline, signers);
    }

    /// @notice Confirms a disputed statement: it counts again, and the signers share the bond.
    /// @param replayKey  Replay key of the evidence.
    /// @param signatures Over `Confirmation(bytes32 statement)`, in ascending order of the signers.
    function confirm(bytes32 replayKey, bytes[] calldata signatures) external {
        Dispute storage entry = disputes[replayKey];
        if (entry.state != DisputeState.OPEN) revert DisputeNotPossible(entry.state);
        if (block.timestamp > entry.deadline) revert WrongTime(entry.deadline);
        bytes32 structHash = keccak256(abi.encode(CONFIRMATION_TYPEHASH, entry.statement));
        address[] memory signers = _signers(structHash, signatures, rules.confirmations);
        entry.state = DisputeState.CONFIRMED;
        uint256 share = entry.bond / signers.length;
        for (uint256 i = 0; i < signers.length; ++i) {
            credits[signers[i]] += share;
        }
        credits[signers[0]] += entry.bond - share * signers.length;
        emit ClaimsConfirmed(replayKey, signers);
    }

    /// @notice Ends a dispute that was not answered: the statement is void for ever.
    /// @param replayKey Replay key of the evidence.
    function settle(bytes32 replayKey) external {
        Dispute storage entry = disputes[replayKey];
        if (entry.state != DisputeState.OPEN) revert DisputeNotPossible(entry.state);
        if (block.timestamp <= entry.deadline) revert WrongTime(entry.deadline);
        entry.state = DisputeState.VOID;
        credits[entry.disputer] += entry.bond;
        emit ClaimsVoided(replayKey, entry.disputer);
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

    /// @inheritdoc IQuoteVerifier
    /// @dev Evidence is the ABI encoding of a `Statement` and the signatures over it, in ascending
    ///      order of the signers.
    function verify(bytes calldata evidence) external view returns (QuoteClaims memory claims) {
        (Statement memory statement, bytes[] memory signatures) = _decode(evidence);
        claims = statement.claims;
        TEE tee = claims.tee;
        if (tee == TEE.NONE || tee == TEE.INTEL_SGX || tee == TEE.INTEL_TDX) {
            revert NotForAttestors(tee);
        }
        if (claims.tcbStatus > _MAX_TCB_STATUS) revert TcbRevoked(claims.tcbStatus);
        if (claims.simulated) DevChains.check();
        bool isCurrent = statement.signedAt <= block.timestamp
            && block.timestamp - statement.signedAt <= rules.maxAge;
        if (!isCurrent) revert StatementNotCurrent(statement.signedAt);
        if (block.timestamp > claims.validUntil) revert EndorsementsExpired(claims.validUntil);
        if (isDisputed(claims.replayKey)) revert StatementDisputed(claims.replayKey);
        _signers(_structHash(statement), signatures, rules.quorum);
    }

    /// @inheritdoc IAttestedClaims
    function attestedOffChain() external pure returns (bool) {
        return true;
    }

    /// @notice What attestors sign for a statement.
    /// @param statement The statement.
    /// @return The EIP-712 digest.
    function statementDigest(Statement calldata statement) external view returns (bytes32) {
        return _hashTypedDataV4(_structHash(statement));
    }

    /// @notice What attestors sign to confirm a disputed statement.
    /// @param replayKey Replay key of the evidence.
    /// @return The EIP-712 digest.
    function confirmationDigest(bytes32 replayKey) external view returns (bytes32) {
        bytes32 statement = disputes[replayKey].statement;
        return _hashTypedDataV4(keccak256(abi.encode(CONFIRMATION_TYPEHASH, statement)));
    }

    /// @inheritdoc IAttestedClaims
    function isDisputed(bytes32 replayKey) public view returns (bool) {
        DisputeState state = disputes[replayKey].state;
        return state == DisputeState.OPEN || state == DisputeState.VOID;
    }

    function _setAttestor(address attestor, bool added) private {
        if (attestor == address(0) || isAttestor[attestor] == added) {
            revert AttestorUnchanged(attestor);
        }
        isAttestor[attestor] = added;
        attestorCount = added ? attestorCount + 1 : attestorCount - 1;
        if (attestorCount > MAX_ATTESTORS) revert InvalidRules();
        emit AttestorSet(attestor, added);
    }

    function _setRules(Rules memory rules_) private {
        bool isValid = rules_.quorum != 0 && rules_.quorum <= rules_.confirmations
            && rules_.confirmations <= attestorCount && rules_.maxAge != 0
            && rules_.disputeWindow != 0;
        if (!isValid) revert InvalidRules();
        rules = rules_;
        emit RulesSet(rules_);
    }

    /// @dev The attestors that signed, at least `needed` of them.
    function _signers(bytes32 structHash, bytes[] memory signatures, uint256 needed)
        private
        view
        returns (address[] memory signers)
    {
        if (signatures.length < needed) revert TooFewAttestors(needed, signatures.length);
        bytes32 digest = _hashTypedDataV4(structHash);
        signers = new address[](signatures.length);
        address previous;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recover(digest, signatures[i]);
            if (signer <= previous) revert SignersNotAscending(signer);
            if (!isAttestor[signer]) revert NotAnAttestor(signer);
            signers[i] = signer;
            previous = signer;
        }
    }

    function _decode(bytes calldata evidence)
        private
        pure
        returns (Statement memory, bytes[] memory)
    {
        return abi.decode(evidence, (Statement, bytes[]));
    }

    function _structHash(Statement memory statement) private pure returns (bytes32) {
        // Both structs are flat: their fields are the words of the EIP-712 struct in its order.
        return keccak256(abi.encode(STATEMENT_TYPEHASH, statement));
    }
}
