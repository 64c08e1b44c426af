//! What a start finds of the runs before it.

use iso8583::element::ResponseCode;
use switch_core::{Admission, ConnectionId, GroupSettings, LinkId, NumberSettings, Output};

use super::*;
use crate::testing::{journal, purchase};

const GROUP: GroupId = GroupId(0);

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
    let inbound = &sandbox.listeners[0].inbound;
    let Admission::Admitted(mut request) = inbound.admit(now, ConnectionId(1), purchase()) else {
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
