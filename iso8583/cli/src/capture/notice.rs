//! What of a capture could not be read, for the one who asks why something is missing.

use core::fmt;
use std::collections::BTreeMap;

/// Something that was not read, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// How many packets.
    pub count: u64,
    /// The number of the first of them, counted from 1 as Wireshark does.
    pub first: u64,
}

/// Why a packet, or what follows it, was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The file ends within a packet or block.
    FileEndsEarly,
    /// A block of a pcapng file contradicts itself.
    BlockBroken,
    /// The packet carries no time, or none of a calendar: it is given that of the packet before.
    NoTime,
    /// The packet was longer on the wire than in the file (the snap length).
    Cut,
    /// The link type is none that we know.
    LinkUnknown,
    /// A header below TCP, or TCP's own, cannot be read.
    HeaderBroken,
    /// Something else than TCP over IP.
    NotTcp,
    /// A fragment of an IP packet: they are not put together.
    Fragment,
    /// There are as many conversations as the limit allows.
    ConversationsFull,
    /// There are as many bytes as the limit allows.
    BytesFull,
}

impl NoticeKind {
    const fn says(self) -> &'static str {
        match self {
            Self::FileEndsEarly => "the file ends within it",
            Self::BlockBroken => "the file is damaged there",
            Self::NoTime => "no time stamp, given that of the packet before",
            Self::Cut => "cut short when captured: capture with a larger snap length",
            Self::LinkUnknown => "link type not known, not read",
            Self::HeaderBroken => "a header cannot be read, not read",
            Self::NotTcp => "no TCP, not read",
            Self::Fragment => "IP fragment, not read",
            Self::ConversationsFull => "more conversations than the limit, not read",
            Self::BytesFull => "more bytes than the limit, not read from there on",
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, count, says) = (self.first, self.count, self.kind.says());
        match count {
            1 => write!(f, "packet {first}: {says}"),
            _ => write!(f, "{count} packets from {first} on: {says}"),
        }
    }
}

/// Counts each kind, so that a file full of faults makes a short list.
#[derive(Default)]
pub(super) struct Notices(BTreeMap<NoticeKind, Notice>);

impl Notices {
    pub(super) fn add(&mut self, kind: NoticeKind, packet: u64) {
        let fresh = Notice {
            kind,
            count: 0,
            first: packet,
        };
        self.0.entry(kind).or_insert(fresh).count += 1;
    }

    pub(super) fn into_vec(self) -> Vec<Notice> {
        self.0.into_values().collect()
    }
}
