use std::collections::BTreeSet;

use iso8583::{Message, Mti};
use proptest::prelude::*;

use super::*;

fn request(card: &str) -> Message {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in [
        (2, card),
        (3, "000000"),
        (4, "000000015000"),
        (32, "450001"),
        (49, "410"),
    ] {
        message.set(de, value.as_bytes());
    }
    message
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// A rule of prefixes and `low..high` ranges.
fn rule(name: &str, cards: &[&str], groups: &[u16]) -> Rule {
    let range = |text: &&str| {
        let range = if text.contains("..") {
            CardRange::range(text)
        } else {
            CardRange::prefix(text)
        };
        range.unwrap()
    };
    Rule {
        name: name.to_owned(),
        cards: cards.iter().map(range).collect(),
        conditions: Conditions::default(),
        groups: groups.iter().copied().map(GroupId).collect(),
    }
}

fn with(mut rule: Rule, conditions: impl FnOnce(Conditions) -> Conditions) -> Rule {
    rule.conditions = conditions(rule.conditions);
    rule
}

/// The first choice of each request.
fn first(table: &RouteTable, request: &Message) -> Result<u16, Refusal> {
    let (_, choices) = table.find(request)?;
    Ok(choices.first().unwrap().0)
}

fn ambiguity(rules: &[Rule]) -> String {
    RouteTable::new(rules, 8).unwrap_err().to_string()
}

#[test]
fn the_range_within_the_other_wins_and_a_card_in_none_is_of_no_issuer() {
    let table = RouteTable::new(
        &[
            rule("one card", &["9999990200000009"], &[]),
            rule("all", &["999999"], &[0]),
            rule("product", &["99999902"], &[1]),
            rule("half", &["99999903..99999905", "4111"], &[2]),
            rule("its middle", &["99999904"], &[3]),
        ],
        4,
    )
    .unwrap();
    for (card, group) in [
        ("9999990100000005", Ok(0)),
        ("9999990200000017", Ok(1)),
        ("9999990200000009", Err(Refusal::NoRoute)),
        ("9999990300000000", Ok(2)),
        ("9999990400000000", Ok(3)),
        ("9999990599999999999", Ok(2)),
        ("99999906", Ok(0)),
        ("41110000", Ok(2)),
        ("4112000000000000", Err(Refusal::NoSuchIssuer)),
        ("00000000", Err(Refusal::NoSuchIssuer)),
        ("9999999999999999999", Ok(0)),
    ] {
        assert_eq!(first(&table, &request(card)), group, "{card}");
    }
}

#[test]
fn a_card_shorter_than_a_range_is_given_by_is_not_in_it() {
    let table = RouteTable::new(
        &[
            rule("long", &["9999990200000000"], &[1]),
            rule("all", &["999999"], &[0]),
        ],
        2,
    )
    .unwrap();
    assert_eq!(first(&table, &request("9999990200000000")), Ok(1));
    assert_eq!(first(&table, &request("99999902")), Ok(0));
}

#[test]
fn the_last_card_of_a_range_is_in_it_though_another_begins_there() {
    let table = RouteTable::new(
        &[
            rule("all", &["4000000000000000000..4000000000000000005"], &[0]),
            with(rule("the last", &["4000000000000000005"], &[1]), |it| {
                it.processing_codes(&texts(&["20"])).unwrap()
            }),
        ],
        2,
    )
    .unwrap();
    assert_eq!(first(&table, &request("4000000000000000005")), Ok(0));
    let beyond = first(&table, &request("4000000000000000006"));
    assert_eq!(beyond, Err(Refusal::NoSuchIssuer));
}

#[test]
fn every_condition_must_hold_and_what_no_rule_takes_has_no_route() {
    let conditions = |conditions: Conditions| {
        conditions
            .processing_codes(&texts(&["00", "200000"]))
            .and_then(|it| it.currencies(&texts(&["410", "840"])))
            .and_then(|it| it.acquirers(&texts(&["450001"])))
            .and_then(|it| it.amount(Some(1_000), Some(15_000)))
            .unwrap()
    };
    let table = RouteTable::new(&[with(rule("some", &["9999"], &[0]), conditions)], 1).unwrap();
    let asked = |changes: &[(u8, &str)]| {
        let mut message = request("9999990100000005");
        for (de, value) in changes {
            message.set(*de, value.as_bytes());
        }
        first(&table, &message)
    };
    for taken in [
        &[][..],
        &[(3, "001234")],
        &[(3, "200000"), (49, "840")],
        &[(4, "000000001000")],
    ] {
        assert_eq!(asked(taken), Ok(0), "{taken:?}");
    }
    for refused in [
        (3, "200001"),
        (3, "010000"),
        (49, "392"),
        (32, "0450001"),
        (4, "000000015001"),
        (4, "000000000999"),
    ] {
        assert_eq!(asked(&[refused]), Err(Refusal::NoRoute), "{refused:?}");
    }
    let mut without_amount = request("9999990100000005");
    without_amount.remove(4);
    assert_eq!(first(&table, &without_amount), Err(Refusal::NoRoute));
}

#[test]
fn of_equal_cards_the_conditions_within_the_others_win_and_a_wider_range_has_the_rest() {
    let table = RouteTable::new(
        &[
            rule("bank", &["9999"], &[0]),
            with(rule("refunds", &["99999901"], &[1]), |it| {
                it.processing_codes(&texts(&["20"])).unwrap()
            }),
            with(rule("large refunds", &["99999901"], &[2]), |it| {
                it.processing_codes(&texts(&["20"]))
                    .and_then(|it| it.amount(Some(1_000_000), None))
                    .unwrap()
            }),
        ],
        3,
    )
    .unwrap();
    let mut message = request("9999990100000005");
    assert_eq!(first(&table, &message), Ok(0), "a purchase");
    message.set(3, b"200000");
    assert_eq!(first(&table, &message), Ok(1));
    message.set(4, b"000001000000");
    assert_eq!(first(&table, &message), Ok(2));
}

#[test]
fn err_two_rules_that_take_the_same_and_neither_more_specific_are_named_with_an_example() {
    let said = "and neither is the more specific: keep their cards or conditions apart, or one's \
                within the other's";
    assert_eq!(
        ambiguity(&[rule("a", &["9999"], &[0]), rule("b", &["9999"], &[1])]),
        format!("routes \"a\" and \"b\" both take cards 9999, {said}")
    );
    assert_eq!(
        ambiguity(&[
            rule("upper", &["4500..4999"], &[0]),
            rule("lower", &["40000..45019"], &[1])
        ]),
        format!("routes \"lower\" and \"upper\" both take cards 45000..45019, {said}")
    );
    let some = |name, codes: &[&str], currencies: &[&str]| {
        with(rule(name, &["9999990100000005"], &[0]), |it| {
            it.processing_codes(&texts(codes))
                .and_then(|it| it.currencies(&texts(currencies)))
                .and_then(|it| it.acquirers(&texts(&["045"])))
                .and_then(|it| it.amount(Some(5), None))
                .unwrap()
        })
    };
    assert_eq!(
        ambiguity(&[some("won", &[], &["410"]), some("refunds", &["20"], &[])]),
        format!(
            "routes \"refunds\" and \"won\" both take cards 999999******0005, \
             processing code 200000, currency 410, acquirer 045, amount 5, {said}"
        )
    );
    let apart = [
        some("won", &["20"], &["410"]),
        some("others", &[], &["840", "392"]),
    ];
    assert!(RouteTable::new(&apart, 1).is_ok());
    assert!(
        RouteTable::new(&[rule("twice", &["9999", "99990..99999"], &[0])], 1).is_ok(),
        "a rule is not ambiguous with itself"
    );
}

#[test]
fn err_what_a_rule_cannot_say_is_named() {
    let made = |conditions: Result<Conditions, RouteError>| conditions.unwrap_err().to_string();
    let conditions = Conditions::default;
    assert_eq!(
        made(conditions().processing_codes(&texts(&["000"]))),
        "processing code \"000\" is not 2 or 6 digits"
    );
    assert_eq!(
        made(conditions().currencies(&texts(&["KRW"]))),
        "currency \"KRW\" is not 3 digits"
    );
    assert_eq!(
        made(conditions().acquirers(&texts(&["123456789012"]))),
        "acquirer \"123456789012\" is not 1 to 11 digits"
    );
    assert_eq!(
        made(conditions().amount(Some(2), Some(1))),
        "no amount of up to 12 digits is from 2 to 1"
    );
    let most: Vec<u16> = (0..8).collect();
    assert!(RouteTable::new(&[rule("most", &["9999"], &most)], 9).is_ok());
    for (groups, said) in [
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8][..],
            "names more than 8 issuers",
        ),
        (&[1, 1], "names an issuer twice, or one that does not exist"),
        (&[9], "names an issuer twice, or one that does not exist"),
    ] {
        let error = RouteTable::new(&[rule("x", &["9999"], groups)], 9).unwrap_err();
        assert_eq!(error.to_string(), format!("route \"x\" {said}"));
    }
}

