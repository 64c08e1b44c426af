//! Links over real sockets: what each peer's misbehaviour ends in, and that a client comes back.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test kit: a broken link stops the test"
)]

use std::time::Duration;

use hex_literal::hex;
use iso8583::element::ResponseCode;
use iso8583::{Message, Mti};
use iso8583_link::{Client, Closed, Event, Link, LinkConfig, LinkSettings, RequestError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// `0800`, DE 7, 11, 70 = 301 in iso87-ascii behind two bytes of length: the golden echo test.
const ECHO: &[u8] = &hex!(
    "0037 30383030 38323230303030303030303030303030 30343030303030303030303030303030"
    "30333135303233303030 303030303031 333031"
);

fn settings(change: impl FnOnce(&mut LinkConfig)) -> LinkSettings {
    let mut config = LinkConfig::default();
    change(&mut config);
    config.parse().unwrap()
}

/// A peer that speaks bytes, and our end of the connection.
async fn pair(settings: LinkSettings) -> (TcpStream, Link<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    (peer, Link::new(stream, settings))
}

/// Drives a link until it closes.
async fn outcome(mut link: Link<&'static str>) -> (Vec<Event<&'static str>>, Closed) {
    let mut events = Vec::new();
    loop {
        let mut batch = Vec::new();
        match link.next(&mut batch).await {
            Ok(()) => events.append(&mut batch),
            Err(closed) => return (events, closed),
        }
    }
}

async fn read_frame(peer: &mut TcpStream) -> Vec<u8> {
    let length = peer.read_u16().await.unwrap();
    let mut body = vec![0; usize::from(length)];
    peer.read_exact(&mut body).await.unwrap();
    body
}

#[tokio::test]
async fn an_echo_test_is_answered_though_it_comes_byte_by_byte() {
    let (mut peer, link) = pair(settings(|_| {})).await;
    let served = tokio::spawn(outcome(link));
    for byte in ECHO {
        peer.write_all(&[*byte]).await.unwrap();
    }
    assert!(read_frame(&mut peer).await.starts_with(b"0810"));
    drop(peer);
    assert!(matches!(served.await.unwrap(), (events, Closed::ByPeer) if events.is_empty()));
}

#[tokio::test]
async fn a_length_that_cannot_be_closes_at_once() {
    let (mut peer, link) = pair(settings(|_| {})).await;
    peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let (_, closed) = outcome(link).await;
    assert_eq!(
        closed.to_string(),
        "frame length 18245 is above the maximum of 8192"
    );
}

#[tokio::test]
async fn half_a_frame_and_silence_closes_after_the_frame_timeout() {
    let (mut peer, link) = pair(settings(|config| {
        config.frame_timeout = Duration::from_millis(50)
    }))
    .await;
    peer.write_all(&ECHO[..20]).await.unwrap();
    let (_, closed) = outcome(link).await;
    assert_eq!(
        closed.to_string(),
        "frame not complete after 50ms, 20 bytes received"
    );
}

#[tokio::test]
async fn garbage_is_answered_where_it_can_be_and_closes_at_its_bound() {
    let (mut peer, link) = pair(settings(|config| config.malformed_max = 3)).await;
    let served = tokio::spawn(outcome(link));
    // An 0200 with DE 7 and 11, and an amount cut short.
    let mut cut = hex!("0037 30323030").to_vec();
    cut.extend_from_slice(b"0220000000008000"); // DE 7, 11, 49
    cut.extend_from_slice(b"0315023015000001");
    cut.extend_from_slice(b"41");
    cut[1] = u8::try_from(cut.len() - 2).unwrap();
    peer.write_all(&cut).await.unwrap();
    let answer = read_frame(&mut peer).await;
    assert!(answer.starts_with(b"0210"), "{}", answer.escape_ascii());
    assert!(answer.ends_with(b"3003049"), "{}", answer.escape_ascii());
    for _ in 0..2 {
        peer.write_all(&hex!("0003 FF0000")).await.unwrap();
    }
    let (events, closed) = served.await.unwrap();
    let errors: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Malformed { error } => error.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(errors[0], "DE 49 at byte 36: expected 3 bytes, found 2");
    assert_eq!(errors[1], "MTI at byte 0: expected 4 bytes, found 3");
    assert_eq!(closed.label(), "malformed");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_at_the_bound_of_what_waits_for_it() {
    let (mut peer, link) = pair(settings(|config| config.unsent_bytes_max = 4_096)).await;
    let served = tokio::spawn(outcome(link));
    let burst = ECHO.repeat(1_000);
    while peer.write_all(&burst).await.is_ok() {}
    assert_eq!(served.await.unwrap().1.label(), "not_reading");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_for_too_long_is_closed() {
    let (mut peer, link) = pair(settings(|config| {
        config.write_timeout = Duration::from_millis(100)
    }))
    .await;
    let served = tokio::spawn(outcome(link));
    // Fills the socket's buffers, and no more than the outbox may hold.
    let burst = ECHO.repeat(100);
    while !served.is_finished() {
        let _ = tokio::time::timeout(Duration::from_millis(10), peer.write_all(&burst)).await;
    }
    assert_eq!(served.await.unwrap().1.label(), "not_reading");
}

#[tokio::test]
async fn an_answer_in_front_of_a_bad_frame_still_counts() {
    let (mut peer, mut link) = pair(settings(|_| {})).await;
    let mut request = Message::new(Mti::FINANCIAL_REQUEST);
    request.set(7, b"0315023015").set(11, b"000001");
    link.request(iso8583_link::now(), &request, "token")
        .unwrap();
    // 0210 with DE 7, 11 and 39, then a length that cannot be, in one segment.
    let mut answer = b"02100220000002000000031502301500000100".to_vec();
    let length = u16::try_from(answer.len()).unwrap();
    answer.splice(0..0, length.to_be_bytes());
    answer.extend_from_slice(&[0xFF; 4]);
    peer.write_all(&answer).await.unwrap();
    let (events, closed) = outcome(link).await;
    assert!(
        matches!(events[..], [Event::Answered { token: "token", .. }]),
        "{events:?}"
    );
    assert_eq!(closed.label(), "bad_frame");
}

#[tokio::test]
async fn a_peer_that_pauses_gets_no_more_requests_and_keeps_its_link() {
    let (_peer, mut link) = pair(settings(|config| config.unsent_bytes_max = 100)).await;
    let mut refused = 0_usize;
    for stan in 0..10 {
        let mut request = Message::new(Mti::FINANCIAL_REQUEST);
        request
            .set(7, b"0315023015")
            .set(11, format!("{stan:06}").as_bytes());
        let sent = link.request(iso8583_link::now(), &request, "token");
        refused += usize::from(sent.is_err());
    }
    assert!(refused > 0 && refused < 10, "{refused}");
    assert_eq!(link.in_flight(), 10 - refused);
    let waited = tokio::time::timeout(Duration::from_millis(50), link.next(&mut Vec::new())).await;
    assert!(waited.is_err(), "nothing closes it");
}

#[tokio::test]
async fn an_unanswered_request_times_out() {
    let (_peer, mut link) = pair(settings(|config| {
        config.answer_timeout = Duration::from_millis(50)
    }))
    .await;
    let mut request = Message::new(Mti::FINANCIAL_REQUEST);
    request.set(7, b"0315023015").set(11, b"000001");
    link.request(iso8583_link::now(), &request, "token")
        .unwrap();
    let mut events = Vec::new();
    link.next(&mut events).await.unwrap();
    assert!(
        matches!(events[..], [Event::TimedOut { token: "token" }]),
        "{events:?}"
    );
    assert_eq!(link.in_flight(), 0);
}

/// Answers everything with 00, as the other end of a client.
async fn answer_all(mut link: Link<()>) {
    let mut events = Vec::new();
    while link.next(&mut events).await.is_ok() {
        for event in events.drain(..) {
            if let Event::Request(request) = event {
                let answer = request.response(ResponseCode::APPROVED).unwrap();
                link.answer(&answer).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_client_signs_on_asks_and_comes_back_after_a_lost_link() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let client = Client::spawn(
        address.to_string(),
        settings(|config| config.sign_on = true),
        shutdown.clone(),
    );
    let mut request = Message::new(Mti::FINANCIAL_REQUEST);
    request.set(7, b"0315023015").set(11, b"000001");
    assert_eq!(
        client.request(request.clone()).await,
        Err(RequestError::NotConnected)
    );

    for _ in 0..2 {
        let (stream, _) = listener.accept().await.unwrap();
        let server = tokio::spawn(answer_all(Link::new(stream, settings(|_| {}))));
        while !client.is_up() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let answer = client.request(request.clone()).await.unwrap();
        assert_eq!(answer.text(39), Some("00"));
        server.abort();
        while client.is_up() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    shutdown.cancel();
}
