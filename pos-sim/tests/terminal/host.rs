//! A host on a port of its own that answers as a test tells it to.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use iso8583::element::ResponseCode;
use iso8583::frame::{FrameError, Framer, LengthHeader};
use iso8583::{Dialect, EncodeError, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the host does with a request.
pub enum Reply {
    Answer(Message),
    AnswerAfter(Duration, Message),
    AnswerAndHangUp(Message),
    Silence,
    HangUp,
}

pub struct Host {
    pub address: SocketAddr,
    received: mpsc::UnboundedReceiver<Message>,
}

impl Host {
    /// A host that treats its nth request by the nth part of its script, and is silent after it.
    pub async fn new(script: Vec<fn(&Message) -> Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut script = script.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, &mut script, &sender).await;
            }
        });
        Self { address, received }
    }

    /// The next request to come.
    pub async fn arrival(&mut self) -> Message {
        self.received.recv().await.unwrap()
    }

    /// The requests that came and were not yet asked for.
    pub fn received(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    pub fn mtis(&mut self) -> Vec<String> {
        let received = self.received();
        received.iter().map(|it| it.mti().to_string()).collect()
    }
}

/// The answer of an ordinary issuer.
pub fn answer(request: &Message, code: ResponseCode) -> Message {
    let mut answer = request.response(code).unwrap();
    if code.approves() {
        answer.set(38, b"A12345").set(54, b"0002410C000000485000");
    }
    answer
}

pub fn approve(request: &Message) -> Reply {
    Reply::Answer(answer(request, ResponseCode::APPROVED))
}

pub fn approve_and_hang_up(request: &Message) -> Reply {
    Reply::AnswerAndHangUp(answer(request, ResponseCode::APPROVED))
}

pub fn decline(request: &Message) -> Reply {
    Reply::Answer(answer(request, ResponseCode::INSUFFICIENT_FUNDS))
}

pub fn silence(_: &Message) -> Reply {
    Reply::Silence
}

pub fn hang_up(_: &Message) -> Reply {
    Reply::HangUp
}

async fn serve(
    mut stream: TcpStream,
    script: &mut impl Iterator<Item = fn(&Message) -> Reply>,
    received: &mpsc::UnboundedSender<Message>,
) {
    let framer = Framer::new(LengthHeader::Binary2, true, 8_192);
    let mut inbox = BytesMut::new();
    while stream.read_buf(&mut inbox).await.is_ok_and(|read| read > 0) {
        while let Some(frame) = framer.decode(&mut inbox).unwrap() {
            let mut request = Dialect::iso87_bcd().decode(&frame.body).unwrap();
            request.set_header(frame.tpdu);
            let reply = script
                .next()
                .map_or(Reply::Silence, |reply| reply(&request));
            let _ = received.send(request);
            match reply {
                Reply::Answer(answer) => send(&mut stream, &framer, &answer).await,
                Reply::AnswerAfter(wait, answer) => {
                    tokio::time::sleep(wait).await;
                    send(&mut stream, &framer, &answer).await;
                }
                Reply::AnswerAndHangUp(answer) => {
                    send(&mut stream, &framer, &answer).await;
                    return;
                }
                Reply::Silence => {}
                Reply::HangUp => return,
            }
        }
    }
}

async fn send(stream: &mut TcpStream, framer: &Framer, answer: &Message) {
    let mut out = BytesMut::new();
    framer
        .encode::<Unsendable>(answer.header(), &mut out, |out| {
            Ok(Dialect::iso87_bcd().encode(answer, out)?)
        })
        .unwrap();
    stream.write_all(&out).await.unwrap();
}

#[derive(Debug, thiserror::Error)]
enum Unsendable {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Message(#[from] EncodeError),
}