#[test]
fn at_the_bounds_a_table_is_made_and_beyond_them_not() {
    let nested = |count: u64| {
        let range = |inset: u64| format!("{}..{}", 40_000_000 + inset, 49_999_999 - inset);
        let rules = (0..count).map(|inset| rule(&inset.to_string(), &[&range(inset)], &[0]));
        RouteTable::new(&rules.collect::<Vec<_>>(), 1)
    };
    let table = nested(64).unwrap();
    assert_eq!(first(&table, &request("4500000000000000")), Ok(0));
    assert_eq!(
        nested(65).unwrap_err().to_string(),
        "more than 64 ranges hold cards 40000064..49999935"
    );

    let many = |count: u64| {
        let prefixes: Vec<String> = (0..count).map(|n| (40_000_000 + n).to_string()).collect();
        let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        RouteTable::new(&[rule("many", &prefixes, &[0])], 1)
    };
    assert!(many(100_000).is_ok());
    assert_eq!(many(100_001).unwrap_err(), RouteError::TooManyRanges);
}

#[test]
fn groups_that_a_card_may_reach_share_a_pool_and_no_others_do() {
    let refunds = |it: Conditions| it.processing_codes(&texts(&["20"])).unwrap();
    let table = RouteTable::new(
        &[
            rule("scheme", &["0000..9999"], &[0]),
            // Nothing of these cards goes on to the scheme.
            rule("bank", &["400000"], &[1, 2]),
            // What is no refund does.
            with(rule("refunds", &["500000"], &[3]), refunds),
            // Of these only cards of 8 to 11 digits do.
            rule("long", &["600000000000"], &[5]),
        ],
        7,
    )
    .unwrap();
    let pools: Vec<Vec<u16>> = table
        .pools()
        .iter()
        .map(|pool| pool.iter().map(|group| group.0).collect())
        .collect();
    assert_eq!(pools, [vec![0, 3], vec![1, 2], vec![4], vec![5], vec![6]]);
    let (pool, _) = table.find(&request("4000000000000000")).unwrap();
    assert_eq!(pool, PoolId(1));
}

