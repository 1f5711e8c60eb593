// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {P256Fallback} from "../../src/attestation/P256Fallback.sol";
import {DcapCollateral} from "../../src/attestation/dcap/DcapCollateral.sol";
import {DcapVerifier} from "../../src/attestation/dcap/DcapVerifier.sol";
import {DcapFixtures as F} from "../fixtures/DcapFixtures.sol";
import {TestBase} from "./TestBase.sol";

/// @title DcapTestBase
/// @notice The DCAP contracts with simulated collateral. Needs an EVM with P256VERIFY.
abstract contract DcapTestBase is TestBase {
    uint256 internal constant NOW = F.START + 12 hours;

    bytes32 internal immutable ROOT_ID = keccak256(F.ROOT);
    bytes32 internal immutable CA_ID = keccak256(F.PLATFORM_CA);
    bytes32 internal immutable SIGNER_ID = keccak256(F.SIGNER);
    bytes32 internal immutable PLATFORM_ID = keccak256(F.PLATFORM);

    DcapCollateral internal collateral;
    DcapVerifier internal dcap;

    function deployDcap() internal {
        vm.warp(NOW);
        collateral = new DcapCollateral(F.ROOT, P256Fallback(address(0)));
        dcap = new DcapVerifier(collateral, P256Fallback(address(0)));
    }

    function registerPki() internal {
        collateral.registerCrl(ROOT_ID, F.ROOT_CRL);
        collateral.registerAuthority(F.PLATFORM_CA);
        collateral.registerAuthority(F.SIGNER);
        collateral.registerCrl(CA_ID, F.PCK_CRL);
    }

    function registerAll() internal {
        registerPki();
        registerSgxTcbInfo();
        collateral.registerQeIdentity(
            F.SGX_QE_IDENTITY, F.SGX_QE_IDENTITY_R, F.SGX_QE_IDENTITY_S, SIGNER_ID
        );
        collateral.registerTcbInfo(F.TDX_TCB_INFO, F.TDX_TCB_INFO_R, F.TDX_TCB_INFO_S, SIGNER_ID);
        collateral.registerQeIdentity(
            F.TDX_QE_IDENTITY, F.TDX_QE_IDENTITY_R, F.TDX_QE_IDENTITY_S, SIGNER_ID
        );
        collateral.registerPlatform(CA_ID, F.PLATFORM);
    }

    function registerSgxTcbInfo() internal {
        collateral.registerTcbInfo(F.SGX_TCB_INFO, F.SGX_TCB_INFO_R, F.SGX_TCB_INFO_S, SIGNER_ID);
    }

    function registerNewerTcbInfo() internal {
        collateral.registerTcbInfo(
            F.NEWER_TCB_INFO, F.NEWER_TCB_INFO_R, F.NEWER_TCB_INFO_S, SIGNER_ID
        );
    }

    function evidenceOf(bytes memory quote) internal view returns (bytes memory) {
        return abi.encode(PLATFORM_ID, quote);
    }
}
