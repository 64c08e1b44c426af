//! The slip: what the customer takes home, forty columns wide.

use iso8583::element::{Amount, Currency};

use crate::merchant::Merchant;
use crate::transaction::{Kind, Status, Transaction};

const WIDTH: usize = 40;

/// The slip of a transaction.
#[must_use]
pub fn print(merchant: &Merchant, transaction: &Transaction) -> String {
    let mut slip = Slip::default();
    slip.centred(&merchant.name);
    slip.centred(&format!("{}, {}", merchant.city, merchant.country));
    slip.pair("Merchant", &merchant.id);
    slip.pair("Terminal", &merchant.terminal);
    slip.rule();
    slip.centred(&transaction.kind.to_string().to_uppercase());
    slip.rule();
    slip.pair("Card", &transaction.card);
    slip.pair("Entry", &transaction.entry.to_string());
    if transaction.kind != Kind::Balance {
        slip.pair("Amount", &won(transaction.amount));
    }
    let time = transaction.local.strftime("%Y-%m-%d %H:%M:%S");
    slip.pair("Date", &time.to_string());
    slip.pair("RRN", &transaction.rrn);
    slip.pair("Trace", &format!("{:06}", transaction.stan));
    if let Some(approval) = &transaction.approval {
        slip.pair("Approval", approval);
    }
    slip.rule();
    outcome(&mut slip, transaction);
    slip.rule();
    slip.0
}

fn outcome(slip: &mut Slip, transaction: &Transaction) {
    let code = transaction
        .code
        .map(|code| format!("{code} {}", code.words()));
    let word = match transaction.status {
        Status::Approved => "APPROVED",
        Status::Declined => "DECLINED",
        Status::Unanswered => "NO ANSWER",
        Status::Reversed => "NO ANSWER: REVERSED",
        Status::Cancelled => "CANCELLED",
    };
    slip.centred(word);
    if let Some(code) = &code {
        slip.centred(code);
    }
    if let Some(detail) = transaction
        .detail
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        slip.pair("Detail (DE 44)", detail);
    }
    match (transaction.status, transaction.kind) {
        (Status::Unanswered, Kind::Sale | Kind::Refund) => {
            slip.centred("Not valid: it will be reversed");
        }
        (Status::Unanswered, Kind::Cancel) => slip.centred("The cancel will be repeated"),
        (Status::Reversed, _) => slip.centred("Nothing was charged or credited"),
        _ => {}
    }
    for (name, balance) in [
        ("Balance", transaction.ledger),
        ("Prepaid balance left", transaction.available),
    ] {
        if let Some(balance) = balance {
            let sign = if balance < 0 { "-" } else { "" };
            slip.pair(name, &format!("{sign}{}", won(balance.unsigned_abs())));
        }
    }
}

fn won(amount: u64) -> String {
    Amount::new(amount, Currency::KRW)
        .map_or_else(|error| error.to_string(), |amount| amount.to_string())
}

/// The slip as far as it is printed.
#[derive(Default)]
struct Slip(String);

impl Slip {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn rule(&mut self) {
        self.line(&"-".repeat(WIDTH));
    }

    fn centred(&mut self, text: &str) {
        self.line(&format!("{text:^WIDTH$}"));
    }

    /// A name on the left and its value on the right.
    fn pair(&mut self, name: &str, value: &str) {
        let room = WIDTH.saturating_sub(name.len() + 1);
        self.line(&format!("{name} {value:>room$}"));
    }
}
