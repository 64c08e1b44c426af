//! The host link: connections in, batches to the desk, answers back.
//!
//! A task per connection reads all that its socket holds, hands it to the ledger as one batch, and
//! writes the answers of a batch with one system call. Several batches of a connection may be at
//! the desk at once, up to a bound; beyond it the socket is left unread, and TCP holds the peer
//! back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583_link::accept::{Accepted, Acceptor};
use iso8583_link::{Closed, Event, Link, LinkSettings};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::answer::Answer;
use crate::desk::{Desk, DeskError, Outcome};
use crate::faults::{Faults, Silence};
use crate::handler::{self, Reader};
use crate::metrics;

/// What every connection works with.
#[derive(Clone, Debug)]
pub struct Host {
    /// Reads messages.
    pub reader: Arc<Reader>,
    /// Decides requests.
    pub desk: Desk,
    /// Sandbox only: silence.
    pub faults: Faults,
    /// What the link runs on.
    pub settings: LinkSettings,
    /// Batches of one connection that may wait for their answers.
    pub batches_max: usize,
    /// How long a connection may take to end once the program stops.
    pub drain: Duration,
}

impl Host {
    /// Serves connections until `shutdown`, then drains them: what is at the desk is answered, the
    /// peer is told that we leave.
    pub async fn serve(self, acceptor: Acceptor, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            tokio::select! {
                accepted = acceptor.accept() => match accepted {
                    Accepted::Connection(stream, peer, place) => {
                        info!(%peer, "host link connected");
                        let connection = Connection::new(self.clone(), stream);
                        let shutdown = shutdown.clone();
                        connections.spawn(async move {
                            let reason = connection.serve(shutdown, place).await;
                            info!(%peer, %reason, "host link closed");
                        });
                    }
                    Accepted::Refused(peer) => {
                        warn!(%peer, "host link refused: as many as configured are open");
                    }
                },
                () = shutdown.cancelled() => break,
            }
        }
        connections.close();
        connections.wait().await;
    }
}

struct Connection {
    host: Host,
    link: Link<()>,
    /// The requests of the batches at the desk, oldest first.
    waiting: VecDeque<Batch>,
    replies: mpsc::Sender<Outcome>,
    outcomes: mpsc::Receiver<Outcome>,
}

struct Batch {
    messages: Vec<Message>,
    /// Under [`Silence::After`]: decided, not answered.
    muted: bool,
}

impl Connection {
    fn new(host: Host, stream: TcpStream) -> Self {
        // There is always room for a reply: no more batches than this wait.
        let (replies, outcomes) = mpsc::channel(host.batches_max.max(1));
        Self {
            link: Link::new(stream, host.settings.clone()),
            host,
            waiting: VecDeque::new(),
            replies,
            outcomes,
        }
    }

    /// Why it ended.
    async fn serve(mut self, shutdown: CancellationToken, _place: OwnedSemaphorePermit) -> End {
        metrics::host_connections(1.0);
        let end = self.until_closed(&shutdown).await;
        metrics::host_connections(-1.0);
        end
    }

    async fn until_closed(&mut self, shutdown: &CancellationToken) -> End {
        let mut events = Vec::new();
        loop {
            let room = self.waiting.len() < self.host.batches_max.max(1);
            tokio::select! {
                Some(outcome) = self.outcomes.recv() => {
                    if let Err(end) = self.answer(outcome) {
                        return end;
                    }
                }
                read = self.link.next(&mut events), if room => {
                    if let Err(closed) = read {
                        return End::Closed(closed);
                    }
                    if let Err(end) = self.take(&mut events) {
                        return end;
                    }
                }
                () = shutdown.cancelled() => {
                    let drained = tokio::time::timeout(self.host.drain, self.leave()).await;
                    return drained.unwrap_or(End::Drained);
                }
            }
        }
    }

