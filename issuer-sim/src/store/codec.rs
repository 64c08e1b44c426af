//! Records as bytes: a tag, then the fields in order, integers little-endian, texts and options
//! with a length or a flag before them. A layout never changes; a new one gets a new tag.

use iso8583::element::{ProcessingCode, ResponseCode};
use thiserror::Error;

use crate::answer::{Answer, ApprovalCode, Balances};
use crate::card::{CardId, CardIndex, Expiry, PanKey, Product, Pvv, SealedPan, Status};
use crate::clock::Timestamp;
use crate::ledger::Channel;
use crate::money::Minor;
use crate::record::{
    Charge, Decided, Effect, Event, NewCard, Original, Record, Reversed, Tombstone,
};
use crate::request::{Attempt, Fingerprint, Keys};
use crate::trace::{Acquirer, Class, Forwarder, Key, Text, Trace};

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a record: {0} is missing or unknown")]
pub struct NotARecord(pub(super) &'static str);

/// Appends the bytes of a record.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let mut out = Writer(out);
    match &record.event {
        Event::CardIssued(card) => {
            out.byte(TAG_CARD_ISSUED).timestamp(record.at);
            out.bytes(&card.id.0)
                .bytes(&card.pan_key.0)
                .text(&card.sealed_pan.0)
                .bytes(&card.expiry.yymm().to_le_bytes())
                .byte(product_code(card.product))
                .bytes(&card.pvv.0);
        }
        Event::CardCharged(charge) => {
            out.byte(TAG_CARD_CHARGED).timestamp(record.at);
            out.card(charge.card)
                .amount(charge.amount)
                .byte(channel_code(charge.channel))
                .bytes(&charge.key.0);
        }
        Event::StatusChanged { card, status } => {
            out.byte(TAG_STATUS_CHANGED).timestamp(record.at);
            out.card(*card).byte(status_code(*status));
        }
        Event::TriesReset { card } => {
            out.byte(TAG_TRIES_RESET).timestamp(record.at).card(*card);
        }
        Event::Decided(decided) => {
            out.byte(TAG_DECIDED).timestamp(record.at);
            out.trace(&decided.trace)
                .forwarder(decided.forwarder)
                .attempt(decided.attempt)
                .keys(&decided.keys)
                .maybe(decided.card, Writer::card)
                .bytes(decided.processing_code.as_bytes())
                .amount(decided.amount)
                .answer(&decided.answer)
                .effect(decided.effect)
                .maybe(decided.hold_until, Writer::timestamp)
                .maybe(decided.completes, |out, key| out.bytes(&key.0))
                .maybe(decided.tries, Writer::byte);
        }
        Event::Reversed(reversed) => {
            out.byte(TAG_REVERSED).timestamp(record.at);
            out.trace(&reversed.trace)
                .forwarder(reversed.forwarder)
                .keys(&reversed.keys)
                .maybe(reversed.card, Writer::card)
                .answer(&reversed.answer)
                .original(&reversed.original);
        }
        Event::Forwarded { key, by, attempt } => {
            out.byte(TAG_FORWARDED).timestamp(record.at);
            out.bytes(&key.0).forwarder(*by).attempt(*attempt);
        }
        Event::HoldExpired { key } => {
            out.byte(TAG_HOLD_EXPIRED)
                .timestamp(record.at)
                .bytes(&key.0);
        }
    }
}

/// Reads one record and what follows it.
///
/// # Errors
/// [`NotARecord`] where the bytes are none.
pub fn decode(bytes: &[u8]) -> Result<(Record, &[u8]), NotARecord> {
    let mut reader = Reader(bytes);
    let tag = reader.byte("tag")?;
    let at = reader.timestamp()?;
    let event = match tag {
        TAG_CARD_ISSUED => Event::CardIssued(NewCard {
            id: CardId(reader.array("card id")?),
            pan_key: PanKey(reader.array("card key")?),
            sealed_pan: SealedPan(reader.text()?.into()),
            expiry: reader.expiry()?,
            product: product(reader.byte("product")?)?,
            pvv: Pvv(reader.array("verification value")?),
        }),
        TAG_CARD_CHARGED => Event::CardCharged(Charge {
            card: reader.card()?,
            amount: reader.amount()?,
            channel: channel(reader.byte("channel")?)?,
            key: reader.key()?,
        }),
        TAG_STATUS_CHANGED => Event::StatusChanged {
            card: reader.card()?,
            status: status(reader.byte("status")?)?,
        },
        TAG_TRIES_RESET => Event::TriesReset {
            card: reader.card()?,
        },
        TAG_DECIDED => Event::Decided(reader.decided()?),
        TAG_FORWARDED => Event::Forwarded {
            key: reader.key()?,
            by: reader.forwarder()?,
            attempt: reader.attempt()?,
        },
        TAG_REVERSED => Event::Reversed(Reversed {
            trace: reader.trace()?,
            forwarder: reader.forwarder()?,
            keys: reader.keys()?,
            card: reader.maybe(Reader::card)?,
            answer: reader.answer()?,
            original: reader.original()?,
        }),
        TAG_HOLD_EXPIRED => Event::HoldExpired { key: reader.key()? },
        _ => return Err(NotARecord("tag")),
    };
    Ok((Record { at, event }, reader.0))
}

pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &[u8]) -> &mut Self {
        // Texts are of bounded types; the longest, an encrypted card number, has 47 bytes.
        self.byte(u8::try_from(text.len()).unwrap_or(u8::MAX))
            .bytes(text)
    }

    pub(super) fn timestamp(&mut self, at: Timestamp) -> &mut Self {
        self.bytes(&at.millis().to_le_bytes())
    }

    pub(super) fn card(&mut self, card: CardIndex) -> &mut Self {
        self.bytes(&card.0.to_le_bytes())
    }

    pub(super) fn forwarder(&mut self, forwarder: Forwarder) -> &mut Self {
        self.bytes(&forwarder.0.to_le_bytes())
    }

    pub(super) fn attempt(&mut self, attempt: Attempt) -> &mut Self {
        self.byte(match attempt {
            Attempt::First => 0,
            Attempt::Repeat => 1,
        })
    }

    pub(super) fn amount(&mut self, amount: Minor) -> &mut Self {
        self.bytes(&amount.units().to_le_bytes())
    }

    pub(super) fn number(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn maybe<T>(
        &mut self,
        value: Option<T>,
        write: impl for<'w> FnOnce(&'w mut Self, T) -> &'w mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => write(self.byte(1), value),
            None => self.byte(0),
        }
    }

    pub(super) fn trace(&mut self, trace: &Trace) -> &mut Self {
        self.bytes(&trace.acquirer.0.to_le_bytes())
            .text(trace.terminal.as_bytes())
            .text(trace.merchant.as_bytes())
            .byte(trace.class.digit())
            .number(trace.stan)
            .maybe(trace.local_time, Self::number)
            .maybe(trace.local_date, Self::number)
            .maybe(trace.transmitted, Self::number)
            .text(trace.rrn.as_bytes())
    }

    pub(super) fn keys(&mut self, keys: &Keys) -> &mut Self {
        self.bytes(&keys.key.0)
            .maybe(keys.second, |out, key| out.bytes(&key.0))
            .bytes(&keys.fingerprint.0.0)
    }

    pub(super) fn answer(&mut self, answer: &Answer) -> &mut Self {
        self.bytes(answer.code.as_bytes())
            .maybe(answer.approval, |out, code| out.bytes(&code.0))
            .maybe(answer.settlement_date, |out, date| out.bytes(&date))
            .maybe(answer.element_in_error, Self::byte);
        match answer.balances {
            Balances::None => self.byte(0),
            Balances::Available(available) => self.byte(1).amount(available),
            Balances::LedgerAndAvailable(ledger, available) => {
                self.byte(2).amount(ledger).amount(available)
            }
        }
    }

    pub(super) fn effect(&mut self, effect: Effect) -> &mut Self {
        match effect {
            Effect::Nothing => self.byte(0),
            Effect::Debit { card, suspense } => self.byte(1).amount(card).amount(suspense),
            Effect::Credit { card, suspense } => self.byte(2).amount(card).amount(suspense),
            Effect::Hold { amount } => self.byte(3).amount(amount),
        }
    }

    pub(super) fn original(&mut self, original: &Original) -> &mut Self {
        match original {
            Original::Undone { key, taken_back } => self.byte(0).bytes(&key.0).effect(*taken_back),
            Original::NeverSeen(tombstones) => {
                self.byte(1)
                    .byte(u8::try_from(tombstones.len()).unwrap_or(u8::MAX));
                for tombstone in tombstones {
                    self.bytes(&tombstone.key.0)
                        .maybe(tombstone.second, |out, key| out.bytes(&key.0));
                }
                self
            }
        }
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], NotARecord> {
        let (array, rest) = self.0.split_first_chunk().ok_or(NotARecord(what))?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, NotARecord> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], NotARecord> {
        let length = usize::from(self.byte("text")?);
        let (text, rest) = self.0.split_at_checked(length).ok_or(NotARecord("text"))?;
        self.0 = rest;
        Ok(text)
    }

    pub(super) fn short<const N: usize>(&mut self) -> Result<Text<N>, NotARecord> {
        Text::new(self.text()?).ok_or(NotARecord("text"))
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, NotARecord> {
        self.array("time")
            .map(|bytes| Timestamp::from_millis(i64::from_le_bytes(bytes)))
    }

    pub(super) fn card(&mut self) -> Result<CardIndex, NotARecord> {
        self.number().map(CardIndex)
    }

    pub(super) fn key(&mut self) -> Result<Key, NotARecord> {
        self.array("key").map(Key)
    }

    pub(super) fn forwarder(&mut self) -> Result<Forwarder, NotARecord> {
        let id = self.array("forwarder").map(u64::from_le_bytes)?;
        Ok(Forwarder(id))
    }

    pub(super) fn attempt(&mut self) -> Result<Attempt, NotARecord> {
        match self.byte("attempt")? {
            0 => Ok(Attempt::First),
            1 => Ok(Attempt::Repeat),
            _ => Err(NotARecord("attempt")),
        }
    }

    pub(super) fn amount(&mut self) -> Result<Minor, NotARecord> {
        self.array("amount")
            .map(|bytes| Minor::new(i64::from_le_bytes(bytes)))
    }

    pub(super) fn number(&mut self) -> Result<u32, NotARecord> {
        self.array("number").map(u32::from_le_bytes)
    }

    pub(super) fn expiry(&mut self) -> Result<Expiry, NotARecord> {
        let yymm = u16::from_le_bytes(self.array("expiry")?);
        Expiry::new(yymm / 100, yymm % 100).ok_or(NotARecord("expiry"))
    }

    pub(super) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, NotARecord>,
    ) -> Result<Option<T>, NotARecord> {
        match self.byte("flag")? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(NotARecord("flag")),
        }
    }

    pub(super) fn trace(&mut self) -> Result<Trace, NotARecord> {
        Ok(Trace {
            acquirer: Acquirer(u64::from_le_bytes(self.array("acquirer")?)),
            terminal: self.short()?,
            merchant: self.short()?,
            class: Class::from_digit(self.byte("class")?).ok_or(NotARecord("class"))?,
            stan: self.number()?,
            local_time: self.maybe(Self::number)?,
            local_date: self.maybe(Self::number)?,
            transmitted: self.maybe(Self::number)?,
            rrn: self.short()?,
        })
    }

    pub(super) fn keys(&mut self) -> Result<Keys, NotARecord> {
        Ok(Keys {
            key: self.key()?,
            second: self.maybe(Self::key)?,
            fingerprint: Fingerprint(self.key()?),
        })
    }

    pub(super) fn decided(&mut self) -> Result<Decided, NotARecord> {
        Ok(Decided {
            trace: self.trace()?,
            forwarder: self.forwarder()?,
            attempt: self.attempt()?,
            keys: self.keys()?,
            card: self.maybe(Self::card)?,
            processing_code: ProcessingCode::try_from(
                self.array::<6>("processing code")?.as_slice(),
            )
            .map_err(|_| NotARecord("processing code"))?,
            amount: self.amount()?,
            answer: self.answer()?,
            effect: self.effect()?,
            hold_until: self.maybe(Self::timestamp)?,
            completes: self.maybe(Self::key)?,
            tries: self.maybe(|reader| reader.byte("tries"))?,
        })
    }

    pub(super) fn answer(&mut self) -> Result<Answer, NotARecord> {
        Ok(Answer {
            code: ResponseCode::try_from(self.array::<2>("response code")?.as_slice())
                .map_err(|_| NotARecord("response code"))?,
            approval: self.maybe(|reader| reader.array("approval code").map(ApprovalCode))?,
            settlement_date: self.maybe(|reader| reader.array("settlement date"))?,
            element_in_error: self.maybe(|reader| reader.byte("element in error"))?,
            balances: match self.byte("balances")? {
                0 => Balances::None,
                1 => Balances::Available(self.amount()?),
                2 => Balances::LedgerAndAvailable(self.amount()?, self.amount()?),
                _ => return Err(NotARecord("balances")),
            },
        })
    }

    pub(super) fn effect(&mut self) -> Result<Effect, NotARecord> {
        Ok(match self.byte("effect")? {
            0 => Effect::Nothing,
            1 => Effect::Debit {
                card: self.amount()?,
                suspense: self.amount()?,
            },
            2 => Effect::Credit {
                card: self.amount()?,
                suspense: self.amount()?,
            },
            3 => Effect::Hold {
                amount: self.amount()?,
            },
            _ => return Err(NotARecord("effect")),
        })
    }

    pub(super) fn original(&mut self) -> Result<Original, NotARecord> {
        match self.byte("original")? {
            0 => Ok(Original::Undone {
                key: self.key()?,
                taken_back: self.effect()?,
            }),
            1 => {
                let count = self.byte("tombstones")?;
                (0..count)
                    .map(|_| {
                        Ok(Tombstone {
                            key: self.key()?,
                            second: self.maybe(Self::key)?,
                        })
                    })
                    .collect::<Result<_, _>>()
                    .map(Original::NeverSeen)
            }
            _ => Err(NotARecord("original")),
        }
    }
}

