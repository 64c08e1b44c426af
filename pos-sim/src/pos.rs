//! A running terminal: the machine, its line to the host, and its state file.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use iso8583::InvalidElement;
use iso8583::crypto::TdesKey;
use iso8583::element::ResponseCode;
use iso8583::frame::Tpdu;
use iso8583_link::LinkConfigError;
use jiff::Timestamp;
use thiserror::Error;

use crate::link::{HostLink, LinkError};
use crate::merchant::Merchant;
use crate::receipt;
use crate::state_file::{StateError, StateFile};
use crate::terminal::{Order, Refusal, Settings, State, Terminal};
use crate::transaction::Transaction;

/// What a terminal runs on.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host, `address:port`.
    pub host: String,
    /// How long an answer may take. Shorter than the host's own patience with the issuer, it
    /// reverses what the host would still have answered.
    pub timeout: Duration,
    /// What requests are addressed with; answers must bear it with the addresses swapped.
    pub tpdu: Tpdu,
    /// What card passwords are encrypted under.
    pub zone_key: TdesKey,
    /// Whose terminal it is.
    pub merchant: Merchant,
    /// Where the state is kept; None: only in memory, and lost with it.
    pub state: Option<PathBuf>,
}

impl Config {
    /// The test key of the sandbox. Real terminals have theirs injected in a safe room.
    pub const SANDBOX_ZONE_KEY: TdesKey = TdesKey::new([
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
        0x11,
    ]);
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1:8584".to_owned(),
            timeout: Duration::from_secs(20),
            tpdu: Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00]),
            zone_key: Self::SANDBOX_ZONE_KEY,
            merchant: Merchant::default(),
            state: None,
        }
    }
}

/// A terminal ready for orders.
///
/// ```no_run
/// # async fn example() -> Result<(), pos_sim::PosError> {
/// use pos_sim::{Card, Config, Order, Pos};
///
/// let mut pos = Pos::open(Config::default())?;
/// let card = Card::swiped("9999990100000005=30121010000000000000")?;
/// let pin = Some("1234".parse()?);
/// let outcome = pos.transact(&Order::Sale { amount: 15_000, card, pin }).await?;
/// print!("{}", outcome.receipt);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pos {
    terminal: Terminal,
    link: HostLink,
    file: Option<StateFile>,
}

/// What came of an order.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The transaction as the journal has it now.
    pub transaction: Transaction,
    /// Its slip.
    pub receipt: String,
    /// From the request's leaving to its answer, or to giving up.
    pub latency: Duration,
    /// Where there was no (certain) answer: what happened instead.
    pub notice: Option<String>,
}

/// Messages that move no money (0800).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkTest {
    /// DE 70 001.
    SignOn,
    /// DE 70 301.
    Echo,
}

impl Pos {
    /// A terminal that goes on where its state file says; it connects with its first order.
    ///
    /// # Errors
    /// Where the configuration cannot be, or the state file is of no use.
    pub fn open(config: Config) -> Result<Self, PosError> {
        let (file, state) = match &config.state {
            Some(path) => {
                let (file, state) = StateFile::open(path, &config.merchant.terminal)?;
                (Some(file), state)
            }
            None => (None, State::default()),
        };
        let settings = Settings {
            merchant: config.merchant,
            tpdu: config.tpdu,
            zone_key: config.zone_key,
        };
        Ok(Self {
            terminal: Terminal::new(settings, state)?,
            link: HostLink::new(config.host, config.timeout)?,
            file,
        })
    }

