// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title TcbStatus
/// @notice How current a TCB is, by the numbers of QuoteClaims, and Intel's merge of two.
library TcbStatus {
    uint8 internal constant OK = 0;
    uint8 internal constant SW_HARDENING = 1;
    uint8 internal constant CONFIGURATION_AND_SW_HARDENING = 2;
    uint8 internal constant CONFIGURATION = 3;
    uint8 internal constant OUT_OF_DATE = 4;
    uint8 internal constant OUT_OF_DATE_CONFIGURATION = 5;
    uint8 internal constant REVOKED = 6;
    uint8 internal constant UNRECOGNIZED = 7;

    /// @notice A document has a status that Intel has not defined.
    error UnknownTcbStatus();

    /// @notice The status of a name.
    /// @param name keccak256 of the name.
    /// @return Its number.
    function fromName(bytes32 name) internal pure returns (uint8) {
        if (name == keccak256("UpToDate")) return OK;
        if (name == keccak256("SWHardeningNeeded")) return SW_HARDENING;
        if (name == keccak256("ConfigurationAndSWHardeningNeeded")) {
            return CONFIGURATION_AND_SW_HARDENING;
        }
        if (name == keccak256("ConfigurationNeeded")) return CONFIGURATION;
        if (name == keccak256("OutOfDate")) return OUT_OF_DATE;
        if (name == keccak256("OutOfDateConfigurationNeeded")) return OUT_OF_DATE_CONFIGURATION;
        if (name != keccak256("Revoked")) revert UnknownTcbStatus();
        return REVOKED;
    }

    /// @notice A platform's status in view of its quoting enclave's or TDX module's: the worse of the
    ///         two, but a part that is out of date makes a platform that needs configuration
    ///         OutOfDateConfigurationNeeded.
    /// @param platform The platform's.
    /// @param part     The part's.
    /// @return The merged status.
    function merge(uint8 platform, uint8 part) internal pure returns (uint8) {
        bool needsConfiguration =
            platform == CONFIGURATION || platform == CONFIGURATION_AND_SW_HARDENING;
        if (part == OUT_OF_DATE && needsConfiguration) return OUT_OF_DATE_CONFIGURATION;
        return _severity(part) > _severity(platform) ? part : platform;
    }

    /// @dev The numbers rise with the severity but for two that are swapped.
    function _severity(uint8 status) private pure returns (uint8) {
        if (status == CONFIGURATION) return CONFIGURATION_AND_SW_HARDENING;
        if (status == CONFIGURATION_AND_SW_HARDENING) return CONFIGURATION;
        return status;
    }
}
