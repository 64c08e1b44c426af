//! The command line: one command and out, or a prompt.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use iso8583::InvalidElement;
use iso8583::crypto::ClearPin;
use iso8583::frame::Tpdu;
use thiserror::Error;

use crate::entry::Card;
use crate::merchant::Merchant;
use crate::pos::{Config, NetworkTest, Pos, PosError};
use crate::prompt;
use crate::terminal::Order;
use crate::transaction::{Status, Transaction};

/// A merchant's card terminal: swipe or key a card in, take its password, print the slip.
///
/// Exit status: 0 approved, 1 declined, 2 no answer or outcome unknown, 3 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "pos-sim", version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Options {
    /// Host to connect to
    #[arg(
        long,
        global = true,
        default_value = "127.0.0.1:8584",
        value_name = "ADDRESS:PORT"
    )]
    host: String,
    /// Terminal id (DE 41)
    #[arg(long, global = true, default_value = "TERM0001")]
    terminal: String,
    /// Merchant id (DE 42)
    #[arg(long, global = true, default_value = "MERCHANT0000001")]
    merchant: String,
    /// Merchant name (DE 43 and the slip)
    #[arg(long, global = true, default_value = "TOYLAND")]
    name: String,
    /// Acquiring institution (DE 32); absent: the host's default
    #[arg(long, global = true, value_name = "DIGITS")]
    institution: Option<String>,
    /// Seconds to wait for an answer before reversing
    #[arg(long, global = true, default_value_t = 20, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// TPDU of requests, 10 hex digits
    #[arg(long, global = true, default_value = "6000030000", value_name = "HEX")]
    tpdu: String,
    /// State file: trace numbers, the day's transactions, pending reversals
    /// [default: $XDG_STATE_HOME/pos-sim/TERMINAL.json]
    #[arg(long, global = true, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Action(Action),
    /// Takes the same commands from a prompt
    Prompt,
}

/// What one-shot command and prompt have in common.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    #[command(flatten)]
    Order(OrderAction),
    /// Sends what is pending: the reversal or cancel that nobody has acknowledged
    Reversals {
        /// Forget it instead, having settled it with the acquirer
        #[arg(long)]
        give_up: bool,
    },
    /// Lists the day's transactions
    History,
    /// Tests the line (0800, DE 70 301)
    Echo,
    /// Signs on (0800, DE 70 001)
    SignOn,
}

