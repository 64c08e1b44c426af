//! Parts of the books as bytes, for snapshots, in the way of [`codec`](super::codec).

use super::codec::{self, NotARecord, Reader, Writer};
use crate::answer::ApprovalCode;
use crate::books::{Counts, Hold, Part};
use crate::card::{Card, CardId, PanKey, Pvv, SealedPan};
use crate::dedupe::{Answered, Entry, Found, Outcome};
use crate::ledger::{Account, Funds, Line, LineKind};
use crate::request::Fingerprint;
use crate::trace::Acquirer;

/// Appends the bytes of a part.
pub(super) fn encode(part: &Part, out: &mut Vec<u8>) {
    let mut out = Writer(out);
    match part {
        Part::Counts(counts) => {
            out.byte(TAG_COUNTS)
                .count(counts.approvals)
                .count(counts.movements)
                .timestamp(counts.newest)
                .number(counts.cards)
                .number(counts.entries)
                .number(counts.holds);
        }
        Part::Card(card, funds) => {
            out.byte(TAG_CARD).whole_card(card, *funds);
        }
        Part::Account(account, balance) => {
            out.byte(TAG_ACCOUNT).account(*account).amount(*balance);
        }
        Part::Entry(entry, found) => {
            out.byte(TAG_ENTRY)
                .bytes(&entry.key.0)
                .maybe(entry.second, |out, key| out.bytes(&key.0))
                .timestamp(entry.at)
                .found(*found)
                .outcome(&entry.outcome);
        }
        Part::Hold(key, hold, found) => {
            out.byte(TAG_HOLD)
                .bytes(&key.0)
                .card(hold.card)
                .amount(hold.amount)
                .timestamp(hold.until)
                .maybe(hold.second, |out, key| out.bytes(&key.0))
                .maybe(hold.approval, |out, code| out.bytes(&code.0))
                .forwarder(hold.forwarder)
                .found(*found);
        }
    }
}

/// Reads one part and what follows it.
///
/// # Errors
/// [`NotARecord`] where the bytes are none.
pub(super) fn decode(bytes: &[u8]) -> Result<(Part, &[u8]), NotARecord> {
    let mut reader = Reader(bytes);
    let part = match reader.byte("tag")? {
        TAG_COUNTS => Part::Counts(Counts {
            approvals: reader.count()?,
            movements: reader.count()?,
            newest: reader.timestamp()?,
            cards: reader.number()?,
            entries: reader.number()?,
            holds: reader.number()?,
        }),
        TAG_CARD => {
            let (card, funds) = reader.whole_card()?;
            Part::Card(Box::new(card), funds)
        }
        TAG_ACCOUNT => Part::Account(reader.account()?, reader.amount()?),
        TAG_ENTRY => {
            let key = reader.key()?;
            let second = reader.maybe(Reader::key)?;
            let at = reader.timestamp()?;
            let found = reader.found()?;
            let outcome = reader.outcome()?;
            let entry = Entry {
                key,
                second,
                at,
                outcome,
            };
            Part::Entry(entry, found)
        }
        TAG_HOLD => {
            let key = reader.key()?;
            let hold = Hold {
                card: reader.card()?,
                amount: reader.amount()?,
                until: reader.timestamp()?,
                second: reader.maybe(Reader::key)?,
                approval: reader.maybe(|reader| reader.array("approval code").map(ApprovalCode))?,
                forwarder: reader.forwarder()?,
            };
            Part::Hold(key, hold, reader.found()?)
        }
        _ => return Err(NotARecord("tag")),
    };
    Ok((part, reader.0))
}

