// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QuoteClaims} from "../../src/attestation/IQuoteVerifier.sol";
import {P256Fallback} from "../../src/attestation/P256Fallback.sol";
import {DcapCollateral} from "../../src/attestation/dcap/DcapCollateral.sol";
import {DcapVerifier} from "../../src/attestation/dcap/DcapVerifier.sol";

/// @title DcapPresenter
/// @notice Presents evidence with all of its collateral to fresh contracts, in one call.
contract DcapPresenter {
    /// @notice A signed document.
    struct Signed {
        bytes text;
        uint256 r;
        uint256 s;
        bytes signer;
    }

    /// @notice A revocation list, with the certificate of its issuer.
    struct List {
        bytes issuer;
        bytes crl;
    }

    /// @notice Everything in the order in which it is registered.
    struct Presented {
        bytes root;
        bytes rootCrl;
        bytes ca;
        bytes pckCrl;
        Signed[] tcbInfos;
        Signed[] qeIdentities;
        bytes issuer;
        bytes platform;
        List[] later;
        bytes evidence;
    }

    /// @notice Registers all collateral and verifies the evidence; reverts as the first that refuses.
    function present(Presented calldata presented) external returns (QuoteClaims memory) {
        DcapCollateral collateral = new DcapCollateral(presented.root, P256Fallback(address(0)));
        collateral.registerCrl(keccak256(presented.root), presented.rootCrl);
        _authority(collateral, presented.ca);
        collateral.registerCrl(keccak256(presented.ca), presented.pckCrl);
        for (uint256 i = 0; i < presented.tcbInfos.length; ++i) {
            Signed calldata document = presented.tcbInfos[i];
            _authority(collateral, document.signer);
            collateral.registerTcbInfo(
                document.text, document.r, document.s, keccak256(document.signer)
            );
        }
        for (uint256 i = 0; i < presented.qeIdentities.length; ++i) {
            Signed calldata document = presented.qeIdentities[i];
            _authority(collateral, document.signer);
            collateral.registerQeIdentity(
                document.text, document.r, document.s, keccak256(document.signer)
            );
        }
        _authority(collateral, presented.issuer);
        collateral.registerPlatform(keccak256(presented.issuer), presented.platform);
        for (uint256 i = 0; i < presented.later.length; ++i) {
            List calldata list = presented.later[i];
            collateral.registerCrl(keccak256(list.issuer), list.crl);
        }
        return new DcapVerifier(collateral, P256Fallback(address(0))).verify(presented.evidence);
    }

    function _authority(DcapCollateral collateral, bytes calldata der) private {
        if (collateral.authorityIndex(keccak256(der)) == 0) collateral.registerAuthority(der);
    }
}
