//! The loop around the desk: commands and outcomes in, messages and replies out.

use std::time::Duration;

use iso8583_link::Client;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::desk::{Command, Desk, Event, Exchange, Output, Reply};
use crate::host::{self, Outcome};
use crate::metrics;

/// Who waits for a reply.
pub(crate) type Waiter = oneshot::Sender<Reply>;
/// What a mall asks, and where the reply goes.
pub(crate) type Question = (Command, Waiter);
/// What came of an exchange, and how long it took.
type Done = (Exchange<Waiter>, Outcome, Duration);

/// Runs until nobody can ask any more and nothing is under way, or `cut`.
pub(crate) async fn drive(
    mut desk: Desk<Waiter>,
    mut asked: mpsc::Receiver<Question>,
    link: &Client,
    cut: &CancellationToken,
) {
    let mut exchanges: JoinSet<Done> = JoinSet::new();
    let mut open = true;
    loop {
        drain(&mut desk, &mut exchanges, link);
        metrics::record_state(desk.remembered(), desk.net_cancels_pending(), link.is_up());
        if !open && exchanges.is_empty() && desk.net_cancels_pending() == 0 {
            return;
        }
        let alarm = Instant::from_std(desk.poll_timeout());
        tokio::select! {
            question = asked.recv(), if open => match question {
                Some((command, waiter)) => {
                    desk.handle_command(iso8583_link::now(), command, waiter);
                }
                None => open = false,
            },
            Some(done) = exchanges.join_next() => match done {
                Ok((exchange, outcome, took)) => {
                    metrics::record_exchange(&exchange, &outcome, took);
                    if let Outcome::NotSent(why) = &outcome {
                        debug!(why, "not sent");
                    }
                    desk.handle_outcome(iso8583_link::now(), exchange, &outcome);
                }
                Err(error) => error!(%error, "an exchange with the switch died"),
            },
            () = tokio::time::sleep_until(alarm) => desk.handle_timeout(iso8583_link::now()),
            () = cut.cancelled() => {
                let (exchanges, net_cancels) = (exchanges.len(), desk.net_cancels_pending());
                error!(exchanges, net_cancels, "stopped with payments open");
                return;
            }
        }
    }
}

/// Does what the desk wants done.
fn drain(desk: &mut Desk<Waiter>, exchanges: &mut JoinSet<Done>, link: &Client) {
    while let Some(output) = desk.poll_output() {
        match output {
            Output::Send(exchange, message) => {
                tracing::trace!(message = %message.describe(), "to the switch");
                let link = link.clone();
                exchanges.spawn(async move {
                    let begun = Instant::now();
                    let outcome = host::ask(link, message).await;
                    (exchange, outcome, begun.elapsed())
                });
            }
            // A mall that hung up gets its answer by asking again.
            Output::Reply(waiter, reply) => drop(waiter.send(reply)),
            Output::Happened(event) => {
                metrics::count(&event);
                log(&event);
            }
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::Payment(payment, status) => debug!(%payment, ?status, "payment"),
        Event::NoAnswer(payment, why) => warn!(%payment, why, "no answer to use"),
        Event::NetCancelSettled(payment) => debug!(%payment, "net cancel confirmed"),
        Event::NetCancelGivenUp(payment) => {
            error!(%payment, "net cancel never confirmed: settle it by hand");
        }
        Event::Refused(refusal) => debug!(%refusal, "refused"),
    }
}