    /// Answers what is at the desk, then signs off and waits for the peer to agree.
    async fn leave(&mut self) -> End {
        while !self.waiting.is_empty()
            && let Some(outcome) = self.outcomes.recv().await
        {
            if let Err(end) = self.answer(outcome) {
                return end;
            }
        }
        self.link.sign_off();
        let mut events = Vec::new();
        loop {
            if let Err(closed) = self.link.next(&mut events).await {
                return End::Closed(closed);
            }
            for event in events.drain(..) {
                if let Event::Request(message) = event {
                    let answer = Answer::dated(ResponseCode::ISSUER_INOPERATIVE, date(&message));
                    self.reply(&message, &answer);
                }
            }
        }
    }

    /// Makes one batch of all requests that came.
    fn take(&mut self, events: &mut Vec<Event<()>>) -> Result<(), End> {
        let silence = self.host.faults.silence();
        let mut messages = Vec::with_capacity(events.len());
        let mut requests = Vec::with_capacity(events.len());
        for event in events.drain(..) {
            if let Event::Malformed { error } = &event {
                metrics::format_error();
                debug!(%error, "bytes are no message");
            }
            // A host asks nothing, so answers and their timeouts are not for it.
            let Event::Request(message) = event else {
                continue;
            };
            if silence == Silence::Before {
                metrics::swallowed();
                continue;
            }
            match self.host.reader.read(&message) {
                Ok(request) => {
                    messages.push(message);
                    requests.push(request);
                }
                Err(refusal) => {
                    metrics::format_error();
                    debug!(mti = %message.mti(), ?refusal, "message is no request");
                    self.reply(&message, &refusal.answer(date(&message)));
                }
            }
        }
        if requests.is_empty() {
            return Ok(());
        }
        match self.host.desk.submit(requests, self.replies.clone()) {
            Ok(()) => {
                self.waiting.push_back(Batch {
                    messages,
                    muted: silence == Silence::After,
                });
                Ok(())
            }
            Err(DeskError::Busy | DeskError::NearlyFull) => {
                metrics::queue_full(messages.len());
                for message in &messages {
                    let answer = Answer::dated(ResponseCode::SYSTEM_MALFUNCTION, date(message));
                    self.reply(message, &answer);
                }
                Ok(())
            }
            Err(DeskError::Frozen) => Err(End::Frozen),
        }
    }

    fn answer(&mut self, outcome: Outcome) -> Result<(), End> {
        let Outcome::Answers(answers) = outcome else {
            return Err(End::Frozen);
        };
        let Some(batch) = self.waiting.pop_front() else {
            return Ok(());
        };
        for (message, answer) in batch.messages.iter().zip(&answers) {
            if batch.muted {
                metrics::swallowed();
            } else {
                self.reply(message, answer);
            }
        }
        Ok(())
    }

    fn reply(&mut self, message: &Message, answer: &Answer) {
        let Some(response) = handler::write(message, answer) else {
            debug!(mti = %message.mti(), "message is none to be answered");
            return;
        };
        if let Err(error) = self.link.answer(&response) {
            warn!(%error, "answer cannot be written");
        }
    }
}

