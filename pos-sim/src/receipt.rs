//! The slip: what the customer takes home, forty columns wide.

use iso8583::element::{Amount, Currency, ResponseCode};

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
    let word = match transaction.status {
        Status::Approved => "APPROVED",
        Status::Declined => "DECLINED",
        Status::Unanswered => "NO ANSWER",
        Status::Reversed => "NO ANSWER: REVERSED",
        Status::Cancelled => "CANCELLED",
    };
    match transaction.code {
        Some(code) if code != ResponseCode::APPROVED => {
            slip.centred(&format!("{word} ({code})"));
            slip.centred(code.words());
        }
        Some(_) | None => slip.centred(word),
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::civil::date;

    use super::*;
    use crate::entry::Entry;

    fn sale() -> Transaction {
        Transaction {
            kind: Kind::Sale,
            status: Status::Approved,
            card: "999999******0005".to_owned(),
            entry: Entry::Swiped,
            amount: 15_000,
            stan: 123,
            rrn: "607411000123".to_owned(),
            transmission: "0315023015".to_owned(),
            local: date(2026, 3, 15).at(11, 30, 15, 0),
            institution: None,
            code: Some(ResponseCode::APPROVED),
            detail: None,
            approval: Some("A12345".to_owned()),
            ledger: None,
            available: Some(485_000),
        }
    }

    fn slip(transaction: &Transaction) -> String {
        let slip = print(&Merchant::default(), transaction);
        for line in slip.lines() {
            assert!(line.len() <= WIDTH, "{line}");
        }
        slip
    }

    #[test]
    fn slip_of_an_approved_sale() {
        assert_snapshot!(slip(&sale()), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                          SALE
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        Approval                          A12345
        ----------------------------------------
                        APPROVED
        Prepaid balance left         485,000 KRW
        ----------------------------------------
        ");
    }

    #[test]
    fn slip_of_a_declined_sale() {
        let declined = Transaction {
            status: Status::Declined,
            code: Some(ResponseCode::INSUFFICIENT_FUNDS),
            approval: None,
            available: None,
            ..sale()
        };
        assert_snapshot!(slip(&declined), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                          SALE
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        ----------------------------------------
                     DECLINED (51)
                  not sufficient funds
        ----------------------------------------
        ");
    }

    #[test]
    fn slip_of_a_format_error_names_the_element() {
        let declined = Transaction {
            status: Status::Declined,
            code: Some(ResponseCode::FORMAT_ERROR),
            detail: Some("052".to_owned()),
            approval: None,
            available: None,
            ..sale()
        };
        assert_snapshot!(slip(&declined), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                          SALE
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        ----------------------------------------
                     DECLINED (30)
                      format error
        Detail (DE 44)                       052
        ----------------------------------------
        ");
    }

    #[test]
    fn the_words_of_every_code_fit_on_the_slip() {
        for code in 0..100 {
            let code = ResponseCode::try_from(format!("{code:02}").as_bytes()).unwrap();
            slip(&Transaction {
                status: Status::Declined,
                code: Some(code),
                ..sale()
            });
        }
    }

    #[test]
    fn slip_of_a_cancel() {
        let cancel = Transaction {
            kind: Kind::Cancel,
            stan: 124,
            available: Some(500_000),
            ..sale()
        };
        assert_snapshot!(slip(&cancel), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                         CANCEL
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000124
        Approval                          A12345
        ----------------------------------------
                        APPROVED
        Prepaid balance left         500,000 KRW
        ----------------------------------------
        ");
    }

    #[test]
    fn slip_of_a_balance_inquiry() {
        let balance = Transaction {
            kind: Kind::Balance,
            entry: Entry::Keyed,
            amount: 0,
            approval: None,
            ledger: Some(500_000),
            available: Some(-500),
            ..sale()
        };
        assert_snapshot!(slip(&balance), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                        BALANCE
        ----------------------------------------
        Card                    999999******0005
        Entry                              keyed
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        ----------------------------------------
                        APPROVED
        Balance                      500,000 KRW
        Prepaid balance left            -500 KRW
        ----------------------------------------
        ");
    }

    #[test]
    fn slips_without_an_answer_say_what_happens_next() {
        let unanswered = Transaction {
            status: Status::Unanswered,
            code: None,
            approval: None,
            available: None,
            ..sale()
        };
        assert_snapshot!(slip(&unanswered), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                          SALE
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        ----------------------------------------
                       NO ANSWER
             Not valid: it will be reversed
        ----------------------------------------
        ");
        let reversed = Transaction {
            status: Status::Reversed,
            ..unanswered
        };
        assert_snapshot!(slip(&reversed), @r"
                        TOYLAND
                       SEOUL, KOR
        Merchant                 MERCHANT0000001
        Terminal                        TERM0001
        ----------------------------------------
                          SALE
        ----------------------------------------
        Card                    999999******0005
        Entry                             swiped
        Amount                        15,000 KRW
        Date                 2026-03-15 11:30:15
        RRN                         607411000123
        Trace                             000123
        ----------------------------------------
                  NO ANSWER: REVERSED
            Nothing was charged or credited
        ----------------------------------------
        ");
    }
}
