//! A terminal against a host over real sockets, in the process and as a command.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "test kit")]

mod commands;
mod host;

use std::path::PathBuf;
use std::time::Duration;

use iso8583::element::ResponseCode;
use pos_sim::{Card, Config, Kind, NetworkTest, Order, Pos, PosError, Status};

use host::{Host, Reply, answer, approve, approve_and_hang_up, decline, hang_up, silence};

fn config(host: &Host) -> Config {
    Config {
        host: host.address.to_string(),
        timeout: Duration::from_millis(500),
        ..Config::default()
    }
}

fn sale() -> Order {
    Order::Sale {
        amount: 15_000,
        card: Card::swiped("9999990100000005=30121010000000000000").unwrap(),
        pin: Some("1234".parse().unwrap()),
    }
}

fn state_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("TERM0001.json");
    (folder, path)
}

#[tokio::test]
async fn an_approved_sale_prints_its_slip() {
    let mut host = Host::new(vec![approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Approved);
    assert_eq!(outcome.notice, None);
    for words in ["APPROVED", "999999******0005", "A12345", "485,000 KRW"] {
        assert!(outcome.receipt.contains(words), "{}", outcome.receipt);
    }
    let received = host.received();
    assert_eq!(received.len(), 1);
    assert_eq!(
        received[0].header().unwrap().as_bytes(),
        &[0x60, 0x00, 0x03, 0x00, 0x00]
    );
    assert_eq!(pos.state().pending, None);
}

#[tokio::test]
async fn a_declined_sale_is_not_reversed() {
    let mut host = Host::new(vec![decline, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Declined);
    assert_eq!(
        outcome.transaction.code,
        Some(ResponseCode::INSUFFICIENT_FUNDS)
    );
    assert_eq!(pos.finish_pending().await.unwrap(), None);
    assert_eq!(host.mtis(), ["0200"]);
}

#[tokio::test]
async fn a_sale_is_cancelled_with_the_same_card() {
    let mut host = Host::new(vec![approve, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let sold = pos.transact(&sale()).await.unwrap().transaction;
    let cancel = Order::Cancel {
        rrn: sold.rrn.clone(),
        card: Card::keyed("9999990100000005", "3012").unwrap(),
    };
    let cancelled = pos.transact(&cancel).await.unwrap().transaction;
    assert_eq!(
        (cancelled.kind, cancelled.status, cancelled.rrn),
        (Kind::Cancel, Status::Approved, sold.rrn)
    );
    assert_eq!(pos.state().transactions[0].status, Status::Cancelled);
    assert_eq!(host.mtis(), ["0200", "0400"]);
}

#[tokio::test]
async fn silence_is_reversed_at_once() {
    let mut host = Host::new(vec![silence, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Reversed);
    assert_eq!(
        outcome.notice.unwrap(),
        "no answer within 500ms; the host then acknowledged with 00, approved"
    );
    assert_eq!(host.mtis(), ["0200", "0420"]);
    assert_eq!(pos.state().pending, None);
}

#[tokio::test]
async fn a_reversal_nobody_answers_is_repeated_first_even_after_a_restart() {
    let (_folder, path) = state_file();
    let mut host = Host::new(vec![silence, silence, silence, approve, approve]).await;
    let config = Config {
        state: Some(path),
        ..config(&host)
    };
    let mut pos = Pos::open(config.clone()).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Unanswered);
    let error = pos.transact(&sale()).await.unwrap_err();
    assert!(matches!(error, PosError::StillPending { .. }), "{error}");
    drop(pos);

    let mut pos = Pos::open(config).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Approved);
    assert_eq!(pos.state().transactions[0].status, Status::Reversed);
    let received = host.received();
    let mtis: Vec<_> = received.iter().map(|it| it.mti().to_string()).collect();
    assert_eq!(mtis, ["0200", "0420", "0421", "0421", "0200"]);
    for repeat in &received[2..=3] {
        for de in [2, 7, 11, 37, 90] {
            assert_eq!(repeat.field(de), received[1].field(de), "DE {de}");
        }
    }
}

#[tokio::test]
async fn a_power_cut_between_request_and_answer_is_reversed_at_the_next_start() {
    let (_folder, path) = state_file();
    let mut host = Host::new(vec![silence, approve]).await;
    let config = Config {
        state: Some(path),
        timeout: Duration::from_secs(30),
        ..config(&host)
    };
    let mut pos = Pos::open(config.clone()).unwrap();
    let order = sale();
    tokio::select! {
        _ = pos.transact(&order) => unreachable!("the host is silent"),
        request = host.arrival() => assert_eq!(request.mti().to_string(), "0200"),
    }
    drop(pos);

    let mut pos = Pos::open(config).unwrap();
    let code = pos.finish_pending().await.unwrap();
    assert_eq!(code, Some(ResponseCode::APPROVED));
    assert_eq!(pos.state().transactions[0].status, Status::Reversed);
    assert_eq!(host.mtis(), ["0420"]);
}

#[tokio::test]
async fn a_line_lost_before_the_answer_is_reversed_over_a_new_one() {
    let mut host = Host::new(vec![hang_up, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Reversed);
    assert_eq!(
        outcome.notice.unwrap(),
        "connection lost before the answer: closed by the peer; \
         the host then acknowledged with 00, approved"
    );
    assert_eq!(host.mtis(), ["0200", "0420"]);
}

#[tokio::test]
async fn a_line_closed_between_orders_is_made_again() {
    let mut host = Host::new(vec![approve_and_hang_up, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    for _ in 0..2 {
        let outcome = pos.transact(&sale()).await.unwrap();
        assert_eq!(outcome.transaction.status, Status::Approved);
        assert_eq!(outcome.notice, None);
    }
    assert_eq!(host.mtis(), ["0200", "0200"]);
}

#[tokio::test]
async fn an_answer_to_something_else_is_named_and_the_sale_reversed() {
    fn other_stan(request: &iso8583::Message) -> Reply {
        let mut other = answer(request, ResponseCode::APPROVED);
        other.set(11, b"000999");
        Reply::Answer(other)
    }
    let mut host = Host::new(vec![other_stan, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Reversed);
    assert_eq!(
        outcome.notice.unwrap(),
        "no answer within 500ms: a 0210 came, but DE 11 of the answer is 000999, but 000001 was \
         sent; the host then acknowledged with 00, approved"
    );
    assert_eq!(host.mtis(), ["0200", "0420"]);
}

#[tokio::test]
async fn an_answer_whose_tpdu_is_not_swapped_is_no_answer() {
    fn unswapped(request: &iso8583::Message) -> Reply {
        let mut answer = answer(request, ResponseCode::APPROVED);
        answer.set_header(request.header());
        Reply::Answer(answer)
    }
    let mut host = Host::new(vec![unswapped, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let outcome = pos.transact(&sale()).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Reversed);
    assert_eq!(
        outcome.notice.unwrap(),
        "the answer's TPDU is 6000030000, and not 6000000003, the request's swapped; the host \
         then acknowledged with 00, approved"
    );
    assert_eq!(host.mtis(), ["0200", "0420"]);
}

#[tokio::test]
async fn sign_on_and_echo_are_answered() {
    let mut host = Host::new(vec![approve, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    for test in [NetworkTest::SignOn, NetworkTest::Echo] {
        let (code, _) = pos.network(test).await.unwrap();
        assert_eq!(code, ResponseCode::APPROVED);
    }
    let functions: Vec<_> = host
        .received()
        .iter()
        .map(|it| it.text(70).unwrap().to_owned())
        .collect();
    assert_eq!(functions, ["001", "301"]);
}

/// The link goes on waiting for an 0810 that the terminal has had already: that this wait ends in
/// vain during the next request must not end that one.
#[tokio::test]
async fn an_echo_test_answered_does_not_time_out_later() {
    fn in_a_while(request: &iso8583::Message) -> Reply {
        let answer = answer(request, ResponseCode::APPROVED);
        Reply::AnswerAfter(Duration::from_millis(600), answer)
    }
    let mut host = Host::new(vec![approve, in_a_while, in_a_while]).await;
    let mut pos = Pos::open(Config {
        timeout: Duration::from_secs(1),
        ..config(&host)
    })
    .unwrap();
    pos.network(NetworkTest::Echo).await.unwrap();
    for _ in 0..2 {
        let outcome = pos.transact(&sale()).await.unwrap();
        assert_eq!(outcome.notice, None);
    }
    assert_eq!(host.mtis(), ["0800", "0200", "0200"]);
}

#[tokio::test]
async fn an_order_given_up_half_way_is_reversed_first() {
    let mut host = Host::new(vec![silence, approve, approve]).await;
    let mut pos = Pos::open(config(&host)).unwrap();
    let order = sale();
    tokio::select! {
        _ = pos.transact(&order) => unreachable!("the host is silent"),
        request = host.arrival() => assert_eq!(request.mti().to_string(), "0200"),
    }
    let outcome = pos.transact(&order).await.unwrap();
    assert_eq!(outcome.transaction.status, Status::Approved);
    assert_eq!(host.mtis(), ["0420", "0200"]);
}

#[tokio::test]
async fn without_a_host_nothing_is_begun() {
    let config = Config {
        host: "127.0.0.1:1".to_owned(),
        ..Config::default()
    };
    let mut pos = Pos::open(config).unwrap();
    let error = pos.transact(&sale()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to 127.0.0.1:1: Connection refused (os error 111); nothing was sent"
    );
    assert_eq!(pos.state(), &pos_sim::State::default());
}
