//! What becomes of payments, from the mall to the switch and back.

use serde_json::json;

use crate::world::{Reaction, World, answer, approve, order, sale};

#[tokio::test]
async fn a_sale_is_approved_and_can_be_asked_for() {
    let world = World::start(|_| {}).await;
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "approved");
    assert_eq!(payment["response_code"], "00");
    assert_eq!(payment["response_words"], "approved");
    assert_eq!(payment["approval_number"], "A12345");
    assert_eq!(payment["amount"], 15_000);
    assert_eq!(payment["currency"], "KRW");
    assert_eq!(payment["balance"], 485_000);
    assert_eq!(payment["card"], "999999******0005");
    assert_eq!(payment["debugging_id"].as_str().unwrap().len(), 32);

    let [sent] = &world.received()[..] else {
        panic!("{:?}", world.received());
    };
    assert_eq!(sent.mti().to_string(), "0200");
    assert_eq!(sent.text(2), Some("9999990100000005"));
    assert_eq!(sent.text(4), Some("000000015000"));
    assert_eq!(sent.text(11), payment["stan"].as_str());
    assert_eq!(sent.text(14), Some("3012"));
    assert_eq!(sent.text(22), Some("012"));
    assert_eq!(sent.text(25), Some("59"));
    assert_eq!(sent.text(32), Some("450001"));
    assert_eq!(sent.text(37), payment["rrn"].as_str());
    assert_eq!(sent.text(41), Some("TERM0001"));
    assert_eq!(
        sent.text(48),
        Some("01008MALL000102005ORD-103010CUST00004209009red robot")
    );
    assert!(!sent.has(52));

    let id = payment["payment_id"].as_str().unwrap();
    for path in [
        format!("/v1/payments/{id}"),
        "/v1/payments?mall_id=MALL0001&order_id=ORD-1".to_owned(),
    ] {
        let (status, mut found) = world.get(&path).await;
        found["debugging_id"] = payment["debugging_id"].clone();
        assert_eq!((status, &found), (200, &payment), "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_card_password_travels_as_a_pin_block() {
    let world = World::start(|_| {}).await;
    let mut sale = sale("ORD-1");
    sale["card"]["password"] = json!("1234");
    world.post("/v1/payments", sale).await;
    let sent = &world.received()[0];
    assert_eq!(sent.text(22), Some("011"));
    // The block of PIN 1234 and the sandbox card under the test key, as in the golden messages.
    assert_eq!(
        sent.field(52),
        Some(&[0xDE, 0xF2, 0x47, 0xF8, 0x2B, 0x55, 0xA3, 0x58][..])
    );
    world.stop().await;
}

#[tokio::test]
async fn a_decline_is_told_with_its_reason() {
    let world = World::start(|_| {}).await;
    world.switch(|request| answer(request, b"51", |_| {}));
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "declined");
    assert_eq!(payment["response_code"], "51");
    assert_eq!(payment["response_words"], "not sufficient funds");
    assert!(payment.get("approval_number").is_none());
    let id = payment["payment_id"].as_str().unwrap();
    let (status, problem) = world
        .post(&format!("/v1/payments/{id}/cancel"), json!({}))
        .await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(world.received_mtis(), ["0200"]);
    world.stop().await;
}

#[tokio::test]
async fn a_sale_without_an_answer_is_reversed_until_that_is_confirmed() {
    let world = World::start(|_| {}).await;
    let mut reversals = 0;
    world.switch(move |request| match request.mti().to_string().as_str() {
        "0420" | "0421" => {
            reversals += 1;
            if reversals < 3 {
                Reaction::Silence
            } else {
                answer(request, b"00", |_| {})
            }
        }
        _ => Reaction::Silence,
    });
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "unknown");
    assert!(payment.get("response_code").is_none());
    world
        .eventually("the sale is cancelled", async || {
            world.status_of(&payment).await == "cancelled"
        })
        .await;
    assert_eq!(world.received_mtis(), ["0200", "0420", "0421", "0421"]);
    let received = world.received();
    for repeat in &received[2..] {
        for (de, value) in received[1].fields() {
            assert_eq!(repeat.field(de), Some(value), "DE {de}");
        }
    }
    let (sale, reversal) = (&received[0], &received[1]);
    assert_eq!(reversal.text(39), Some("68"));
    assert_ne!(reversal.text(11), sale.text(11));
    for de in [2, 3, 4, 12, 13, 22, 25, 32, 37, 41, 42, 49] {
        assert_eq!(reversal.field(de), sale.field(de), "DE {de}");
    }
    let original = format!(
        "0200{}{}0000045000100000000000",
        sale.text(11).unwrap(),
        sale.text(7).unwrap()
    );
    assert_eq!(reversal.text(90), Some(original.as_str()));
    world.stop().await;
}

