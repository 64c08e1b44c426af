use super::*;
use crate::outbound::tests::purchase;

const BOOT: BootId = [7; 16];
const GROUP: GroupId = GroupId(3);
const GROUPS: [(GroupId, &str); 2] = [(GroupId(0), "backup"), (GROUP, "prepaid")];

fn today(name: &str) -> Option<GroupId> {
    (name == "prepaid").then_some(GroupId(0))
}

fn recovered(records: &Records, boot: BootId) -> Result<Recovered, NotRecords> {
    let mut replay = Replay::default();
    replay.apply(records.bytes())?;
    replay.finish(boot, 1_000, today)
}

fn begun() -> Records {
    let mut records = Records::default();
    records.begun(BOOT, GROUPS.into_iter());
    records
}

#[test]
fn what_was_sent_and_not_closed_is_open_at_the_same_boot() {
    let mut records = begun();
    records.sent(4, GROUP, &purchase());
    records.sent(5, GROUP, &purchase());
    records.closed(4);
    let left = recovered(&records, BOOT).unwrap();
    assert_eq!((left.open(), left.unknown.len(), left.next_id), (1, 0, 6));
    let (group, original) = &left.open[0];
    assert_eq!(
        (*group, original.mti()),
        (GroupId(0), Mti::FINANCIAL_REQUEST)
    );
    for de in [2, 3, 4, 7, 11, 12, 13, 22, 25, 32, 37, 41, 42, 49] {
        assert_eq!(original.field(de), purchase().field(de), "DE {de}");
    }
    // No track, PIN block or private data is kept.
    assert!([14, 35, 48, 52, 55].iter().all(|de| !original.has(*de)));
}

#[test]
fn after_another_boot_it_is_unknown_for_two_days() {
    let mut records = begun();
    records.sent(4, GROUP, &purchase());
    let left = recovered(&records, [8; 16]).unwrap();
    assert_eq!((left.open(), left.unknown.len()), (0, 1));
    let mut again = begun();
    again.unknown(
        4,
        &Unknown {
            group: GROUP,
            ..left.unknown[0].clone()
        },
    );
    assert_eq!(recovered(&again, [9; 16]).unwrap().unknown.len(), 1);
    let mut replay = Replay::default();
    replay.apply(again.bytes()).unwrap();
    let later = 1_000 + UNKNOWN_SECONDS;
    assert!(replay.finish(BOOT, later, today).unwrap().is_empty());
}

#[test]
fn a_reversal_is_left_until_it_is_acknowledged() {
    let mut records = begun();
    let mut message = Message::new(Mti::REVERSAL_ADVICE);
    message.set(2, b"9999990100000005").set(39, b"68");
    let letter = Letter {
        origin: Origin::Acquirers,
        group: GROUP,
        since: 77,
        dead: true,
        message,
    };
    let before = records.bytes().len();
    records.letter(9, &letter);
    assert_eq!(
        records.bytes().len() - before,
        letter_bytes(&letter.message)
    );
    let left = recovered(&records, [8; 16]).unwrap();
    let [(9, read)] = &left.letters[..] else {
        panic!("{left:?}")
    };
    assert_eq!(
        (read.origin, read.group, read.since, read.dead),
        (Origin::Acquirers, GroupId(0), 77, true)
    );
    assert_eq!(read.message, letter.message);
    records.settled(9);
    assert!(recovered(&records, BOOT).unwrap().is_empty());
}

fn number(group: GroupId, number: u32) -> Numbered {
    Numbered {
        group,
        since: 900 + i64::from(number),
        number,
        key: crate::request::duplicate_key(&purchase()),
    }
}

#[test]
fn numbers_are_those_since_the_last_checkpoint_in_their_order_of_groups_that_are_still_there() {
    let mut records = Records::default();
    records.numbered(&number(GROUP, 1));
    records.begun(BOOT, GROUPS.into_iter());
    for (group, given) in [(GROUP, 9), (GroupId(0), 5), (GroupId(7), 6), (GROUP, 4)] {
        records.numbered(&number(group, given));
    }
    let left = recovered(&records, [8; 16]).unwrap();
    assert!(!left.is_empty(), "repeats need them");
    assert_eq!((left.open(), left.letters(), left.unknown()), (0, 0, 0));
    let kept = [9, 4].map(|given| number(GroupId(0), given));
    assert_eq!(left.numbers, kept);
}

