use iso8583::element::ResponseCode;
use proptest::prelude::*;

use super::decide::EXPIRIES_MAX;
use super::*;
use crate::card::Status;
use crate::kit::{
    Sent, World, completion, inquiry, policy, pre_authorization, purchase, refer_to, refund,
    reversal,
};
use crate::ledger::{Account, Channel, LineKind, Posting};
use crate::record::{Charge, Effect, Event, Original};
use crate::request::{CardNumber, Operation, Request};
use crate::trace::{Acquirer, Class, Forwarder, Text};

#[test]
fn a_repeat_gets_the_very_same_answer_and_moves_the_money_once() {
    let mut world = World::with(100_000);
    let request = purchase(1, 15_000).build();
    let first = world.send(&request);
    assert_eq!(first.code, ResponseCode::APPROVED);
    let mut repeat = request.clone();
    repeat.settlement_date = Some(*b"0316");
    repeat.trace.transmitted = Some(315_030_000);
    assert_eq!(world.send(&repeat), first);
    assert_eq!(world.balance(), 85_000);
}

#[test]
fn declines_are_repeated_too_even_after_money_came() {
    let mut world = World::with(1_000);
    let request = purchase(1, 5_000).build();
    assert_eq!(world.code(&request), "51");
    world.charge(1, 10_000, "second");
    assert_eq!(world.code(&request), "51");
    assert_eq!(world.balance(), 11_000);
}

#[test]
fn the_same_key_with_other_content_is_a_duplicate() {
    let mut world = World::with(100_000);
    world.send(&purchase(1, 15_000).build());
    let other_card = CardNumber::Found(PanKey([9; 16]));
    for other in [
        purchase(1, 15_001),
        purchase(1, 15_000).card(other_card),
        purchase(1, 15_000).currency(b"840"),
        refund(1, 15_000),
    ] {
        assert_eq!(world.code(&other.build()), "94");
    }
    assert_eq!(world.balance(), 85_000);
}

#[test]
fn a_refusal_that_touched_no_card_is_not_remembered_but_decided_afresh() {
    let mut world = World::with(1_000);
    let before = (world.books.clone(), world.records.len());
    let made_up = CardNumber::Found(PanKey([2; 16]));
    let wrong_digit = CardNumber::WrongCheckDigit(PanKey([1; 16]));
    let late = purchase(1, 10).card(made_up).build();
    for request in [
        late.clone(),
        late.clone(),
        purchase(2, 10).card(wrong_digit).build(),
        inquiry(3).card(made_up).build(),
        pre_authorization(4, 10).card(made_up).build(),
        refund(5, 10).card(made_up).build(),
    ] {
        assert_eq!(world.code(&request), "14");
    }
    assert_eq!((world.books.clone(), world.records.len()), before);
    world.issue(2);
    world.charge(2, 100, "late");
    assert_eq!(world.code(&late), "00", "the card is known by now");
}

#[test]
fn a_reversal_undoes_its_original_once_however_often_it_comes() {
    let mut world = World::with(100_000);
    let original = purchase(1, 15_000).build();
    world.send(&original);
    let undo = reversal(2, &original).build();
    let first = world.send(&undo);
    assert_eq!(first.code, ResponseCode::APPROVED);
    assert_eq!(world.send(&undo), first);
    assert_eq!(world.code(&reversal(3, &original).build()), "00");
    assert_eq!(world.balance(), 100_000);
    // Never the stored approval again.
    assert_eq!(world.code(&original), "94");
    assert_eq!(world.balance(), 100_000);
}

#[test]
fn a_reversal_that_comes_first_refuses_its_original() {
    let original = purchase(1, 15_000).build();
    type Change = fn(Sent) -> Sent;
    let ways: [(&str, Change); 3] = [
        ("as the switch sends it", |sent| sent),
        ("by its second key", |sent| {
            sent.trace(|trace| {
                trace.local_time = Some(235_959);
                trace.rrn = Text::default();
            })
        }),
        ("as a request", Sent::asking),
    ];
    for (way, change) in ways {
        let mut world = World::with(100_000);
        assert_eq!(world.code(&change(reversal(2, &original)).build()), "00");
        assert_eq!(world.code(&original), "94", "{way}");
        assert_eq!(world.balance(), 100_000, "{way}");
    }
}

