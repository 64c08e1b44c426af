use std::time::Duration;

use iso8583::Mti;
use iso8583::element::{Amount, Currency};

use super::*;

/// A desk with a clock of its own, the messages it sent and the replies it gave.
struct Office {
    desk: Desk<u32>,
    now: Now,
    sent: VecDeque<(Exchange<u32>, Message)>,
    replies: Vec<(u32, Reply)>,
    events: Vec<Event>,
}

/// From here on a number stands for a mall that hung up.
const GONE: u32 = 1_000_000;

impl Waiting for u32 {
    fn is_gone(&self) -> bool {
        *self >= GONE
    }
}

const ID: PaymentId = PaymentId::new(1);

impl Office {
    fn open(config: &Config) -> Self {
        let now = Now {
            instant: Instant::now(),
            utc: "2026-03-15T02:30:15Z".parse().unwrap(),
        };
        Self {
            desk: Desk::new(config, now),
            now,
            sent: VecDeque::new(),
            replies: Vec::new(),
            events: Vec::new(),
        }
    }

    fn with_approval() -> Self {
        let mut office = Self::open(&Config::default());
        office.approve(ID, "ORD-1", 1);
        office.answer(b"00");
        office.replies.clear();
        office
    }

    fn command(&mut self, command: Command, from: u32) {
        self.desk.handle_command(self.now, command, from);
        self.drain();
    }

    fn approve(&mut self, id: PaymentId, order: &str, from: u32) {
        let sale = sale(order);
        let command = Command::Approve {
            id,
            fingerprint: sale.amount.minor(),
            sale,
        };
        self.command(command, from);
    }

    /// The oldest message out gets this outcome.
    fn outcome(&mut self, outcome: &Outcome) {
        let (exchange, _) = self.sent.pop_front().unwrap();
        self.desk.handle_outcome(self.now, exchange, outcome);
        self.drain();
    }

    /// The oldest message out is answered as an issuer would.
    fn answer(&mut self, code: &[u8]) {
        let (_, request) = self.sent.front().unwrap();
        let mut answer = request.response(code.try_into().unwrap()).unwrap();
        if code == b"00" {
            answer.set(38, b"A12345").set(54, b"0002410C000000085000");
        }
        self.outcome(&Outcome::Answered(answer));
    }

    fn silence(&mut self) {
        self.outcome(&Outcome::Unanswered("no answer in time".to_owned()));
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.utc += jiff::SignedDuration::try_from(time).unwrap();
        self.desk.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.desk.poll_output() {
            match output {
                Output::Send(exchange, message) => self.sent.push_back((exchange, message)),
                Output::Reply(to, reply) => self.replies.push((to, reply)),
                Output::Happened(event) => self.events.push(event),
            }
        }
    }

    fn status(&mut self) -> Status {
        self.command(Command::Find(ID), 99);
        match self.replies.pop() {
            Some((99, Ok(Answer::Payment(receipt)))) => receipt.status,
            other => panic!("expected a receipt, got {other:?}"),
        }
    }

    fn out(&self) -> Vec<String> {
        let mtis = self.sent.iter().map(|(_, message)| message.mti());
        mtis.map(|mti| mti.to_string()).collect()
    }
}

fn sale(order: &str) -> Sale {
    Sale {
        mall: Arc::new(Mall::default()),
        order: order.to_owned().try_into().unwrap(),
        customer: "CUST1".to_owned().try_into().unwrap(),
        goods: None,
        contact: None,
        amount: Amount::new(15_000, Currency::KRW).unwrap(),
        card: Card {
            pan: "9999990100000005".parse().unwrap(),
            expiry: None,
            password: None,
        },
    }
}

fn order(order: &str) -> OrderKey {
    OrderKey {
        mall: Mall::default().id,
        order: order.to_owned().try_into().unwrap(),
    }
}

#[test]
fn an_approval_leaves_nothing_behind() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    assert_eq!(office.status(), Status::Pending);
    office.answer(b"00");
    let [(1, Ok(Answer::Payment(receipt)))] = &office.replies[..] else {
        panic!("{:?}", office.replies);
    };
    assert_eq!(receipt.status, Status::Approved);
    assert_eq!(receipt.approval_number.as_deref(), Some("A12345"));
    assert_eq!(receipt.approval_date.as_deref(), Some("20260315"));
    assert_eq!(receipt.balance, Some(85_000));
    assert_eq!(receipt.card, "999999******0005");
    assert_eq!(office.desk.net_cancels_pending(), 0);
    assert!(office.sent.is_empty());
}

#[test]
fn silence_is_reversed_and_what_comes_late_changes_nothing() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.silence();
    assert_eq!(office.status(), Status::Unknown);
    assert_eq!(office.out(), ["0420"]);
    let late = sale("ORD-1");
    let mut answer = Message::new("0210".parse().unwrap());
    answer
        .set(4, &late.amount.to_digits())
        .set(38, b"A12345")
        .set(39, b"00");
    let approval = Exchange::Approval(ID);
    let (now, outcome) = (office.now, Outcome::Answered(answer));
    office.desk.handle_outcome(now, approval, &outcome);
    assert_eq!(office.status(), Status::Unknown);
    office.answer(b"25");
    assert_eq!(office.status(), Status::Cancelled);
    assert_eq!(office.desk.net_cancels_pending(), 0);
}

