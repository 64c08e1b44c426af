//! The office API.

use serde_json::{Value, json};

use crate::world::{World, code, pin_block, purchase};

fn issue(world: &World) -> Value {
    let (status, card) = world.office("POST /v1/cards", Some(json!({ "password": "2468" })));
    assert_eq!(status, 201);
    card
}

fn charge(world: &World, card: &str, key: &str, amount: i64) -> (u16, Value) {
    world.office_with(
        &format!("POST /v1/cards/{card}/charges"),
        &[("idempotency-key", key)],
        Some(json!({ "amount": amount, "channel": "transfer" })),
    )
}

#[test]
fn a_card_is_issued_charged_spent_and_shown() {
    let world = World::new();
    let issued = issue(&world);
    let (card, number) = (
        issued["card_id"].as_str().unwrap(),
        issued["number"].as_str().unwrap(),
    );
    assert!(number.starts_with("999999") && number.len() == 16);
    assert_eq!(issued["product"], "anonymous");
    assert_eq!(
        charge(&world, card, "k1", 50_000),
        (
            201,
            json!({ "card_id": card, "balance": 50_000, "available": 50_000, "repeated": false })
        )
    );
    let (status, again) = charge(&world, card, "k1", 50_000);
    assert_eq!(
        (status, &again["repeated"], &again["balance"]),
        (200, &json!(true), &json!(50_000))
    );

    let mut request = purchase(1, 20_000);
    request.set(2, number.as_bytes()).remove(14);
    request.set(52, &pin_block("2468", number));
    assert_eq!(code(&world.connect().ask(&request)), "00");

    let (_, view) = world.office(&format!("GET /v1/cards/{card}"), None);
    let masked = format!("{}******{}", &number[..6], &number[12..]);
    assert_eq!(view["number"], masked);
    assert_eq!(
        (&view["balance"], &view["status"]),
        (&json!(30_000), &json!("active"))
    );
    let (_, page) = world.office(&format!("GET /v1/cards/{card}/entries?limit=1"), None);
    let entry = &page["entries"][0];
    assert_eq!(
        (&entry["kind"], &entry["amount"]),
        (&json!("purchase"), &json!(-20_000))
    );
    assert_eq!(entry["merchant"], "MALL00000000001");
    let before = page["next_before"].as_u64().unwrap();
    let (_, page) = world.office(
        &format!("GET /v1/cards/{card}/entries?before={before}"),
        None,
    );
    assert_eq!(page["entries"][0]["kind"], "charge");
    assert_eq!(page["next_before"], Value::Null);
}

#[test]
fn the_trial_balance_proves_the_books() {
    let world = World::new();
    world.connect().ask(&purchase(1, 20_000));
    let (status, trial) = world.office("GET /v1/trial-balance", None);
    assert_eq!(status, 200);
    let charged = 500_000 + 10_000 * 10_000_000_i64;
    assert_eq!(trial["balanced"], true);
    assert_eq!(trial["sum"], 0);
    assert_eq!(trial["charged"], charged);
    assert_eq!(trial["spent"], 20_000);
    assert_eq!(trial["accounts"]["cards"], charged - 20_000);
    assert_eq!(trial["cards"], 10_001);
}

#[test]
fn errors_are_problems_in_a_sentence_that_repeats_no_secret() {
    let world = World::new();
    let issued = issue(&world);
    let card = issued["card_id"].as_str().unwrap();
    let detail = |(status, problem): (u16, Value)| {
        assert_eq!(problem["status"], status);
        (status, problem["detail"].as_str().unwrap().to_owned())
    };
    let cap = detail(charge(&world, card, "cap", 500_001));
    assert_eq!(
        cap,
        (
            422,
            "an anonymous card may hold at most 500000; it holds 0".into()
        )
    );
    charge(&world, card, "k1", 1);
    let other = detail(charge(&world, card, "k1", 2));
    assert_eq!(
        other,
        (
            409,
            "this idempotency key was used for another charge".into()
        )
    );
    let body = json!({ "amount": 1, "channel": "cash" });
    let keyless = world.office(&format!("POST /v1/cards/{card}/charges"), Some(body));
    assert_eq!(detail(keyless).0, 400);
    let missing = world.office("POST /v1/cards", Some(json!({})));
    assert_eq!(
        detail(missing),
        (
            422,
            "the body is not what this resource takes: missing field `password`".into()
        )
    );
    for secret in [
        json!({ "number": 9_999_990_100_000_005_u64 }),
        json!({ "number": "12345678x" }),
    ] {
        let (_, text) = world.office_raw("POST /v1/cards/lookup", &[], &secret.to_string());
        assert!(
            !text.contains("99999901") && !text.contains("12345678"),
            "{text}"
        );
    }
    let unknown = json!({ "number": "9999991000000007" });
    assert_eq!(world.office("POST /v1/cards/lookup", Some(unknown)).0, 404);
    assert_eq!(world.office("GET /v1/cards/card_00", None).0, 404);
    assert_eq!(world.office("GET /nothing", None).0, 404);
    assert_eq!(world.office("DELETE /v1/cards", None).0, 405);
    assert_eq!(
        world
            .office_raw("POST /v1/cards", &[], &" ".repeat(20_000))
            .0,
        413
    );
    assert_eq!(world.office("GET /metrics", None).0, 404);
    assert_eq!(
        world.office("GET /healthz", None),
        (200, json!({ "status": "ok" }))
    );
}

#[test]
fn a_status_set_at_the_office_answers_at_the_host() {
    let world = World::new();
    let card = world.sandbox_card();
    let mut acquirer = world.connect();
    for (stan, (status, expected)) in (1..).zip([
        ("blocked", "62"),
        ("not_active", "57"),
        ("active", "00"),
        ("lost", "41"),
        ("stolen", "43"),
        ("closed", "14"),
    ]) {
        let change = Some(json!({ "status": status }));
        let (answer, view) = world.office(&format!("PUT /v1/cards/{card}/status"), change);
        assert_eq!((answer, &view["status"]), (200, &json!(status)));
        assert_eq!(
            code(&acquirer.ask(&purchase(stan, 1))),
            expected,
            "{status}"
        );
    }
    let reopened = world.office(
        &format!("PUT /v1/cards/{card}/status"),
        Some(json!({ "status": "active" })),
    );
    assert_eq!(reopened.0, 409);
}