#[test]
fn a_reversal_finds_its_original_by_every_way_it_may_be_named() {
    type Change = fn(Sent) -> Sent;
    let ways: [(&str, Change); 4] = [
        ("exactly", |sent| sent),
        ("DE 12 and 37 of its own", |sent| {
            sent.trace(|trace| {
                trace.local_time = Some(120_000);
                trace.rrn = Text::new(b"999999999999").unwrap();
            })
        }),
        ("without 12, 13 and 37", |sent| {
            sent.trace(|trace| {
                (trace.local_time, trace.local_date) = (None, None);
                trace.rrn = Text::default();
            })
        }),
        ("without DE 90", |sent| {
            sent.trace(|trace| trace.stan = 1).without_reference()
        }),
    ];
    for original in [purchase(1, 15_000), pre_authorization(1, 15_000)] {
        let original = original.build();
        for (way, change) in ways {
            let mut world = World::with(100_000);
            world.send(&original);
            assert_eq!(world.available(), 85_000);
            let undo = change(reversal(2, &original)).build();
            assert_eq!(world.code(&undo), "00", "{way}");
            assert_eq!(world.available(), 100_000, "{way}");
        }
    }
}

#[test]
fn a_reversal_touches_no_other_transaction() {
    let original = purchase(1, 15_000).build();
    let others: [fn(&mut crate::trace::Trace); 3] = [
        |trace| trace.acquirer = Acquirer(1),
        |trace| trace.terminal = Text::new(b"TERM0002").unwrap(),
        |trace| trace.merchant = Text::new(b"MALL0002").unwrap(),
    ];
    for change in others {
        let mut world = World::with(100_000);
        world.send(&original);
        let mut undo = reversal(2, &original).trace(change).build();
        if let Operation::Reversal {
            original: Some(reference),
            ..
        } = &mut undo.operation
        {
            reference.acquirer = Some(undo.trace.acquirer);
        }
        assert_eq!(world.code(&undo), "00");
        assert_eq!(world.balance(), 85_000);
        assert_eq!(world.code(&original), "00");
    }
}

#[test]
fn a_reversal_of_another_card_or_a_request_of_another_amount_is_refused() {
    let mut world = World::with(100_000);
    world.issue(2);
    let original = purchase(1, 15_000).build();
    world.send(&original);
    let other = CardNumber::Found(PanKey([2; 16]));
    let answer = world.send(&reversal(2, &original).card(other).build());
    assert_eq!(answer.code, ResponseCode::FORMAT_ERROR);
    assert_eq!(answer.element_in_error, Some(2));
    let request = reversal(3, &original).amount(14_000).asking().build();
    assert_eq!(world.code(&request), "64");
    assert_eq!(world.balance(), 85_000);
    // An advice is never refused for its amount: what was posted is undone.
    let advice = reversal(4, &original).amount(14_000).build();
    assert_eq!(world.code(&advice), "00");
    assert_eq!(world.balance(), 100_000);
}

#[test]
fn a_switch_reverses_only_what_it_forwarded_last() {
    for original in [purchase(1, 15_000), pre_authorization(1, 15_000)] {
        let mut world = World::with(100_000);
        let [first, second] = [11, 22].map(|switch| original.clone().through(switch).build());
        let answer = world.send(&first);
        assert_eq!(
            world.send(&second),
            answer,
            "a repeat through another switch"
        );
        let late = reversal(1, &first).build();
        let before = world.records.len();
        for _ in 0..2 {
            assert_eq!(world.code(&late), "21");
        }
        assert_eq!((world.available(), world.records.len()), (85_000, before));
        assert_eq!(world.send(&second), answer, "its approval stands");
        assert_eq!(world.records.len(), before, "and is that switch's already");
        assert_eq!(world.code(&reversal(1, &second).build()), "00");
        assert_eq!(world.available(), 100_000);
        assert_eq!(world.code(&late), "00", "and once undone it stays so");
        assert_eq!(world.available(), 100_000);
        assert_eq!(world.replayed(policy()), world.books);
    }
}