#[test]
fn approvals_that_cannot_be_relied_on_are_reversed() {
    for (de, value) in [(38, &b"      "[..]), (4, b"000000000001"), (39, b"??")] {
        let mut office = Office::open(&Config::default());
        office.approve(ID, "ORD-1", 1);
        let (_, request) = office.sent.front().unwrap();
        let mut answer = request.response(ResponseCode::APPROVED).unwrap();
        answer.set(38, b"A12345").set(de, value);
        office.outcome(&Outcome::Answered(answer));
        assert_eq!(office.status(), Status::Unknown, "DE {de}");
        assert_eq!(office.out(), ["0420"], "DE {de}");
    }
}

#[test]
fn what_was_never_sent_is_declined_and_not_reversed() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.outcome(&Outcome::NotSent("not connected".to_owned()));
    assert_eq!(office.status(), Status::Declined);
    assert!(office.sent.is_empty());
}

#[test]
fn the_same_order_gets_the_same_answer_and_another_one_none() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.approve(PaymentId::new(2), "ORD-1", 2);
    assert_eq!(office.out(), ["0200"], "the second attaches to the first");
    office.answer(b"51");
    office.approve(PaymentId::new(3), "ORD-1", 3);
    let of = |from| office.replies.iter().find(|(to, _)| *to == from).unwrap();
    assert_eq!((&of(1).1, &of(1).1), (&of(2).1, &of(3).1));
    let command = Command::Approve {
        id: PaymentId::new(4),
        fingerprint: 1,
        sale: sale("ORD-1"),
    };
    office.command(command, 4);
    assert!(matches!(
        office.replies.last(),
        Some((4, Err(Refusal::OrderExists { .. })))
    ));
}

#[test]
fn a_cancel_is_asked_for_once() {
    let mut office = Office::with_approval();
    office.command(Command::Cancel(ID), 2);
    office.command(Command::Cancel(ID), 3);
    assert_eq!(office.out(), ["0400"]);
    assert_eq!(office.sent[0].1.mti(), Mti::REVERSAL_REQUEST);
    office.answer(b"00");
    office.command(Command::Cancel(ID), 4);
    assert_eq!(office.replies.len(), 3);
    assert!(office.replies.iter().all(|(_, reply)| matches!(
        reply,
        Ok(Answer::Payment(Receipt {
            status: Status::Cancelled,
            ..
        }))
    )));
    assert!(office.sent.is_empty());
}

#[test]
fn a_cancel_refused_leaves_the_approval() {
    let mut office = Office::with_approval();
    office.command(Command::Cancel(ID), 2);
    office.answer(b"64");
    let refusal = Refusal::CancelRefused(ResponseCode::ORIGINAL_AMOUNT_INCORRECT);
    assert_eq!(office.replies, [(2, Err(refusal))]);
    assert_eq!(office.status(), Status::Approved);
}

#[test]
fn a_cancel_without_an_answer_becomes_a_net_cancel() {
    let mut office = Office::with_approval();
    office.command(Command::Cancel(ID), 2);
    office.silence();
    assert_eq!(office.status(), Status::Unknown);
    assert_eq!(office.out(), ["0420"]);
    assert_eq!(office.sent[0].1.text(38), Some("A12345"));
    office.answer(b"00");
    assert_eq!(office.status(), Status::Cancelled);
}

#[test]
fn only_sales_of_the_same_local_day_are_cancelled() {
    let mut office = Office::with_approval();
    // 11:30:15 in Seoul; its day ends at 15:00 UTC.
    office.pass(Duration::from_secs(12 * 3_600 + 29 * 60 + 44));
    office.command(Command::Cancel(ID), 2);
    assert_eq!(office.out(), ["0400"]);
    office.answer(b"64");
    office.pass(Duration::from_mins(1));
    office.command(Command::Cancel(ID), 3);
    assert_eq!(office.replies.last(), Some(&(3, Err(Refusal::AnotherDay))));
    let payment = office.desk.payments.get(ID).unwrap();
    assert!(payment.original.is_none(), "the card number is forgotten");
}

#[test]
fn a_net_cancel_undoes_an_approval() {
    let mut office = Office::with_approval();
    office.command(Command::NetCancel(order("ORD-1")), 2);
    assert_eq!(office.out(), ["0420"]);
    assert!(office.replies.is_empty(), "not before the network says so");
    office.answer(b"00");
    assert!(matches!(office.replies[..], [(2, Ok(Answer::Payment(_)))]));
    assert_eq!(office.status(), Status::Cancelled);
}

