// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IQuoteVerifier, QuoteClaims} from "../../src/attestation/IQuoteVerifier.sol";

/// @title DecodingVerifier
/// @notice Believes evidence that is the claims themselves, so that tests choose what it says.
contract DecodingVerifier is IQuoteVerifier {
    /// @inheritdoc IQuoteVerifier
    function verify(bytes calldata evidence) external pure returns (QuoteClaims memory claims) {
        return abi.decode(evidence, (QuoteClaims));
    }
}