#[test]
fn a_first_held_up_on_its_way_until_after_its_repeat_gives_its_switch_no_say() {
    let original = purchase(1, 15_000);
    let first = original.clone().through(11).build();
    let repeat = original.clone().again().through(22).build();
    let mut world = World::with(100_000);
    let answer = world.send(&repeat);
    assert_eq!(world.send(&first), answer, "it is still the same request");
    assert_eq!(world.code(&reversal(1, &first).build()), "21");
    assert_eq!(world.balance(), 85_000);
    // Nor after both had been there before.
    let third = original.again().through(33).build();
    assert_eq!(world.send(&third), answer);
    assert_eq!(world.send(&first), answer);
    for (switch, code) in [(&first, "21"), (&repeat, "21"), (&third, "00")] {
        assert_eq!(world.code(&reversal(1, switch).build()), code);
    }
    assert_eq!(world.balance(), 100_000);
    assert_eq!(world.replayed(policy()), world.books);
}

#[test]
fn an_acquirer_reverses_its_own_whichever_switch_forwards_that() {
    for (way, switch) in [
        ("the first", 11),
        ("the last", 22),
        ("a third", 33),
        ("none", 0),
    ] {
        let mut world = World::with(100_000);
        let [first, second] = [11, 22].map(|switch| purchase(1, 15_000).through(switch).build());
        world.send(&first);
        world.send(&second);
        // An acquirer knows no switch: its DE 90 has none, or the DE 33 it had sent itself.
        for own in [None, Some(Forwarder(44))] {
            let mut undo = reversal(2, &second).through(switch).build();
            if let Operation::Reversal {
                original: Some(reference),
                ..
            } = &mut undo.operation
            {
                reference.forwarder = own;
            }
            assert_eq!(world.code(&undo), "00", "through {way}");
            assert_eq!(world.balance(), 100_000, "through {way}");
        }
    }
}

#[test]
fn a_hold_older_than_the_memory_is_released_by_its_last_switch_alone() {
    let mut world = World::with(100_000);
    let [first, second] = [11, 22].map(|switch| {
        let held = pre_authorization(1, 15_000).through(switch);
        held.build()
    });
    world.send(&first);
    world.send(&second);
    world.wait(49 * 3_600);
    assert_eq!(world.books.keys_len(), 0, "its key is forgotten");
    assert_eq!(world.code(&reversal(1, &first).build()), "21");
    assert_eq!(world.available(), 85_000);
    assert_eq!(world.code(&reversal(1, &second).build()), "00");
    assert_eq!(world.available(), 100_000);
}

#[test]
fn a_decline_repeated_through_another_switch_leaves_no_record() {
    let mut world = World::with(1_000);
    let [first, second] = [11, 22].map(|switch| purchase(1, 15_000).through(switch).build());
    assert_eq!(world.code(&first), "51");
    let before = world.records.len();
    assert_eq!(world.code(&second), "51");
    assert_eq!(world.records.len(), before);
}

#[test]
fn a_reversal_without_card_number_takes_its_originals() {
    let mut world = World::with(100_000);
    let original = purchase(1, 15_000).build();
    world.send(&original);
    let undo = reversal(2, &original).card(CardNumber::Absent).build();
    assert_eq!(world.code(&undo), "00");
    assert_eq!(world.balance(), 100_000);
}

#[test]
fn the_amount_that_stands_only_falls() {
    let mut world = World::with(100_000);
    let original = purchase(1, 15_000).build();
    world.send(&original);
    for (stan, remaining, balance) in [
        (2, 20_000, 85_000),
        (3, 5_000, 95_000),
        (4, 10_000, 95_000),
        (5, 5_000, 95_000),
        (6, 0, 100_000),
        (7, 0, 100_000),
    ] {
        let undo = reversal(stan, &original).remaining(remaining).build();
        assert_eq!(world.code(&undo), "00");
        assert_eq!(world.balance(), balance, "after {stan}");
    }
}

#[test]
fn a_full_reversal_under_the_key_of_a_partial_one_undoes_the_rest() {
    let mut world = World::with(100_000);
    let original = purchase(1, 15_000).build();
    world.send(&original);
    // The terminal's, and the switch's own for the same request: both have its DE 11.
    let partial = reversal(1, &original).remaining(5_000).build();
    let full = reversal(1, &original).build();
    assert_eq!(partial.keys.key, full.keys.key);
    for (undo, balance, records) in [
        (&partial, 95_000, 1),
        (&partial, 95_000, 0),
        (&full, 100_000, 1),
        (&full, 100_000, 0),
        (&partial, 100_000, 0),
    ] {
        let before = world.records.len();
        assert_eq!(world.code(undo), "00");
        assert_eq!(world.balance(), balance);
        assert_eq!(world.records.len() - before, records);
    }
    // Another original under that key is undone as well.
    let other = purchase(2, 1_000).build();
    world.send(&other);
    let undo = reversal(1, &other).trace(|trace| trace.rrn = original.trace.rrn);
    assert_eq!(world.code(&undo.build()), "00");
    assert_eq!(world.balance(), 100_000);
    assert_eq!(world.code(&other), "94");
    assert_eq!(world.replayed(policy()), world.books);
}

