//! The links of a pool's groups: each connects, is served, and connects again.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use iso8583::Message;
use iso8583::session::{Now, Refused};
use iso8583_link::{Closed, Connector, Event, Link, LinkSettings, RequestRefused};
use switch_core::{LinkId, Token, Turn};
use tokio::net::TcpStream;

use crate::metrics::MemberMetrics;

/// One link to an issuer, through all its connections.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: LinkId,
    settings: LinkSettings,
    state: State,
    /// Whether it was up when last asked.
    was_up: bool,
    metrics: MemberMetrics,
    /// How many were queued and not yet counted.
    queued: u64,
    /// What happened since it was last asked.
    events: Vec<Event<Token>>,
    closed: Option<Closed>,
}

enum State {
    Connecting(Pin<Box<dyn Future<Output = (Connector, TcpStream)> + Send>>),
    Connected(Box<Link<Token>>, Connector),
    /// It does not come back.
    Left,
}

impl Member {
    /// A link that begins to connect.
    pub(crate) fn new(
        id: LinkId,
        address: String,
        settings: LinkSettings,
        metrics: MemberMetrics,
    ) -> Self {
        Self {
            id,
            settings,
            state: State::connecting(Connector::new(address)),
            was_up: false,
            metrics,
            queued: 0,
            events: Vec::new(),
            closed: None,
        }
    }

    /// Waits until something happened to one of them, and writes what is queued meanwhile.
    pub(crate) async fn next(members: &mut [Self]) {
        poll_fn(|context| {
            let mut happened = Poll::Pending;
            for member in &mut *members {
                if member.poll(context).is_ready() {
                    happened = Poll::Ready(());
                }
            }
            happened
        })
        .await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Connecting(connecting) => connecting.as_mut().poll(context).map(|made| {
                let (connector, stream) = made;
                let link = Box::new(Link::new(stream, self.settings.clone()));
                self.state = State::Connected(link, connector);
            }),
            State::Connected(link, _) => {
                self.metrics
                    .sent
                    .increment(core::mem::take(&mut self.queued));
                let next = link.poll_next(context, &mut self.events);
                next.map(|next| self.closed = next.err())
            }
            State::Left => Poll::Pending,
        }
    }

    /// What happened, in exchange for room for what will; why the connection is no more, where it
    /// is not.
    pub(crate) fn happened(&mut self, events: &mut Vec<Event<Token>>) -> Option<Closed> {
        core::mem::swap(events, &mut self.events);
        self.closed.take()
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(..))
    }

    /// May requests be sent?
    pub(crate) fn is_up(&self) -> bool {
        matches!(&self.state, State::Connected(link, _) if link.is_up())
    }

    /// Its id, where it came up or went down since last asked.
    pub(crate) fn changed(&mut self) -> Option<LinkId> {
        let up = self.is_up();
        if core::mem::replace(&mut self.was_up, up) == up {
            return None;
        }
        self.metrics.up.set(if up { 1.0 } else { 0.0 });
        Some(self.id)
    }

    /// It is rested, or whole again.
    pub(crate) fn note_health(&self, turn: Turn) {
        match turn {
            Turn::Rested { .. } => {
                self.metrics.resting.set(1.0);
                self.metrics.rests.increment(1);
            }
            Turn::Returned => self.metrics.resting.set(0.0),
        }
    }

    /// Queues a request or reversal; why not, where it does not.
    pub(crate) fn send(
        &mut self,
        now: Now,
        message: &Message,
        token: Token,
    ) -> Result<(), RequestRefused> {
        let State::Connected(link, _) = &mut self.state else {
            return Err(RequestRefused::Session(Refused::NotUp));
        };
        let sent = link.request(now, message, token);
        sent.map_err(|(refused, _)| refused)?;
        self.queued += 1;
        Ok(())
    }

    pub(crate) fn sign_off(&mut self) {
        if let State::Connected(link, _) = &mut self.state {
            link.sign_off();
        }
    }

    /// Drops the connection and begins another; what was sent on it and not answered.
    pub(crate) fn reconnect(&mut self) -> Vec<Token> {
        match core::mem::replace(&mut self.state, State::Left) {
            State::Connected(link, connector) => {
                self.state = State::connecting(connector);
                link.into_unanswered().collect()
            }
            other @ (State::Connecting(_) | State::Left) => {
                self.state = other;
                Vec::new()
            }
        }
    }

    /// Drops the connection, or the attempt to make one, for good; what was not answered.
    pub(crate) fn leave(&mut self) -> Vec<Token> {
        match core::mem::replace(&mut self.state, State::Left) {
            State::Connected(link, _) => link.into_unanswered().collect(),
            State::Connecting(_) | State::Left => Vec::new(),
        }
    }
}

impl State {
    fn connecting(mut connector: Connector) -> Self {
        Self::Connecting(Box::pin(async move {
            let stream = connector.connect().await;
            (connector, stream)
        }))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting(_) => "Connecting",
            Self::Connected(..) => "Connected",
            Self::Left => "Left",
        })
    }
}
