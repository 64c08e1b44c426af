//! An issuer that deducts and then falls silent: the worst case a switch is there for.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use crate::script::cards::Card;
use crate::script::shop::{self, Expect};
use crate::script::{Kind, Stage};
use crate::transcript::won;

/// How long the reversal may take once the issuer is back.
const BACK: Duration = Duration::from_secs(15);

/// A purchase whose answer is lost: 91, then the reversal gives the money back.
pub(crate) async fn play(
    stage: &mut Stage<'_>,
    card: &mut Card,
    amount: u64,
) -> anyhow::Result<()> {
    // It processes the purchase and loses the answer ...
    silence(stage, json!({ "on": true, "mode": "after" })).await?;
    let asked = Instant::now();
    let world = stage.world;
    let (answer, hung) = tokio::join!(shop::ask(stage, card, amount), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // ... and from then on hears nothing at all, the reversal neither.
        world
            .office
            .post(
                "/v1/sandbox/silence",
                "",
                json!({ "on": true, "mode": "before" }),
            )
            .await
    });
    hung?;
    shop::told(stage, card, amount, Expect::IssuerSilent, &answer?, asked);
    let taken = card.due().checked_sub(card.balance(stage).await?);
    let text = format!("the issuer has deducted {} all the same", won(amount));
    stage.transcript.check(taken == Some(amount), &text);
    stage.transcript.check(
        pending(stage).await? == 1,
        "the switch keeps one reversal (0420, 68)",
    );

    silence(stage, json!({ "on": false })).await?;
    let back = Instant::now();
    while pending(stage).await? > 0 && back.elapsed() < BACK {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let settled = pending(stage).await? == 0;
    stage.transcript.check(
        settled,
        "the issuer is back and acknowledges the repeat (0421 → 0430)",
    );
    stage.outcome(Kind::Reversed, amount);
    card.check(stage, "nothing was paid for nothing; on the card are")
        .await
}

async fn silence(stage: &Stage<'_>, order: serde_json::Value) -> anyhow::Result<()> {
    stage
        .world
        .office
        .post("/v1/sandbox/silence", "", order)
        .await
        .map(|_| ())
}

/// What the switch's own gauge says.
async fn pending(stage: &Stage<'_>) -> anyhow::Result<u64> {
    let (_, page) = stage.world.admin.get("/metrics").await?;
    let gauge = page
        .lines()
        .find(|line| line.starts_with("switch_forward_pending"));
    let value = gauge.and_then(|line| line.split(' ').next_back());
    value
        .and_then(|value| value.parse().ok())
        .context("no gauge of pending reversals")
}
