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
    link: Option<Link<()>>,
}

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

    /// Sends a request and waits for its answer.
    pub(crate) async fn request(&mut self, request: &Message) -> Result<Message, LinkError> {
        if self.link.is_none() {
            self.connect().await?;
        }
        let Some(link) = &mut self.link else {
            return Err(LinkError::Lost {
                reason: "no connection".to_owned(),
            });
        };
        if let Err((refused, ())) = link.request(request, ()) {
            return Err(LinkError::NotSent(refused));
        }
        let answer = wait(link, request, self.settings.answer_timeout()).await;
        // What is silent or broken is not trusted with the next request.
        if answer.is_err() {
            self.link = None;
        }
        answer
    }
}

/// The answer to the request under way.
async fn wait(
    link: &mut Link<()>,
    request: &Message,
    after: Duration,
) -> Result<Message, LinkError> {
    let mut events = Vec::new();
    let mut came = None;
    loop {
        link.next(&mut events).await?;
        for event in events.drain(..) {
            match event {
                Event::Answered { answer, .. } => return Ok(answer),
                Event::TimedOut { .. } => return Err(LinkError::Silent { after, came }),
                // The link knows no answers to 0800 messages but its own, and matches by more
                // elements than some hosts repeat.
                Event::Unmatched { answer } => match answer::check(request, &answer) {
                    Ok(_) => return Ok(answer),
                    Err(mismatch) => {
                        came = Some(format!("a {} came, but {mismatch}", answer.mti()));
                    }
                },
                Event::Malformed { error } => {
                    came = Some(format!("a message came that cannot be read: {error}"));
                }
                Event::Late { answer, .. } => debug!(?answer, "came too late"),
                // A host asks a terminal nothing.
                Event::Request(_) | Event::State(_) => {}
            }
        }
    }
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
    #[error("no answer within {after:?}{}", came.as_deref().map(|came| format!(": {came}")).unwrap_or_default())]
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
