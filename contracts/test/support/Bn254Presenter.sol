// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BN254} from "../../src/avs/BN254.sol";

/// @title Bn254Presenter
/// @notice Shows what BN254 makes of many cases at once, for comparison with other implementations.
contract Bn254Presenter {
    /// @notice What is to be hashed and signed, and a signature of somebody else's over it.
    struct Case {
        bytes32 digest;
        uint256 secret;
        BN254.G2Point keyG2;
        BN254.G1Point signature;
    }

    /// @notice What came out.
    struct Result {
        BN254.G1Point hashed;
        BN254.G1Point key;
        BN254.G1Point signature;
        bool isSignedBy;
    }

    /// @notice Hash, sign with the secret, and verify the given signature under the secret's key.
    function present(Case[] calldata cases) external view returns (Result[] memory results) {
        results = new Result[](cases.length);
        for (uint256 i; i < cases.length; ++i) {
            Case memory given = cases[i];
            Result memory result = results[i];
            result.hashed = BN254.hashToG1(given.digest);
            result.key = BN254.times(BN254.G1Point(1, 2), given.secret);
            result.signature = BN254.times(result.hashed, given.secret);
            result.isSignedBy =
                BN254.isSignedBy(given.digest, result.key, given.keyG2, given.signature);
        }
    }
}
