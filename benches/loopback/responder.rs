//! The issuer: approves everything, at once or so many a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use benches::Template;
use iso8583::element::ResponseCode;
use iso8583::{Dialect, Message};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::connection::{LENGTH_BYTES, cut};
use crate::socket;

/// Answers every connection it is given.
pub(crate) async fn run(listener: TcpListener, per_second: Option<u32>) -> anyhow::Result<()> {
    let pace = per_second.map(|per_second| Arc::new(Pace::new(per_second)));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(approve_all(stream, pace.clone()));
    }
}

async fn approve_all(stream: TcpStream, pace: Option<Arc<Pace>>) -> anyhow::Result<()> {
    let mut approver = Approver::default();
    let mut inbox = Vec::new();
    // Answers not written, and of those of a slow issuer the time and length of each.
    let mut outbox = Vec::new();
    let mut due = VecDeque::new();
    loop {
        let next = due.front().map(|(time, _)| *time);
        tokio::select! {
            read = socket::read(&stream, |bytes| inbox.extend_from_slice(bytes)) => {
                if read?.is_none() {
                    return Ok(());
                }
            }
            () = sleep_until(next) => {}
        }
        let mut rest = &inbox[..];
        while let Some((frame, after)) = cut(rest) {
            let before = outbox.len();
            approver.approve(frame, &mut outbox)?;
            if let Some(pace) = &pace {
                due.push_back((pace.next(), outbox.len() - before));
            }
            rest = after;
        }
        let taken = inbox.len() - rest.len();
        inbox.drain(..taken);
        let now = Instant::now();
        let mut ready = if pace.is_some() { 0 } else { outbox.len() };
        while let Some((_, bytes)) = due.pop_front_if(|(time, _)| *time <= now) {
            ready += bytes;
        }
        socket::write(&stream, outbox.get(..ready).unwrap_or_default()).await?;
        outbox.drain(..ready);
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// One server behind all connections, that needs the same time for each request.
#[derive(Debug)]
struct Pace {
    each: Duration,
    free: Mutex<Instant>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            free: Mutex::new(Instant::now()),
        }
    }

    /// When a request that comes now is answered.
    fn next(&self) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = Instant::now().max(*free) + self.each;
        *free
    }
}

/// Knows the request that comes again and again, and its answer.
#[derive(Debug, Default)]
struct Approver {
    known: Option<(Template, Template)>,
}

impl Approver {
    /// Appends the answer: approved, with DE 38 repeating DE 11, so that an answer to another's
    /// request is seen.
    fn approve(&mut self, frame: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        if let Some((request, answer)) = &mut self.known
            && let Some(key) = request.key_in(frame)
            && request.with(key) == frame
        {
            out.extend_from_slice(answer.with(key));
            return Ok(());
        }
        let dialect = Dialect::iso87_ascii_binmap();
        let request = dialect.decode(frame.get(LENGTH_BYTES..).unwrap_or_default())?;
        let answer = approval(&request).context("a message that is not answered")?;
        out.extend(benches::frame(&answer, dialect)?);
        if request.mti().is_request() && request.has(37) {
            let templates = (
                Template::new(&request, dialect)?,
                Template::new(&answer, dialect)?,
            );
            self.known = Some(templates);
        }
        Ok(())
    }
}

fn approval(request: &Message) -> Option<Message> {
    let mut answer = request.response(ResponseCode::APPROVED)?;
    if let Some(stan) = request.field(11).filter(|_| request.has(37)) {
        answer.set(38, stan);
    }
    Some(answer)
}
