//! What a switch knows that starts from a disk.

use iso8583::session;
use switch_core::{
    BootId, GroupId, GroupSettings, NotRecords, Outbound, OutboundSettings, Recovered, Replay,
};

use crate::disk::Disk;

/// Of the issuer groups, in the records.
pub(crate) fn names() -> Vec<(GroupId, String)> {
    let name = |place| (GroupId(place), format!("issuer {place}"));
    (0..2).map(name).collect()
}

/// What these batches leave to do, at this boot and time.
pub(crate) fn recovered(
    batches: &[Vec<u8>],
    boot: BootId,
    now: i64,
) -> Result<Recovered, NotRecords> {
    let mut replay = Replay::default();
    for batch in batches {
        replay.apply(batch)?;
    }
    let of_name = |name: &str| {
        let mut names = names().into_iter();
        names.find(|(_, other)| other == name).map(|(id, _)| id)
    };
    replay.finish(boot, now, of_name)
}

/// The reversals that a switch would know of that started from what is surely on the disk.
pub(crate) fn durable_reversals(
    disk: &Disk,
    boot: BootId,
    groups: &[(GroupId, GroupSettings)],
) -> Vec<String> {
    let Ok(recovered) = recovered(&disk.durable(), boot, 0) else {
        return Vec::new();
    };
    let mut scratch = Outbound::new(OutboundSettings::default(), groups);
    let now = session::Now {
        instant: std::time::Instant::now(),
        utc: jiff::Timestamp::UNIX_EPOCH,
    };
    scratch.begin(now, boot, names(), recovered);
    let reversals = scratch.pending_letters();
    reversals.map(|(_, original)| original.to_owned()).collect()
}