/// A rule and what it takes, said plainly.
#[derive(Clone, Debug)]
struct Plain {
    /// low, high: of as many digits.
    cards: Vec<(String, String)>,
    codes: Vec<String>,
    currencies: Vec<String>,
    amount: (Option<u64>, Option<u64>),
}

impl Plain {
    fn rule(&self, place: usize) -> Rule {
        let cards = self.cards.iter().map(|(low, high)| {
            if low == high {
                CardRange::prefix(low).unwrap()
            } else {
                CardRange::range(&format!("{low}..{high}")).unwrap()
            }
        });
        Rule {
            name: place.to_string(),
            cards: cards.collect(),
            conditions: Conditions::default()
                .processing_codes(&self.codes)
                .and_then(|it| it.currencies(&self.currencies))
                .and_then(|it| it.amount(self.amount.0, self.amount.1))
                .unwrap(),
            groups: vec![GroupId(u16::try_from(place).unwrap())],
        }
    }

    fn conditions_hold(&self, request: &Message) -> bool {
        let (code, currency) = (request.text(3).unwrap(), request.text(49).unwrap());
        let amount: u64 = request.text(4).unwrap().parse().unwrap();
        let none_or = |texts: &[String], value: &str| {
            texts.is_empty() || texts.iter().any(|t| value.starts_with(t))
        };
        none_or(&self.codes, code)
            && none_or(&self.currencies, currency)
            && self.amount.0.is_none_or(|min| min <= amount)
            && self.amount.1.is_none_or(|max| amount <= max)
    }

    /// Of every request that there is in this small world.
    fn conditions_taken(&self) -> BTreeSet<(String, String, u64)> {
        let all = conditions_there_are();
        let taken = all.filter(|(code, currency, amount)| {
            let mut message = request("99990000");
            message
                .set(3, code.as_bytes())
                .set(49, currency.as_bytes())
                .set(4, format!("{amount:012}").as_bytes());
            self.conditions_hold(&message)
        });
        taken.collect()
    }

    /// The ranges that hold a card.
    fn ranges_of(&self, card: &str) -> Vec<(u64, u64)> {
        let held = self.cards.iter().filter(|(low, high)| {
            card.get(..low.len())
                .is_some_and(|digits| (low.as_str()..=high.as_str()).contains(&digits))
        });
        held.map(|(low, high)| {
            let padded = |text: &str, with: &str| {
                let mut digits = text.to_owned();
                digits.extend(std::iter::repeat_n(with, 8 - text.len()));
                digits.parse().unwrap()
            };
            (padded(low, "0"), padded(high, "9"))
        })
        .collect()
    }
}

fn conditions_there_are() -> impl Iterator<Item = (String, String, u64)> {
    ["000000", "001000", "200000", "310000"]
        .into_iter()
        .flat_map(|code| {
            ["410", "840", "392"].into_iter().flat_map(move |currency| {
                (0..6).map(move |amount| (code.to_owned(), currency.to_owned(), amount))
            })
        })
}

/// Does the first win over the second, as the module says?
fn is_more_specific(one: (&Plain, (u64, u64)), other: (&Plain, (u64, u64))) -> bool {
    let ((a, cards), (b, others)) = (one, other);
    if cards == others {
        let (taken, rest) = (a.conditions_taken(), b.conditions_taken());
        taken != rest && taken.is_subset(&rest)
    } else {
        others.0 <= cards.0 && cards.1 <= others.1
    }
}