impl Writer<'_> {
    fn count(&mut self, count: u64) -> &mut Self {
        self.bytes(&count.to_le_bytes())
    }

    fn found(&mut self, found: Found) -> &mut Self {
        self.byte(match found {
            Found::ByKey => 0,
            Found::ByBoth => 1,
        })
    }

    fn whole_card(&mut self, card: &Card, funds: Funds) -> &mut Self {
        self.bytes(&card.id.0)
            .bytes(&card.pan_key.0)
            .text(&card.sealed_pan.0)
            .bytes(&card.expiry.yymm().to_le_bytes())
            .byte(codec::product_code(card.product))
            .byte(codec::status_code(card.status))
            .bytes(&card.pvv.0)
            .byte(card.tries)
            .amount(funds.balance)
            .amount(funds.held)
            .number(u32::try_from(card.lines.len()).unwrap_or(u32::MAX));
        for line in &card.lines {
            self.line(line);
        }
        self
    }

    fn line(&mut self, line: &Line) -> &mut Self {
        self.count(line.number)
            .timestamp(line.at)
            .byte(kind_code(line.kind))
            .amount(line.amount)
            .amount(line.balance)
            .text(line.merchant.as_bytes())
            .text(line.terminal.as_bytes())
            .text(line.rrn.as_bytes())
    }

    fn account(&mut self, account: Account) -> &mut Self {
        match account {
            Account::Card(card) => self.byte(0).card(card),
            Account::LoadClearing(channel) => self.byte(1).byte(codec::channel_code(channel)),
            Account::MerchantPayable(acquirer) => self.byte(2).count(acquirer.0),
            Account::Suspense => self.byte(3),
        }
    }

    fn outcome(&mut self, outcome: &Outcome) -> &mut Self {
        match outcome {
            Outcome::Answered(answered) => self
                .byte(0)
                .bytes(&answered.fingerprint.0.0)
                .answer(&answered.answer)
                .maybe(answered.card, Self::card)
                .count(answered.acquirer.0)
                .forwarder(answered.forwarder)
                .attempt(answered.attempt)
                .effect(answered.standing)
                .byte(u8::from(answered.reversed)),
            Outcome::Tombstone => self.byte(1),
            Outcome::Charged { fingerprint } => self.byte(2).bytes(&fingerprint.0.0),
        }
    }
}

impl Reader<'_> {
    fn count(&mut self) -> Result<u64, NotARecord> {
        self.array("count").map(u64::from_le_bytes)
    }

    fn found(&mut self) -> Result<Found, NotARecord> {
        match self.byte("found")? {
            0 => Ok(Found::ByKey),
            1 => Ok(Found::ByBoth),
            _ => Err(NotARecord("found")),
        }
    }

    fn whole_card(&mut self) -> Result<(Card, Funds), NotARecord> {
        let mut card = Card {
            id: CardId(self.array("card id")?),
            pan_key: PanKey(self.array("card key")?),
            sealed_pan: SealedPan(self.text()?.into()),
            expiry: self.expiry()?,
            product: codec::product(self.byte("product")?)?,
            status: codec::status(self.byte("status")?)?,
            pvv: Pvv(self.array("verification value")?),
            tries: self.byte("tries")?,
            holds: std::collections::BTreeSet::new(),
            lines: std::collections::VecDeque::new(),
        };
        let funds = Funds {
            balance: self.amount()?,
            held: self.amount()?,
        };
        let lines = self.number()?;
        // A growing list moves again and again; one line has more than 32 bytes, so this is no
        // more than the bytes that are there can hold.
        let fit = u32::try_from(self.0.len() / 32).unwrap_or(u32::MAX);
        card.lines
            .reserve_exact(usize::try_from(lines.min(fit)).unwrap_or_default());
        for _ in 0..lines {
            card.lines.push_back(self.line()?);
        }
        Ok((card, funds))
    }

    fn line(&mut self) -> Result<Line, NotARecord> {
        Ok(Line {
            number: self.count()?,
            at: self.timestamp()?,
            kind: kind(self.byte("kind of line")?)?,
            amount: self.amount()?,
            balance: self.amount()?,
            merchant: self.short()?,
            terminal: self.short()?,
            rrn: self.short()?,
        })
    }

    fn account(&mut self) -> Result<Account, NotARecord> {
        Ok(match self.byte("account")? {
            0 => Account::Card(self.card()?),
            1 => Account::LoadClearing(codec::channel(self.byte("channel")?)?),
            2 => Account::MerchantPayable(Acquirer(self.count()?)),
            3 => Account::Suspense,
            _ => return Err(NotARecord("account")),
        })
    }

    fn outcome(&mut self) -> Result<Outcome, NotARecord> {
        Ok(match self.byte("outcome")? {
            0 => Outcome::Answered(Answered {
                fingerprint: Fingerprint(self.key()?),
                answer: self.answer()?,
                card: self.maybe(Self::card)?,
                acquirer: Acquirer(self.count()?),
                forwarder: self.forwarder()?,
                attempt: self.attempt()?,
                standing: self.effect()?,
                reversed: match self.byte("reversed")? {
                    0 => false,
                    1 => true,
                    _ => return Err(NotARecord("reversed")),
                },
            }),
            1 => Outcome::Tombstone,
            2 => Outcome::Charged {
                fingerprint: Fingerprint(self.key()?),
            },
            _ => return Err(NotARecord("outcome")),
        })
    }
}

