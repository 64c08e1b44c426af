//! A VAN that speaks bare ISO 8583: an 0200, and the same again as 0201.

use std::time::Instant;

use iso8583::element::{ResponseCode, local_date, local_time, transmission_time};
use iso8583::{Message, Mti};
use iso8583_link::{Client, LinkConfig};
use jiff::Timestamp;
use jiff::tz::Offset;
use tokio_util::sync::CancellationToken;

use crate::script::cards::Card;
use crate::script::{Kind, Stage};
use crate::transcript::Exchange;

/// Sends a purchase and its repeat: one approval, one movement.
pub(crate) async fn repeat(
    stage: &mut Stage<'_>,
    card: &mut Card,
    amount: u64,
) -> anyhow::Result<()> {
    let link = LinkConfig {
        sign_on: true,
        ..LinkConfig::default()
    }
    .parse()?;
    let shutdown = CancellationToken::new();
    let client = Client::spawn(stage.world.van.to_string(), link, shutdown.clone());
    let _leave = shutdown.drop_guard();
    while !client.is_up() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let mut message = purchase(card, amount);
    let first = ask(stage, &client, card, amount, &message).await?;
    card.spent += amount;
    stage.outcome(Kind::Approved, amount);
    message.set_mti(message.mti().repeat());
    let again = ask(stage, &client, card, amount, &message).await?;
    let same = first.fields().eq(again.fields());
    stage
        .transcript
        .check(same, "the repeat got the first answer, field by field");
    card.check(stage, "the money moved once; on the card are")
        .await
}

async fn ask(
    stage: &mut Stage<'_>,
    client: &Client,
    card: &Card,
    amount: u64,
    message: &Message,
) -> anyhow::Result<Message> {
    let asked = Instant::now();
    let answer = client.request(message.clone()).await?;
    let code = answer
        .field(39)
        .and_then(|code| ResponseCode::try_from(code).ok());
    let (request, response) = (message.mti().to_string(), answer.mti().to_string());
    stage.transcript.exchange(&Exchange {
        parties: &["VAN", "switch", "issuer"],
        mti: (&request, &response),
        what: if message.mti().is_repeat() {
            "the same again"
        } else {
            "STAN 000123"
        },
        amount: Some(amount),
        card: &card.pan.to_string(),
        code,
        note: format!("approval {}", answer.text(38).unwrap_or("none")),
        latency: asked.elapsed(),
        expected: ResponseCode::APPROVED,
    });
    Ok(answer)
}

fn purchase(card: &Card, amount: u64) -> Message {
    let now = Timestamp::now();
    let seoul = Offset::constant(9);
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    message
        .set(2, card.pan.reveal().as_bytes())
        .set(3, b"000000")
        .set(4, format!("{amount:012}").as_bytes())
        .set(7, &transmission_time(now))
        .set(11, b"000123")
        .set(12, &local_time(now, seoul))
        .set(13, &local_date(now, seoul))
        .set(14, card.expiry.as_bytes())
        .set(18, b"5945")
        .set(22, b"012")
        .set(25, b"59")
        .set(32, b"450002")
        .set(37, b"DEMO00000123")
        .set(41, b"TERM0009")
        .set(42, b"MERCHANT0000009")
        .set(49, b"410");
    message
}