/// What a customer asks for.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderAction {
    /// Sells against a card
    Sale(MoneyArgs),
    /// Gives money back for returned goods
    Refund(MoneyArgs),
    /// Cancels a sale of today
    Cancel {
        /// The sale's RRN, as on its slip
        #[arg(long)]
        rrn: String,
        #[command(flatten)]
        card: CardArgs,
    },
    /// Asks what is left on a card
    Balance(HolderArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MoneyArgs {
    /// Won
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    amount: u64,
    #[command(flatten)]
    holder: HolderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HolderArgs {
    #[command(flatten)]
    card: CardArgs,
    /// Card password, 4 to 12 digits; a swiped card needs it
    #[arg(long, env = "POS_PIN", hide_env_values = true)]
    pin: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true)]
pub(crate) struct CardArgs {
    /// Track 2 as the reader gives it: NUMBER=YYMM...
    #[arg(long, value_name = "TRACK2", conflicts_with_all = ["pan", "expiry"])]
    swipe: Option<String>,
    /// Card number, keyed in
    #[arg(long, value_name = "DIGITS", requires = "expiry")]
    pan: Option<String>,
    /// Expiry of a keyed card
    #[arg(long, value_name = "YYMM", requires = "pan")]
    expiry: Option<String>,
}

impl CardArgs {
    fn card(&self) -> Result<Card, InvalidElement> {
        match (&self.swipe, &self.pan, &self.expiry) {
            (Some(track2), _, _) => Card::swiped(track2),
            (None, pan, expiry) => Card::keyed(
                pan.as_deref().unwrap_or_default(),
                expiry.as_deref().unwrap_or_default(),
            ),
        }
    }
}

impl HolderArgs {
    fn pin(&self) -> Result<Option<ClearPin>, InvalidElement> {
        self.pin.as_deref().map(str::parse).transpose()
    }
}

impl OrderAction {
    /// Where the card password goes, if the card is swiped and it was not given.
    pub(crate) const fn missing_pin(&mut self) -> Option<&mut Option<String>> {
        let holder = match self {
            Self::Sale(money) | Self::Refund(money) => &mut money.holder,
            Self::Balance(holder) => holder,
            Self::Cancel { .. } => return None,
        };
        if holder.card.swipe.is_some() && holder.pin.is_none() {
            Some(&mut holder.pin)
        } else {
            None
        }
    }

    fn order(&self) -> Result<Order, InvalidElement> {
        Ok(match self {
            Self::Sale(MoneyArgs { amount, holder }) => Order::Sale {
                amount: *amount,
                card: holder.card.card()?,
                pin: holder.pin()?,
            },
            Self::Refund(MoneyArgs { amount, holder }) => Order::Refund {
                amount: *amount,
                card: holder.card.card()?,
                pin: holder.pin()?,
            },
            Self::Cancel { rrn, card } => Order::Cancel {
                rrn: rrn.clone(),
                card: card.card()?,
            },
            Self::Balance(holder) => Order::Balance {
                card: holder.card.card()?,
                pin: holder.pin()?,
            },
        })
    }
}

/// What the caller learns from the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    Declined,
    Unknown,
    WrongUsage,
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Self {
        match status {
            Status::Approved | Status::Cancelled => Self::Approved,
            Status::Declined => Self::Declined,
            Status::Unanswered | Status::Reversed => Self::Unknown,
        }
    }
}

impl From<&PosError> for Verdict {
    fn from(error: &PosError) -> Self {
        match error {
            PosError::Link(_)
            | PosError::WrongAnswer { .. }
            | PosError::StillPending { .. }
            | PosError::State(_)
            | PosError::Forgotten { .. } => Self::Unknown,
            PosError::Refused(_) | PosError::Invalid(_) | PosError::Config(_) => Self::WrongUsage,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Approved => 0,
            Verdict::Declined => 1,
            Verdict::Unknown => 2,
            Verdict::WrongUsage => 3,
        })
    }
}

/// Runs the command line, program name first, and says how to exit.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(message) => {
            // Where the terminal is gone nobody reads it.
            let _ = message.print();
            let verdict = if message.use_stderr() {
                Verdict::WrongUsage
            } else {
                Verdict::Approved
            };
            return verdict.into();
        }
    };
    match start(cli) {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "pos-sim: {error}");
            match &error {
                CliError::Pos(error) => Verdict::from(error).into(),
                CliError::Usage(_) => Verdict::WrongUsage.into(),
                CliError::Io(_) => Verdict::Unknown.into(),
            }
        }
    }
}

fn start(cli: Cli) -> Result<Verdict, CliError> {
    // `RUST_LOG=debug` shows every message, masked.
    telemetry::start_logs("warn", telemetry::LogFormat::Text)
        .map_err(|error| CliError::Usage(format!("RUST_LOG: {error}")))?;
    let config = cli.options.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Nothing was begun yet: whatever is wrong, it is with what was given.
        let mut pos = Pos::open(config).map_err(|error| CliError::Usage(error.to_string()))?;
        let mut output = io::stdout();
        match cli.command {
            Command::Action(mut action) => {
                if let Action::Order(order) = &mut action
                    && order.missing_pin().is_some()
                {
                    let words = "a swiped card needs its card password: --pin, or POS_PIN";
                    return Err(CliError::Usage(words.to_owned()));
                }
                perform(&mut pos, &action, &mut output).await
            }
            Command::Prompt => {
                let input = tokio::io::BufReader::new(tokio::io::stdin());
                prompt::run(&mut pos, input, &mut output).await
            }
        }
    })
}

