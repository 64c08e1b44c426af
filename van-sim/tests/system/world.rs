//! The test kit: a VAN on free ports, a switch that answers as it is told, a mall.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use iso8583::frame::{FrameError, Framer, LengthHeader};
use iso8583::{Dialect, Message, Mti};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use van_sim::Van;
use van_sim::config::Config;

/// What the switch does with a message.
pub(crate) enum Reaction {
    /// Answers it.
    Answer(Message),
    /// Says nothing.
    Silence,
    /// Closes the connection.
    HangUp,
}

type React = Box<dyn FnMut(&Message) -> Reaction + Send>;

/// A VAN, its switch and what the switch received.
pub(crate) struct World {
    pub(crate) van: SocketAddr,
    switch: Switch,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

#[derive(Clone)]
struct Switch {
    received: Arc<Mutex<Vec<Message>>>,
    react: Arc<Mutex<React>>,
}

impl World {
    /// A VAN whose switch approves everything, with timeouts a test can wait for.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let switch = Switch {
            received: Arc::default(),
            react: Arc::new(Mutex::new(Box::new(approve))),
        };
        tokio::spawn(switch.clone().accept(listener));
        let world = Self::start_at(address, switch, change).await;
        world
            .eventually("the link is up", async || {
                world.get("/healthz").await.1["link"] == "up"
            })
            .await;
        world
    }

    /// A VAN whose switch is not there.
    pub(crate) async fn start_alone(change: impl FnOnce(&mut Config)) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let switch = Switch {
            received: Arc::default(),
            react: Arc::new(Mutex::new(Box::new(|_| Reaction::Silence))),
        };
        Self::start_at(address, switch, change).await
    }

    async fn start_at(address: String, switch: Switch, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            switch: address,
            drain: Duration::from_secs(5),
            ..Config::default()
        };
        config.link.answer_timeout = Duration::from_millis(300);
        config.net_cancel.first_pause = Duration::from_millis(100);
        change(&mut config);
        let van = Van::bind(config).await.unwrap();
        let shutdown = CancellationToken::new();
        let render = Arc::new(|| "van_up 1\n".to_owned());
        Self {
            van: van.address(),
            switch,
            running: tokio::spawn(van.run(render, shutdown.clone())),
            shutdown,
        }
    }

    /// From now on the switch does this.
    pub(crate) fn switch(&self, react: impl FnMut(&Message) -> Reaction + Send + 'static) {
        *self.switch.react.lock().unwrap() = Box::new(react);
    }

    /// Everything the switch received, network messages left out.
    pub(crate) fn received(&self) -> Vec<Message> {
        self.switch.received.lock().unwrap().clone()
    }

    pub(crate) fn received_mtis(&self) -> Vec<String> {
        self.switch.received_mtis()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(path, Some(body)).await
    }

    /// Sells a thing for 15,000 KRW on the sandbox card.
    pub(crate) async fn pay(&self, order: &str) -> Value {
        let (status, payment) = self.post("/v1/payments", sale(order)).await;
        assert_eq!(status, 200, "{payment}");
        payment
    }

    pub(crate) async fn status_of(&self, payment: &Value) -> String {
        let id = payment["payment_id"].as_str().unwrap();
        let (_, payment) = self.get(&format!("/v1/payments/{id}")).await;
        payment["status"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn eventually<F: Future<Output = bool>>(
        &self,
        what: &str,
        holds: impl Fn() -> F,
    ) {
        for _ in 0..200 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never came true: {what}; received {:?}", self.received());
    }

    /// Begins what [`Self::stop`] waits for.
    pub(crate) fn begin_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// Stops the VAN, which must end by itself; tells what the switch received till then.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.shutdown.cancel();
        let running = tokio::time::timeout(Duration::from_secs(10), self.running);
        running.await.unwrap().unwrap();
        self.switch.received_mtis()
    }

    async fn call(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("http://{}{path}", self.van);
        tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(10)))
                .build()
                .new_agent();
            let response = match body {
                Some(body) => agent.post(&url).send(body.to_string()),
                None => agent.get(&url).call(),
            };
            let mut response = response.unwrap();
            let status = response.status().as_u16();
            let text = response.body_mut().read_to_string().unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            (status, body)
        })
        .await
        .unwrap()
    }
}

impl Switch {
    fn received_mtis(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let mtis = received.iter().map(|message| message.mti().to_string());
        mtis.collect()
    }

    async fn accept(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(stream));
        }
    }

    async fn serve(self, mut stream: TcpStream) {
        let framer = Framer::new(LengthHeader::Binary2, false, 8_192);
        let dialect = Dialect::iso87_ascii();
        let mut inbox = BytesMut::new();
        while stream.read_buf(&mut inbox).await.unwrap_or(0) > 0 {
            while let Some(frame) = framer.decode(&mut inbox).unwrap() {
                let answer = match self.react(dialect.decode(&frame.body).unwrap()) {
                    Reaction::Answer(answer) => answer,
                    Reaction::Silence => continue,
                    Reaction::HangUp => return,
                };
                let mut out = BytesMut::new();
                framer
                    .encode::<FrameError>(None, &mut out, |out| {
                        dialect.encode(&answer, out).unwrap();
                        Ok(())
                    })
                    .unwrap();
                stream.write_all(&out).await.unwrap();
            }
        }
    }

    /// Network messages are answered, whatever a test says.
    fn react(&self, request: Message) -> Reaction {
        if request.mti() == Mti::NETWORK_REQUEST {
            return answer(&request, b"00", |_| {});
        }
        let reaction = (self.react.lock().unwrap())(&request);
        self.received.lock().unwrap().push(request);
        reaction
    }
}

/// An answer with this response code, changed as a test needs it.
pub(crate) fn answer(
    request: &Message,
    code: &[u8],
    change: impl FnOnce(&mut Message),
) -> Reaction {
    let mut answer = request.response(code.try_into().unwrap()).unwrap();
    change(&mut answer);
    Reaction::Answer(answer)
}

/// What an issuer with enough money answers.
pub(crate) fn approve(request: &Message) -> Reaction {
    answer(request, b"00", |answer| match request.text(3) {
        Some("310000") => {
            answer.set(54, b"0001410C0000005000000002410C000000485000");
        }
        _ => {
            answer.set(38, b"A12345").set(54, b"0002410C000000485000");
        }
    })
}

pub(crate) fn sale(order: &str) -> Value {
    json!({
        "mall_id": "MALL0001",
        "customer_id": "CUST000042",
        "order_id": order,
        "goods_name": "red robot",
        "amount": 15_000,
        "card": { "number": "9999990100000005", "expiry": "3012" },
    })
}

pub(crate) fn order(order: &str) -> Value {
    json!({ "mall_id": "MALL0001", "order_id": order })
}