#[test]
fn undoing_a_refund_already_spent_may_take_a_card_below_zero_and_is_counted() {
    let mut world = World::with(1_000);
    let original = refund(1, 10_000).build();
    world.send(&original);
    world.send(&purchase(2, 11_000).build());
    assert_eq!(world.code(&reversal(3, &original).build()), "00");
    assert_eq!(world.balance(), -10_000);
    assert_eq!(world.books.overview().unwrap().balance.cards_below_zero, 1);
    assert_eq!(world.code(&purchase(4, 1).build()), "51");
}

#[test]
fn a_completion_releases_its_hold_and_posts_the_final_amount() {
    for by_approval in [false, true] {
        let mut world = World::with(100_000);
        let held = pre_authorization(1, 20_000).build();
        let approval = world.send(&held).approval;
        assert_eq!((world.balance(), world.available()), (100_000, 80_000));
        let sent = if by_approval {
            let original = None;
            completion(2, 18_000, None).operation(Operation::DebitAdvice { original, approval })
        } else {
            completion(2, 18_000, Some(&held))
        };
        assert_eq!(world.code(&sent.build()), "00");
        assert_eq!((world.balance(), world.available()), (82_000, 82_000));
        // The hold is gone: its reversal has nothing left to release.
        assert_eq!(world.code(&reversal(3, &held).build()), "00");
        assert_eq!(world.available(), 82_000);
    }
}

#[test]
fn an_advice_is_booked_whatever_the_card_has_the_rest_to_suspense() {
    let mut world = World::with(10_000);
    world.send(&pre_authorization(1, 4_000).build());
    let advice = completion(2, 18_000, None).build();
    assert_eq!(world.code(&advice), "00");
    assert_eq!((world.balance(), world.available()), (4_000, 0));
    let sums = world.books.overview().unwrap().balance;
    assert_eq!(sums.suspense, Minor::new(-12_000));
    assert_eq!(sums.merchant_payable, Minor::new(18_000));
    assert_eq!(world.code(&reversal(3, &advice).build()), "00");
    assert_eq!(world.balance(), 10_000);
    assert_eq!(
        world.books.overview().unwrap().balance.suspense,
        Minor::ZERO
    );
}

#[test]
fn an_advice_for_an_unknown_card_is_accepted_to_suspense() {
    let mut world = World::with(10_000);
    let nobody = CardNumber::Found(PanKey([9; 16]));
    assert_eq!(
        world.code(&completion(1, 500, None).card(nobody).build()),
        "00"
    );
    let credit = refund(2, 300).operation(Operation::CreditAdvice);
    assert_eq!(world.code(&credit.card(nobody).build()), "00");
    let sums = world.books.overview().unwrap().balance;
    assert_eq!(sums.suspense, Minor::new(-200));
    assert_eq!(world.balance(), 10_000);
}

#[test]
fn an_advice_that_cannot_be_booked_says_why() {
    let mut world = World::with(10_000);
    let answer = world.send(&completion(1, 1, None).without_amount().build());
    assert_eq!(answer.element_in_error, Some(4));
    assert_eq!(
        world.code(&completion(2, 1, None).currency(b"840").build()),
        "12"
    );
}

#[test]
fn a_hold_runs_out_and_leaves_a_record() {
    let mut world = World::with(10_000);
    let held = pre_authorization(1, 4_000).build();
    world.send(&held);
    world.wait(7 * 24 * 3_600 - 1);
    assert_eq!(world.available(), 6_000);
    world.wait(1);
    assert_eq!(world.available(), 10_000);
    assert!(matches!(
        world.records.last().map(|record| &record.event),
        Some(Event::HoldExpired { .. })
    ));
    assert_eq!(world.books.overview().unwrap().holds, 0);
}