/// The journal gives up whole segments: the oldest one kept may begin anywhere.
#[test]
fn what_is_left_of_before_a_checkpoint_counts_no_more() {
    let mut records = Records::default();
    records.sent(4, GROUP, &purchase());
    let letter = Letter {
        origin: Origin::Ours,
        group: GROUP,
        since: 1,
        dead: false,
        message: purchase(),
    };
    records.letter(4, &letter);
    records.begun(BOOT, GROUPS.into_iter());
    records.sent(5, GROUP, &purchase());
    let left = recovered(&records, BOOT).unwrap();
    assert_eq!((left.open(), left.letters(), left.next_id), (1, 0, 6));
}

#[test]
fn a_checkpoint_replaces_what_was_before_it() {
    let mut records = begun();
    records.sent(4, GROUP, &purchase());
    records.begun(BOOT, GROUPS.into_iter());
    records.sent(5, GROUP, &purchase());
    let left = recovered(&records, BOOT).unwrap();
    assert_eq!((left.open(), left.next_id), (1, 6));
}

#[test]
fn a_reversal_of_the_first_version_is_one_of_ours_as_old_as_its_finding() {
    let mut records = begun();
    records.head(REVERSAL, 9);
    records.number(GROUP.0);
    records.message(&purchase(), Bitmap::of(&[2, 11]));
    let left = recovered(&records, BOOT).unwrap();
    let (id, letter) = &left.letters[0];
    assert_eq!(
        (*id, letter.origin, letter.since, letter.dead),
        (9, Origin::Ours, 1_000, false)
    );
}

#[test]
fn who_was_given_a_request_is_known_until_it_came_back() {
    let key = |stan: &[u8]| FieldKey::of_values(b'2', [stan]);
    let mut records = begun();
    records.elsewhere(20, &key(b"000002"), GROUP);
    records.elsewhere(10, &key(b"000001"), GROUP);
    records.elsewhere(30, &key(b"000003"), GROUP);
    records.came_back(&key(b"000003"));
    records.elsewhere(40, &key(b"000004"), GroupId(0));
    let left = recovered(&records, BOOT).unwrap();
    let known: Vec<_> = left
        .elsewhere
        .iter()
        .map(|it| (it.since, it.key, it.group))
        .collect();
    // The backup is no issuer of today.
    assert_eq!(
        known,
        [
            (10, key(b"000001"), GroupId(0)),
            (20, key(b"000002"), GroupId(0))
        ]
    );
    assert!(!left.is_empty(), "repeats need it");
    assert_eq!((left.open(), left.letters(), left.unknown()), (0, 0, 0));
    for stan in [b"000001", b"000002", b"000004"] {
        records.came_back(&key(stan));
    }
    assert!(recovered(&records, [8; 16]).unwrap().is_empty());
    let mut nameless = begun();
    nameless.elsewhere(1, &key(b"000001"), GroupId(9));
    let mut replay = Replay::default();
    let error = replay.apply(nameless.bytes());
    assert_eq!(error, Err(NotRecords::NamelessGroup(9)));
}

#[test]
fn err_something_left_for_an_issuer_that_is_no_more() {
    let mut records = begun();
    records.sent(4, GroupId(0), &purchase());
    let error = recovered(&records, BOOT).unwrap_err();
    assert_eq!(error, NotRecords::UnknownGroup("backup".to_owned()));
    records.closed(4);
    assert!(recovered(&records, BOOT).unwrap().is_empty());
}

#[test]
fn err_bytes_that_are_no_records() {
    let mut records = begun();
    let begun_bytes = records.bytes().len();
    records.numbered(&number(GROUP, 1));
    let numbered_bytes = records.bytes().len();
    records.sent(4, GROUP, &purchase());
    let bytes = records.bytes();
    for len in 1..bytes.len() {
        let whole = [begun_bytes, numbered_bytes].contains(&len);
        let mut replay = Replay::default();
        assert_eq!(replay.apply(&bytes[..len]).is_ok(), whole, "{len} bytes");
    }
    let mut replay = Replay::default();
    assert_eq!(replay.apply(&[9]), Err(NotRecords::Format { offset: 0 }));
    let mut nameless = begun();
    nameless.sent(4, GroupId(9), &purchase());
    let error = replay.apply(nameless.bytes());
    assert_eq!(error, Err(NotRecords::NamelessGroup(9)));
}

#[test]
fn records_show_no_byte_of_a_card_number() {
    let mut records = begun();
    records.sent(4, GROUP, &purchase());
    let pan = purchase().field(2).unwrap().to_vec();
    assert!(records.bytes().windows(pan.len()).any(|bytes| bytes == pan));
    let shown = format!("{records:?} {records:#?}");
    let listed = format!("{pan:?}");
    let text = String::from_utf8(pan).unwrap();
    assert!(!shown.contains(listed.trim_matches(['[', ']'])) && !shown.contains(&text));
    assert!(
        shown.starts_with(&format!("Records({} bytes)", records.bytes().len())),
        "{shown}"
    );
}
