//! What malls may not do, and what happens at each bound.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use van_sim::Van;
use van_sim::config::Config;

use crate::world::{Reaction, World, sale};

/// A field of a sale, the value it must not have, the status and the beginning of the answer.
fn wrong_sales() -> Vec<(&'static str, serde_json::Value, u16, &'static str)> {
    let not_a_string = "invalid type, expected a string";
    vec![
        (
            "/mall_id",
            json!("MALL9999"),
            404,
            "mall MALL9999 is not under contract",
        ),
        (
            "/order_id",
            json!(""),
            422,
            "an id must be 1 to 40 printable",
        ),
        (
            "/goods_name",
            json!("a\u{7}"),
            422,
            "a name of goods must be without control",
        ),
        ("/amount", json!(0), 422, "amount is zero"),
        ("/amount", json!(-1), 422, "invalid value, expected u64"),
        (
            "/amount",
            json!(1_000_000_000_000_u64),
            422,
            "amount is not 12 digits",
        ),
        ("/customer_id", json!(7), 422, not_a_string),
        (
            "/card/number",
            json!("9999"),
            422,
            "card number is not 8 to 19 digits",
        ),
        (
            "/card/number",
            json!(9_999_990_100_000_005_u64),
            422,
            not_a_string,
        ),
        (
            "/card/expiry",
            json!("1330"),
            422,
            "expiry is not year and month",
        ),
        (
            "/card",
            json!({ "number": "9999990100000005", "password": 1234 }),
            422,
            not_a_string,
        ),
        (
            "/card",
            json!({ "number": "9999990100000005", "cvv": "123" }),
            422,
            "unknown field `cvv`",
        ),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_sale_is_said_and_no_secret_repeated() {
    let world = World::start(|_| {}).await;
    for (field, value, expected, detail) in wrong_sales() {
        let mut sale = sale("ORD-1");
        *sale.pointer_mut(field).unwrap() = value;
        let (status, problem) = world.post("/v1/payments", sale).await;
        let text = problem.to_string();
        assert_eq!(status, expected, "{text}");
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{text}"
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["debugging_id"].as_str().unwrap().len(), 32);
        assert!(
            !text.contains("99999901") && !text.contains("`1234`"),
            "{text}"
        );
    }
    assert!(world.received().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn every_path_answers_with_a_sentence() {
    let world = World::start(|_| {}).await;
    for (path, expected, detail) in [
        ("/v1/payments/pay_0", 404, "there is no such payment"),
        ("/v1/payments/7", 404, "there is no such payment"),
        (
            "/v1/payments?mall_id=MALL0001&order_id=ORD-0",
            404,
            "there is no such payment",
        ),
        (
            "/v1/payments?mall_id=MALL0001",
            400,
            "an order is named as ?mall_id",
        ),
        (
            "/v1/cards/balance",
            405,
            "this path does not take this method",
        ),
        ("/v2", 404, "there is nothing at this path"),
    ] {
        let (status, problem) = world.get(path).await;
        assert_eq!(status, expected, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{problem}"
        );
    }
    assert_eq!(
        world.get("/healthz").await,
        (200, json!({ "status": "ok", "link": "up" }))
    );
    assert_eq!(world.get("/metrics").await, (200, json!("van_up 1\n")));
    world.stop().await;
}

#[tokio::test]
async fn a_long_body_is_refused() {
    let world = World::start(|config| config.http.body_bytes_max = 400).await;
    let mut long = sale("ORD-1");
    long["goods_name"] = json!("x".repeat(400));
    let (status, problem) = world.post("/v1/payments", long).await;
    assert_eq!(status, 413);
    assert_eq!(
        problem["detail"],
        "the request's body is longer than 400 bytes"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_only_so_long() {
    let world = World::start(|config| config.http.read_timeout = Duration::from_millis(200)).await;
    let head = "POST /v1/payments HTTP/1.1\r\nhost: van\r\ncontent-length: 100\r\n\r\n{";
    let answer = say(&world, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains("the request's body did not arrive in time"),
        "{answer}"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_and_an_idle_connection_are_closed() {
    let world = World::start(|config| config.http.read_timeout = Duration::from_millis(200)).await;
    assert_eq!(say(&world, "GET /healthz HT").await, "");
    let answer = say(&world, "GET /healthz HTTP/1.1\r\nhost: van\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn connections_above_the_bound_wait_their_turn() {
    let world = World::start(|config| {
        config.http.connections_max = 1;
        config.http.read_timeout = Duration::from_millis(300);
    })
    .await;
    let _idle = TcpStream::connect(world.van).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (status, _) = world.get("/healthz").await;
    assert_eq!(status, 200, "served once the idle one is closed");
    world.stop().await;
}

#[tokio::test]
async fn full_tables_take_no_sale_and_say_so() {
    let world = World::start(|config| {
        config.payments.max = 2;
        config.net_cancel.max = 1;
    })
    .await;
    world.switch(
        |request| match request.text(48).unwrap().contains("ORD-1") {
            true => Reaction::Silence,
            false => crate::world::approve(request),
        },
    );
    let (_, second) = tokio::join!(world.pay("ORD-1"), async {
        world
            .eventually("the first is out", async || world.received().len() == 1)
            .await;
        world.post("/v1/payments", sale("ORD-2")).await
    });
    assert_eq!(second.0, 503);
    assert_eq!(
        second.1["detail"],
        "too many approvals and reversals are open; try again later"
    );
    world.switch(crate::world::approve);
    world
        .eventually("there is room again", async || {
            world.post("/v1/payments", sale("ORD-2")).await.0 == 200
        })
        .await;
    let (status, third) = world.post("/v1/payments", sale("ORD-3")).await;
    assert_eq!(status, 503);
    assert_eq!(
        third["detail"],
        "the VAN remembers as many payments as it may; try again later"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_flag() {
    let world = World::start_alone(|_| {}).await;
    let config = Config {
        listen: world.van,
        ..Config::default()
    };
    let error = Van::bind(config).await.unwrap_err().to_string();
    let expected = format!("cannot listen for malls on {}: ", world.van);
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.ends_with("; choose another with --listen"), "{error}");
    world.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_what_is_open_only_so_long() {
    let world = World::start(|config| config.drain = Duration::from_millis(200)).await;
    world.switch(|_| Reaction::Silence);
    let payment = world.pay("ORD-1").await;
    assert_eq!(payment["status"], "unknown");
    let begun = std::time::Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// Sends this and reads until the VAN closes the connection.
async fn say(world: &World, head: &str) -> String {
    let mut stream = TcpStream::connect(world.van).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap()
        .unwrap();
    answer
}
