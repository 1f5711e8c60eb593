// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title P256Fallback
/// @notice ECDSA over P-256 in Solidity, for chains without the P256VERIFY precompile. About 200,000
///         gas a signature.
contract P256Fallback {
    /// @notice Whether a signature holds. Both s and n - s are accepted, as by the precompile.
    /// @param digest SHA-256 of the message.
    /// @param r      First half of the signature.
    /// @param s      Second half.
    /// @param x      The key's first coordinate.
    /// @param y      Its second coordinate.
    /// @return True when it holds.
    function verify(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y)
        external
        view
        returns (bool)
    {
        // The library only takes the lower of the two; which one came does not change the answer.
        if (s > P256.N / 2 && s < P256.N) s = P256.N - s;
        return P256.verifySolidity(digest, bytes32(r), bytes32(s), bytes32(x), bytes32(y));
    }
}