const fn kind_code(kind: LineKind) -> u8 {
    match kind {
        LineKind::Charge => 0,
        LineKind::Purchase => 1,
        LineKind::Completion => 2,
        LineKind::Refund => 3,
        LineKind::Reversal => 4,
    }
}

const fn kind(code: u8) -> Result<LineKind, NotARecord> {
    match code {
        0 => Ok(LineKind::Charge),
        1 => Ok(LineKind::Purchase),
        2 => Ok(LineKind::Completion),
        3 => Ok(LineKind::Refund),
        4 => Ok(LineKind::Reversal),
        _ => Err(NotARecord("kind of line")),
    }
}

const TAG_COUNTS: u8 = 1;
const TAG_CARD: u8 = 2;
const TAG_ACCOUNT: u8 = 3;
const TAG_ENTRY: u8 = 4;
const TAG_HOLD: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::Books;
    use crate::kit::{World, eventful, policy, pre_authorization, purchase, reversal};

    fn bytes(books: &Books) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in books.parts() {
            encode(&part, &mut bytes);
        }
        bytes
    }

    fn restored(mut bytes: &[u8]) -> Books {
        let mut books = Books::new(policy());
        while !bytes.is_empty() {
            let (part, rest) = decode(bytes).unwrap();
            books.restore(part).unwrap();
            bytes = rest;
        }
        books
    }

    #[test]
    fn books_come_back_from_their_parts_whatever_they_went_through() {
        let mut world = eventful();
        for step in 0..3 {
            let whole = bytes(&world.books);
            let mut again = restored(&whole);
            assert_eq!((&again, &bytes(&again)), (&world.books, &whole), "{step}");
            // And go on as the others do.
            for stan in 20..23 {
                let held = pre_authorization(stan + 100 * step, 7).build();
                for request in [held.clone(), reversal(stan, &held).build()] {
                    let other = again.handle(&request, world.now).unwrap();
                    assert_eq!(other.1, world.send(&request));
                }
            }
            world.send(&pre_authorization(500 + step, 7).build());
            world.wait(30 * 3_600);
        }
    }

    #[test]
    fn a_second_key_that_another_had_first_finds_nothing_after_a_restore_either() {
        let mut world = World::with(1_000);
        let first = purchase(1, 10).build();
        // The same DE 7, 11, 32, 41 and 42, but another DE 37: another transaction.
        let other = purchase(1, 10).trace(|trace| trace.rrn = Default::default());
        let other = other.build();
        assert_eq!(first.keys.second, other.keys.second);
        world.send(&first);
        world.wait(24 * 3_600);
        world.send(&other);
        world.wait(25 * 3_600);
        assert_eq!(world.books.keys_len(), 1, "the first is forgotten");
        let by_second = |books: &Books| {
            let undo = reversal(2, &other).trace(|trace| trace.local_time = Some(1));
            books.clone().handle(&undo.build(), world.now).unwrap()
        };
        let again = restored(&bytes(&world.books));
        assert_eq!(by_second(&again), by_second(&world.books));
    }

    #[test]
    fn a_part_cut_short_or_of_an_unknown_tag_is_none() {
        for part in eventful().books.parts() {
            let mut bytes = Vec::new();
            encode(&part, &mut bytes);
            assert_eq!(decode(&bytes), Ok((part, &[][..])));
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "{length}");
            }
            bytes[0] = 0;
            assert_eq!(decode(&bytes), Err(NotARecord("tag")));
        }
    }
}
