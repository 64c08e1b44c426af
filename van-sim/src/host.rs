//! The switch, as the VAN sees it: the only file that knows the link.

use iso8583::Message;
use iso8583_link::Client;

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer came, whatever it says.
    Answered(Message),
    /// Nothing was sent, and why: there is nothing to reverse.
    NotSent(String),
    /// It was sent, no answer came, and why: whether the other side did it is unknown.
    Unanswered(String),
}

/// Asks the switch one thing; takes as long as the link's settings allow.
pub(crate) async fn ask(link: Client, message: Message) -> Outcome {
    match link.request(message).await {
        Ok(answer) => Outcome::Answered(answer),
        Err(error) if error.may_have_been_sent() => Outcome::Unanswered(error.to_string()),
        Err(error) => Outcome::NotSent(error.to_string()),
    }
}
