//! Buying in an online mall, through its VAN.

use std::time::Instant;

use iso8583::element::ResponseCode;
use serde_json::{Value, json};

use crate::script::cards::{Card, text};
use crate::script::{Kind, Stage};
use crate::transcript::{Exchange, won};

/// How a purchase must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Approved,
    InsufficientFunds,
    IssuerSilent,
}

/// Whom an online purchase crosses.
const ONLINE: [&str; 4] = ["mall", "VAN", "switch", "issuer"];

/// An order with number and password typed into the mall's form.
pub(crate) async fn buy(
    stage: &mut Stage<'_>,
    card: &mut Card,
    amount: u64,
    expect: Expect,
) -> anyhow::Result<()> {
    let asked = Instant::now();
    let answer = ask(stage, card, amount).await?;
    told(stage, card, amount, expect, &answer, asked);
    card.check(stage, "the issuer's ledger has on the card")
        .await
}

/// Sends the order and waits.
pub(crate) async fn ask(stage: &mut Stage<'_>, card: &Card, amount: u64) -> anyhow::Result<Value> {
    stage.orders += 1;
    let order = json!({
        "mall_id": "MALL0001",
        "customer_id": "CUST000042",
        "order_id": format!("ORD-{}-{}", std::process::id(), stage.orders),
        "goods_name": "Wooden train",
        "amount": amount,
        "card": {
            "number": card.pan.reveal(), "expiry": card.expiry, "password": card.password,
        },
    });
    stage.world.malls.post("/v1/payments", "", order).await
}

/// Prints and counts what came back.
pub(crate) fn told(
    stage: &mut Stage<'_>,
    card: &mut Card,
    amount: u64,
    expect: Expect,
    answer: &Value,
    asked: Instant,
) {
    let code = text(answer, "response_code").ok();
    let code = code.and_then(|code| ResponseCode::try_from(code.as_bytes()).ok());
    if code.is_some_and(ResponseCode::approves) {
        card.spent += amount;
        stage.outcome(Kind::Approved, amount);
    } else if expect != Expect::IssuerSilent {
        stage.outcome(Kind::Declined, amount);
    }
    let approval = text(answer, "approval_number").map(|number| format!("approval {number}"));
    let left = answer
        .get("balance")
        .and_then(Value::as_u64)
        .map(|left| format!(", {} left", won(left)));
    let pan = card.pan.to_string();
    stage.transcript.exchange(&Exchange {
        parties: &ONLINE,
        mti: ("0200", "0210"),
        what: "TOYLAND ONLINE",
        amount: Some(amount),
        card: &pan,
        code,
        note: approval.unwrap_or_default() + &left.unwrap_or_default(),
        latency: asked.elapsed(),
        expected: match expect {
            Expect::Approved => ResponseCode::APPROVED,
            Expect::InsufficientFunds => ResponseCode::INSUFFICIENT_FUNDS,
            Expect::IssuerSilent => ResponseCode::ISSUER_INOPERATIVE,
        },
    });
}