    /// The transactions of the day and what is pending.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.terminal.state()
    }

    /// Carries out an order. What is pending goes first; where no answer comes, money that may
    /// have moved is reversed.
    ///
    /// # Errors
    /// Where the order was not begun, or its state could not be kept. No answer is no error.
    pub async fn transact(&mut self, order: &Order) -> Result<Outcome, PosError> {
        self.finish_pending().await?;
        self.link.connect().await?;
        let request = self.terminal.begin(Timestamp::now(), order)?;
        if let Err(error) = self.save().await {
            self.terminal.handle_not_sent(&request);
            return Err(error);
        }
        let sent = Instant::now();
        let answer = self.link.request(&request).await;
        let latency = sent.elapsed();
        let notice = match answer {
            Ok(answer) => match self.terminal.handle_answer(&request, &answer) {
                Ok(_) => self.pending_notice(),
                Err(mismatch) => Some(self.reverse(&mismatch.to_string()).await?),
            },
            Err(error) if !error.may_have_been_sent() => {
                self.terminal.handle_not_sent(&request);
                self.save().await?;
                return Err(error.into());
            }
            Err(error) => Some(self.reverse(&error.to_string()).await?),
        };
        self.save().await?;
        let stan = crate::terminal::stan_of(&request);
        let transaction = self
            .terminal
            .transaction(stan)
            .cloned()
            .ok_or(PosError::Forgotten { stan })?;
        Ok(Outcome {
            receipt: receipt::print(self.terminal.merchant(), &transaction),
            transaction,
            latency,
            notice,
        })
    }

    /// Sends what is pending once; None where nothing is, else how the host acknowledged it.
    ///
    /// # Errors
    /// Where it is still pending afterwards, and why.
    pub async fn finish_pending(&mut self) -> Result<Option<ResponseCode>, PosError> {
        let Some(rrn) = self.pending_rrn() else {
            return Ok(None);
        };
        let still_pending = |reason: String| PosError::StillPending { rrn, reason };
        if let Err(error) = self.link.connect().await {
            return Err(still_pending(error.to_string()));
        }
        let Some(reversal) = self.terminal.next_reversal(Timestamp::now())? else {
            return Ok(None);
        };
        self.save().await?;
        let result = match self.link.request(&reversal).await {
            Ok(answer) => match self.terminal.handle_answer(&reversal, &answer) {
                Ok(code) if self.terminal.state().pending.is_none() => Ok(Some(code)),
                Ok(code) => Err(format!("the host answers {code}, {}", code.words())),
                Err(mismatch) => Err(mismatch.to_string()),
            },
            Err(error) => {
                if !error.may_have_been_sent() {
                    self.terminal.handle_not_sent(&reversal);
                }
                Err(error.to_string())
            }
        };
        self.save().await?;
        result.map_err(still_pending)
    }

    /// Signs on, or tests the line.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn network(
        &mut self,
        test: NetworkTest,
    ) -> Result<(ResponseCode, Duration), PosError> {
        self.link.connect().await?;
        let function = match test {
            NetworkTest::SignOn => "001",
            NetworkTest::Echo => "301",
        };
        let request = self.terminal.network(Timestamp::now(), function)?;
        self.save().await?;
        let sent = Instant::now();
        let answer = self.link.request(&request).await?;
        let latency = sent.elapsed();
        let code = self
            .terminal
            .handle_answer(&request, &answer)
            .map_err(|mismatch| PosError::WrongAnswer {
                reason: mismatch.to_string(),
            })?;
        Ok((code, latency))
    }

    /// Forgets what is pending, once the operator has settled it with the acquirer: a host that
    /// refuses a reversal for good would block the terminal for ever.
    ///
    /// # Errors
    /// Where the state cannot be kept.
    pub async fn give_up(&mut self) -> Result<(), PosError> {
        self.terminal.give_up();
        self.save().await
    }

    /// Undoes a transaction under way at once, and says in words what came of it.
    async fn reverse(&mut self, why: &str) -> Result<String, PosError> {
        if self.terminal.state().pending.is_none() {
            return Ok(why.to_owned());
        }
        match self.finish_pending().await {
            Ok(Some(code)) => Ok(format!(
                "{why}; the host then acknowledged with {code}, {}",
                code.words()
            )),
            Ok(None) => Ok(why.to_owned()),
            Err(still @ PosError::StillPending { .. }) => Ok(format!(
                "{why}; {still}, so it goes first with the next order"
            )),
            Err(error) => Err(error),
        }
    }

    fn pending_notice(&self) -> Option<String> {
        self.pending_rrn().map(|rrn| {
            format!("the host could not say what became of RRN {rrn}: it is asked again first")
        })
    }

    fn pending_rrn(&self) -> Option<String> {
        let pending = self.terminal.state().pending.as_ref()?;
        Some(pending.rrn().to_owned())
    }

    async fn save(&self) -> Result<(), PosError> {
        if let Some(file) = &self.file {
            file.save(self.terminal.state()).await?;
        }
        Ok(())
    }
}

/// Why an order was not carried out.
#[derive(Debug, Error)]
pub enum PosError {
    /// The terminal itself refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No line to the host, or no answer to a network message.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// An answer to a network message that does not fit.
    #[error("{reason}")]
    WrongAnswer {
        /// What does not fit.
        reason: String,
    },
    /// What is pending could not be finished, so nothing else was begun.
    #[error("RRN {rrn} is still pending: {reason}")]
    StillPending {
        /// DE 37 of the transaction concerned.
        rrn: String,
        /// Why.
        reason: String,
    },
    /// The state file is of no use.
    #[error(transparent)]
    State(#[from] StateError),
    /// The journal lost a transaction under way.
    #[error("the journal has no transaction {stan:06}")]
    Forgotten {
        /// DE 11.
        stan: u32,
    },
    /// A value that its data element cannot hold.
    #[error(transparent)]
    Invalid(#[from] InvalidElement),
    /// The link's settings cannot be.
    #[error(transparent)]
    Config(#[from] LinkConfigError),
}