#[tokio::test]
async fn a_lost_link_leaves_a_sale_unknown_and_the_reversal_follows_on_the_next() {
    let world = World::start(|_| {}).await;
    world.switch(|request| match request.mti().to_string().as_str() {
        "0200" => Reaction::HangUp,
        _ => answer(request, b"25", |_| {}),
    });
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "unknown");
    world
        .eventually("the sale is cancelled", async || {
            world.status_of(&payment).await == "cancelled"
        })
        .await;
    assert_eq!(
        world.received_mtis(),
        ["0200", "0420"],
        "what never left is no repeat"
    );
    world.stop().await;
}

#[tokio::test]
async fn an_approval_without_a_number_is_reversed() {
    let world = World::start(|_| {}).await;
    world.switch(|request| answer(request, b"00", |_| {}));
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "unknown");
    world
        .eventually("the sale is cancelled", async || {
            world.status_of(&payment).await == "cancelled"
        })
        .await;
    world.stop().await;
}

#[tokio::test]
async fn without_a_switch_a_sale_is_declined_and_not_reversed() {
    let world = World::start_alone(|_| {}).await;
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "declined");
    assert_eq!(payment["response_code"], "91");
    assert_eq!(
        world.get("/healthz").await.1,
        json!({ "status": "ok", "link": "down" })
    );
    world.stop().await;
}

#[tokio::test]
async fn a_cancel_on_the_same_day_gives_the_money_back_once() {
    let world = World::start(|_| {}).await;
    let payment = world.pay("ORD-1").await;
    let id = payment["payment_id"].as_str().unwrap();
    for _ in 0..2 {
        let (status, cancelled) = world
            .post(&format!("/v1/payments/{id}/cancel"), json!({}))
            .await;
        assert_eq!(status, 200, "{cancelled}");
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(cancelled["approval_number"], "A12345");
    }
    let [_, cancel] = &world.received()[..] else {
        panic!("{:?}", world.received());
    };
    assert_eq!(cancel.mti().to_string(), "0400");
    assert_eq!(cancel.text(39), Some("17"));
    assert_eq!(cancel.text(38), Some("A12345"));
    let key = format!("14014{}A12345", payment["approval_date"].as_str().unwrap());
    assert!(cancel.text(48).unwrap().ends_with(&key));
    world.stop().await;
}

#[tokio::test]
async fn a_cancel_refused_says_why() {
    let world = World::start(|_| {}).await;
    let payment = world.pay("ORD-1").await;
    world.switch(|request| answer(request, b"64", |_| {}));
    let id = payment["payment_id"].as_str().unwrap();
    let (status, problem) = world
        .post(&format!("/v1/payments/{id}/cancel"), json!({}))
        .await;
    assert_eq!(status, 409);
    assert_eq!(
        problem["detail"],
        "the cancel was refused with 64, original amount incorrect"
    );
    assert_eq!(world.status_of(&payment).await, "approved");
    world.stop().await;
}

#[tokio::test]
async fn a_net_cancel_undoes_an_approval_and_is_idempotent() {
    let world = World::start(|_| {}).await;
    world.pay("ORD-1").await;
    for _ in 0..2 {
        let (status, done) = world.post("/v1/payments/net-cancel", order("ORD-1")).await;
        assert_eq!(status, 200, "{done}");
        assert_eq!(done["result"], "done");
        assert_eq!(done["words"], "cancelled, or there was nothing to cancel");
        assert_eq!(done["payment"]["status"], "cancelled");
    }
    assert_eq!(world.received_mtis(), ["0200", "0420"]);
    world.stop().await;
}

