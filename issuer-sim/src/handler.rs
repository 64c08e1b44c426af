//! Messages to requests, answers to messages: the only file that knows both.

use iso8583::Message;
use iso8583::element::{
    AdditionalAmount, AdditionalAmounts, AmountType, Currency, OriginalData, Pan, PosEntryMode,
    PrivateData, PrivateDataError, ProcessingCode, Track2, TransactionType,
};

use crate::answer::{Answer, ApprovalCode, Balances};
use crate::card::Expiry;
use crate::hsm::SoftwareHsm;
use crate::money::Minor;
use crate::refusal::Refusal;
use crate::request::{
    Attempt, CardNumber, Insistence, Keys, Operation, Password, Presence, Reference, Request,
};
use crate::trace::{Acquirer, Class, Forwarder, Text, Trace};
use crate::vault::Vault;

/// What it takes to read a message: the keys by which card and password are known.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Finds cards.
    pub vault: Vault,
    /// Reads passwords.
    pub hsm: SoftwareHsm,
}

impl Reader {
    /// The request that a message is.
    ///
    /// # Errors
    /// [`Refusal::NotServed`] for what the issuer does not do, [`Refusal::Format`] with the data
    /// element that is missing, wrong or contradicts another. Such a message is answered and not
    /// remembered: nothing was decided.
    pub fn read(&self, message: &Message) -> Result<Request, Refusal> {
        let class = class(message)?;
        if let Some(private) = message.field(48)
            && let Err(PrivateDataError::RepeatedTag(_)) = PrivateData::parse(private)
        {
            return Err(Refusal::Format(48));
        }
        let processing_code = ProcessingCode::try_from(message.field(3).unwrap_or_default())
            .map_err(|_| Refusal::Format(3))?;
        let trace = trace(message, class)?;
        let operation = operation(message, class, processing_code, &trace)?;
        let amount = message
            .field(4)
            .map(|digits| Minor::parse_digits(digits).map_err(|_| Refusal::Format(4)))
            .transpose()?;
        let currency = currency(message, operation)?;
        let (pan, track_expiry) = card(message)?;
        let number = match &pan {
            Some(pan) if pan.passes_luhn() => CardNumber::Found(self.vault.pan_key(pan)),
            Some(pan) => CardNumber::WrongCheckDigit(self.vault.pan_key(pan)),
            None if class == Class::Reversal => CardNumber::Absent,
            None => return Err(Refusal::Format(2)),
        };
        let expiry = message
            .field(14)
            .map(|digits| Expiry::parse(digits).ok_or(Refusal::Format(14)))
            .transpose()?;
        Ok(Request {
            trace,
            forwarder: forwarder(message)?,
            attempt: if message.mti().is_repeat() {
                Attempt::Repeat
            } else {
                Attempt::First
            },
            keys: Keys::new(
                &trace,
                number,
                processing_code,
                amount,
                currency,
                &operation,
            ),
            card: number,
            processing_code,
            amount,
            currency,
            expiries: [expiry, track_expiry],
            presence: presence(message)?,
            password: self.password(message, pan.as_ref()),
            settlement_date: message
                .field(15)
                .map(|date| date.try_into().map_err(|_| Refusal::Format(15)))
                .transpose()?,
            operation,
        })
    }

    fn password(&self, message: &Message, pan: Option<&Pan>) -> Password {
        match (message.field(52), pan) {
            (Some(block), Some(pan)) if !message.mti().is_advice() => self.hsm.password(block, pan),
            _ => Password::NotGiven,
        }
    }
}

