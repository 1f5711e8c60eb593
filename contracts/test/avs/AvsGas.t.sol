// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {IBLSSignatureCheckerTypes} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {AvsTestBase} from "./AvsTestBase.sol";

/// @notice What confirmState costs over registries in memory: 100 operators in each of two quorums.
contract AvsGasTest is AvsTestBase {
    error Used(uint256 gas_);

    function addOperators() internal override {
        for (uint256 i = 0; i < 200; ++i) {
            bool isSgx = i % 2 == 0;
            addOperator(i, isSgx ? 1 : 2, 100, isSgx ? TEE.INTEL_SGX : TEE.INTEL_TDX);
        }
    }

    function measure(uint256 absent, uint256 limit) internal {
        IMultiProverServiceManager.StateHeader memory one = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(one, absent);
        bytes memory call = abi.encodeCall(manager.confirmState, (one, nss));
        vm.prank(CONFIRMER);
        uint256 before = gasleft();
        (bool success,) = address(manager).call(call);
        uint256 used = before - gasleft();
        if (!success || used > limit) revert Used(used);
    }

    function test_gas_confirm_allSign() public {
        measure(0, 1_600_000);
    }

    function test_gas_confirm_tenAbsent() public {
        measure((1 << 10) - 1, 1_950_000);
    }

    function test_gas_confirm_fiftyAbsent() public {
        measure((1 << 50) - 1, 2_400_000);
    }
}
