// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BN254} from "../../src/avs/BN254.sol";

/// @title G2
/// @notice Multiples of G2's generator, by affine double-and-add: slow, and independent of the
///         precompiles that are under test.
library G2 {
    uint256 private constant P = BN254.P;

    struct Fp2 {
        uint256 re;
        uint256 im;
    }

    struct Point {
        Fp2 x;
        Fp2 y;
    }

    function times(uint256 scalar) internal view returns (BN254.G2Point memory) {
        Point memory sum;
        Point memory base = _generator();
        bool isZero = true;
        for (; scalar != 0; scalar >>= 1) {
            if (scalar & 1 == 1) {
                sum = isZero ? base : _sum(sum, base);
                isZero = false;
            }
            base = _double(base);
        }
        return BN254.G2Point({X: [sum.x.im, sum.x.re], Y: [sum.y.im, sum.y.re]});
    }

    function _generator() private pure returns (Point memory) {
        return Point({
            x: Fp2({
                re: 10857046999023057135944570762232829481370756359578518086990519993285655852781,
                im: 11559732032986387107991004021392285783925812861821192530917403151452391805634
            }),
            y: Fp2({
                re: 8495653923123431417604973247489272438418190587263600148770280649306958101930,
                im: 4082367875863433681332203403145435568316851327593401208105741076214120093531
            })
        });
    }

    function _sum(Point memory a, Point memory b) private view returns (Point memory) {
        return _along(a, b, _mul(_sub(b.y, a.y), _inverse(_sub(b.x, a.x))));
    }

    function _double(Point memory a) private view returns (Point memory) {
        Fp2 memory square = _mul(a.x, a.x);
        Fp2 memory three = Fp2(mulmod(3, square.re, P), mulmod(3, square.im, P));
        return _along(
            a, a, _mul(three, _inverse(Fp2(addmod(a.y.re, a.y.re, P), addmod(a.y.im, a.y.im, P))))
        );
    }

    function _along(Point memory a, Point memory b, Fp2 memory slope)
        private
        pure
        returns (Point memory)
    {
        Fp2 memory x = _sub(_sub(_mul(slope, slope), a.x), b.x);
        return Point({x: x, y: _sub(_mul(slope, _sub(a.x, x)), a.y)});
    }

    function _sub(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(addmod(a.re, P - b.re, P), addmod(a.im, P - b.im, P));
    }

    function _mul(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(
            addmod(mulmod(a.re, b.re, P), P - mulmod(a.im, b.im, P), P),
            addmod(mulmod(a.re, b.im, P), mulmod(a.im, b.re, P), P)
        );
    }

    function _inverse(Fp2 memory a) private view returns (Fp2 memory) {
        uint256 norm = addmod(mulmod(a.re, a.re, P), mulmod(a.im, a.im, P), P);
        (, bytes memory answer) =
            address(5).staticcall(abi.encode(uint256(32), 32, 32, norm, P - 2, P));
        uint256 inverse = abi.decode(answer, (uint256));
        return Fp2(mulmod(a.re, inverse, P), mulmod(P - a.im, inverse, P));
    }
}
