//! The script's own cards, and what it knows of their money.

use anyhow::Context;
use iso8583::element::Pan;
use serde_json::{Value, json};

use crate::script::Stage;
use crate::transcript::won;

/// A card issued for this run.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) pan: Pan,
    pub(crate) expiry: String,
    pub(crate) password: &'static str,
    /// Won put on it so far.
    pub(crate) charged: u64,
    /// Won that approvals took off it, less what came back.
    pub(crate) spent: u64,
}

impl Card {
    pub(crate) async fn issue(stage: &Stage<'_>, password: &'static str) -> anyhow::Result<Self> {
        let order = json!({ "password": password });
        let issued = stage.world.office.post("/v1/cards", "", order).await?;
        let pan: Pan = text(&issued, "number")?.parse()?;
        let (id, expiry) = (text(&issued, "card_id")?, text(&issued, "expiry")?);
        stage
            .transcript
            .office(&format!("a4  card {pan} issued, expiry {expiry} (YYMM)"));
        Ok(Self {
            id,
            pan,
            expiry,
            password,
            charged: 0,
            spent: 0,
        })
    }

    pub(crate) async fn charge(
        &mut self,
        stage: &mut Stage<'_>,
        amount: u64,
        channel: &str,
    ) -> anyhow::Result<()> {
        let key = format!("demo-{}-{}", self.id, self.charged);
        let path = format!("/v1/cards/{}/charges", self.id);
        let order = json!({ "amount": amount, "channel": channel });
        let charged = stage.world.office.post(&path, &key, order).await?;
        let balance = number(&charged, "balance")?;
        self.charged += amount;
        let words = channel.replace('_', " ");
        let (amount, left) = (won(amount), won(balance));
        let text = format!("a7  card {} charged {amount} by {words}: {left}", self.pan);
        stage.transcript.office(&text);
        let due = self.due();
        stage
            .transcript
            .check(balance == due, &format!("balance is {}", won(due)));
        Ok(())
    }

    /// What must be on the card: charged less spent.
    pub(crate) const fn due(&self) -> u64 {
        self.charged.saturating_sub(self.spent)
    }

    /// What the issuer says is on the card.
    pub(crate) async fn balance(&self, stage: &Stage<'_>) -> anyhow::Result<u64> {
        let card = stage
            .world
            .office
            .get_json(&format!("/v1/cards/{}", self.id))
            .await?;
        number(&card, "balance")
    }

    /// Checks that it is what it must be.
    pub(crate) async fn check(&self, stage: &mut Stage<'_>, what: &str) -> anyhow::Result<()> {
        let (found, due) = (self.balance(stage).await?, self.due());
        let text = if found == due {
            format!("{what}: {}", won(due))
        } else {
            format!("{what}: {}, found {}", won(due), won(found))
        };
        stage.transcript.check(found == due, &text);
        Ok(())
    }

    /// Track 2 of the physical card.
    pub(crate) fn track2(&self) -> String {
        format!("{}={}1010000000000000", self.pan.reveal(), self.expiry)
    }
}

pub(crate) fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .with_context(|| format!("no {name} in the answer {value}"))
}

pub(crate) fn number(value: &Value, name: &str) -> anyhow::Result<u64> {
    let number = value.get(name).and_then(Value::as_u64);
    number.with_context(|| format!("no {name} in the answer {value}"))
}
