use jiff::ToSpan;

use super::*;

const RRN: &str = "607411000001";

fn noon() -> Timestamp {
    "2026-03-15T02:30:15Z".parse().unwrap()
}

fn terminal() -> Terminal {
    terminal_from(State::default())
}

fn terminal_from(state: State) -> Terminal {
    let settings = Settings {
        merchant: Merchant {
            institution: Some("450001".to_owned()),
            ..Merchant::default()
        },
        tpdu: Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00]),
        zone_key: "11223344556677888877665544332211".parse().unwrap(),
    };
    Terminal::new(settings, state).unwrap()
}

fn swiped() -> Card {
    Card::swiped("9999990100000005=30121010000000000000").unwrap()
}

fn keyed() -> Card {
    Card::keyed("9999990100000005", "3012").unwrap()
}

fn sale() -> Order {
    Order::Sale {
        amount: 15_000,
        card: swiped(),
        pin: Some("1234".parse().unwrap()),
    }
}

fn cancel() -> Order {
    Order::Cancel {
        rrn: RRN.to_owned(),
        card: swiped(),
    }
}

/// Data elements but the secret ones, `de=value`.
fn fields(message: &Message) -> Vec<String> {
    message
        .fields()
        .map(|(de, value)| format!("{de}={}", value.escape_ascii()))
        .collect()
}

fn answer(request: &Message, code: &[u8]) -> Message {
    let code = ResponseCode::try_from(code).unwrap();
    let mut answer = request.response(code).unwrap();
    if code.approves() {
        answer.set(38, b"A12345").set(54, b"0002410C000000485000");
    }
    answer
}

fn approved_sale(terminal: &mut Terminal) -> Message {
    let request = terminal.begin(noon(), &sale()).unwrap();
    terminal
        .handle_answer(&request, &answer(&request, b"00"))
        .unwrap();
    request
}

fn status(terminal: &Terminal, stan: u32) -> Status {
    terminal.transaction(stan).unwrap().status
}

#[test]
fn a_swiped_sale_is_a_0200_with_track_and_pin_block() {
    let request = terminal().begin(noon(), &sale()).unwrap();
    assert_eq!(request.mti(), Mti::FINANCIAL_REQUEST);
    assert_eq!(
        request.header(),
        Some(Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00]))
    );
    assert_eq!(
        fields(&request),
        [
            "3=000000",
            "4=000000015000",
            "7=0315023015",
            "11=000001",
            "12=113015",
            "13=0315",
            "18=5945",
            "22=021",
            "25=00",
            "32=450001",
            "35=9999990100000005=30121010000000000000",
            "37=607411000001",
            "41=TERM0001",
            "42=MERCHANT0000001",
            "43=TOYLAND                SEOUL         KOR",
            "49=410",
            "52=\\xde\\xf2G\\xf8+U\\xa3X",
            "53=2001010100000000",
        ]
    );
}

#[test]
fn a_keyed_sale_carries_number_and_expiry_and_needs_no_password() {
    let order = Order::Sale {
        amount: 15_000,
        card: keyed(),
        pin: None,
    };
    let request = terminal().begin(noon(), &order).unwrap();
    assert_eq!(request.text(2), Some("9999990100000005"));
    assert_eq!(
        (request.text(14), request.text(22)),
        (Some("3012"), Some("012"))
    );
    assert!(!request.has(35) && !request.has(52) && !request.has(53));
}

#[test]
fn a_swiped_card_without_its_password_is_refused_here() {
    let mut terminal = terminal();
    let order = Order::Balance {
        card: swiped(),
        pin: None,
    };
    assert_eq!(terminal.begin(noon(), &order), Err(Refusal::PasswordNeeded));
    assert_eq!(terminal.state(), &State::default());
}

#[test]
fn an_approval_ends_the_sale_and_is_remembered() {
    let mut terminal = terminal();
    approved_sale(&mut terminal);
    assert_eq!(terminal.state().pending, None);
    let sale = terminal.transaction(1).unwrap();
    assert_eq!((sale.kind, sale.status), (Kind::Sale, Status::Approved));
    assert_eq!(sale.card, "999999******0005");
    assert_eq!(sale.approval.as_deref(), Some("A12345"));
    assert_eq!((sale.ledger, sale.available), (None, Some(485_000)));
}

#[test]
fn a_decline_ends_the_sale_without_a_reversal() {
    let mut terminal = terminal();
    let request = terminal.begin(noon(), &sale()).unwrap();
    let code = terminal.handle_answer(&request, &answer(&request, b"51"));
    assert_eq!(code, Ok(ResponseCode::INSUFFICIENT_FUNDS));
    assert_eq!(status(&terminal, 1), Status::Declined);
    assert_eq!(terminal.next_reversal(noon()), Ok(None));
}

