//! Presence rules in the own form.

use iso8583::rules::{FieldRule, MtiRule, Presence, Rules, When};
use iso8583::spec_file::toml;
use iso8583::{Dialect, Message, Mti};

use crate::{assert_same, faults};

fn read(text: &str) -> Dialect {
    toml::read(text).unwrap()
}

#[test]
fn rules_of_a_file_judge_messages() {
    let dialect = read(
        r#"
        name = "toyland"
        base = "iso87-bcd"
        [rules.0800]
        11 = "M"
        33 = { rule = "C", when = "70 in 1|2 and lacks 32" }
        48 = { rule = "C", only-when = "70 in 1", words = "at key changes" }
        64 = "C"
        52 = "-"
        [rules.08x0]
        70 = "ME"
        "#,
    );
    assert_eq!(dialect.rules().unwrap().name(), "toyland");
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message.set(48, b"x").set(52, &[0; 8]).set(70, b"201");
    let told: Vec<String> = dialect
        .validate(&message)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "DE 11: mandatory in 0800, missing",
            "DE 33: required in 0800 where 70 in 1|2 and lacks 32, missing",
            "DE 48: allowed in 0800 only at key changes, present",
            "DE 52: not allowed in 0800, present",
        ]
    );
    let answer = Message::new(Mti::literal(*b"0810"));
    assert_eq!(
        dialect.validate(&answer)[0].to_string(),
        "DE 70: mandatory in 0810, missing"
    );
}

#[test]
fn a_file_has_the_rules_of_its_base_unless_it_says_others() {
    let of = |rest: &str| read(&format!("name='x'\n{rest}")).rules().cloned();
    let built_in = Some(Rules::iso87().clone());
    assert_eq!(of("base='iso87-ascii'"), built_in);
    assert_eq!(of("base='iso87-ascii'\nrules='none'"), None);
    assert_eq!(of("base='iso93-ascii'"), None);
    assert_eq!(of("base='iso93-ascii'\nrules='iso87'"), built_in);
    assert_eq!(of(""), None);
    let own = of("base='iso87-ascii'\nrules={name='y',0200={3='M'}}").unwrap();
    assert_eq!((own.name(), own.messages().len()), ("y", 1));
}

#[test]
fn rules_are_read_as_they_were_written() {
    // The built-in rules under a name of their own: every shape there is, written out.
    let built_in = Rules::new("spelled out", Rules::iso87().messages().to_vec()).unwrap();
    let code = |de, code, when| FieldRule::parse(de, code, when).unwrap();
    let when = |words: &'static str| When::new(words, "has 2".parse().ok(), None);
    let list = |mti, rules| MtiRule::new(mti, rules).unwrap();
    let odd = vec![
        // The wider pattern first: the order is kept.
        list(
            "02xx",
            vec![code(3, "M", None), code(4, "C", Some(when("\"quoted\"")))],
        ),
        list("0200", Vec::new()),
        list(
            "0210",
            vec![
                code(48, "CE", Some(when("where has 2"))),
                code(15, "OE", None),
                code(52, "C", Some(When::new("", None, None))),
                code(60, "CE", Some(When::new("", None, None))),
                code(61, "CE", None),
            ],
        ),
    ];
    for rules in [
        Rules::iso87().clone(),
        built_in,
        Rules::new("d", odd).unwrap(),
        Rules::new("none", Vec::new()).unwrap(),
    ] {
        let dialect = Dialect::builder("d").rules(rules).build().unwrap();
        let written = toml::write(&dialect);
        let again = read(&written);
        assert_same(&dialect, &again);
        assert_eq!(toml::write(&again), written);
    }
}

#[test]
fn rules_are_written_in_few_words() {
    let text = "name = \"d\"\nmti = \"ascii\"\nbitmap = \"binary\"\nmaps = 2\n\n\
        [rules]\n\n\
        [rules.0210]\n\
        3 = \"ME\"\n\
        35 = { rule = \"C\", when = \"22@3 not in 2 and lacks 35 or has 45\" }\n\
        52 = { rule = \"C\", only-when = \"has 53\", words = \"with DE 53\" }\n";
    let dialect = read(text);
    assert_eq!(toml::write(&dialect), text);
    let rules = dialect.rules().unwrap().messages();
    let Presence::Conditional(when) = rules[0].fields()[1].presence() else {
        panic!("DE 35 is conditional");
    };
    assert_eq!(when.words(), "where 22@3 not in 2 and lacks 35 or has 45");
}

#[test]
fn every_fault_of_rules_is_told_with_its_place() {
    let text = "name = 'x'\n\
        [rules.2x]\n3 = 'M'\n\
        [rules.0200]\n3 = 'X'\n65 = 'M'\n300 = 'M'\n04 = 'M'\n5 = 6\n\
        6 = { rule = 'M', when = 'has 2' }\n7 = { when = 'has 2' }\n\
        8 = { rule = 'C', when = '22 is 05', only-when = 'has 1' }\n\
        9 = { rule = 'C', if = 'has 2' }\n\
        [rules]\n0210 = 'M'\n";
    assert_eq!(
        faults(text),
        [
            "2:1: rules.2x: message type `2x`: expected 4 digits, x for any digit",
            "5:5: rules.0200.3: DE 3: expected M, C, O, -, ME, CE or OE, found `X`",
            "6:6: rules.0200.65: DE 65: expected a data element from 2 to 128 but 65",
            "7:7: rules.0200.300: expected a data element, 2 to 128, found 300",
            "8:6: rules.0200.04: expected a data element, 2 to 128, found 04",
            "9:5: rules.0200.5: expected a string, found 6",
            "10:5: rules.0200.6: DE 6: only C and CE have a condition",
            "11:5: rules.0200.7: no `rule`",
            "12:26: rules.0200.8.when: expected `has DE`, `lacks DE`, `DE in A|B` or \
             `DE not in A|B`, found `22 is 05`",
            "12:50: rules.0200.8.only-when: expected a data element from 2 to 128 but 65, \
             found `1`",
            "13:19: rules.0200.9: unknown key `if`: expected rule, when, only-when, words",
            "15:8: rules.0210: expected a table, found `M`",
        ]
    );
    let named = "name='x'\nrules='iso88'";
    assert_eq!(
        faults(named),
        ["2:7: rules: expected iso87, iso2003, none or a table, found iso88"]
    );
    assert_eq!(
        faults("name='x'\nrules=3"),
        ["2:7: rules: expected a string, found 3"]
    );
}
