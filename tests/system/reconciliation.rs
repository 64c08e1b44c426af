//! An acquirer that counts what it was told agrees with the switch (0520), whatever happened.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use iso8583::element::transmission_time;
use iso8583::{Message, Mti};
use jiff::Timestamp;
use serde_json::{Value, json};
use support::acquirer::Acquirer;
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::http;
use support::messages::{inquiry, purchase, repeat, reversal};
use support::world::World;

use crate::world;

/// What an acquirer counts of a business date, each a number and an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    credits: (u64, u64),
    credit_reversals: (u64, u64),
    debits: (u64, u64),
    debit_reversals: (u64, u64),
    inquiries: u64,
    authorizations: u64,
}

/// An acquirer's own book: what it was told, by DE 15 of the answers.
#[derive(Debug, Default)]
struct Till(BTreeMap<String, Counts>);

impl Till {
    fn day(&mut self, answer: &Message) -> &mut Counts {
        let date = answer.text(15).expect("the switch says the date");
        self.0.entry(date.to_owned()).or_default()
    }

    fn count(&mut self, answer: &Message) {
        let amount = answer.text(4).unwrap().parse::<u64>().unwrap();
        let code = *answer.field(3).and_then(<[u8]>::first).unwrap();
        let kind = answer.mti().class_digit();
        let day = self.day(answer);
        match (kind, code) {
            (_, b'3') => day.inquiries += 1,
            (b'1', _) => day.authorizations += 1,
            (b'2', b'2') => add(&mut day.credits, amount),
            (b'2', _) => add(&mut day.debits, amount),
            (b'4', b'2') => add(&mut day.credit_reversals, amount),
            _ => add(&mut day.debit_reversals, amount),
        }
    }

    /// Asks, and counts what is approved; DE 39.
    fn ask(&mut self, van: &mut Acquirer, message: &Message) -> String {
        let answer = van.ask(message);
        let code = answer.text(39).unwrap().to_owned();
        if code == "00" {
            self.count(&answer);
        }
        code
    }

    /// Every day is in balance.
    fn agrees(&self, van: &mut Acquirer) {
        for (date, counts) in &self.0 {
            let answer = van.ask(&counts.advice("0520", date));
            let ours: Vec<_> = answer.fields().collect();
            assert_eq!(answer.text(39), Some("00"), "{date}: {counts:?}\n{ours:?}");
            assert_eq!(answer.text(66), Some("1"));
        }
    }
}

fn add(sum: &mut (u64, u64), amount: u64) {
    sum.0 += 1;
    sum.1 += amount;
}

impl Counts {
    fn advice(&self, mti: &str, date: &str) -> Message {
        let own = purchase(SANDBOX, 0);
        let mut message = Message::new(mti.parse().unwrap());
        message
            .set(7, &transmission_time(Timestamp::now()))
            .copy(11, &own)
            .set(15, date.as_bytes())
            .copy(32, &own)
            .set(50, b"410");
        for (count, amount, (number, sum)) in [
            (74, 86, self.credits),
            (75, 87, self.credit_reversals),
            (76, 88, self.debits),
            (77, 89, self.debit_reversals),
        ] {
            message.set(count, format!("{number:010}").as_bytes());
            message.set(amount, format!("{sum:016}").as_bytes());
        }
        message.set(80, format!("{:010}", self.inquiries).as_bytes());
        message.set(81, format!("{:010}", self.authorizations).as_bytes());
        let due = (self.debits.1 + self.credit_reversals.1).cast_signed()
            - (self.debit_reversals.1 + self.credits.1).cast_signed();
        let sign = if due < 0 { 'D' } else { 'C' };
        message.set(97, format!("{sign}{:016}", due.unsigned_abs()).as_bytes());
        message
    }
}

/// Purchases, a refund, voids, a hold and its completion, repeats, an inquiry, and what is not
/// counted: one declined, one timed out, one whose answer never came.
fn a_day(world: &World, till: &mut Till, van: &mut Acquirer) {
    let purchases = [100, 200, 300].map(|amount| purchase(SANDBOX, amount));
    for message in &purchases {
        assert_eq!(till.ask(van, message), "00");
    }
    assert_eq!(van.code(&repeat(&purchases[0])), "00", "counted before");
    assert_eq!(till.ask(van, &reversal(&purchases[1], "17")), "00");
    assert_eq!(van.code(&reversal(&purchases[1], "17")), "00", "and this");
    let mut refund = purchase(SANDBOX, 50);
    refund.copy(37, &purchases[2]).set(3, b"200000");
    assert_eq!(till.ask(van, &refund), "00");
    assert_eq!(till.ask(van, &purchase(SANDBOX, 300_001)), "61");
    assert_eq!(till.ask(van, &inquiry(SANDBOX)), "00");
    let mut hold = purchase(SANDBOX, 5_000);
    hold.set_mti(Mti::AUTHORIZATION_REQUEST);
    hold.set(25, b"06");
    let held = van.ask(&hold);
    assert_eq!(held.text(39), Some("00"));
    till.count(&held);
    let mut completion = reversal(&hold, "00");
    completion.set_mti(Mti::FINANCIAL_ADVICE);
    completion
        .copy(38, &held)
        .set(4, b"000000004000")
        .set(60, b"1376000")
        .remove(39);
    assert_eq!(till.ask(van, &completion), "00");

    world.silence(&json!({ "on": true, "mode": "after" }));
    let silent = purchase(SANDBOX, 7_000);
    assert_eq!(till.ask(van, &silent), "91");
    world.silence(&json!({ "on": false }));
    eventually("the switch's reversal is acknowledged", || {
        world.metric("switch_forward_pending") == 0
    });
    let told_to_undo = van.code(&reversal(&silent, "68"));
    assert!(
        ["00", "21", "25", "94"].contains(&&*told_to_undo),
        "{told_to_undo}"
    );
    // This acquirer never read the answer: it is not in its totals, nor is its reversal.
    let unread = purchase(SANDBOX, 900);
    assert_eq!(van.code(&unread), "00");
    assert_eq!(van.code(&reversal(&unread, "68")), "00");
}

