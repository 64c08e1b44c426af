//! Reads our own tree and says, with file and line, where it leaves the rules of the house.
//!
//! What rustfmt, clippy and rustc can hold, they hold. Here is what they cannot see: which crate
//! may know which, who may see a clear card number, what lies around undeclared, how a file is
//! called.
//!
//! - `main.rs`: the rules, one test each
//! - `tree.rs`: the files, and the modules that targets lead to
//! - `manifest.rs`: what a `Cargo.toml` says
//! - `code.rs`: what of a text is code, and which of it only tests compile

mod code;
mod manifest;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::code::module;
use crate::tree::{File, TREE};

/// Which of our crates each crate may depend on, dev-dependencies included. An arrow that is not
/// here does not exist: programs never know programs, simulators never the switch (one that shares
/// its logic cannot find its faults), and nobody knows `demo`, `tests` or `benches`.
const ARROWS: [(&str, &[&str]); 17] = [
    ("iso8583", &["iso8583-derive"]),
    ("iso8583-derive", &[]),
    ("iso8583-link", &["iso8583"]),
    ("iso8583-cli", &["iso8583", "iso8583-link"]),
    ("iso8583-fuzz", &["iso8583", "iso8583-cli"]),
    ("durable", &[]),
    ("journal", &["durable"]),
    ("keyfile", &["durable"]),
    ("switch-core", &["iso8583"]),
    ("telemetry", &[]),
    (
        "switch",
        &[
            "iso8583",
            "iso8583-link",
            "journal",
            "keyfile",
            "switch-core",
            "telemetry",
        ],
    ),
    (
        "issuer-sim",
        &[
            "durable",
            "iso8583",
            "iso8583-link",
            "journal",
            "keyfile",
            "telemetry",
        ],
    ),
    ("van-sim", SIMULATOR),
    ("pos-sim", SIMULATOR),
    ("demo", ALL_PARTIES),
    ("system-tests", ALL_PARTIES),
    ("benches", ALL_PARTIES),
];

const SIMULATOR: &[&str] = &["iso8583", "iso8583-link", "telemetry"];

const ALL_PARTIES: &[&str] = &[
    "iso8583",
    "iso8583-link",
    "switch-core",
    "switch",
    "issuer-sim",
    "van-sim",
    "pos-sim",
    "telemetry",
];

/// The crates that decide without I/O: folder, and what they may never depend on or name.
const PURE: [&str; 2] = ["iso8583", "switch/core"];

const IMPURE_CRATES: [&str; 16] = [
    "async-std",
    "axum",
    "crossbeam-channel",
    "dashmap",
    "fastrand",
    "futures",
    "getrandom",
    "hyper",
    "metrics",
    "mio",
    "rand",
    "rayon",
    "socket2",
    "tokio",
    "tokio-util",
    "tracing",
];

const IMPURE_NAMES: [&str; 10] = [
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "TimeZone::system",
];

/// Who may see a clear card number (or card password): file, number of calls, and why. A new
/// caller is a decision: write down its reason here, in the same commit.
const REVEALS: &[(&str, usize, &str)] = &[
    (
        "demo/src/script/cards.rs",
        1,
        "track 2 of the demo's own card",
    ),
    (
        "demo/src/script/shop.rs",
        1,
        "the mall sends the number to its VAN",
    ),
    ("demo/src/script/wire.rs", 1, "DE 2 of the demo's repeat"),
    (
        "iso8583/fuzz/src/codec.rs",
        1,
        "a track that is read is written the same",
    ),
    (
        "iso8583/src/crypto/pin_block.rs",
        1,
        "the password goes into its block",
    ),
    (
        "iso8583/src/element/track2.rs",
        1,
        "the track holds the number",
    ),
    (
        "iso8583/src/typed.rs",
        4,
        "DE 2, 14, 35 and what is concealed go into their message",
    ),
    (
        "issuer-sim/src/hsm.rs",
        3,
        "the PVV is made of number and password, and a password has four digits",
    ),
    (
        "issuer-sim/src/office/cards.rs",
        2,
        "a new card's number is told once; password length",
    ),
    (
        "issuer-sim/src/vault.rs",
        2,
        "at rest: keyed digest and ciphertext",
    ),
    ("pos-sim/src/entry.rs", 1, "DE 2 of a keyed card"),
    ("pos-sim/src/pending.rs", 1, "DE 2 of a reversal"),
    (
        "pos-sim/src/state_file.rs",
        1,
        "at rest: ciphertext of an open reversal",
    ),
    ("pos-sim/src/terminal/mod.rs", 1, "DE 2 of a request"),
    ("switch/core/src/inbound.rs", 1, "DE 2 of an answer"),
    ("van-sim/src/acquire.rs", 1, "DE 2 of a request"),
];

/// Names that tell nothing of what is inside.
const NAMELESS: [&str; 7] = [
    "common", "util", "utils", "helper", "helpers", "misc", "types",
];

const LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

#[test]
fn no_rust_file_is_longer_than_800_lines() {
    let long = TREE.rust().filter(|file| file.lines.len() > LINES_MAX);
    hold(long.map(|file| {
        let lines = file.lines.len();
        format!(
            "{}:{lines}: {lines} lines: split it by what it holds",
            file.path
        )
    }));
}

#[test]
fn no_line_of_rust_is_wider_than_100_columns() {
    hold(TREE.rust().flat_map(|file| {
        file.violations(|line| {
            let columns = line.text.chars().count();
            (columns > COLUMNS_MAX && !line.text.contains("https://"))
                .then(|| format!("{columns} columns"))
        })
    }));
}

#[test]
fn nothing_that_runs_unwraps_or_is_left_to_do() {
    const UNFINISHED: [&str; 4] = [".unwrap()", "todo!", "unimplemented!", "dbg!"];
    hold(TREE.rust().flat_map(|file| {
        file.violations(|line| {
            let found = UNFINISHED.iter().find(|word| line.code.contains(**word))?;
            (!line.test).then(|| format!("`{found}` outside a test"))
        })
    }));
}

#[test]
fn every_room_has_a_name_that_says_what_is_in_it() {
    let files = TREE.rust().flat_map(|file| {
        let parts = file.path.trim_end_matches(".rs").split('/');
        let nameless = parts.filter(|part| NAMELESS.contains(part));
        nameless.map(|part| format!("{}:1: a module called `{part}`", file.path))
    });
    let modules = TREE.rust().flat_map(|file| {
        file.violations(|line| {
            let module = module(&line.code)?;
            NAMELESS
                .contains(&module)
                .then(|| format!("a module called `{module}`"))
        })
    });
    let crates = TREE.packages.iter().flat_map(|package| {
        let parts = package.name.split('-');
        let nameless = parts.filter(|part| NAMELESS.contains(part));
        nameless.map(|part| format!("{}:1: a crate called `{part}`", package.manifest()))
    });
    hold(files.chain(modules).chain(crates));
}

#[test]
fn crates_depend_on_each_other_only_along_the_arrows() {
    let ours: BTreeSet<&str> = TREE.packages.iter().map(|package| &*package.name).collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    hold(TREE.packages.iter().flat_map(|package| {
        let Some(allowed) = arrows.get(&*package.name) else {
            let says = "a crate without a line in ARROWS of tests/tidy/main.rs";
            return vec![format!("{}:1: {says}", package.manifest())];
        };
        let inner = package
            .dependencies
            .iter()
            .filter(|name| ours.contains(&***name));
        let wrong = inner.filter(|name| !allowed.contains(&&***name));
        wrong
            .map(|name| package.at(name, &format!("`{}` may not know `{name}`", package.name)))
            .collect()
    }));
}

#[test]
fn every_arrow_belongs_to_a_crate_that_is_there() {
    let ours: BTreeSet<&str> = TREE.packages.iter().map(|package| &*package.name).collect();
    let gone = ARROWS.iter().filter(|(name, _)| !ours.contains(name));
    hold(gone.map(|(name, _)| format!("tests/tidy/main.rs:1: ARROWS: there is no crate `{name}`")));
}

#[test]
fn pure_crates_depend_on_nothing_that_reaches_the_world() {
    let pure = TREE
        .packages
        .iter()
        .filter(|it| PURE.contains(&&*it.folder));
    hold(pure.flat_map(|package| {
        let wrong = package
            .dependencies
            .iter()
            .filter(|name| IMPURE_CRATES.contains(&&***name));
        wrong.map(|name| package.at(name, &format!("`{}` is pure: no `{name}`", package.name)))
    }));
}

#[test]
fn pure_crates_name_no_clock_file_thread_or_socket() {
    let pure = TREE.rust().filter(|file| {
        PURE.iter()
            .any(|folder| file.path.starts_with(&format!("{folder}/src/")))
    });
    hold(pure.flat_map(|file| {
        file.violations(|line| {
            let found = IMPURE_NAMES
                .iter()
                .find(|name| line.code.contains(**name))?;
            (!line.test).then(|| format!("`{found}` in a pure crate: take it as an argument"))
        })
    }));
}

#[test]
fn the_link_looks_into_no_message() {
    let link = TREE
        .rust()
        .filter(|file| file.path.starts_with("iso8583/link/src/"));
    hold(link.flat_map(|file| {
        file.violations(|line| {
            let looks = line.code.contains("iso8583::element") || line.code.contains("element::");
            (looks && !line.test).then(|| "what is in a message is the session's".to_owned())
        })
    }));
}

