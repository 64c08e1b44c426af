//! A link kept up by a task of its own, for programs that ask one question at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use iso8583::Message;
use iso8583::session::Refused;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::LinkSettings;
use crate::connect::Connector;
use crate::link::{Event, Link, RequestRefused};

/// Asks over a link that a task of its own connects, signs on and connects again. Clones share
/// the link.
#[derive(Clone, Debug)]
pub struct Client {
    questions: mpsc::Sender<Question>,
    up: Arc<AtomicBool>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No connection, or not signed on: nothing was sent.
    #[error("not connected")]
    NotConnected,
    /// Too many requests wait already: nothing was sent.
    #[error("too many requests in flight")]
    Overloaded,
    /// The link does not take the message: nothing was sent.
    #[error("not sent: {0}")]
    Refused(RequestRefused),
    /// It was sent, and no answer came in time: what became of it is unknown.
    #[error("no answer in time{}", .came.as_deref().unwrap_or_default())]
    TimedOut {
        /// An answer that came meanwhile and matched nothing, in words and masked: why, perhaps.
        came: Option<String>,
    },
    /// It was sent, and the connection broke before the answer: what became of it is unknown.
    #[error("connection lost before the answer")]
    LinkLost,
}

impl RequestError {
    /// May the request have reached the other side, so that it must be reversed?
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::LinkLost)
    }
}

type Reply = oneshot::Sender<Result<Message, RequestError>>;
type Question = (Message, Reply);

const QUESTIONS_MAX: usize = 1_024;

impl Client {
    /// Starts the task; it ends when `shutdown` is cancelled, after signing off.
    #[must_use]
    pub fn spawn(address: String, settings: LinkSettings, shutdown: CancellationToken) -> Self {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let up = Arc::new(AtomicBool::new(false));
        let task = Task {
            asked,
            up: Arc::clone(&up),
            settings,
            shutdown,
        };
        tokio::spawn(task.run(Connector::new(address)));
        Self { questions, up }
    }

    /// Is there a link that takes requests?
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for its answer, as long as the link's settings say.
    ///
    /// # Errors
    /// Why there is none; [`RequestError::may_have_been_sent`] tells what that means.
    pub async fn request(&self, message: Message) -> Result<Message, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.questions
            .try_send((message, reply))
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => RequestError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => RequestError::NotConnected,
            })?;
        // A reply is dropped unanswered only with the task, together with its link.
        answer.await.unwrap_or(Err(RequestError::LinkLost))
    }
}

struct Task {
    asked: mpsc::Receiver<Question>,
    up: Arc<AtomicBool>,
    settings: LinkSettings,
    shutdown: CancellationToken,
}

impl Task {
    async fn run(mut self, mut connector: Connector) {
        while let Some(stream) = self.connected(&mut connector).await {
            let mut link = Link::new(stream, self.settings.clone());
            self.serve(&mut link).await;
            self.up.store(false, Ordering::Relaxed);
            for reply in link.into_unanswered() {
                let _ = reply.send(Err(RequestError::LinkLost));
            }
        }
    }

    /// A connection; None when the client is to end. Questions are refused meanwhile.
    async fn connected(&mut self, connector: &mut Connector) -> Option<tokio::net::TcpStream> {
        let connecting = connector.connect();
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                stream = &mut connecting => return Some(stream),
                () = self.shutdown.cancelled() => return None,
                question = self.asked.recv() => {
                    let (_, reply) = question?;
                    let _ = reply.send(Err(RequestError::NotConnected));
                }
            }
        }
    }

    async fn serve(&mut self, link: &mut Link<Reply>) {
        let mut events = Vec::new();
        let mut questions = Vec::new();
        let mut unmatched = None;
        let mut leaving = false;
        self.up.store(link.is_up(), Ordering::Relaxed);
        loop {
            let mut ended = None;
            tokio::select! {
                result = link.next(&mut events) => ended = result.err(),
                count = self.asked.recv_many(&mut questions, QUESTIONS_MAX) => {
                    if count == 0 {
                        return;
                    }
                    questions.drain(..).for_each(|question| ask(link, question));
                }
                () = self.shutdown.cancelled(), if !leaving => {
                    leaving = true;
                    link.sign_off();
                }
            }
            for event in events.drain(..) {
                handle(event, &mut unmatched);
            }
            if let Some(closed) = ended {
                info!(%closed, "link closed");
                return;
            }
            self.up.store(link.is_up(), Ordering::Relaxed);
        }
    }
}

fn ask(link: &mut Link<Reply>, (message, reply): Question) {
    if let Err((refused, reply)) = link.request(crate::now(), &message, reply) {
        let _ = reply.send(Err(match refused {
            RequestRefused::Session(Refused::NotUp) => RequestError::NotConnected,
            RequestRefused::Session(Refused::Full) => RequestError::Overloaded,
            RequestRefused::Session(Refused::KeyInUse)
            | RequestRefused::Unencodable(_)
            | RequestRefused::TooLong(_) => RequestError::Refused(refused),
        }));
    }
}

fn handle(event: Event<Reply>, unmatched: &mut Option<String>) {
    match event {
        Event::Answered { token, answer } => {
            let _ = token.send(Ok(answer));
        }
        Event::TimedOut { token } => {
            let _ = token.send(Err(RequestError::TimedOut {
                came: unmatched.take(),
            }));
        }
        Event::Unmatched { answer, mismatch } => {
            warn!(?answer, %mismatch, "an answer matches no request");
            *unmatched = Some(format!(
                "; an answer came that matches no request: {mismatch}"
            ));
        }
        Event::Late { lateness, .. } => warn!(%lateness, "an answer came too late"),
        Event::Network { function, .. } => info!(?function, "network message of the peer"),
        Event::Request(request) => debug!(?request, "a request nobody here serves"),
        Event::Malformed { error } => warn!(%error, "undecodable message"),
        Event::State(state) => debug!(?state, "link"),
    }
}
