//! What a start finds of the runs before it.

use std::path::Path;

use iso8583::element::ResponseCode;
use iso8583::{Message, Mti};
use switch_core::{Admission, ConnectionId, GroupSettings, LinkId, NumberSettings, Output};

use super::*;

const GROUP: GroupId = GroupId(0);

fn journal(folder: &Path) -> CheckedJournal {
    let key_file = folder.join("switch.key");
    keyfile::generate(&key_file).unwrap();
    CheckedJournal {
        folder: folder.join("journal"),
        key_file,
        sync_always: false,
        sync_every: Duration::from_millis(5),
        block_bytes_max: 1 << 20,
        segment_bytes: (1 << 20) + 4096,
        checkpoint_bytes: 100_000,
        low_water_bytes: 0,
    }
}

/// A purchase of pool `prepaid`, approved.
fn approve_one(journal: &CheckedJournal, numbers: Option<NumberSettings>) {
    let sandbox = Config::default().check().unwrap();
    let settings = GroupSettings {
        numbers,
        ..GroupSettings::default()
    };
    let mut outbound = Outbound::new(sandbox.outbound.clone(), &[(GROUP, settings)]);
    let (now, names) = (iso8583_link::now(), [(GROUP, "prepaid".to_owned())]);
    let keeper = Keeper::open(journal, "prepaid", &names, now, &mut outbound).unwrap();
    let link = LinkId {
        group: GROUP,
        place: 0,
    };
    outbound.handle_link(now, link, true);
    let mut purchase = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in [
        (2, "9999990100000005"),
        (3, "000000"),
        (4, "000000015000"),
        (7, "0315023015"),
        (11, "000123"),
        (12, "113015"),
        (13, "0315"),
        (37, "607411000123"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (49, "410"),
    ] {
        purchase.set(de, value.as_bytes());
    }
    let inbound = &sandbox.listeners[0].inbound;
    let Admission::Admitted(mut request) = inbound.admit(now, ConnectionId(1), purchase) else {
        panic!("it is not admitted");
    };
    sandbox.routes.route(&mut request).unwrap();
    outbound.handle_request(now, request);
    let outputs: Vec<_> = core::iter::from_fn(|| outbound.poll_output()).collect();
    let [Output::Send { token, message, .. }] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    let answer = message.response(ResponseCode::APPROVED).unwrap();
    outbound.handle_answer(now, *token, answer);
    keeper.close(now, &mut outbound);
}

#[test]
fn a_pool_that_is_no_more_may_leave_nothing_that_repeats_and_reversals_need() {
    let pools = |first: &str| HashSet::from([first.to_owned()]);
    for (numbers, needed) in [(None, false), (Some(NumberSettings::default()), true)] {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        approve_one(&journal, numbers);
        none_left_behind(&journal, &pools("prepaid")).unwrap();
        let renamed = none_left_behind(&journal, &pools("other"));
        let left =
            matches!(&renamed, Err(StartError::LeftBehind { name, .. }) if name == "prepaid");
        assert_eq!((renamed.is_err(), left), (needed, needed));
    }
}