/// DE 15 as received: every answer has it.
fn date(message: &Message) -> Option<[u8; 4]> {
    message.field(15).and_then(|date| date.try_into().ok())
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Closed(Closed),
    #[error("the ledger is frozen: nobody knows what of the last batch is durable")]
    Frozen,
    #[error("the program stops")]
    Drained,
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use iso8583::{Dialect, Mti};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;
    use crate::desk::Limits;
    use crate::hsm::SoftwareHsm;
    use crate::kit::{World, disk_failure};
    use crate::record::Record;
    use crate::store::{Store, StoreError};
    use crate::vault::Vault;

    struct BrokenDisk;

    impl Store for BrokenDisk {
        fn append(&mut self, _: &Record) {}

        fn sync(&mut self) -> Result<(), StoreError> {
            Err(disk_failure("no more disk"))
        }

        fn is_nearly_full(&self) -> bool {
            false
        }

        fn close(self: Box<Self>) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn host() -> Host {
        let limits = Limits {
            queue_batches_max: 4,
            group_requests_max: 4,
        };
        let (desk, _) = Desk::open(World::with(100).books, BrokenDisk, limits).unwrap();
        let vault = Vault::new(&[7; 32]);
        let hsm = SoftwareHsm::new(vault.pvk().clone(), vault.pvk().clone());
        let config = Config::default().host;
        Host {
            reader: Arc::new(Reader { vault, hsm }),
            desk,
            faults: Faults::default(),
            settings: config.link.parse().unwrap(),
            batches_max: config.batches_max,
            drain: config.drain,
        }
    }

    /// An advice, which is recorded though these books do not know its card.
    fn advice() -> Vec<u8> {
        let mut message = Message::new(Mti::FINANCIAL_ADVICE);
        message.set(2, b"9999990100000005").set(3, b"000000");
        message.set(4, b"000000000001").set(7, b"0315023015");
        message.set(11, b"000001").set(15, b"0315").set(49, b"410");
        let mut body = BytesMut::new();
        Dialect::iso87_ascii_binmap()
            .encode(&message, &mut body)
            .unwrap();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&length, &body[..]].concat()
    }

    /// A disk that never comes back from a sync.
    struct StuckDisk(std::sync::mpsc::Receiver<()>);

    impl Store for StuckDisk {
        fn append(&mut self, _: &Record) {}

        fn sync(&mut self) -> Result<(), StoreError> {
            let _ = self.0.recv();
            Err(disk_failure("let go"))
        }

        fn is_nearly_full(&self) -> bool {
            false
        }

        fn close(self: Box<Self>) -> Result<(), StoreError> {
            Ok(())
        }
    }

    async fn receive(stream: &mut TcpStream) -> Message {
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut body).await.unwrap();
        Dialect::iso87_ascii_binmap().decode(&body).unwrap()
    }

    #[tokio::test]
    async fn a_busy_desk_is_answered_with_de_15() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            queue_batches_max: 0,
            group_requests_max: 1,
        };
        let (let_go, stuck) = std::sync::mpsc::channel();
        let disk = StuckDisk(stuck);
        let (desk, _) = Desk::open(World::with(100).books, disk, limits).unwrap();
        let host = Host { desk, ..host() };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(host.serve(Acceptor::new(listener, 4), shutdown.clone()));
        let mut peer = TcpStream::connect(address).await.unwrap();
        let answer = loop {
            // One of them occupies the desk, and the next finds it busy.
            peer.write_all(&advice()).await.unwrap();
            let patience = Duration::from_millis(50);
            if let Ok(answer) = tokio::time::timeout(patience, receive(&mut peer)).await {
                break answer;
            }
        };
        assert_eq!(answer.text(39), Some("96"));
        assert_eq!(answer.text(15), Some("0315"));
        drop((let_go, peer));
        shutdown.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_link_that_leaves_answers_with_de_15() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = Connection::new(host(), stream);
        peer.write_all(&advice()).await.unwrap();
        let leaving = tokio::spawn(async move { connection.leave().await });
        let answer = loop {
            let message = receive(&mut peer).await;
            if message.has(39) {
                break message;
            }
        };
        assert_eq!(answer.text(39), Some("91"));
        assert_eq!(answer.text(15), Some("0315"));
        drop(peer);
        leaving.await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_sync_closes_the_link_unanswered_and_later_links_get_96() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(host().serve(Acceptor::new(listener, 4), shutdown.clone()));
        let mut answer = Vec::new();
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(&advice()).await.unwrap();
        first.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty(), "{answer:?}");

        let mut later = TcpStream::connect(address).await.unwrap();
        later.write_all(&advice()).await.unwrap();
        let mut length = [0; 2];
        later.read_exact(&mut length).await.unwrap();
        answer.resize(usize::from(u16::from_be_bytes(length)), 0);
        later.read_exact(&mut answer).await.unwrap();
        let answer = Dialect::iso87_ascii_binmap().decode(&answer).unwrap();
        assert_eq!(answer.text(39), Some("96"));
        assert_eq!(answer.text(15), Some("0315"));
        drop(later);
        shutdown.cancel();
        serving.await.unwrap();
    }
}