impl Options {
    fn config(self) -> Result<Config, CliError> {
        let state = match self.state {
            Some(path) => path,
            None => state_folder().join(format!("{}.json", self.terminal)),
        };
        Ok(Config {
            host: self.host,
            timeout: Duration::from_secs(self.timeout),
            tpdu: tpdu(&self.tpdu)
                .ok_or_else(|| CliError::Usage("--tpdu takes 10 hex digits".to_owned()))?,
            merchant: Merchant {
                terminal: self.terminal,
                id: self.merchant,
                name: self.name,
                institution: self.institution,
                ..Merchant::default()
            },
            state: Some(state),
            ..Config::default()
        })
    }
}

fn tpdu(hex: &str) -> Option<Tpdu> {
    if hex.len() != 2 * Tpdu::LEN || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(hex, 16).ok()?;
    let [_, _, _, bytes @ ..] = number.to_be_bytes();
    Some(Tpdu::new(bytes))
}

/// Where programs keep what is neither configuration nor cache (XDG base directories).
fn state_folder() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    state
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
        .unwrap_or_default()
        .join("pos-sim")
}

/// Carries out one command: slips and answers to `output`, what went wrong to stderr.
pub(crate) async fn perform(
    pos: &mut Pos,
    action: &Action,
    output: &mut impl Write,
) -> Result<Verdict, CliError> {
    match action {
        Action::Order(order) => {
            let order = order.order().map_err(PosError::from)?;
            let outcome = pos.transact(&order).await?;
            write!(output, "{}", outcome.receipt)?;
            writeln!(output, "took {} ms", millis(outcome.latency))?;
            if let Some(notice) = outcome.notice {
                writeln!(io::stderr(), "pos-sim: {notice}")?;
            }
            Ok(outcome.transaction.status.into())
        }
        Action::Reversals { give_up: true } => {
            pos.give_up().await?;
            writeln!(output, "nothing is pending now")?;
            Ok(Verdict::Approved)
        }
        Action::Reversals { give_up: false } => {
            match pos.finish_pending().await? {
                None => writeln!(output, "nothing is pending")?,
                Some(code) => writeln!(output, "acknowledged: {code} {}", code.words())?,
            }
            Ok(Verdict::Approved)
        }
        Action::Echo => network(pos, NetworkTest::Echo, output).await,
        Action::SignOn => network(pos, NetworkTest::SignOn, output).await,
        Action::History => {
            history(&pos.state().transactions, output)?;
            Ok(Verdict::Approved)
        }
    }
}

async fn network(
    pos: &mut Pos,
    test: NetworkTest,
    output: &mut impl Write,
) -> Result<Verdict, CliError> {
    let (code, latency) = pos.network(test).await?;
    let words = code.words();
    writeln!(output, "{code} {words}, took {} ms", millis(latency))?;
    Ok(if code.approves() {
        Verdict::Approved
    } else {
        Verdict::Declined
    })
}

fn history(transactions: &[Transaction], output: &mut impl Write) -> io::Result<()> {
    if transactions.is_empty() {
        return writeln!(output, "no transactions today");
    }
    for transaction in transactions {
        let Transaction {
            kind,
            status,
            card,
            amount,
            rrn,
            ..
        } = transaction;
        let time = transaction.local.strftime("%H:%M:%S");
        let code = transaction.code.map(|code| code.to_string());
        let code = code.as_deref().unwrap_or("--");
        let approval = transaction.approval.as_deref().unwrap_or("------");
        writeln!(
            output,
            "{time}  {rrn}  {kind:<7}  {card}  {amount:>12}  {code}  {approval}  {status}"
        )?;
    }
    Ok(())
}

/// With one decimal.
fn millis(latency: Duration) -> String {
    let tenths = latency.as_micros() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Why a command ends without a verdict.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Pos(#[from] PosError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}