pub(super) const fn product_code(product: Product) -> u8 {
    match product {
        Product::Anonymous => 0,
        Product::Load => 1,
    }
}

pub(super) const fn product(code: u8) -> Result<Product, NotARecord> {
    match code {
        0 => Ok(Product::Anonymous),
        1 => Ok(Product::Load),
        _ => Err(NotARecord("product")),
    }
}

pub(super) const fn channel_code(channel: Channel) -> u8 {
    match channel {
        Channel::Cash => 0,
        Channel::Transfer => 1,
        Channel::CreditCard => 2,
        Channel::Sandbox => 3,
    }
}

pub(super) const fn channel(code: u8) -> Result<Channel, NotARecord> {
    match code {
        0 => Ok(Channel::Cash),
        1 => Ok(Channel::Transfer),
        2 => Ok(Channel::CreditCard),
        3 => Ok(Channel::Sandbox),
        _ => Err(NotARecord("channel")),
    }
}

pub(super) const fn status_code(status: Status) -> u8 {
    match status {
        Status::Active => 0,
        Status::NotActive => 1,
        Status::Blocked => 2,
        Status::Lost => 3,
        Status::Stolen => 4,
        Status::Closed => 5,
    }
}

pub(super) const fn status(code: u8) -> Result<Status, NotARecord> {
    match code {
        0 => Ok(Status::Active),
        1 => Ok(Status::NotActive),
        2 => Ok(Status::Blocked),
        3 => Ok(Status::Lost),
        4 => Ok(Status::Stolen),
        5 => Ok(Status::Closed),
        _ => Err(NotARecord("status")),
    }
}