/// The message that says an answer: what the request carried, echoed, and the issuer's own
/// elements (`domain.md` §2.1). `None` for a message that is none to be answered.
#[must_use]
pub fn write(request: &Message, answer: &Answer) -> Option<Message> {
    let mut message = request.response(answer.code)?;
    match answer.settlement_date {
        Some(date) => message.set(15, &date),
        None => message.remove(15),
    };
    match answer.approval {
        Some(ApprovalCode(code)) => message.set(38, &code),
        // An advice names the approval it is about, and its answer repeats that.
        None if request.mti().is_advice() && request.mti().class_digit() == b'2' => {
            message.copy(38, request)
        }
        None => &mut message,
    };
    if let Some(element) = answer.element_in_error {
        message.set(44, format!("{element:03}").as_bytes());
    }
    let balance = |amount_type, minor: Minor| AdditionalAmount {
        account_type: *b"00",
        amount_type,
        currency: Currency::KRW,
        minor: minor.units(),
    };
    match answer.balances {
        Balances::None => &mut message,
        Balances::Available(available) => {
            let blocks = [balance(AmountType::AVAILABLE, available)];
            message.set(54, &AdditionalAmounts::encode(&blocks))
        }
        Balances::LedgerAndAvailable(ledger, available) => {
            let blocks = [
                balance(AmountType::LEDGER, ledger),
                balance(AmountType::AVAILABLE, available),
            ];
            message.set(54, &AdditionalAmounts::encode(&blocks))
        }
    };
    Some(message)
}

/// The class of the five kinds of message that are served.
fn class(message: &Message) -> Result<Class, Refusal> {
    let [version, class, function, _] = *message.mti().as_bytes();
    match (version, Class::from_digit(class), function) {
        (b'0', Some(Class::Authorization), b'0') => Ok(Class::Authorization),
        (b'0', Some(Class::Financial), b'0' | b'2') => Ok(Class::Financial),
        (b'0', Some(Class::Reversal), b'0' | b'2') => Ok(Class::Reversal),
        _ => Err(Refusal::NotServed),
    }
}

fn trace(message: &Message, class: Class) -> Result<Trace, Refusal> {
    let trace = Trace {
        acquirer: acquirer(message)?,
        terminal: text(message, 41)?,
        merchant: text(message, 42)?,
        class,
        stan: number(message, 11, 6)?.ok_or(Refusal::Format(11))?,
        local_time: number(message, 12, 6)?,
        local_date: number(message, 13, 4)?,
        transmitted: number(message, 7, 10)?,
        rrn: text(message, 37)?,
    };
    match trace {
        Trace {
            local_time: None,
            local_date: None,
            transmitted: None,
            ..
        } => Err(Refusal::Format(7)),
        trace => Ok(trace),
    }
}

fn acquirer(message: &Message) -> Result<Acquirer, Refusal> {
    let Some(digits) = message.field(32) else {
        return Ok(Acquirer::default());
    };
    parse(digits).map(Acquirer).ok_or(Refusal::Format(32))
}

fn forwarder(message: &Message) -> Result<Forwarder, Refusal> {
    let Some(digits) = message.field(33) else {
        return Ok(Forwarder::default());
    };
    parse(digits).map(Forwarder).ok_or(Refusal::Format(33))
}

fn text<const N: usize>(message: &Message, element: u8) -> Result<Text<N>, Refusal> {
    Text::new(message.field(element).unwrap_or_default()).ok_or(Refusal::Format(element))
}

fn number(message: &Message, element: u8, length: usize) -> Result<Option<u32>, Refusal> {
    let Some(digits) = message.field(element) else {
        return Ok(None);
    };
    parse(digits)
        .filter(|_| digits.len() == length)
        .and_then(|number| u32::try_from(number).ok())
        .map(Some)
        .ok_or(Refusal::Format(element))
}

