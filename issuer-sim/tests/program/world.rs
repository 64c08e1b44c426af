//! A running issuer, an acquirer's connection to it, and its office.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::BytesMut;
use iso8583::crypto::{ClearPin, TdesKey};
use iso8583::element::Pan;
use iso8583::{Dialect, Message, Mti};
use issuer_sim::{Config, Running, Services, StartError};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// DE 7 of every message of this run: a reversal of an old original is another thing.
static TRANSMITTED: LazyLock<String> =
    LazyLock::new(|| jiff::Timestamp::now().strftime("%m%d%H%M%S").to_string());

pub(crate) const SANDBOX_CARD: &str = "9999990100000005";

/// An issuer in a folder of its own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    runtime: Runtime,
    running: Option<(Running, CancellationToken)>,
}

impl World {
    /// A fresh sandbox.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        issuer_sim::generate_key_file(&folder.path().join("key")).unwrap();
        let mut world = Self {
            folder,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            running: None,
        };
        world.start();
        world
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config {
            data: self.folder.path().join("data"),
            key_file: self.folder.path().join("key"),
            sandbox: true,
            ..Config::default()
        };
        config.host.listen.set_port(0);
        config.office.listen.set_port(0);
        config.host.drain = Duration::from_millis(100);
        config.journal.segment_bytes = 4 << 20;
        config.journal.low_water_bytes = 1 << 20;
        config
    }

    pub(crate) fn try_start(&self, config: Config) -> Result<Running, StartError> {
        self.start_until(config, CancellationToken::new())
    }

    fn start_until(
        &self,
        config: Config,
        shutdown: CancellationToken,
    ) -> Result<Running, StartError> {
        let start = issuer_sim::start(config, Services::default(), shutdown);
        self.runtime.block_on(start)
    }

    pub(crate) fn start(&mut self) {
        self.start_as(self.config());
    }

    pub(crate) fn start_as(&mut self, config: Config) {
        self.stop();
        let shutdown = CancellationToken::new();
        let running = self.start_until(config, shutdown.clone()).unwrap();
        self.running = Some((running, shutdown));
    }

    pub(crate) fn stop(&mut self) {
        if let Some((running, shutdown)) = self.running.take() {
            shutdown.cancel();
            self.runtime.block_on(running.finished());
        }
    }

    /// Segments and snapshots.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("data").join("ledger")
    }

    pub(crate) fn host_address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().0.host
    }

    pub(crate) fn connect(&self) -> Acquirer {
        let stream = TcpStream::connect(self.host_address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Acquirer { stream }
    }

    /// Asks the office: status and JSON body.
    pub(crate) fn office(&self, request: &str, body: Option<Value>) -> (u16, Value) {
        self.office_with(request, &[], body)
    }

    pub(crate) fn office_with(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, Value) {
        let body = body.map_or(String::new(), |body| body.to_string());
        let (status, body) = self.office_raw(request, headers, &body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(crate) fn office_raw(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(self.running.as_ref().unwrap().0.office).unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: office\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// The sandbox card's id.
    pub(crate) fn sandbox_card(&self) -> String {
        let (status, found) = self.office(
            "POST /v1/cards/lookup",
            Some(serde_json::json!({ "number": SANDBOX_CARD })),
        );
        assert_eq!(status, 200);
        found["card_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn available(&self) -> i64 {
        let card = self.sandbox_card();
        let (_, view) = self.office(&format!("GET /v1/cards/{card}"), None);
        view["available"].as_i64().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A connection that speaks the issuer's dialect.
pub(crate) struct Acquirer {
    pub(crate) stream: TcpStream,
}

impl Acquirer {
    pub(crate) fn send(&mut self, message: &Message) {
        self.stream.write_all(&frame(message)).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Message {
        self.try_receive().expect("an answer")
    }

    /// `None` where the connection ends or stays silent.
    pub(crate) fn try_receive(&mut self) -> Option<Message> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut body).ok()?;
        Some(Dialect::iso87_ascii_binmap().decode(&body).unwrap())
    }

    pub(crate) fn ask(&mut self, message: &Message) -> Message {
        self.send(message);
        self.receive()
    }

    pub(crate) fn patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }
}

pub(crate) fn frame(message: &Message) -> Vec<u8> {
    let mut body = BytesMut::new();
    Dialect::iso87_ascii_binmap()
        .encode(message, &mut body)
        .unwrap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&length, &body[..]].concat()
}

/// A keyed message about the sandbox card.
pub(crate) fn message(mti: Mti, code: &str, stan: u32, amount: u64) -> Message {
    let mut message = Message::new(mti);
    for (element, value) in [
        (2, SANDBOX_CARD.to_owned()),
        (3, code.to_owned()),
        (4, format!("{amount:012}")),
        (7, TRANSMITTED.clone()),
        (11, format!("{stan:06}")),
        (12, "113015".to_owned()),
        (13, "0315".to_owned()),
        (14, "3012".to_owned()),
        (15, "0315".to_owned()),
        (22, "012".to_owned()),
        (25, "59".to_owned()),
        (32, "450001".to_owned()),
        (37, format!("607411{stan:06}")),
        (41, "TERM0001".to_owned()),
        (42, "MALL00000000001".to_owned()),
        (49, "410".to_owned()),
    ] {
        message.set(element, value.as_bytes());
    }
    message
}

pub(crate) fn purchase(stan: u32, amount: u64) -> Message {
    message(Mti::FINANCIAL_REQUEST, "000000", stan, amount)
}

/// The same with the card swiped and this password given.
pub(crate) fn swiped(mut message: Message, password: Option<&str>) -> Message {
    message.set(22, b"021").remove(14).remove(2);
    message.set(35, b"9999990100000005=30121010000000000000");
    if let Some(password) = password {
        message.set(52, &pin_block(password, SANDBOX_CARD));
    }
    message
}

pub(crate) fn pin_block(password: &str, card: &str) -> [u8; 8] {
    let zone_key: TdesKey = "11223344556677888877665544332211".parse().unwrap();
    let pin: ClearPin = password.parse().unwrap();
    let pan: Pan = card.parse().unwrap();
    *pin.encrypt(&pan, &zone_key).as_bytes()
}

/// The switch's reversal of a message that timed out.
pub(crate) fn reversal(original: &Message) -> Message {
    let mut reversal = original.clone();
    reversal.set_mti(Mti::REVERSAL_ADVICE);
    let [mti, stan, transmitted] = [
        original.mti().to_string(),
        text(original, 11),
        text(original, 7),
    ];
    let reference = format!(
        "{mti}{stan}{transmitted}{:0>11}{:0>11}",
        text(original, 32),
        ""
    );
    reversal.set(90, reference.as_bytes());
    reversal.set(7, b"0315023115").set(39, b"68");
    reversal.remove(14).remove(35).remove(52);
    reversal
}

pub(crate) fn text(message: &Message, element: u8) -> String {
    message.text(element).unwrap_or_default().to_owned()
}

pub(crate) fn code(message: &Message) -> String {
    text(message, 39)
}
