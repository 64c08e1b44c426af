//! Commands that talk to a host.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use iso8583::element::ResponseCode;
use iso8583::frame::{Framer, LengthHeader};
use iso8583::{Dialect, Message};

use crate::wire::Wire;
use crate::{ECHO, PURCHASE, Run, hex, run, run_with};

/// A host that answers connections of binary2 and BCD, and gives back what it was asked.
struct Host {
    address: String,
    asked: JoinHandle<Vec<Vec<Message>>>,
}

impl Host {
    /// `answer` makes all messages to be sent for one that came.
    fn start(answer: impl Fn(&Message) -> Vec<Message> + Send + Sync + 'static) -> Self {
        Self::start_for(1, answer)
    }

    fn start_for(
        connections: usize,
        answer: impl Fn(&Message) -> Vec<Message> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = thread::spawn(move || {
            thread::scope(|scope| {
                let serving: Vec<_> = (0..connections)
                    .map(|_| {
                        let (stream, _) = listener.accept().expect("a client");
                        scope.spawn(|| serve(stream, &answer))
                    })
                    .collect();
                let all = serving.into_iter().map(|it| it.join().expect("it ends"));
                all.collect()
            })
        });
        Self { address, asked }
    }

    fn asked(self) -> Vec<Message> {
        self.asked_on_each().concat()
    }

    /// By connection.
    fn asked_on_each(self) -> Vec<Vec<Message>> {
        self.asked.join().expect("the host ends")
    }
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&Message) -> Vec<Message>) -> Vec<Message> {
    let framer = Framer::new(LengthHeader::Binary2, false, 8192);
    let (mut asked, mut received) = (Vec::new(), BytesMut::new());
    loop {
        while let Some(frame) = framer.decode(&mut received).expect("frames") {
            let message = Dialect::iso87_bcd().decode(&frame.body).expect("a message");
            let mut wire = BytesMut::new();
            for message in answer(&message) {
                Dialect::iso87_bcd()
                    .encode(&message, &mut wire)
                    .expect("an answer");
                let len = u16::try_from(wire.len()).expect("short").to_be_bytes();
                stream
                    .write_all(&[&len[..], &wire].concat())
                    .expect("a reader");
                wire.clear();
            }
            asked.push(message);
        }
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return asked,
            Ok(count) => {
                received.extend_from_slice(chunk.get(..count).unwrap_or_default());
            }
        }
    }
}

fn approve(request: &Message) -> Vec<Message> {
    request
        .response(ResponseCode::APPROVED)
        .into_iter()
        .collect()
}