#[test]
fn holds_that_run_out_together_are_let_go_a_bounded_number_at_a_time() {
    let mut large = policy();
    large.limits.keys_max = 10_000;
    let mut world = World::governed(large, 100_000);
    let count = u32::try_from(EXPIRIES_MAX).unwrap() + 5;
    for stan in 1..=count {
        world.send(&pre_authorization(stan, 1).build());
    }
    world.wait(7 * 24 * 3_600);
    assert_eq!(world.available(), 100_000 - 5);
    world.wait(0);
    assert_eq!(world.available(), 100_000);
    assert_eq!(world.books.expire(world.now).unwrap(), []);
}

#[test]
fn a_hold_can_be_reversed_after_its_key_is_forgotten() {
    let mut world = World::with(10_000);
    let held = pre_authorization(1, 4_000).build();
    world.send(&held);
    world.wait(3 * 24 * 3_600);
    assert_eq!(world.available(), 6_000);
    assert_eq!(world.code(&reversal(2, &held).build()), "00");
    assert_eq!(world.available(), 10_000);
}

#[test]
fn a_hold_that_outlived_its_key_is_found_by_its_second_key_and_for_its_card_alone() {
    let mut world = World::with(10_000);
    world.issue(2);
    let held = pre_authorization(1, 4_000).build();
    world.send(&held);
    world.wait(3 * 24 * 3_600);
    let renamed = |sent: Sent| sent.trace(|trace| trace.rrn = Text::default());
    for undo in [reversal(2, &held), renamed(reversal(3, &held))] {
        let other = undo.clone().card(CardNumber::Found(PanKey([2; 16])));
        let answer = world.send(&other.build());
        assert_eq!(answer.code, ResponseCode::FORMAT_ERROR);
        assert_eq!(answer.element_in_error, Some(2));
        assert_eq!(world.available(), 6_000);
    }
    assert_eq!(world.code(&renamed(reversal(4, &held)).build()), "00");
    assert_eq!(world.available(), 10_000);
    assert!(world.books.holds_by_second.is_empty());
}

#[test]
fn a_reversal_books_to_its_originals_acquirer() {
    let mut world = World::with(10_000);
    let original = purchase(1, 4_000).build();
    world.send(&original);
    // DE 32 is in DE 90 alone.
    let undo = reversal(2, &original).trace(|trace| trace.acquirer = Acquirer::default());
    assert_eq!(world.code(&undo.build()), "00");
    assert_eq!(world.balance(), 10_000);
    let mut expected = World::with(10_000).books.ledger().clone();
    let nothing = [Posting {
        account: Account::MerchantPayable(original.trace.acquirer),
        amount: Minor::ZERO,
    }];
    expected.post(&nothing).unwrap();
    assert_eq!(world.books.ledger(), &expected);
}

#[test]
fn a_reversal_of_an_original_older_than_the_memory_is_answered_25_and_leaves_nothing() {
    let mut world = World::with(10_000);
    let [seen, never] = [1, 2].map(|stan| purchase(stan, 4_000).build());
    world.send(&seen);
    world.wait(48 * 3_600);
    assert_eq!(world.code(&reversal(3, &never).build()), "00", "in time");
    world.wait(3);
    let before = world.books.clone();
    let other = purchase(1, 4_000).trace(|trace| trace.rrn = Text::default());
    for undo in [reversal(4, &seen), reversal(5, &other.build()).asking()] {
        assert_eq!(world.code(&undo.build()), "25");
    }
    assert_eq!(world.books, before);
    assert_eq!(world.balance(), 6_000, "for people to settle");
}

#[test]
fn the_key_of_a_hold_is_taken_until_the_hold_is_gone() {
    let mut world = World::with(10_000);
    let held = pre_authorization(1, 4_000).build();
    world.send(&held);
    world.wait(3 * 24 * 3_600);
    assert_eq!(world.code(&held), "94");
    assert_eq!(world.available(), 6_000);
    world.wait(4 * 24 * 3_600);
    assert_eq!(world.code(&held), "00");
}

#[test]
fn at_the_bound_of_keys_requests_get_96_and_reversals_go_on() {
    let mut small = policy();
    small.limits.keys_max = 8;
    let mut world = World::governed(small, 100_000);
    let requests: Vec<Request> = (1..=7).map(|stan| purchase(stan, 1).build()).collect();
    for request in &requests {
        assert_eq!(world.code(request), "00");
    }
    assert_eq!(world.code(&purchase(8, 1).build()), "96");
    assert_eq!(world.code(&requests[0]), "00", "a repeat needs no room");
    assert_eq!(world.code(&reversal(9, &requests[0]).build()), "00");
    assert_eq!(world.balance(), 99_994);
    world.wait(48 * 3_600 + 1);
    assert_eq!(world.code(&purchase(8, 1).build()), "00");
}