fn plain_rule() -> impl Strategy<Value = Plain> {
    let range = (4_usize..=6, 0_u32..30, 0_u32..6).prop_map(|(digits, low, more)| {
        let base = match digits {
            4 => 9_990,
            5 => 99_900,
            _ => 999_000,
        };
        let low = base + low % 10_u32.pow(u32::try_from(digits - 3).unwrap());
        let high = (low + more).min(base + 9);
        (low.to_string(), low.max(high).to_string())
    });
    let some = |values: &'static [&'static str]| {
        proptest::sample::subsequence(values, 0..=values.len()).prop_map(|chosen| texts(&chosen))
    };
    (
        proptest::collection::vec(range, 1..3),
        some(&["00", "20", "001000"]),
        some(&["410", "840"]),
        (
            proptest::option::of(0_u64..3),
            proptest::option::of(2_u64..5),
        ),
    )
        .prop_map(|(cards, codes, currencies, amount)| Plain {
            cards,
            codes,
            currencies,
            amount,
        })
}

/// What the module's text says of a request; None where it is ambiguous.
fn plainly(rules: &[Plain], request: &Message) -> Option<Result<u16, Refusal>> {
    let card = request.text(2).unwrap();
    let holding: Vec<Taking<'_>> = rules
        .iter()
        .enumerate()
        .flat_map(|(place, rule)| {
            let ranges = rule.ranges_of(card).into_iter();
            ranges.map(move |range| (place, rule, range))
        })
        .collect();
    let taking: Vec<_> = holding
        .iter()
        .filter(|(_, rule, _)| rule.conditions_hold(request))
        .collect();
    if taking.is_empty() {
        let known = !holding.is_empty();
        return Some(Err(if known {
            Refusal::NoRoute
        } else {
            Refusal::NoSuchIssuer
        }));
    }
    let wins = |one: &Taking<'_>, other: &Taking<'_>| {
        one.0 == other.0 || is_more_specific((one.1, one.2), (other.1, other.2))
    };
    let decided = taking.iter().all(|one| {
        taking
            .iter()
            .all(|other| wins(one, other) || wins(other, one))
    });
    let winner = taking
        .iter()
        .find(|one| taking.iter().all(|other| wins(one, other)));
    winner
        .filter(|_| decided)
        .map(|(place, ..)| Ok(u16::try_from(*place).unwrap()))
}

/// A rule, by its place, and the range of it that holds a card.
type Taking<'a> = (usize, &'a Plain, (u64, u64));

/// A card, of eight digits, of every stretch of cards that the rules tell apart.
fn cards_told_apart(rules: &[Plain]) -> BTreeSet<u32> {
    let ends = rules
        .iter()
        .flat_map(|rule| &rule.cards)
        .map(|(low, high)| {
            let [low, high] = [(low, '0'), (high, '9')].map(|(digits, with)| {
                let padded: String = digits
                    .chars()
                    .chain(std::iter::repeat(with))
                    .take(8)
                    .collect();
                padded.parse::<u32>().unwrap()
            });
            [low - 1, low, high, high + 1]
        });
    ends.flatten().filter(|card| *card < 100_000_000).collect()
}

/// Every request of the small world.
fn requests(rules: &[Plain]) -> impl Iterator<Item = Message> {
    let cards = cards_told_apart(rules).into_iter();
    cards.flat_map(|card| {
        conditions_there_are().map(move |(code, currency, amount)| {
            let mut message = request(&card.to_string());
            message
                .set(3, code.as_bytes())
                .set(49, currency.as_bytes())
                .set(4, format!("{amount:012}").as_bytes());
            message
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    /// Goal: a table answers every request as the text of the module says, and is refused for two
    /// rules exactly where that says nothing of some request. Method: a small world of which all
    /// requests are asked.
    #[test]
    fn a_table_is_what_its_rules_say(rules in proptest::collection::vec(plain_rule(), 1..6)) {
        let made: Vec<Rule> = rules.iter().enumerate().map(|(at, rule)| rule.rule(at)).collect();
        match RouteTable::new(&made, 8) {
            Ok(table) => for message in requests(&rules) {
                let said = plainly(&rules, &message);
                prop_assert_eq!(Some(first(&table, &message)), said, "{:?}", message);
            },
            // A third rule may have all that the two dispute: it is they that are refused.
            Err(RouteError::Ambiguous { one, other, .. }) => {
                let pair = [one, other].map(|name| rules[name.parse::<usize>().unwrap()].clone());
                let disputed = requests(&pair).any(|message| plainly(&pair, &message).is_none());
                prop_assert!(disputed, "{pair:?}");
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