/// Without the line that tells a time.
fn untimed(out: &str) -> String {
    let lines = out.lines().filter(|line| !line.starts_with("after "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_message_is_sent_and_its_answer_shown() {
    let host = Host::start(approve);
    let options = [
        "--spec",
        "iso87-bcd",
        "--expect",
        "39=00",
        "--expect",
        "mti=0810",
    ];
    let sent = run(&[&["send", &host.address], &options[..], &ECHO[..]].concat());
    insta::assert_snapshot!(untimed(&sent.out), @r"
    0810  1987, network management, request response, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 39  response code                        00  approved
      DE 70  network management information code  301  echo test
    ");
    assert_eq!((sent.code, &*sent.notes), (0, ""));
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn an_answer_that_is_not_expected_exits_with_1() {
    let host = Host::start(approve);
    let options = ["--expect", "39=51", "--expect", "2=9999990100000013"];
    let sent = run(&[&["send", &host.address, &hex(&PURCHASE)], &options[..]].concat());
    assert_eq!(sent.code, 1);
    insta::assert_snapshot!(sent.notes, @r"
    DE 39: expected 51, found 00
    DE 2: expected 999999******0013, found 999999******0005
    ");
    assert!(!sent.out.contains("99999901"), "{}", sent.out);
}

#[test]
fn a_tag_of_the_answer_can_be_expected() {
    let expect = |wanted: &str| {
        let host = Host::start(|request| {
            let mut answer = approve(request).remove(0);
            answer.set(55, b"\x8A\x02\x30\x30");
            vec![answer]
        });
        run(&["send", &host.address, &hex(&PURCHASE), "--expect", wanted])
    };
    let fine = expect("55.8a=3030");
    assert_eq!((fine.code, &*fine.notes), (0, ""));
    let other = expect("55.8A=3531");
    assert_eq!(other.code, 1);
    insta::assert_snapshot!(other.notes, @"DE 55.8A: expected 3531, found 3030");
    let missing = expect("55.91=AA");
    assert_eq!(missing.code, 1);
    assert!(missing.notes.ends_with("found none\n"), "{}", missing.notes);
}

#[test]
fn what_is_no_answer_is_passed_over() {
    let host = Host::start(|request| {
        let mut late = approve(request).remove(0);
        late.set(11, b"999999").set(39, b"91");
        [vec![late], approve(request)].concat()
    });
    let sent = run(&["send", &host.address, &hex(&PURCHASE), "--expect", "39=00"]);
    assert_eq!(
        (sent.code, &*sent.notes),
        (0, "note: 0210 came, no answer to this\n")
    );
}

#[test]
fn a_host_that_is_silent_or_gone_exits_with_3() {
    let host = Host::start(|_| Vec::new());
    let late = run(&["send", &host.address, &hex(&PURCHASE), "--timeout", "50ms"]);
    assert_eq!((late.code, &*late.out), (3, ""));
    assert!(
        late.notes.ends_with("no answer within 50ms\n"),
        "{}",
        late.notes
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let gone = run(&["send", &address, &hex(&PURCHASE)]);
    assert_eq!((gone.code, &*gone.out), (3, ""));
    assert!(
        gone.notes.starts_with(&format!("error: {address}: ")),
        "{}",
        gone.notes
    );
}

/// Replays a capture of binary2.
fn replay(capture: &[u8], address: &str, options: &[&str]) -> Run {
    let start = ["replay", "-", address, "--frame", "binary2"];
    run_with(capture, &[&start, options].concat())
}

/// A purchase in a capture, and one with the trace number 000124.
fn capture() -> Vec<u8> {
    let mut second = PURCHASE;
    second[35] = 0x24;
    let (one, other) = (Wire::framed(&PURCHASE), Wire::framed(&second));
    Wire::default()
        .client(1_000, &one)
        .client(1_173, &other)
        .file()
}

#[test]
fn requests_of_a_capture_are_sent_anew_and_timed() {
    let host = Host::start(approve);
    let options = ["--speed", "max", "--fresh", "stan,date,pan"];
    let replayed = replay(&capture(), &host.address, &options);
    assert_eq!((replayed.code, &*replayed.notes), (0, ""));
    let lines: Vec<&str> = replayed.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", replayed.out);
    assert!(
        lines[2].starts_with("2 of 2 answered over one connection, in "),
        "{}",
        lines[2]
    );
    assert!(
        lines[1].starts_with("0200         2         2"),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with("ms  00 x2"), "{}", lines[1]);
    let asked = host.asked();
    let stans: Vec<_> = asked.iter().map(|message| message.text(11)).collect();
    assert_ne!(stans[0], stans[1]);
    assert!(!stans.contains(&Some("000123")));
    for message in &asked {
        assert_ne!(message.text(2), Some("9999990100000005"));
        assert_ne!(message.text(7), Some("0315023015"));
    }
    assert_eq!(asked[0].text(2), asked[1].text(2), "one card stays one");
}

#[test]
fn a_replay_without_answers_exits_with_1() {
    let host = Host::start(|request| {
        if request.text(11) == Some("000123") {
            approve(request)
        } else {
            Vec::new()
        }
    });
    let options = ["--timeout", "100ms", "--format", "json"];
    let replayed = replay(&capture(), &host.address, &options);
    assert_eq!((replayed.code, &*replayed.notes), (1, ""));
    let [row, sum] = &replayed.objects()[..] else {
        panic!("{}", replayed.out)
    };
    assert_eq!((&row["sent"], &row["answered"]), (&2.into(), &1.into()));
    assert_eq!(row["codes"]["00"], 1);
    assert!(row["min_us"].is_u64() && row["p99_us"] == row["max_us"]);
    assert_eq!((&sum["sent"], &sum["answered"]), (&2.into(), &1.into()));
    assert_eq!(
        (&sum["connections"], &sum["unmatched"]),
        (&1.into(), &0.into())
    );
}

/// So many purchases, and a reversal of the second, of another type.
fn long_capture(purchases: u8) -> Vec<u8> {
    let dialect = Dialect::iso87_bcd();
    let mut stream = Vec::new();
    for stan in 1..=purchases {
        let mut message = dialect.decode(&PURCHASE).expect("a message");
        message.set(11, format!("{stan:06}").as_bytes());
        stream.push(message);
    }
    let mut reversal = Message::new("0420".parse().expect("a type"));
    reversal
        .set(7, b"0315023100")
        .set(11, b"000999")
        .set(90, b"020000000203150230150000045000100000000000");
    stream.push(reversal);
    let mut wire = Vec::new();
    for message in stream {
        let mut body = BytesMut::new();
        dialect.encode(&message, &mut body).expect("a message");
        wire.extend(Wire::framed(&body));
    }
    Wire::default().client(1_000, &wire).file()
}

#[test]
fn a_replay_over_several_connections_spreads_and_keeps_a_reversal_with_its_original() {
    let host = Host::start_for(3, approve);
    let options = ["--speed", "max", "--connections", "3"];
    let replayed = replay(&long_capture(9), &host.address, &options);
    assert_eq!((replayed.code, &*replayed.notes), (0, ""));
    let last = replayed.out.lines().last().expect("a line");
    assert!(last.starts_with("10 of 10 answered over 3 connections, in "));
    let asked = host.asked_on_each();
    let total: usize = asked.iter().map(Vec::len).sum();
    assert_eq!(total, 10);
    assert!(asked.iter().all(|it| it.len() >= 2), "all are used");
    let reversed = asked
        .iter()
        .find(|it| it.iter().any(|it| it.text(11) == Some("000999")))
        .expect("a reversal");
    let stans: Vec<_> = reversed.iter().map(|it| it.text(11)).collect();
    assert!(stans.contains(&Some("000002")), "{stans:?}");
}

/// The host answers four requests when it has as many.
#[test]
fn requests_do_not_wait_for_the_answers_to_those_before() {
    let held = Mutex::new(Vec::new());
    let host = Host::start(move |request| {
        let mut held = held.lock().expect("a lock");
        held.extend(approve(request));
        if held.len() < 4 {
            return Vec::new();
        }
        std::mem::take(&mut *held)
    });
    let options = ["--speed", "max", "--timeout", "300ms", "--in-flight", "4"];
    let replayed = replay(&long_capture(7), &host.address, &options);
    assert_eq!(
        (replayed.code, &*replayed.notes),
        (0, ""),
        "{}",
        replayed.out
    );
    assert_eq!(host.asked().len(), 8);
}

#[test]
fn no_more_requests_are_on_their_way_than_may_be() {
    let (came, times) = channel();
    let host = Host::start(move |_| {
        came.send(Instant::now()).expect("a reader");
        Vec::new()
    });
    let options = ["--speed", "max", "--timeout", "300ms", "--in-flight", "2"];
    let replayed = replay(&long_capture(7), &host.address, &options);
    assert_eq!(replayed.code, 1, "{}", replayed.out);
    assert!(replayed.out.contains("0 of 8 answered"), "{}", replayed.out);
    assert_eq!(host.asked().len(), 8);
    let times: Vec<Instant> = times.iter().collect();
    // The third waits until the first is given up.
    assert!(times[2] - times[0] > Duration::from_millis(250));
}

#[test]
fn a_host_that_hangs_up_ends_the_replay_with_3() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let host = thread::spawn(move || drop(listener.accept()));
    let replayed = replay(&capture(), &address, &[]);
    host.join().expect("the host ends");
    assert_eq!(replayed.code, 3, "{}", replayed.notes);
    assert!(replayed.out.starts_with("mti "), "{}", replayed.out);
}