#[test]
fn a_net_cancel_before_the_answer_undoes_it_when_it_comes() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.command(Command::NetCancel(order("ORD-1")), 2);
    office.answer(b"00");
    assert_eq!(office.status(), Status::Unknown, "never approved");
    assert_eq!(office.out(), ["0420"]);
    office.answer(b"00");
    assert_eq!(office.status(), Status::Cancelled);
    assert_eq!(office.replies.len(), 2);
}

#[test]
fn a_net_cancel_of_a_decline_has_nothing_to_do() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.command(Command::NetCancel(order("ORD-1")), 2);
    office.answer(b"51");
    assert_eq!(office.replies.len(), 2);
    assert!(office.sent.is_empty());
}

#[test]
fn an_order_net_cancelled_before_it_came_is_not_approved_any_more() {
    let mut office = Office::open(&Config::default());
    office.command(Command::NetCancel(order("ORD-1")), 1);
    assert_eq!(office.replies, [(1, Ok(Answer::NothingToCancel))]);
    office.approve(ID, "ORD-1", 2);
    assert!(matches!(
        office.replies.last(),
        Some((2, Err(Refusal::OrderCancelled { .. })))
    ));
    assert!(office.sent.is_empty());
}

#[test]
fn a_net_cancel_given_up_begins_anew_when_asked_for() {
    let mut office = Office::open(&Config::default());
    office.approve(ID, "ORD-1", 1);
    office.silence();
    office.silence();
    office.pass(Config::default().net_cancel.give_up_after);
    assert!(office.events.contains(&Event::NetCancelGivenUp(ID)));
    assert_eq!(office.status(), Status::Unknown);
    office.command(Command::NetCancel(order("ORD-1")), 2);
    office.answer(b"00");
    assert_eq!(office.status(), Status::Cancelled);
}

#[test]
fn a_full_table_takes_no_sale_until_something_is_forgotten() {
    let mut config = Config::default();
    config.payments.max = 1;
    let mut office = Office::open(&config);
    office.approve(ID, "ORD-1", 1);
    office.approve(PaymentId::new(2), "ORD-2", 2);
    assert_eq!(office.replies, [(2, Err(Refusal::PaymentsFull))]);
    office.answer(b"00");
    office.pass(config.payments.keep);
    office.approve(PaymentId::new(2), "ORD-2", 3);
    assert_eq!(office.out(), ["0200"]);
    assert_eq!(office.desk.remembered(), 1);
}

#[test]
fn what_is_under_way_is_never_forgotten() {
    let config = Config::default();
    let mut office = Office::open(&config);
    office.approve(ID, "ORD-1", 1);
    office.silence();
    office.pass(config.payments.keep);
    assert_eq!(office.status(), Status::Unknown);
    office.answer(b"00");
    office.pass(config.payments.keep);
    assert_eq!(office.desk.remembered(), 0);
}

#[test]
fn without_a_place_for_its_reversal_no_sale_is_sent() {
    let mut config = Config::default();
    config.net_cancel.max = 1;
    let mut office = Office::open(&config);
    office.approve(ID, "ORD-1", 1);
    office.approve(PaymentId::new(2), "ORD-2", 2);
    assert_eq!(office.replies, [(2, Err(Refusal::NetCancelsFull))]);
    assert_eq!(office.out(), ["0200"]);
    office.answer(b"00");
    office.approve(PaymentId::new(3), "ORD-3", 3);
    assert_eq!(office.out(), ["0200"]);
}

#[test]
fn nothing_the_desk_shows_holds_a_clear_card_number() {
    let mut office = Office::with_approval();
    office.command(Command::NetCancel(order("ORD-1")), 2);
    let shown = format!("{:?} {:?} {:?}", office.desk, office.sent, office.events);
    assert!(!shown.contains("99999901"), "{shown}");
}

fn net_cancel_of_order_1() -> Command {
    Command::NetCancel(OrderKey {
        mall: sale("ORD-1").mall.id.clone(),
        order: sale("ORD-1").order,
    })
}

#[test]
fn malls_that_hung_up_do_not_wait_for_a_net_cancel_and_those_that_do_are_bounded() {
    let mut office = Office::with_approval();
    let waiting = |office: &Office| {
        let payment = office.desk.payments.get(ID).unwrap();
        payment.waiting_for_net_cancel.len()
    };
    for mall in 0..1_000 {
        office.command(net_cancel_of_order_1(), GONE + mall);
    }
    assert_eq!(
        waiting(&office),
        1,
        "the last to come has not been looked at yet"
    );
    let most = u32::try_from(WAITING_MAX).unwrap();
    for mall in 0..most {
        office.command(net_cancel_of_order_1(), mall);
    }
    assert_eq!((waiting(&office), office.replies.len()), (WAITING_MAX, 0));
    office.command(net_cancel_of_order_1(), most);
    let refused = (most, Err(Refusal::TooManyWaiting));
    assert_eq!(office.replies, [refused]);
    assert_eq!(waiting(&office), WAITING_MAX);
}