#[test]
fn a_clear_card_number_is_seen_only_where_this_file_says_so() {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for file in TREE.rust() {
        for line in file.lines.iter().filter(|line| !line.test) {
            let calls = line.code.matches(".reveal()").count();
            let paths = line.code.matches("::reveal").count();
            let seen = std::iter::repeat_n(line.number, calls + paths);
            found.entry(&file.path).or_default().extend(seen);
        }
    }
    let mut wrong = Vec::new();
    for (path, calls, reason) in REVEALS {
        let lines = found.remove(path).unwrap_or_default();
        let (now, at) = (lines.len(), lines.last().copied().unwrap_or(1));
        if now != *calls {
            let says = format!("{now} calls of `reveal`, REVEALS lists {calls} ({reason})");
            wrong.push(format!("{path}:{at}: {says}"));
        }
    }
    wrong.extend(found.into_iter().flat_map(|(path, lines)| {
        let new = lines.into_iter();
        new.map(move |line| format!("{path}:{line}: `reveal`, but REVEALS lists no reason"))
    }));
    hold(wrong);
}

#[test]
fn no_file_names_a_folder_of_a_builders_machine() {
    let folders = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    hold(TREE.files.iter().flat_map(|file| {
        file.violations(|line| {
            let found = folders.iter().find(|folder| line.text.contains(**folder))?;
            Some(format!("`{found}` is a folder of somebody's machine"))
        })
    }));
}

#[test]
fn what_is_left_to_do_has_an_issue_number() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    hold(TREE.files.iter().flat_map(|file| {
        file.violations(|line| {
            let (mark, after) = marks
                .iter()
                .find_map(|mark| Some((mark, line.text.split_once(*mark)?.1)))?;
            (!numbered(after)).then(|| format!("{mark} without an issue: write {mark}(#12)"))
        })
    }));
}

#[test]
fn every_rust_file_is_part_of_a_crate() {
    let dead = TREE.rust().filter(|file| !file.declared);
    hold(dead.map(|file| format!("{}:1: no `mod` and no target leads here", file.path)));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let bare = TREE.packages.iter().filter(|package| !package.takes_lints);
    hold(bare.map(|package| format!("{}:1: no `[lints] workspace = true`", package.manifest())));
}

#[test]
fn a_clippy_file_of_a_crate_repeats_what_it_replaces() {
    let root = TREE.text("clippy.toml");
    let nested = TREE
        .files
        .iter()
        .filter(|file| file.path.ends_with("/clippy.toml"));
    hold(nested.flat_map(|file| {
        let mine: BTreeSet<&str> = file.lines.iter().map(|line| &*line.text).collect();
        let missing = root.iter().filter(move |line| !mine.contains(&*line.text));
        missing.map(|line| format!("{}:1: `{}` of the root is missing", file.path, line.text))
    }));
}

/// The table of failures promises by naming tests: each must be one, and a row without any says so.
#[test]
fn every_test_that_the_table_of_failures_names_exists() {
    let tests: BTreeSet<&str> = TREE.rust().flat_map(tests_of).collect();
    let table = TREE.files.iter().find(|file| file.path == FAILURES);
    let table = table.expect("the table of failures");
    let rows = table
        .lines
        .iter()
        .filter(|line| line.text.starts_with("| F"));
    assert_eq!(rows.count(), 21, "F1 to F18, F20 to F22");
    hold(table.violations(|line| {
        let row = line.text.strip_prefix("| F")?;
        let proof = row.trim_end_matches([' ', '|']).rsplit(" | ").next()?;
        let named = || proof.split('`').skip(1).step_by(2);
        let gone: Vec<&str> = named().filter(|name| !tests.contains(name)).collect();
        if !gone.is_empty() {
            return Some(format!("no such test: {gone:?}"));
        }
        let is_open = named().next().is_none() && !proof.contains("no test yet");
        is_open.then(|| "names no test, and does not say so".to_owned())
    }));
}

const FAILURES: &str = "docs/failures.md";

/// The functions of a file that stand behind `#[test]` or its like; those of `proptest!` too.
fn tests_of(file: &File) -> Vec<&str> {
    let mut is_marked = false;
    let mut tests = Vec::new();
    for line in &file.lines {
        let code = line.code.trim();
        is_marked |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
        let name = code
            .strip_prefix("async fn ")
            .or_else(|| code.strip_prefix("fn "))
            .and_then(|rest| rest.split('(').next());
        if let Some(name) = name.filter(|_| is_marked) {
            tests.push(name);
            is_marked = false;
        }
    }
    tests
}

/// Does an issue number in brackets follow, as in `(#12)`?
fn numbered(after: &str) -> bool {
    let inside = after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'));
    inside.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

/// Fails with every violation, one a line.
fn hold(violations: impl IntoIterator<Item = String>) {
    let mut violations: Vec<String> = violations.into_iter().collect();
    violations.sort();
    let count = violations.len();
    let list = violations
        .into_iter()
        .fold(String::new(), |mut list, violation| {
            let _ = write!(list, "\n  {violation}");
            list
        });
    assert!(list.is_empty(), "{count} to put right:{list}");
}