#[test]
fn a_charge_is_made_once_for_its_key_and_within_the_cap() {
    let mut world = World::with(100_000);
    let card = CardId([1; 16]);
    let mut charge = |amount, key: &str| {
        let order = |card| Charge {
            card,
            amount: Minor::new(amount),
            channel: Channel::Transfer,
            key: Key::of_charge(key),
        };
        let result = world.books.charge(card, order, world.now).unwrap();
        result.map(|(record, charged)| (record.is_some(), charged.funds.balance.units()))
    };
    assert_eq!(charge(50_000, "a"), Ok((true, 150_000)));
    assert_eq!(charge(50_000, "a"), Ok((false, 150_000)));
    assert_eq!(charge(50_001, "a"), Err(ChargeRefusal::OtherCharge));
    assert_eq!(charge(0, "b"), Err(ChargeRefusal::Amount));
    assert_eq!(charge(-5, "b"), Err(ChargeRefusal::Amount));
    assert_eq!(
        charge(350_001, "b").unwrap_err().to_string(),
        "an anonymous card may hold at most 500000; it holds 150000"
    );
    assert_eq!(charge(350_000, "b"), Ok((true, 500_000)));
}

#[test]
fn a_closed_card_stays_closed_and_is_not_charged() {
    let mut world = World::with(100_000);
    let card = CardId([1; 16]);
    let mut change = |status| {
        let changed = world.books.change_status(card, status, world.now).unwrap();
        changed.map(|record| record.is_some())
    };
    assert_eq!(change(Status::Blocked), Ok(true));
    assert_eq!(change(Status::Blocked), Ok(false));
    assert_eq!(change(Status::Active), Ok(true));
    assert_eq!(change(Status::Closed), Ok(true));
    assert_eq!(change(Status::Active), Err(StatusRefusal::Closed));
    let order = |card| Charge {
        card,
        amount: Minor::new(1),
        channel: Channel::Cash,
        key: Key::of_charge("late"),
    };
    let charged = world.books.charge(card, order, world.now).unwrap();
    assert_eq!(charged.map(|_| ()), Err(ChargeRefusal::Status));
}

#[test]
fn statements_show_the_latest_movements_newest_first() {
    let mut world = World::with(100_000);
    for stan in 1..=6 {
        world.send(&purchase(stan, i64::from(stan)).build());
    }
    world.send(&inquiry(7).build());
    let lines = world.books.lines(CardId([1; 16]), None, 3).unwrap();
    let amounts: Vec<i64> = lines.iter().map(|line| line.amount.units()).collect();
    assert_eq!(amounts, [-6, -5, -4]);
    assert_eq!(lines[0].balance, Minor::new(100_000 - 21));
    assert_eq!(lines[0].kind, LineKind::Purchase);
    let older = world
        .books
        .lines(CardId([1; 16]), Some(lines[2].number), 10)
        .unwrap();
    assert_eq!(older.len(), 2, "five are kept");
}

#[test]
fn a_reversal_without_de_90_that_finds_nothing_says_so_and_leaves_no_tombstone() {
    let original = purchase(1, 1).build();
    let undo = |stan| {
        let sent = reversal(stan, &original).without_reference();
        [sent.clone(), sent.asking()].map(Sent::build)
    };
    for request in [undo(1), undo(2)].as_flattened() {
        let mut world = World::with(10);
        let before = (world.books.clone(), world.records.len());
        let answer = world.send(request);
        assert_eq!(answer.code, ResponseCode::FORMAT_ERROR);
        assert_eq!(answer.element_in_error, Some(90));
        assert_eq!((world.books.clone(), world.records.len()), before);
        assert_eq!(world.code(&original), "00");
    }
    let mut world = World::with(10);
    world.send(&reversal(2, &original).build());
    let Some(Event::Reversed(reversed)) = world.records.last().map(|record| &record.event) else {
        panic!("no reversal recorded");
    };
    assert!(matches!(&reversed.original, Original::NeverSeen(keys) if keys.len() == 1));
}

