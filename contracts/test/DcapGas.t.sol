// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DcapFixtures as F} from "./fixtures/DcapFixtures.sol";
import {DcapTestBase} from "./support/DcapTestBase.sol";

/// @title DcapGasTest
/// @notice What a quote's verification costs, and what its collateral does, with P256VERIFY.
/// forge-config: default.evm_version = "osaka"
contract DcapGasTest is DcapTestBase {
    address private constant SGX = address(0xF1);
    address private constant TD = address(0xF2);

    function setUp() public {
        deployDcap();
        registerAll();
        vm.etch(SGX, evidenceOf(F.QUOTE_SGX_V3));
        vm.etch(TD, evidenceOf(F.QUOTE_TD10_V4));
        vm.warp(F.START + 1 days);
    }

    function test_gas_verifySgx() public {
        bytes memory evidence = SGX.code;
        uint256 before = gasleft();
        dcap.verify(evidence);
        check(before - gasleft() <= 90_000, "an SGX quote's verification");
    }

    function test_gas_verifyTd() public {
        bytes memory evidence = TD.code;
        uint256 before = gasleft();
        dcap.verify(evidence);
        check(before - gasleft() <= 100_000, "a TDX quote's verification");
    }

    function test_gas_renewTcbInfo() public {
        registerNewerTcbInfo();
    }

    function test_gas_renewCrl() public {
        collateral.registerCrl(CA_ID, F.LATER_PCK_CRL);
    }

    function test_gas_registerAuthority() public {
        collateral.registerAuthority(F.PROCESSOR_CA);
    }
}

/// @title DcapGasFirstTest
/// @notice What the first registration of each kind of collateral costs.
/// forge-config: default.evm_version = "osaka"
contract DcapGasFirstTest is DcapTestBase {
    function setUp() public {
        deployDcap();
        registerPki();
    }

    function test_gas_registerPlatform() public {
        collateral.registerPlatform(CA_ID, F.PLATFORM);
    }

    function test_gas_registerTcbInfo() public {
        registerSgxTcbInfo();
    }

    function test_gas_registerQeIdentity() public {
        collateral.registerQeIdentity(
            F.SGX_QE_IDENTITY, F.SGX_QE_IDENTITY_R, F.SGX_QE_IDENTITY_S, SIGNER_ID
        );
    }
}