#[test]
fn a_refund_and_a_balance_inquiry() {
    let mut terminal = terminal();
    let refund = Order::Refund {
        amount: 5_000,
        card: keyed(),
        pin: None,
    };
    let request = terminal.begin(noon(), &refund).unwrap();
    assert_eq!(request.mti(), Mti::FINANCIAL_REQUEST);
    assert_eq!(request.text(3), Some("200000"));
    terminal
        .handle_answer(&request, &answer(&request, b"00"))
        .unwrap();

    let balance = Order::Balance {
        card: keyed(),
        pin: None,
    };
    let request = terminal.begin(noon(), &balance).unwrap();
    assert_eq!(request.mti(), Mti::AUTHORIZATION_REQUEST);
    assert_eq!(
        (request.text(3), request.text(4)),
        (Some("310000"), Some("000000000000"))
    );
    // It moves no money: there is nothing to reverse when it stays unanswered.
    assert_eq!(terminal.next_reversal(noon()), Ok(None));
    let mut reply = answer(&request, b"00");
    reply.set(54, b"0001410C0000005000000002410D000000000500");
    terminal.handle_answer(&request, &reply).unwrap();
    let inquiry = terminal.transaction(2).unwrap();
    assert_eq!(
        (inquiry.ledger, inquiry.available),
        (Some(500_000), Some(-500))
    );
}

#[test]
fn silence_is_reversed_and_repeated_until_acknowledged() {
    let mut terminal = terminal();
    terminal.begin(noon(), &sale()).unwrap();

    let later = noon() + 30.seconds();
    let first = terminal.next_reversal(later).unwrap().unwrap();
    assert_eq!(first.mti(), Mti::REVERSAL_ADVICE);
    assert_eq!(
        fields(&first),
        [
            "2=9999990100000005",
            "3=000000",
            "4=000000015000",
            "7=0315023045",
            "11=000002",
            "12=113015",
            "13=0315",
            "22=021",
            "25=00",
            "32=450001",
            "37=607411000001",
            "39=68",
            "41=TERM0001",
            "42=MERCHANT0000001",
            "49=410",
            "90=020000000103150230150000045000100000000000",
        ]
    );
    // Refused for now: it goes out again, the same but for its type.
    terminal
        .handle_answer(&first, &answer(&first, b"91"))
        .unwrap();
    let mut again = terminal.next_reversal(later + 1.minute()).unwrap().unwrap();
    assert_eq!(again.mti().to_string(), "0421");
    again.set_mti(first.mti());
    assert_eq!(again, first);

    again.set_mti("0421".parse().unwrap());
    terminal
        .handle_answer(&again, &answer(&again, b"00"))
        .unwrap();
    assert_eq!(status(&terminal, 1), Status::Reversed);
    assert_eq!(terminal.state().pending, None);
}

#[test]
fn nothing_else_is_begun_while_something_is_pending() {
    let mut terminal = terminal();
    terminal.begin(noon(), &sale()).unwrap();
    let refused = terminal.begin(noon(), &sale()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the transaction with RRN 607411000001 has to be reversed first"
    );
    terminal.give_up();
    terminal.begin(noon(), &sale()).unwrap();
}

#[test]
fn a_terminal_that_lost_its_power_comes_back_to_what_was_under_way() {
    let mut before = terminal();
    before.begin(noon(), &sale()).unwrap();
    // The next morning.
    let mut after = terminal_from(before.state().clone());
    let reversal = after.next_reversal(noon() + 20.hours()).unwrap().unwrap();
    assert_eq!(reversal.mti(), Mti::REVERSAL_ADVICE);
    assert_eq!(
        (reversal.text(12), reversal.text(13)),
        (Some("113015"), Some("0315"))
    );
    after
        .handle_answer(&reversal, &answer(&reversal, b"25"))
        .unwrap();
    assert_eq!(status(&after, 1), Status::Reversed);
}

#[test]
fn an_answer_that_does_not_fit_leaves_the_sale_pending() {
    let mut terminal = terminal();
    let request = terminal.begin(noon(), &sale()).unwrap();
    let mut wrong = answer(&request, b"00");
    wrong.set(4, b"000000010000");
    let mismatch = terminal.handle_answer(&request, &wrong).unwrap_err();
    assert_eq!(
        mismatch.to_string(),
        "DE 4 of the answer is 000000010000, but 000000015000 was sent"
    );
    assert_eq!(status(&terminal, 1), Status::Unanswered);
    assert!(terminal.next_reversal(noon()).unwrap().is_some());
}

#[test]
fn what_was_not_sent_did_not_happen() {
    let mut terminal = terminal();
    let request = terminal.begin(noon(), &sale()).unwrap();
    terminal.handle_not_sent(&request);
    assert_eq!(terminal.state().pending, None);
    assert_eq!(terminal.transaction(1), None);

    // A first reversal that did not leave stays a first one.
    terminal.begin(noon(), &sale()).unwrap();
    let first = terminal.next_reversal(noon()).unwrap().unwrap();
    terminal.handle_not_sent(&first);
    let again = terminal.next_reversal(noon()).unwrap().unwrap();
    assert_eq!(again, first);
}

