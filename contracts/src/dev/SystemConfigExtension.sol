// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "./DevChains.sol";

/// @title SystemConfigExtension
/// @notice Lets a SystemConfig of the L2OutputOracle generation announce the parameters that later
///         hardforks brought, on development chains. Whatever it does not know itself it hands to
///         that SystemConfig by delegatecall, whose storage and owner stay in force.
/// @dev    Goes behind the SystemConfig's proxy as its implementation. The newer values only travel
///         in events, where the rollup node reads them; they are not stored.
contract SystemConfigExtension {
    /// @notice Kinds of update, by their number in the ConfigUpdate event.
    /// @custom:value BATCHER                 Batcher address.
    /// @custom:value FEE_SCALARS             L1 fee scalars.
    /// @custom:value GAS_LIMIT               L2 gas limit.
    /// @custom:value UNSAFE_BLOCK_SIGNER     Signer of unsafe blocks.
    /// @custom:value EIP_1559_PARAMS         Denominator and elasticity (Holocene).
    /// @custom:value OPERATOR_FEE_PARAMS     Operator fee scalar and constant (Isthmus).
    /// @custom:value MIN_BASE_FEE            Minimum base fee (Jovian).
    /// @custom:value DA_FOOTPRINT_GAS_SCALAR DA footprint gas scalar (Jovian).
    enum UpdateType {
        BATCHER,
        FEE_SCALARS,
        GAS_LIMIT,
        UNSAFE_BLOCK_SIGNER,
        EIP_1559_PARAMS,
        OPERATOR_FEE_PARAMS,
        MIN_BASE_FEE,
        DA_FOOTPRINT_GAS_SCALAR
    }

    /// @notice The SystemConfig that answers everything else.
    address public immutable BASE;

    /// @notice Emitted when a parameter changes, as by every SystemConfig.
    /// @param version    Version of the event, 0.
    /// @param updateType Which parameter.
    /// @param data       ABI-encoded value.
    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);

    /// @notice The caller is not the owner of the SystemConfig.
    error NotOwner();

    /// @notice A denominator or elasticity below 1.
    error InvalidParameter();

    /// @dev Lets the owner of the SystemConfig alone pass.
    modifier onlyOwner() {
        (bool success, bytes memory answer) = BASE.delegatecall(abi.encodeWithSignature("owner()"));
        if (!success || abi.decode(answer, (address)) != msg.sender) revert NotOwner();
        _;
    }

    /// @notice Binds the extension to the SystemConfig that it extends.
    /// @param _base Implementation of the SystemConfig.
    constructor(address _base) {
        DevChains.check();
        BASE = _base;
    }

    /// @notice Hands every other call to the SystemConfig.
    fallback() external {
        address base = BASE;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), base, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch success
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }

    /// @notice Announces EIP-1559 parameters. For the owner.
    /// @param _denominator Base fee change denominator, at least 1.
    /// @param _elasticity  Elasticity multiplier, at least 1.
    function setEIP1559Params(uint32 _denominator, uint32 _elasticity) external onlyOwner {
        if (_denominator == 0 || _elasticity == 0) revert InvalidParameter();
        _announce(UpdateType.EIP_1559_PARAMS, (uint256(_denominator) << 32) | _elasticity);
    }

    /// @notice Announces the operator fee. For the owner.
    /// @param _operatorFeeScalar   Scalar, per gas, in millionths of a wei (in hundredths of a wei
    ///                             from Jovian on).
    /// @param _operatorFeeConstant Constant per transaction, in wei.
    function setOperatorFeeScalars(uint32 _operatorFeeScalar, uint64 _operatorFeeConstant)
        external
        onlyOwner
    {
        _announce(
            UpdateType.OPERATOR_FEE_PARAMS,
            (uint256(_operatorFeeScalar) << 64) | _operatorFeeConstant
        );
    }

    /// @notice Announces the minimum base fee. For the owner.
    /// @param _minBaseFee Wei per gas.
    function setMinBaseFee(uint64 _minBaseFee) external onlyOwner {
        _announce(UpdateType.MIN_BASE_FEE, _minBaseFee);
    }

    /// @notice Announces the DA footprint gas scalar. For the owner.
    /// @param _daFootprintGasScalar Gas per byte of estimated batch data.
    function setDAFootprintGasScalar(uint16 _daFootprintGasScalar) external onlyOwner {
        _announce(UpdateType.DA_FOOTPRINT_GAS_SCALAR, _daFootprintGasScalar);
    }

    /// @dev Emits one update whose value is a single word.
    function _announce(UpdateType _updateType, uint256 _value) private {
        emit ConfigUpdate(0, _updateType, abi.encode(_value));
    }
}