fn parse(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

fn operation(
    message: &Message,
    class: Class,
    processing_code: ProcessingCode,
    trace: &Trace,
) -> Result<Operation, Refusal> {
    let advice = message.mti().is_advice();
    Ok(match (class, advice, processing_code.transaction_type()) {
        (Class::Reversal, _, _) => Operation::Reversal {
            original: reference(message, trace)?,
            remaining: remaining(message)?,
            insistence: if advice {
                Insistence::Advice
            } else {
                Insistence::Request
            },
        },
        (Class::Financial, true, TransactionType::Refund) => Operation::CreditAdvice,
        (
            Class::Financial,
            true,
            TransactionType::Purchase
            | TransactionType::Cash
            | TransactionType::PurchaseWithCashback,
        ) => Operation::DebitAdvice {
            original: reference(message, trace)?,
            approval: message
                .field(38)
                .and_then(|code| code.try_into().ok())
                .map(ApprovalCode),
        },
        (Class::Financial, false, TransactionType::Purchase) => Operation::Purchase,
        (
            Class::Financial,
            false,
            TransactionType::Cash | TransactionType::PurchaseWithCashback,
        ) => Operation::Cash,
        (Class::Financial, false, TransactionType::Refund) => Operation::Refund,
        (Class::Authorization, _, TransactionType::Purchase) => Operation::PreAuthorization,
        (Class::Authorization | Class::Financial, false, TransactionType::Inquiry) => {
            Operation::Inquiry
        }
        _ => return Err(Refusal::NotServed),
    })
}

fn reference(message: &Message, trace: &Trace) -> Result<Option<Reference>, Refusal> {
    let Some(value) = message.field(90) else {
        return Ok(None);
    };
    let wrong = Refusal::Format(90);
    let original = OriginalData::try_from(value).map_err(|_| wrong)?;
    let class = match Class::from_digit(original.mti().class_digit()) {
        Some(class @ (Class::Authorization | Class::Financial)) => class,
        Some(Class::Reversal) | None => return Err(wrong),
    };
    let own = Some(trace.acquirer).filter(|own| *own != Acquirer::default());
    let acquirer = original.acquirer().map(Acquirer);
    // An original is undone by its own acquirer alone.
    if acquirer.is_some() && own.is_some() && acquirer != own {
        return Err(wrong);
    }
    let small = |digits| parse(digits).and_then(|number| u32::try_from(number).ok());
    Ok(Some(Reference {
        class,
        stan: small(original.stan()).ok_or(wrong)?,
        transmitted: small(original.transmission()).filter(|moment| *moment != 0),
        acquirer,
        forwarder: forwarder_of(&original),
    }))
}

/// The last eleven digits of DE 90; all zeros name nobody.
fn forwarder_of(original: &OriginalData) -> Option<Forwarder> {
    let (_, digits) = original.as_bytes().split_last_chunk::<11>()?;
    parse(digits).filter(|id| *id != 0).map(Forwarder)
}

/// DE 95: its first twelve digits are what is to stand; the rest is not read (`domain.md` §4.8).
fn remaining(message: &Message) -> Result<Minor, Refusal> {
    let Some(value) = message.field(95) else {
        return Ok(Minor::ZERO);
    };
    value
        .get(..12)
        .and_then(|digits| Minor::parse_digits(digits).ok())
        .ok_or(Refusal::Format(95))
}

fn currency(message: &Message, operation: Operation) -> Result<Option<Currency>, Refusal> {
    match (message.field(49), operation) {
        (Some(code), _) => Currency::try_from(code)
            .map(Some)
            .map_err(|_| Refusal::OtherCurrency),
        (None, Operation::Inquiry | Operation::Reversal { .. }) => Ok(None),
        (
            None,
            Operation::Purchase
            | Operation::Cash
            | Operation::Refund
            | Operation::PreAuthorization
            | Operation::DebitAdvice { .. }
            | Operation::CreditAdvice,
        ) => Err(Refusal::Format(49)),
    }
}

/// The card number of DE 2, else of DE 35, and the expiry date on the track. Where both are there
/// they must agree.
fn card(message: &Message) -> Result<(Option<Pan>, Option<Expiry>), Refusal> {
    let track = message
        .field(35)
        .map(|track| Track2::try_from(track).map_err(|_| Refusal::Format(35)))
        .transpose()?;
    let pan = message
        .field(2)
        .map(|number| Pan::try_from(number).map_err(|_| Refusal::Format(2)))
        .transpose()?;
    let Some(track) = track else {
        return Ok((pan, None));
    };
    if pan.as_ref().is_some_and(|pan| pan != track.pan()) {
        return Err(Refusal::Format(35));
    }
    let expiry = Expiry::parse(track.expiry()).ok_or(Refusal::Format(35))?;
    Ok((Some(track.pan().clone()), Some(expiry)))
}

/// Was the card there: its stripe or chip in the message, or DE 22 says that it was read.
fn presence(message: &Message) -> Result<Presence, Refusal> {
    let read = match message.field(22) {
        Some(mode) => PosEntryMode::try_from(mode)
            .map_err(|_| Refusal::Format(22))?
            .card_read(),
        None => false,
    };
    let carried = [35, 45, 55].iter().any(|element| message.has(*element));
    Ok(if read || carried {
        Presence::Present
    } else {
        Presence::NotPresent
    })
}
