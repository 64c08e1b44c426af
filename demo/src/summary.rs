//! What it all came to, and how to connect.

use serde_json::Value;

use crate::script::{Kind, Played};
use crate::transcript::{Transcript, won};
use crate::world::World;

/// What was approved, declined, cancelled and reversed, and the proof that the ledger balances.
pub(crate) async fn print(
    world: &World,
    played: &Played,
    transcript: &mut Transcript,
) -> anyhow::Result<()> {
    transcript.title("\nSummary");
    for (kind, words) in [
        (Kind::Approved, "approved"),
        (Kind::Declined, "declined"),
        (Kind::Cancelled, "cancelled"),
        (Kind::Reversed, "reversed after silence"),
    ] {
        let amounts: Vec<u64> = played
            .outcomes
            .iter()
            .filter(|outcome| outcome.kind == kind)
            .map(|outcome| outcome.amount)
            .collect();
        let (count, sum) = (amounts.len(), won(amounts.iter().sum()));
        transcript.line(&format!("    {count:>3} {words:<24} {sum:>15}"));
    }
    for card in &played.cards {
        let found = world
            .office
            .get_json(&format!("/v1/cards/{}", card.id))
            .await?;
        let balance = found.get("balance").and_then(Value::as_u64);
        let (charged, spent, due) = (won(card.charged), won(card.spent), won(card.due()));
        let text = format!(
            "card {}: {charged} charged − {spent} spent = {due}",
            card.pan
        );
        transcript.check(balance == Some(card.due()), &text);
    }
    let books = world.office.get_json("/v1/trial-balance").await?;
    let of = |path: &str| books.pointer(path).and_then(Value::as_i64);
    let sum = of("/sum");
    transcript.check(sum == Some(0), "the ledger's entries sum to zero");
    let (cards, charged, spent) = (of("/accounts/cards"), of("/charged"), of("/spent"));
    let balanced = match (cards, charged, spent) {
        (Some(cards), Some(charged), Some(spent)) => charged.checked_sub(spent) == Some(cards),
        _ => false,
    };
    let shown = |amount: Option<i64>| {
        amount
            .and_then(|won| u64::try_from(won).ok())
            .map_or_else(|| "?".to_owned(), won)
    };
    let count = books.get("cards").and_then(Value::as_u64).unwrap_or(0);
    let text = format!(
        "all {count} cards: {} charged − {} spent = {} on them",
        shown(charged),
        shown(spent),
        shown(cards)
    );
    transcript.check(balanced, &text);
    match transcript.failures() {
        0 => transcript.title("    every step came out as it must"),
        failures => transcript.title(&format!("    {failures} did not come out as they must")),
    }
    Ok(())
}

/// For those who want to try for themselves.
pub(crate) fn how_to_connect(world: &World, transcript: &mut Transcript) {
    transcript.title("\nThe world stays up. Connect to it:");
    for (what, address, how) in [
        (
            "VAN link",
            world.van.to_string(),
            "iso87-ascii, 2-byte length; any number of connections",
        ),
        (
            "POS link",
            world.pos.to_string(),
            "iso87-bcd, 2-byte length + TPDU",
        ),
        (
            "issuer host",
            world.host.to_string(),
            "iso87-ascii-binmap, 2-byte length",
        ),
        (
            "mall API",
            format!("http://{}", world.malls_address),
            "POST /v1/payments",
        ),
        (
            "issuer office",
            format!("http://{}", world.office_address),
            "POST /v1/cards, GET /v1/trial-balance",
        ),
        (
            "switch admin",
            format!("http://{}", world.admin_address),
            "/metrics /healthz /readyz",
        ),
    ] {
        transcript.line(&format!("    {what:<14} {address:<26} {how}"));
    }
    transcript.line(
        "\n    sandbox card   9999990100000005  expiry 3012 (YYMM)  password 1234  500,000 KRW",
    );
    transcript.line(
        "    load cards     999999 02 nnnnnnn c (n to 0009999, c = Luhn), the same otherwise",
    );
    transcript.line(&format!("    ledger         {}", world.data.display()));
    transcript.line("\n    cargo run --release -p pos-sim -- sale --amount 15000 \\");
    transcript.line("        --swipe '9999990100000005=30121010000000000000' --pin 1234");
    transcript.line("\nCtrl-C stops it.");
}
