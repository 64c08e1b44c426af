//! The prompt: the commands of the command line, one a line, on one terminal.

use std::io::{self, Write};

use clap::{Parser, Subcommand};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, Lines};

use crate::cli::{Action, CliError, Verdict, perform};
use crate::pos::Pos;

/// A command a line.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, name = "", disable_help_flag = true)]
struct Line {
    #[command(subcommand)]
    entered: Entered,
}

#[derive(Debug, Subcommand)]
enum Entered {
    #[command(flatten)]
    Action(Action),
    /// Leaves the prompt
    Quit,
}

/// Reads and carries out commands till `quit` or the end of input; the verdict is the last one's.
pub(crate) async fn run(
    pos: &mut Pos,
    input: impl AsyncBufRead + Unpin,
    output: &mut impl Write,
) -> Result<Verdict, CliError> {
    let mut lines = input.lines();
    let mut verdict = Verdict::Approved;
    writeln!(output, "A command a line; help lists them, quit leaves.")?;
    while let Some(line) = ask(&mut lines, "pos> ", output).await? {
        if line.trim().is_empty() {
            continue;
        }
        let mut action = match Line::try_parse_from(line.split_whitespace()) {
            Ok(Line {
                entered: Entered::Quit,
            }) => break,
            Ok(Line {
                entered: Entered::Action(action),
            }) => action,
            Err(message) => {
                write!(output, "{message}")?;
                verdict = Verdict::WrongUsage;
                continue;
            }
        };
        if let Action::Order(order) = &mut action
            && let Some(pin) = order.missing_pin()
        {
            *pin = ask(&mut lines, "card password: ", output)
                .await?
                .map(|typed| typed.trim().to_owned());
        }
        verdict = match perform(pos, &action, output).await {
            Ok(verdict) => verdict,
            Err(CliError::Io(error)) => return Err(error.into()),
            Err(CliError::Usage(words)) => {
                writeln!(output, "{words}")?;
                Verdict::WrongUsage
            }
            Err(CliError::Pos(error)) => {
                writeln!(output, "{error}")?;
                Verdict::from(&error)
            }
        };
    }
    Ok(verdict)
}

async fn ask(
    lines: &mut Lines<impl AsyncBufRead + Unpin>,
    question: &str,
    output: &mut impl Write,
) -> io::Result<Option<String>> {
    write!(output, "{question}")?;
    output.flush()?;
    lines.next_line().await
}
