//! Routing is on the path of every request: it allocates nothing, however many ranges there are.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test kit: a request that is not admitted stops the test"
)]

use std::collections::BTreeSet;

use allocation_counter::measure;
use iso8583::session::Now;
use iso8583::{Message, Mti};
use jiff::tz::Offset;
use switch_core::{
    Admission, CardRange, Conditions, ConnectionId, GroupId, Inbound, Refusal, Request, RouteTable,
    Rule,
};

fn request(card: &str) -> Box<Request> {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in [
        (2, card),
        (3, "000000"),
        (4, "000000015000"),
        (7, "0315023015"),
        (11, "000123"),
        (32, "450001"),
        (41, "TERM0001"),
        (49, "410"),
    ] {
        message.set(de, value.as_bytes());
    }
    let inbound = Inbound {
        default_acquirer: b"900001".to_vec(),
        acquirers: BTreeSet::new(),
        forwarder: b"999001".to_vec(),
        business_offset: Offset::constant(9),
    };
    let now = Now {
        #[expect(clippy::disallowed_methods, reason = "it only has to be some time")]
        instant: std::time::Instant::now(),
        utc: "2026-03-15T15:30:15Z".parse().unwrap(),
    };
    match inbound.admit(now, ConnectionId(7), message) {
        Admission::Admitted(request) => request,
        other @ (Admission::Refused(..) | Admission::Reconciliation(_) | Admission::Dropped) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn a_route_is_found_without_allocation() {
    let texts = |values: &[&str]| values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let rules: Vec<Rule> = (0..10_000_u32)
        .map(|number| Rule {
            name: number.to_string(),
            cards: vec![CardRange::prefix(&(40_000_000 + number).to_string()).unwrap()],
            conditions: Conditions::default()
                .processing_codes(&texts(&["00"]))
                .and_then(|it| it.currencies(&texts(&["410", "840"])))
                .and_then(|it| it.acquirers(&texts(&["450001"])))
                .and_then(|it| it.amount(Some(1), None))
                .unwrap(),
            groups: vec![GroupId(0)],
        })
        .collect();
    let table = RouteTable::new(&rules, 1).unwrap();
    let mut taken = request("4000123400000000");
    let mut unknown = request("5000123400000000");
    let info = measure(|| {
        assert!(table.route(&mut taken).is_ok());
        assert_eq!(table.route(&mut unknown), Err(Refusal::NoSuchIssuer));
    });
    assert_eq!(info.count_total, 0);
}
