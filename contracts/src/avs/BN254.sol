// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title BN254
/// @notice BLS signatures on BN254 over the precompiles of EIP-196 and EIP-197, in the form that
///         EigenLayer's operators sign. Precompiles refuse coordinates that are no point of the curve
///         or lie outside the subgroup.
library BN254 {
    /// @notice A point of G1.
    /// @param X First coordinate.
    /// @param Y Second coordinate.
    struct G1Point {
        uint256 X;
        uint256 Y;
    }

    /// @notice A point of G2; the imaginary part of each coordinate comes first.
    /// @param X First coordinate.
    /// @param Y Second coordinate.
    struct G2Point {
        uint256[2] X;
        uint256[2] Y;
    }

    /// @notice Modulus of coordinates.
    uint256 internal constant P =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @notice Order of the groups.
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev (P + 1) / 4: raises a square to its root, since P is 3 modulo 4.
    uint256 private constant _ROOT_EXPONENT =
        5472060717959818805561601436314318772174077789324455915672259473661306552146;

    /// @notice Gas that a pairing check may take: one of two pairs costs 113,000.
    uint256 internal constant PAIRING_GAS = 120_000;

    /// @notice A precompile refused its input: no point of the curve, or no gas.
    error PrecompileFailed(uint256 precompile);

    /// @notice Adds two points.
    /// @param a A point.
    /// @param b A point.
    /// @return sum Their sum.
    function plus(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        uint256[4] memory input = [a.X, a.Y, b.X, b.Y];
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), 6, input, 0x80, sum, 0x40)
        }
        if (!success) revert PrecompileFailed(6);
    }

    /// @notice Multiplies a point.
    /// @param a A point.
    /// @param s A number.
    /// @return product s · a.
    function times(G1Point memory a, uint256 s) internal view returns (G1Point memory product) {
        uint256[3] memory input = [a.X, a.Y, s];
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), 7, input, 0x60, product, 0x40)
        }
        if (!success) revert PrecompileFailed(7);
    }

    /// @notice The opposite of a point.
    /// @param a A point.
    /// @return -a.
    function negate(G1Point memory a) internal pure returns (G1Point memory) {
        return a.Y == 0 ? a : G1Point(a.X, P - (a.Y % P));
    }

    /// @notice An operator's id, and the key of BLSApkRegistry.
    /// @param a A point.
    /// @return keccak256 of its coordinates.
    function hashG1Point(G1Point memory a) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(a.X, a.Y));
    }

    /// @notice The point that a digest's signature multiplies: the first x at or above the digest for
    ///         which there is one, with the root that (P + 1) / 4 gives.
    /// @param digest What is signed.
    /// @return The point.
    function hashToG1(bytes32 digest) internal view returns (G1Point memory) {
        uint256 x = uint256(digest) % P;
        while (true) {
            uint256 beta = addmod(mulmod(mulmod(x, x, P), x, P), 3, P);
            uint256 y = _power(beta, _ROOT_EXPONENT);
            if (mulmod(y, y, P) == beta) return G1Point(x, y);
            x = addmod(x, 1, P);
        }
        // Not reached: every second x has a point.
        return G1Point(0, 0);
    }

    /// @notice Whether a signature is that of a key over a digest, and both forms of the key are of
    ///         the same secret. Never true for keys at infinity: nobody signed then.
    /// @param digest    What is signed.
    /// @param key       The key in G1.
    /// @param keyG2     The key in G2.
    /// @param signature The signature.
    /// @return True when all of it holds. A point that is none gives false.
    function isSignedBy(
        bytes32 digest,
        G1Point memory key,
        G2Point memory keyG2,
        G1Point memory signature
    ) internal view returns (bool) {
        if (key.X == 0 && key.Y == 0) return false;
        uint256 gamma = uint256(
            keccak256(
                abi.encodePacked(
                    digest,
                    key.X,
                    key.Y,
                    keyG2.X[0],
                    keyG2.X[1],
                    keyG2.Y[0],
                    keyG2.Y[1],
                    signature.X,
                    signature.Y
                )
            )
        ) % R;
        // e(signature + gamma key, -G2) e(H(digest) + gamma G1, keyG2) = 1
        G1Point memory left = plus(signature, times(key, gamma));
        G1Point memory right = plus(hashToG1(digest), times(G1Point(1, 2), gamma));
        return _isPairingOne(left, right, keyG2);
    }

    function _isPairingOne(G1Point memory left, G1Point memory right, G2Point memory keyG2)
        private
        view
        returns (bool)
    {
        uint256[12] memory input = [
            left.X,
            left.Y,
            // The negative of G2's generator.
            11559732032986387107991004021392285783925812861821192530917403151452391805634,
            10857046999023057135944570762232829481370756359578518086990519993285655852781,
            17805874995975841540914202342111839520379459829704422454583296818431106115052,
            13392588948715843804641432497768002650278120570034223513918757245338268106653,
            right.X,
            right.Y,
            keyG2.X[0],
            keyG2.X[1],
            keyG2.Y[0],
            keyG2.Y[1]
        ];
        uint256[1] memory output;
        bool success;
        assembly ("memory-safe") {
            success := staticcall(PAIRING_GAS, 8, input, 0x180, output, 0x20)
        }
        return success && output[0] == 1;
    }

    function _power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        uint256[6] memory input = [uint256(32), 32, 32, base, exponent, P];
        uint256[1] memory output;
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), 5, input, 0xc0, output, 0x20)
        }
        if (!success) revert PrecompileFailed(5);
        return output[0];
    }
}