const TAG_CARD_ISSUED: u8 = 1;
const TAG_CARD_CHARGED: u8 = 2;
const TAG_STATUS_CHANGED: u8 = 3;
const TAG_TRIES_RESET: u8 = 4;
const TAG_DECIDED: u8 = 5;
const TAG_REVERSED: u8 = 6;
const TAG_HOLD_EXPIRED: u8 = 7;
const TAG_FORWARDED: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{World, eventful, purchase};

    #[test]
    fn every_kind_of_record_reads_back_what_was_written() {
        let records = eventful().records;
        let mut bytes = Vec::new();
        for record in &records {
            encode(record, &mut bytes);
        }
        let mut tags = std::collections::BTreeSet::new();
        let mut rest = bytes.as_slice();
        for record in &records {
            tags.insert(rest[0]);
            let (decoded, after) = decode(rest).unwrap();
            assert_eq!(&decoded, record);
            rest = after;
        }
        assert!(rest.is_empty());
        assert_eq!(
            tags.into_iter().collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7, 8]
        );
    }

    #[test]
    fn a_record_cut_short_or_of_an_unknown_tag_is_none() {
        for record in eventful().records {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "{record:?} at {length}");
            }
            bytes[0] = 0;
            assert_eq!(decode(&bytes), Err(NotARecord("tag")));
        }
    }

    #[test]
    fn an_ordinary_purchase_takes_at_most_200_bytes() {
        let mut world = World::with(1_000);
        world.send(&purchase(1, 10).build());
        let mut bytes = Vec::new();
        encode(world.records.last().unwrap(), &mut bytes);
        assert!(bytes.len() <= 200, "{} bytes", bytes.len());
    }
}