#[test]
fn a_day_is_in_balance_and_an_amount_that_differs_is_95_with_both_totals() {
    let mut world = world();
    let mut van = world.van();
    let mut till = Till::default();
    a_day(&world, &mut till, &mut van);
    till.agrees(&mut van);

    let (date, counts) = till.0.iter().next_back().unwrap();
    let mut wrong = *counts;
    wrong.debits.1 += 1;
    for mti in ["0520", "0521", "0500"] {
        let answer = van.ask(&wrong.advice(mti, date));
        let (code, settlement) = (answer.text(39), answer.text(66));
        assert_eq!((code, settlement), (Some("95"), Some("2")), "{mti}");
        let right = counts.advice("0520", date);
        for de in (74..=77).chain([80, 81]).chain(86..=89).chain([97]) {
            assert_eq!(answer.field(de), right.field(de), "DE {de}");
        }
        let theirs = answer.text(48).unwrap();
        let amount = format!("{:016}", wrong.debits.1);
        assert!(
            theirs.starts_with("17161") && theirs.contains(&amount),
            "{theirs}"
        );
    }
    // A terminal on another link and an acquirer without totals: nothing is nothing.
    let nothing = Counts::default();
    let mut other = nothing.advice("0520", date);
    other.set(32, b"450002");
    assert_eq!(van.code(&other), "00");
    assert_eq!(world.pos().code(&counts.advice("0500", date)), "00");

    three_are_listed_as_out_of_balance(&world);
    let pages = http::get_json(&world.admin, "/v1/totals");
    let is_page = |page: &&Value| {
        let is_date = page["date"]
            .as_str()
            .unwrap()
            .replace('-', "")
            .ends_with(date);
        page["acquirer"] == "450001" && is_date
    };
    let page = pages.as_array().unwrap().iter().find(is_page).unwrap();
    assert_eq!(
        page["debits"],
        json!({ "number": counts.debits.0, "amount": counts.debits.1 })
    );
    assert_eq!(page["incomplete"], false);

    world.kill_switch();
    world.start_switch();
    world.until_ready();
    let mut van = world.van();
    till.agrees(&mut van);
    assert_eq!(http::get_json(&world.admin, "/v1/totals"), pages);
    // What is answered to a repeat of before is not counted now.
    let again = purchase(SANDBOX, 400);
    assert_eq!(till.ask(&mut van, &again), "00");
    world.kill_switch();
    world.start_switch();
    world.until_ready();
    let mut van = world.van();
    assert_eq!(van.code(&repeat(&again)), "00");
    till.agrees(&mut van);
}

/// Each with one unit more than the switch has.
fn three_are_listed_as_out_of_balance(world: &World) {
    assert_eq!(
        world.metric("switch_reconciliations_total{outcome=\"out_of_balance\"}"),
        3
    );
    let last = http::get_json(&world.admin, "/v1/reconciliations");
    let last = last.as_array().unwrap().iter();
    let net = |it: &Value, path| it.pointer(path).and_then(Value::as_i64).unwrap();
    let differences: Vec<i64> = last
        .filter(|it| it["outcome"] == "out_of_balance")
        .map(|it| net(it, "/theirs/net") - net(it, "/ours/net"))
        .collect();
    assert_eq!(differences, [1, 1, 1]);
}

#[test]
fn what_was_told_is_what_is_counted_when_the_switch_is_killed_under_load() {
    const ROUNDS: u64 = 12;
    let mut world = world();
    let mut till = Till::default();
    for round in 0..ROUNDS {
        let van = world.van();
        let (told, unanswered) = std::thread::scope(|scope| {
            let client = scope.spawn(|| ask_until_killed(van));
            std::thread::sleep(Duration::from_millis(60 + round * 11));
            world.kill_switch();
            client.join().unwrap()
        });
        told.iter().for_each(|answer| till.count(answer));
        world.start_switch();
        world.until_ready();
        let mut van = world.van();
        for original in unanswered.values() {
            let code = van.code(&reversal(original, "68"));
            assert!(["00", "21", "25", "94"].contains(&&*code), "{code}");
        }
        till.agrees(&mut van);
    }
    let told: u64 = till.0.values().map(|day| day.debits.0).sum();
    assert!(told > 200, "{told}");
}

/// The approvals that came until the switch was killed, and what was not answered.
fn ask_until_killed(mut van: Acquirer) -> (Vec<Message>, HashMap<String, Message>) {
    let mut told = Vec::new();
    let mut unanswered = HashMap::new();
    while unanswered.is_empty() {
        let burst: Vec<Message> = (0..50)
            .map(|card| purchase(&load_card(card), 100))
            .collect();
        for request in &burst {
            unanswered.insert(request.text(37).unwrap().to_owned(), request.clone());
        }
        if !van.try_send(&burst) {
            break;
        }
        while !unanswered.is_empty()
            && let Some(answer) = van.receive()
        {
            assert_eq!(answer.text(39), Some("00"), "{answer:?}");
            unanswered.remove(answer.text(37).unwrap());
            told.push(answer);
        }
    }
    (told, unanswered)
}
