//! The data elements that programs reckon with, each as a type that is right once it exists.

mod action_code;
mod additional_amounts;
mod amount;
mod concealed;
mod currency;
mod date_time;
mod expiry;
mod fixed;
mod institution;
mod original;
mod pan;
mod pos_entry;
mod private_data;
mod processing_code;
mod response_code;
mod stan;
mod track2;

pub(crate) use action_code::ActionCode;
pub use additional_amounts::{AdditionalAmount, AdditionalAmounts, AmountType};
pub(crate) use amount::twelve_digits;
pub use amount::{Amount, MinorUnits};
pub use concealed::Concealed;
pub(crate) use currency::CURRENCIES;
pub use currency::Currency;
pub use date_time::{
    LocalTime, MonthDay, TransmissionTime, local_date, local_time, transmission_time,
};
pub use expiry::Expiry;
pub use fixed::{
    ApprovalCode, MerchantId, MerchantLocation, MerchantType, NetworkCode, PosCondition, Rrn,
    TerminalId,
};
pub use institution::InstitutionId;
pub use original::OriginalData;
pub use pan::{Pan, passes_luhn};
pub use pos_entry::PosEntryMode;
pub use private_data::{PrivateData, PrivateDataError};
pub use processing_code::{ProcessingCode, TransactionType};
pub use response_code::ResponseCode;
pub use stan::Stan;
pub use track2::Track2;

/// Are all bytes decimal digits?
pub(crate) fn all_digits(bytes: &[u8]) -> bool {
    // Without a way out, all are looked at at once.
    bytes
        .iter()
        .fold(true, |all, byte| all & byte.is_ascii_digit())
}

/// The number written in digits; None where there is another character or it exceeds a u64.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| digit & 0x0F)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
