//! A shop's terminal: swipe, card password, slip.

use iso8583::element::ResponseCode;
use pos_sim::{Order, Pos, Transaction};

use crate::script::cards::Card;
use crate::script::{Kind, Stage};
use crate::transcript::{Exchange, won};
use crate::world::World;

/// How a sale must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Approved,
    WrongPassword,
}

/// A shop with one terminal.
#[derive(Debug)]
pub(crate) struct Shop {
    pos: Pos,
}

/// Whom a purchase at a terminal crosses.
const AT_THE_SHOP: [&str; 3] = ["terminal", "switch", "issuer"];

impl Shop {
    pub(crate) fn open(world: &World) -> anyhow::Result<Self> {
        let config = pos_sim::Config {
            host: world.pos.to_string(),
            ..Default::default()
        };
        Ok(Self {
            pos: Pos::open(config)?,
        })
    }

    pub(crate) async fn sale(
        &mut self,
        stage: &mut Stage<'_>,
        card: &mut Card,
        amount: u64,
        expect: Expect,
    ) -> anyhow::Result<()> {
        let (password, expected) = match expect {
            Expect::Approved => (card.password, ResponseCode::APPROVED),
            Expect::WrongPassword => ("9999", ResponseCode::INCORRECT_PIN),
        };
        let order = Order::Sale {
            amount,
            card: swiped(card)?,
            pin: Some(password.parse()?),
        };
        let sale = self
            .transact(stage, &order, ("0200", "0210"), expected)
            .await?;
        if sale.code.is_some_and(ResponseCode::approves) {
            card.spent += amount;
            stage.outcome(Kind::Approved, amount);
        } else {
            stage.outcome(Kind::Declined, amount);
        }
        card.check(stage, "the issuer's ledger has on the card")
            .await
    }

    pub(crate) async fn sale_and_cancel(
        &mut self,
        stage: &mut Stage<'_>,
        card: &mut Card,
        amount: u64,
    ) -> anyhow::Result<()> {
        let pin = Some(card.password.parse()?);
        let order = Order::Sale {
            amount,
            card: swiped(card)?,
            pin,
        };
        let sale = self
            .transact(stage, &order, ("0200", "0210"), ResponseCode::APPROVED)
            .await?;
        let order = Order::Cancel {
            rrn: sale.rrn,
            card: swiped(card)?,
        };
        self.transact(stage, &order, ("0400", "0410"), ResponseCode::APPROVED)
            .await?;
        stage.outcome(Kind::Cancelled, amount);
        card.check(stage, "all of it came back").await
    }

    pub(crate) async fn balance(
        &mut self,
        stage: &mut Stage<'_>,
        card: &Card,
    ) -> anyhow::Result<()> {
        let order = Order::Balance {
            card: swiped(card)?,
            pin: Some(card.password.parse()?),
        };
        let told = self
            .transact(stage, &order, ("0100", "0110"), ResponseCode::APPROVED)
            .await?
            .available;
        let due = i64::try_from(card.due())?;
        let text = format!("the terminal is told {}", won(card.due()));
        stage.transcript.check(told == Some(due), &text);
        Ok(())
    }

    async fn transact(
        &mut self,
        stage: &mut Stage<'_>,
        order: &Order,
        mti: (&str, &str),
        expected: ResponseCode,
    ) -> anyhow::Result<Transaction> {
        let outcome = self.pos.transact(order).await?;
        let transaction = outcome.transaction;
        let approval = transaction
            .approval
            .as_ref()
            .map(|number| format!("approval {number}"));
        let left = transaction
            .available
            .and_then(|left| u64::try_from(left).ok());
        let left = left
            .map(|left| format!(", {} left", won(left)))
            .unwrap_or_default();
        stage.transcript.exchange(&Exchange {
            parties: &AT_THE_SHOP,
            mti,
            what: "TOYLAND, terminal TERM0001",
            amount: Some(transaction.amount).filter(|amount| *amount > 0),
            card: &transaction.card,
            code: transaction.code,
            note: approval.unwrap_or_default() + &left,
            latency: outcome.latency,
            expected,
        });
        if let Some(notice) = outcome.notice {
            stage.transcript.line(&format!("    {notice}"));
        }
        Ok(transaction)
    }
}

fn swiped(card: &Card) -> anyhow::Result<pos_sim::Card> {
    Ok(pos_sim::Card::swiped(&card.track2())?)
}