/// One step of an arbitrary history, over few trace numbers so that repeats and reversals meet.
#[derive(Clone, Debug)]
enum Step {
    Charge(i64),
    Purchase(u32, i64),
    Refund(u32, i64),
    Hold(u32, i64),
    Complete(u32, u32, i64),
    Reverse(u32, u32, Class, i64),
    Repeat(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let stan = 1..12_u32;
    let amount = prop_oneof![Just(0), 1..400_000_i64];
    let class = prop_oneof![Just(Class::Financial), Just(Class::Authorization)];
    prop_oneof![
        amount.clone().prop_map(Step::Charge),
        (stan.clone(), amount.clone()).prop_map(|(stan, amount)| Step::Purchase(stan, amount)),
        (stan.clone(), amount.clone()).prop_map(|(stan, amount)| Step::Refund(stan, amount)),
        (stan.clone(), amount.clone()).prop_map(|(stan, amount)| Step::Hold(stan, amount)),
        (stan.clone(), stan.clone(), amount.clone())
            .prop_map(|(stan, of, amount)| Step::Complete(stan, of, amount)),
        (stan.clone(), stan, class, amount)
            .prop_map(|(stan, of, class, left)| Step::Reverse(stan, of, class, left)),
        (0..40_usize).prop_map(Step::Repeat),
        (0..200_000_i64).prop_map(Step::Wait),
    ]
}

fn play(world: &mut World, step: &Step, sent: &mut Vec<Request>) {
    let mut send = |request: Request| {
        world.send(&request);
        sent.push(request);
    };
    match *step {
        Step::Charge(amount) => {
            let key = format!("{amount}");
            let order = |card| Charge {
                card,
                amount: Minor::new(amount),
                channel: Channel::Cash,
                key: Key::of_charge(&key),
            };
            let charged = world
                .books
                .charge(CardId([1; 16]), order, world.now)
                .unwrap();
            world
                .records
                .extend(charged.ok().and_then(|(record, _)| record));
        }
        Step::Purchase(stan, amount) => send(purchase(stan, amount).build()),
        Step::Refund(stan, amount) => send(refund(stan, amount).build()),
        Step::Hold(stan, amount) => send(pre_authorization(stan, amount).build()),
        Step::Complete(stan, of, amount) => {
            let held = pre_authorization(of, 1).build();
            send(completion(100 + stan, amount, Some(&held)).build());
        }
        Step::Reverse(stan, of, class, left) => {
            let original = purchase(of, 1).trace(|trace| trace.class = class).build();
            send(reversal(200 + stan, &original).remaining(left).build());
        }
        Step::Repeat(which) => {
            if let Some(request) = sent.get(which).cloned() {
                world.send(&request);
            }
        }
        Step::Wait(seconds) => world.wait(seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn money_is_conserved_and_replay_builds_the_same_books(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut world = World::with(200_000);
        let mut sent = Vec::new();
        for step in &steps {
            // Sums to zero, and cards are charged less spent, after every step: see World::check.
            play(&mut world, step, &mut sent);
        }
        let undone_credit = world.records.iter().any(|record| matches!(
            &record.event,
            Event::Reversed(reversed) if matches!(
                reversed.original,
                Original::Undone { taken_back: Effect::Credit { .. }, .. }
            )
        ));
        if !undone_credit {
            prop_assert!(world.balance() >= 0, "below zero without an undone credit");
            prop_assert!(world.available() >= 0);
        }
        let mut replayed = world.replayed(policy());
        replayed.expire(world.now).unwrap();
        prop_assert_eq!(&replayed, &world.books);
    }

    #[test]
    fn a_repeat_of_anything_changes_nothing(
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let mut world = World::with(200_000);
        let mut sent = Vec::new();
        for step in &steps {
            play(&mut world, step, &mut sent);
        }
        let before = world.books.clone();
        for request in &sent {
            // Within the window; older ones are new requests by the rule.
            if world.books.duplicates.get(request.keys.key).is_some() {
                let (record, _) = world.books.handle(request, world.now).unwrap();
                prop_assert!(record.is_none());
            }
        }
        prop_assert_eq!(&world.books, &before);
    }
}

#[test]
fn a_reference_keeps_to_its_class() {
    let original = purchase(1, 5).build();
    assert_eq!(
        refer_to(&original).original(&original.trace),
        original.trace
    );
}
