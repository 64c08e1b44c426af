//! The terminal's line to its host: one connection, one request at a time.

use std::time::Duration;

use iso8583::{Dialect, Message};
use iso8583_link::{
    Closed, Event, Link, LinkConfig, LinkConfigError, LinkSettings, RequestRefused,
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use crate::answer;

/// A connection that is made when it is needed and kept while it lasts.
#[derive(Debug)]
pub(crate) struct HostLink {
    address: String,
    settings: LinkSettings,
    link: Option<Link<Serial>>,
    last: Serial,
}

/// Tells a request from those before it that the link may still wait for.
type Serial = u64;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to look whether an idle connection was closed, or holds answers that came too late.
const IDLE_CHECK: Duration = Duration::from_millis(1);

impl HostLink {
    pub(crate) fn new(address: String, answer_timeout: Duration) -> Result<Self, LinkConfigError> {
        let config = LinkConfig {
            dialect: Dialect::iso87_bcd().name().to_owned(),
            tpdu: true,
            answer_timeout,
            ..LinkConfig::default()
        };
        Ok(Self {
            address,
            settings: config.parse()?,
            link: None,
            last: 0,
        })
    }

    /// Makes sure of a connection, before anything is begun that needs one.
    pub(crate) async fn connect(&mut self) -> Result<(), LinkError> {
        if let Some(link) = &mut self.link {
            let mut events = Vec::new();
            loop {
                match timeout(IDLE_CHECK, link.next(&mut events)).await {
                    Err(_) => return Ok(()),
                    Ok(Ok(())) => events.clear(),
                    Ok(Err(closed)) => {
                        debug!(%closed, "idle connection closed");
                        break;
                    }
                }
            }
        }
        self.link = None;
        let not_connected = |reason: String| LinkError::NotConnected {
            address: self.address.clone(),
            reason,
        };
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address))
            .await
            .map_err(|_| not_connected(format!("no answer within {CONNECT_TIMEOUT:?}")))?
            .map_err(|error| not_connected(error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| not_connected(error.to_string()))?;
        self.link = Some(Link::new(stream, self.settings.clone()));
        Ok(())
    }

    /// Sends a request and waits for its answer. Where none comes, or nobody waits for it to the
    /// end, the connection is dropped: what may still come on it belongs to nothing.
    pub(crate) async fn request(&mut self, request: &Message) -> Result<Message, LinkError> {
        let Some(mut link) = self.link.take() else {
            return Err(LinkError::NotConnected {
                address: self.address.clone(),
                reason: "connection closed".to_owned(),
            });
        };
        self.last += 1;
        debug!(?request, "request");
        if let Err((refused, _)) = link.request(iso8583_link::now(), request, self.last) {
            return Err(LinkError::NotSent(refused));
        }
        let mut came = None;
        let mut events = Vec::new();
        loop {
            link.next(&mut events).await?;
            for event in events.drain(..) {
                match self.look_at(event, request, &mut came) {
                    Seen::Answer(answer) => {
                        debug!(?answer, "answer");
                        self.link = Some(link);
                        return Ok(answer);
                    }
                    Seen::Silence => {
                        let after = self.settings.answer_timeout();
                        return Err(LinkError::Silent { after, came });
                    }
                    Seen::Other => {}
                }
            }
        }
    }

    fn look_at(&self, event: Event<Serial>, request: &Message, came: &mut Option<String>) -> Seen {
        match event {
            Event::Answered { token, answer } if token == self.last => return Seen::Answer(answer),
            Event::TimedOut { token } if token == self.last => return Seen::Silence,
            // The link takes answers to 0800 messages for its own alone, and matches by more
            // elements than some hosts repeat.
            Event::Unmatched { answer, mismatch } => match answer::check(request, &answer) {
                Ok(_) => return Seen::Answer(answer),
                Err(wrong) => {
                    debug!(%mismatch, "an answer matches no request");
                    *came = Some(format!("a {} came, but {wrong}", answer.mti()));
                }
            },
            Event::Malformed { error } => {
                *came = Some(format!("a message came that cannot be read: {error}"));
            }
            Event::Late { lateness, .. } => debug!(%lateness, "came too late"),
            // Of an earlier request; or asked by the host, which asks a terminal nothing.
            Event::Answered { .. }
            | Event::TimedOut { .. }
            | Event::Request(_)
            | Event::Network { .. }
            | Event::State(_) => {}
        }
        Seen::Other
    }
}

/// What an event means to the request under way.
enum Seen {
    Answer(Message),
    Silence,
    Other,
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum LinkError {
    /// Nothing was sent.
    #[error("cannot connect to {address}: {reason}; nothing was sent")]
    NotConnected {
        /// Where to.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// Nothing was sent.
    #[error("nothing was sent: {0}")]
    NotSent(RequestRefused),
    /// It was sent; what became of it is unknown.
    #[error("no answer within {after:?}{}", detail(.came.as_deref()))]
    Silent {
        /// How long was waited.
        after: Duration,
        /// What came meanwhile and was not the answer, and why not.
        came: Option<String>,
    },
    /// It was sent; what became of it is unknown.
    #[error("connection lost before the answer: {reason}")]
    Lost {
        /// How.
        reason: String,
    },
}

/// `: what` where there is something to add.
fn detail(what: Option<&str>) -> String {
    what.map(|what| format!(": {what}")).unwrap_or_default()
}

impl LinkError {
    /// May the request have reached the host?
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        match self {
            Self::NotConnected { .. } | Self::NotSent(_) => false,
            Self::Silent { .. } | Self::Lost { .. } => true,
        }
    }
}

impl From<Closed> for LinkError {
    fn from(closed: Closed) -> Self {
        Self::Lost {
            reason: closed.to_string(),
        }
    }
}