#[tokio::test]
async fn a_net_cancel_of_an_order_never_seen_succeeds_and_bars_it() {
    let world = World::start(|_| {}).await;
    let (status, done) = world.post("/v1/payments/net-cancel", order("ORD-1")).await;
    assert_eq!(
        (status, &done["result"], &done["payment"]),
        (200, &json!("done"), &json!(null))
    );
    let (status, problem) = world.post("/v1/payments", sale("ORD-1")).await;
    assert_eq!(status, 409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("net-cancelled before it came")
    );
    assert!(world.received().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_net_cancel_of_a_sale_never_answered_is_accepted_and_done_in_the_end() {
    let world = World::start(|_| {}).await;
    world.switch(|_| Reaction::Silence);
    let payment = world.pay("ORD-1").await;
    let (status, accepted) = world.post("/v1/payments/net-cancel", order("ORD-1")).await;
    assert_eq!(
        (status, &accepted["result"]),
        (202, &json!("accepted")),
        "{accepted}"
    );
    assert_eq!(accepted["payment"]["status"], "unknown");
    world.switch(|request| answer(request, b"00", |_| {}));
    world
        .eventually("the sale is cancelled", async || {
            world.status_of(&payment).await == "cancelled"
        })
        .await;
    let (status, done) = world.post("/v1/payments/net-cancel", order("ORD-1")).await;
    assert_eq!((status, &done["result"]), (200, &json!("done")));
    world.stop().await;
}

#[tokio::test]
async fn the_same_order_again_gets_the_stored_answer_and_moves_no_money() {
    let world = World::start(|_| {}).await;
    let (mut first, mut second) = tokio::join!(world.pay("ORD-1"), world.pay("ORD-1"));
    let mut third = world.pay("ORD-1").await;
    for payment in [&mut first, &mut second, &mut third] {
        payment["debugging_id"] = json!(null);
    }
    assert_eq!((&first, &first), (&second, &third));
    assert_eq!(world.received_mtis(), ["0200"]);
    let mut other = sale("ORD-1");
    other["amount"] = json!(15_001);
    let (status, problem) = world.post("/v1/payments", other).await;
    assert_eq!(status, 409);
    assert_eq!(
        problem["detail"],
        "order ORD-1 of mall MALL0001 exists with other content; use another order id"
    );
    let mut other_mall = sale("ORD-1");
    other_mall["mall_id"] = json!("MALL0002");
    let (status, payment) = world.post("/v1/payments", other_mall).await;
    assert_eq!((status, &payment["status"]), (200, &json!("approved")));
    world.stop().await;
}

#[tokio::test]
async fn a_balance_is_asked_for() {
    let world = World::start(|_| {}).await;
    let ask = json!({ "mall_id": "MALL0001", "card": { "number": "9999990100000005" } });
    let (status, balance) = world.post("/v1/cards/balance", ask.clone()).await;
    assert_eq!(status, 200, "{balance}");
    assert_eq!(balance["status"], "approved");
    assert_eq!(
        (&balance["ledger"], &balance["available"]),
        (&json!(500_000), &json!(485_000))
    );
    assert_eq!(world.received()[0].text(3), Some("310000"));
    world.switch(|_| Reaction::Silence);
    let (_, balance) = world.post("/v1/cards/balance", ask).await;
    assert_eq!(balance["status"], "unknown");
    assert_eq!(
        world.received_mtis(),
        ["0100", "0100"],
        "an inquiry is not reversed"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_sale_under_way_is_finished_before_the_van_stops() {
    let world = World::start(|_| {}).await;
    world.switch(|request| match request.mti().to_string().as_str() {
        "0200" => Reaction::Silence,
        _ => approve(request),
    });
    let (payment, ()) = tokio::join!(world.pay("ORD-1"), async {
        world
            .eventually("the sale is out", async || world.received().len() == 1)
            .await;
        world.begin_to_stop();
    });
    assert_eq!(payment["status"], "unknown");
    assert_eq!(world.stop().await, ["0200", "0420"]);
}