#[test]
fn a_cancel_names_its_sale_by_de_90_and_takes_over_its_times_and_codes() {
    let mut terminal = terminal();
    approved_sale(&mut terminal);
    let request = terminal.begin(noon() + 1.hour(), &cancel()).unwrap();
    assert_eq!(request.mti(), Mti::REVERSAL_REQUEST);
    assert_eq!(
        fields(&request),
        [
            "2=9999990100000005",
            "3=000000",
            "4=000000015000",
            "7=0315033015",
            "11=000002",
            "12=113015",
            "13=0315",
            "22=021",
            "25=00",
            "32=450001",
            "37=607411000001",
            "38=A12345",
            "39=17",
            "41=TERM0001",
            "42=MERCHANT0000001",
            "49=410",
            "90=020000000103150230150000045000100000000000",
        ]
    );
    terminal
        .handle_answer(&request, &answer(&request, b"00"))
        .unwrap();
    assert_eq!(status(&terminal, 1), Status::Cancelled);
    assert_eq!(status(&terminal, 2), Status::Approved);
    assert_eq!(
        terminal.begin(noon(), &cancel()).unwrap_err().to_string(),
        "the sale with RRN 607411000001 is cancelled: only an approved one can be cancelled"
    );
}

#[test]
fn a_cancel_without_a_certain_answer_is_repeated() {
    for code in [b"09", b"19", b"20", b"68", b"90", b"91", b"96"] {
        let mut terminal = terminal();
        approved_sale(&mut terminal);
        let request = terminal.begin(noon(), &cancel()).unwrap();
        terminal
            .handle_answer(&request, &answer(&request, code))
            .unwrap();
        assert_eq!(status(&terminal, 2), Status::Unanswered, "{code:?}");
        let repeat = terminal.next_reversal(noon()).unwrap().unwrap();
        assert_eq!(repeat.mti().to_string(), "0401");
        assert_eq!(fields(&repeat), fields(&request));
        terminal
            .handle_answer(&repeat, &answer(&repeat, b"00"))
            .unwrap();
        assert_eq!(status(&terminal, 1), Status::Cancelled);
        assert_eq!(terminal.state().pending, None);
    }
}

#[test]
fn a_refused_cancel_leaves_the_sale_as_it_was() {
    let mut terminal = terminal();
    approved_sale(&mut terminal);
    let request = terminal.begin(noon(), &cancel()).unwrap();
    terminal
        .handle_answer(&request, &answer(&request, b"25"))
        .unwrap();
    assert_eq!(status(&terminal, 1), Status::Approved);
    assert_eq!(status(&terminal, 2), Status::Declined);
    assert_eq!(terminal.state().pending, None);
}

#[test]
fn a_cancel_needs_a_sale_of_today_and_its_card() {
    let mut terminal = terminal();
    approved_sale(&mut terminal);
    let other_card = Order::Cancel {
        rrn: RRN.to_owned(),
        card: Card::keyed("4111111111111111", "3012").unwrap(),
    };
    assert_eq!(
        terminal.begin(noon(), &other_card).unwrap_err().to_string(),
        "the sale with RRN 607411000001 was made with card 999999******0005: \
         cancel it with the same"
    );
    // 15:00 UTC is midnight in Seoul.
    let tomorrow = "2026-03-15T15:00:00Z".parse().unwrap();
    assert_eq!(
        terminal.begin(tomorrow, &cancel()).unwrap_err().to_string(),
        "no sale with RRN 607411000001 was made here today: refund it instead"
    );
}

#[test]
fn the_last_trace_number_of_a_day_is_kept_for_a_reversal() {
    let mut terminal = terminal();
    let today = local(noon()).date();
    while terminal.state.numbers.left(today) > 2 {
        terminal.state.numbers.next(today).unwrap();
    }
    terminal.begin(noon(), &sale()).unwrap();
    assert_eq!(terminal.state.numbers.left(today), 1);
    let reversal = terminal.next_reversal(noon()).unwrap().unwrap();
    assert_eq!(reversal.text(11), Some("999999"));
    terminal.give_up();
    assert_eq!(
        terminal.begin(noon(), &sale()),
        Err(Refusal::TraceNumbersUsedUp)
    );
}

#[test]
fn the_journal_forgets_its_oldest_at_its_limit() {
    let mut terminal = terminal();
    approved_sale(&mut terminal);
    let sale = terminal.transaction(1).unwrap().clone();
    terminal.state.transactions = vec![sale; JOURNAL_MAX];
    approved_sale(&mut terminal);
    assert_eq!(terminal.state.transactions.len(), JOURNAL_MAX);
    assert!(terminal.transaction(2).is_some());
}

#[test]
fn an_echo_test_asks_with_de_70() {
    let mut terminal = terminal();
    let request = terminal.network(noon(), "301").unwrap();
    assert_eq!(
        fields(&request),
        ["7=0315023015", "11=000001", "32=450001", "70=301"]
    );
    assert_eq!(
        terminal.handle_answer(&request, &answer(&request, b"00")),
        Ok(ResponseCode::APPROVED)
    );
}
