//! Captures made packet by packet, read back.

use core::fmt::Write as _;

use etherparse::{EtherType, PacketBuilder, TcpHeader, VlanId};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 8583);

/// A capture in the making; each packet comes a millisecond after the one before.
struct Wire {
    link: u32,
    packets: Vec<(Vec<u8>, usize)>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    syn: bool,
    fin: bool,
    rst: bool,
    ack: Option<u32>,
}

const SYN: Flags = Flags {
    syn: true,
    fin: false,
    rst: false,
    ack: None,
};

fn ack(number: u32) -> Flags {
    Flags {
        ack: Some(number),
        ..Flags::default()
    }
}

impl Wire {
    fn new() -> Self {
        Self {
            link: 101,
            packets: Vec::new(),
        }
    }

    fn raw(mut self, packet: Vec<u8>) -> Self {
        let length = packet.len();
        self.packets.push((packet, length));
        self
    }

    fn client(self, sequence: u32, flags: Flags, payload: &[u8]) -> Self {
        self.raw(tcp(CLIENT, SERVER, sequence, flags, payload))
    }

    fn server(self, sequence: u32, flags: Flags, payload: &[u8]) -> Self {
        self.raw(tcp(SERVER, CLIENT, sequence, flags, payload))
    }

    /// The last packet as a snap length leaves it.
    fn cut(mut self, bytes: usize) -> Self {
        let (packet, _) = self.packets.last_mut().expect("a packet");
        packet.truncate(packet.len() - bytes);
        self
    }

    fn file(&self) -> Vec<u8> {
        let mut file = Vec::from(hex_literal::hex!(
            "D4C3B2A1 0200 0400 00000000 00000000 00000400"
        ));
        file.extend(self.link.to_le_bytes());
        for (number, (packet, whole)) in (1_u32..).zip(&self.packets) {
            file.extend(0_u32.to_le_bytes());
            file.extend((number * 1_000).to_le_bytes());
            for length in [packet.len(), *whole] {
                file.extend(u32::try_from(length).expect("short").to_le_bytes());
            }
            file.extend(packet);
        }
        file
    }

    fn read(&self) -> Capture {
        read(&self.file(), &Limits::default()).expect("a capture")
    }

    fn read_within(&self, limits: &Limits) -> Capture {
        read(&self.file(), limits).expect("a capture")
    }
}

fn header(from: u16, to: u16, sequence: u32, flags: Flags) -> TcpHeader {
    let mut header = TcpHeader::new(from, to, sequence, 1024);
    (header.syn, header.fin, header.rst) = (flags.syn, flags.fin, flags.rst);
    header.ack = flags.ack.is_some();
    header.acknowledgment_number = flags.ack.unwrap_or_default();
    header
}

fn tcp(
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    sequence: u32,
    flags: Flags,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from.0, to.0, 64)
        .tcp_header(header(from.1, to.1, sequence, flags))
        .write(&mut packet, payload)
        .expect("a packet");
    packet
}

/// Segments as text: `> abc @2` is abc to the server, complete in millisecond 2.
fn said(capture: &Capture) -> String {
    let mut text = String::new();
    for (index, conversation) in capture.conversations.iter().enumerate() {
        if index > 0 {
            text.push_str("--\n");
        }
        for segment in &conversation.segments {
            let arrow = match segment.direction() {
                Direction::ToServer => '>',
                Direction::ToClient => '<',
            };
            match segment.lost_before() {
                Some(Lost::Bytes(lost)) => writeln!(text, "{arrow} ({lost} lost)").unwrap(),
                Some(Lost::Unknown) => writeln!(text, "{arrow} (lost)").unwrap(),
                None => {}
            }
            let bytes = String::from_utf8_lossy(segment.bytes());
            let at = segment
                .complete_at(0..segment.bytes().len())
                .expect("bytes");
            writeln!(text, "{arrow} {bytes} @{}", at.as_millisecond()).unwrap();
        }
    }
    text
}

fn kinds(capture: &Capture) -> Vec<NoticeKind> {
    capture.notices.iter().map(|notice| notice.kind).collect()
}

/// Three bytes each way behind a handshake, and both ends closed.
fn dialogue() -> Wire {
    Wire::new()
        .client(99, SYN, b"")
        .server(
            499,
            Flags {
                ack: Some(100),
                ..SYN
            },
            b"",
        )
        .client(100, ack(500), b"abc")
        .server(500, ack(103), b"xyz")
        .client(
            103,
            Flags {
                fin: true,
                ..ack(503)
            },
            b"",
        )
        .server(
            503,
            Flags {
                fin: true,
                ..ack(104)
            },
            b"",
        )
}

#[test]
fn a_dialogue_comes_out_as_it_was_spoken() {
    let capture = dialogue().read();
    insta::assert_snapshot!(said(&capture), @r"
    > abc @3
    < xyz @4
    ");
    let [conversation] = &capture.conversations[..] else {
        panic!("one conversation: {capture:?}");
    };
    assert_eq!(conversation.client.to_string(), "10.0.0.1:40000");
    assert_eq!(conversation.server.to_string(), "10.0.0.2:8583");
    assert!(conversation.opened);
    let end = conversation.end.expect("an end");
    assert_eq!((end.direction, end.how), (Direction::ToServer, How::Closed));
    assert_eq!(end.time, Timestamp::from_millisecond(5).unwrap());
    assert_eq!((capture.packets, capture.notices), (6, vec![]));
}

#[test]
fn packets_that_changed_places_are_put_in_order_and_bear_the_later_time() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(103, ack(0), b"def")
        .client(100, ack(0), b"abc")
        .client(106, ack(0), b"ghi")
        .read();
    insta::assert_snapshot!(said(&capture), @"> abcdefghi @4");
    let segment = &capture.conversations[0].segments[0];
    let at = |range| segment.complete_at(range).map(Timestamp::as_millisecond);
    assert_eq!(at(0..3), Some(3));
    assert_eq!(
        at(3..6),
        Some(2),
        "the packet of these bytes was there before"
    );
    assert_eq!(at(2..4), Some(3));
    assert_eq!(at(6..6), None);
}

#[test]
fn what_is_sent_again_counts_once_and_as_it_came_first() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(99, SYN, b"")
        .client(100, ack(0), b"abc")
        .client(100, ack(0), b"XXX")
        .client(100, ack(0), b"XXXdef")
        .read();
    insta::assert_snapshot!(said(&capture), @"> abcdef @5");
}

#[test]
fn overlaps_of_waiting_bytes_are_filled_in_around_the_first() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(102, ack(0), b"cd")
        .client(106, ack(0), b"gh")
        .client(101, ack(0), b"bXXefXXi")
        .client(100, ack(0), b"aXXXX")
        .read();
    insta::assert_snapshot!(said(&capture), @"> abcdefghi @5");
}

#[test]
fn sequence_numbers_wrap() {
    let capture = Wire::new()
        .client(u32::MAX - 1, SYN, b"")
        .client(u32::MAX, ack(0), b"a")
        .client(3, ack(0), b"ef")
        .client(0, ack(0), b"bcd")
        .server(7, ack(5), b"x")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > abcdef @4
    < x @5
    ");
}

#[test]
fn bytes_that_only_the_receiver_saw_are_lost_as_soon_as_it_says_so() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(100, ack(0), b"abc")
        .client(107, ack(0), b"hij")
        .server(500, ack(110), b"xyz")
        .client(103, ack(503), b"XXXX")
        .client(110, ack(503), b"klm")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > abc @2
    > (4 lost)
    > hijklm @6
    < xyz @4
    ");
}

#[test]
fn a_hole_at_the_end_of_the_capture_is_a_loss() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(102, ack(0), b"cd")
        .client(106, ack(0), b"gh")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > (2 lost)
    > cd @2
    > (2 lost)
    > gh @3
    ");
}

#[test]
fn what_waits_beyond_the_limit_goes_on_behind_a_loss() {
    let wire = Wire::new()
        .client(99, SYN, b"")
        .client(101, ack(0), b"bcd")
        .client(104, ack(0), b"efg")
        .client(100, ack(0), b"a");
    let few = Limits {
        waiting_bytes_max: 5,
        ..Limits::default()
    };
    insta::assert_snapshot!(said(&wire.read_within(&few)), @r"
    > (1 lost)
    > bcdefg @3
    ");
    let pieces = Limits {
        waiting_pieces_max: 1,
        ..Limits::default()
    };
    assert_eq!(
        said(&wire.read_within(&pieces)),
        said(&wire.read_within(&few))
    );
    let enough = Limits {
        waiting_bytes_max: 6,
        ..Limits::default()
    };
    insta::assert_snapshot!(said(&wire.read_within(&enough)), @"> abcdefg @4");
}

#[test]
fn a_conversation_without_its_beginning_starts_at_its_first_bytes() {
    // A keep-alive probe stands one before the next byte, and brings none.
    let capture = Wire::new()
        .server(499, ack(100), b"")
        .client(100, ack(500), b"abc")
        .server(500, ack(103), b"xyz")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > abc @2
    < xyz @3
    ");
    let conversation = &capture.conversations[0];
    assert_eq!(conversation.server.port(), 8583, "the lower port");
    assert!(!conversation.opened);
    assert_eq!(conversation.end, None);
}

#[test]
fn a_syn_ack_alone_tells_who_was_called() {
    let high = ([10, 0, 0, 9], 50_000);
    let capture = Wire::new()
        .raw(tcp(
            high,
            CLIENT,
            499,
            Flags {
                ack: Some(100),
                ..SYN
            },
            b"",
        ))
        .raw(tcp(CLIENT, high, 100, ack(500), b"abc"))
        .read();
    assert_eq!(capture.conversations[0].server.port(), 50_000);
    insta::assert_snapshot!(said(&capture), @"> abc @2");
}

#[test]
fn a_new_handshake_on_the_same_ports_is_another_conversation() {
    let mut wire = dialogue();
    wire = wire
        .client(7_000, SYN, b"")
        .server(
            9_000,
            Flags {
                ack: Some(7_001),
                ..SYN
            },
            b"",
        )
        .client(7_001, ack(9_001), b"second");
    insta::assert_snapshot!(said(&wire.read()), @r"
    > abc @3
    < xyz @4
    --
    > second @9
    ");
}

#[test]
fn a_reset_is_told_with_who_sent_it() {
    let capture = Wire::new()
        .client(100, ack(500), b"abc")
        .server(
            500,
            Flags {
                rst: true,
                ..Flags::default()
            },
            b"",
        )
        .read();
    let end = capture.conversations[0].end.expect("an end");
    assert_eq!((end.direction, end.how), (Direction::ToClient, How::Reset));
}

#[test]
fn sequence_numbers_that_go_elsewhere_are_a_loss_of_unknown_size() {
    let capture = Wire::new()
        .client(100, ack(0), b"abc")
        .client(2_000_000_000, ack(0), b"def")
        .client(2_000_000_003, ack(0), b"ghi")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > abc @1
    > (lost)
    > defghi @3
    ");
}

#[test]
fn a_packet_cut_by_the_snap_length_is_noted_and_leaves_a_hole() {
    let capture = Wire::new()
        .client(99, SYN, b"")
        .client(100, ack(0), b"abcdef")
        .cut(4)
        .client(106, ack(0), b"ghi")
        .read();
    insta::assert_snapshot!(said(&capture), @r"
    > ab @2
    > (4 lost)
    > ghi @3
    ");
    assert_eq!(
        capture.notices[0].to_string(),
        "packet 2: cut short when captured: capture with a larger snap length"
    );
}

#[test]
fn the_padding_of_a_short_ethernet_frame_is_no_payload() {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(CLIENT.0, SERVER.0, 64)
        .tcp_header(header(CLIENT.1, SERVER.1, 100, ack(0)))
        .write(&mut packet, b"abc")
        .unwrap();
    packet.resize(60, 0);
    let mut wire = Wire::new().raw(packet);
    wire.link = 1;
    insta::assert_snapshot!(said(&wire.read()), @"> abc @1");
}

#[test]
fn vlan_tags_and_ipv6_are_passed_through() {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .double_vlan(VlanId::try_new(7).unwrap(), VlanId::try_new(8).unwrap())
        .ipv6([0xFD; 16], [0xFE; 16], 64)
        .tcp_header(header(40_000, 8583, 100, ack(0)))
        .write(&mut packet, b"abc")
        .unwrap();
    let mut wire = Wire::new().raw(packet);
    wire.link = 1;
    let capture = wire.read();
    insta::assert_snapshot!(said(&capture), @"> abc @1");
    assert!(capture.conversations[0].client.is_ipv6());
}

#[test]
fn cooked_loopback_and_raw_links_are_read() {
    let packet = tcp(CLIENT, SERVER, 100, ack(0), b"abc");
    let ip = EtherType::IPV4.0.to_be_bytes();
    let sll = [
        &[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..],
        &ip,
        &packet,
    ]
    .concat();
    let sll2 = [&ip[..], &[0; 18], &packet].concat();
    let null = [&[2, 0, 0, 0][..], &packet].concat();
    let links = [
        (0, &null),
        (12, &packet),
        (101, &packet),
        (108, &null),
        (113, &sll),
        (228, &packet),
        (276, &sll2),
    ];
    for (link, packet) in links {
        let mut wire = Wire::new().raw(packet.clone());
        wire.link = link;
        assert_eq!(said(&wire.read()), "> abc @1\n", "link type {link}");
    }
}

#[test]
fn what_cannot_be_read_is_told_once_a_kind() {
    let mut fragment = tcp(CLIENT, SERVER, 100, ack(0), b"abc");
    fragment[6] |= 0x20; // more fragments
    let mut udp = Vec::new();
    PacketBuilder::ipv4(CLIENT.0, SERVER.0, 64)
        .udp(53, 53)
        .write(&mut udp, b"?")
        .unwrap();
    let capture = Wire::new()
        .raw(fragment.clone())
        .raw(udp)
        .raw(fragment)
        .raw(vec![0x45, 0])
        .read();
    let notices: Vec<String> = capture.notices.iter().map(Notice::to_string).collect();
    insta::assert_snapshot!(notices.join("\n"), @r"
    packet 4: a header cannot be read, not read
    packet 2: no TCP, not read
    2 packets from 1 on: IP fragment, not read
    ");
    assert!(capture.conversations.is_empty());
    let mut wire = Wire::new().raw(vec![1, 2, 3]);
    wire.link = 195;
    assert_eq!(kinds(&wire.read()), [NoticeKind::LinkUnknown]);
}

#[test]
fn the_limits_end_the_reading_with_a_notice() {
    let one = Limits {
        conversations_max: 1,
        ..Limits::default()
    };
    let other = ([10, 0, 0, 3], 40_000);
    let wire = Wire::new()
        .client(100, ack(0), b"abc")
        .raw(tcp(other, SERVER, 100, ack(0), b"other"))
        .client(103, ack(0), b"def");
    let capture = wire.read_within(&one);
    assert_eq!(kinds(&capture), [NoticeKind::ConversationsFull]);
    insta::assert_snapshot!(said(&capture), @"> abcdef @3");

    let short = Limits {
        bytes_max: 3,
        ..Limits::default()
    };
    let capture = wire.read_within(&short);
    assert_eq!(kinds(&capture), [NoticeKind::BytesFull]);
    insta::assert_snapshot!(said(&capture), @"> abc @1");
}

#[test]
fn a_segment_prints_no_byte_of_it() {
    let capture = Wire::new().client(100, ack(0), b"9999990100000005").read();
    let printed = format!("{capture:?}");
    assert!(
        printed.contains("bytes: 16") && !printed.contains("57, 57, 57"),
        "{printed}"
    );
}

#[test]
fn the_next_packet_start_is_where_a_reader_can_begin_anew() {
    let capture = Wire::new()
        .client(100, ack(0), b"abc")
        .client(103, ack(0), b"def")
        .read();
    let segment = &capture.conversations[0].segments[0];
    let starts = [0, 1, 3, 4, 6].map(|offset| segment.packet_start(offset));
    assert_eq!(starts, [Some(0), Some(3), Some(3), None, None]);
}

/// A stream cut into packets, some sent twice, in any order.
fn shuffled() -> impl Strategy<Value = (Vec<u8>, u32, Vec<(usize, usize)>)> {
    let stream = prop::collection::vec(any::<u8>(), 1..200);
    (stream, any::<u32>(), any::<prop::sample::Index>()).prop_flat_map(|(stream, first, size)| {
        let size = size.index(40) + 1;
        let whole: Vec<(usize, usize)> = (0..stream.len())
            .step_by(size)
            .map(|start| (start, (start + size).min(stream.len())))
            .collect();
        let end = stream.len();
        let again = prop::collection::vec((0..end, 0..60_usize), 0..10).prop_map(move |list| {
            let ranges = list.into_iter();
            ranges
                .map(|(at, len)| (at, (at + len).min(end)))
                .collect::<Vec<_>>()
        });
        let packets = again
            .prop_map(move |again| [whole.clone(), again].concat())
            .prop_shuffle();
        (Just(stream), Just(first), packets)
    })
}

proptest! {
    #[test]
    fn any_order_any_overlap_any_start_gives_the_stream_that_was_sent(
        (stream, first, packets) in shuffled()
    ) {
        let mut wire = Wire::new().client(first.wrapping_sub(1), SYN, b"");
        for (start, end) in packets {
            let sequence = first.wrapping_add(u32::try_from(start).unwrap());
            wire = wire.client(sequence, Flags::default(), &stream[start..end]);
        }
        let capture = wire.read();
        let [segment] = &capture.conversations[0].segments[..] else {
            panic!("one segment: {capture:?}");
        };
        prop_assert_eq!(segment.bytes(), &stream[..]);
        prop_assert_eq!(segment.arrivals().last().map(|it| it.end), Some(stream.len()));
    }

    #[test]
    fn a_damaged_file_is_read_as_far_as_it_goes(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        let mut file = dialogue().file();
        let place = at.index(file.len());
        file[place] = byte;
        file.truncate(length.index(file.len() + 1));
        if let Ok(capture) = read(&file, &Limits::default()) {
            let segments = capture.conversations.iter().flat_map(|it| &it.segments);
            let bytes: usize = segments.map(|segment| segment.bytes().len()).sum();
            prop_assert!(bytes <= file.len());
        }
    }

    #[test]
    fn garbage_behind_a_header_never_panics(
        big in any::<bool>(),
        link in prop::sample::select(vec![0_u32, 1, 101, 113, 276]),
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut wire = Wire::new();
        wire.link = link;
        for record in records {
            wire = wire.raw(record);
        }
        let mut file = wire.file();
        file.extend(&tail);
        let _ = read(&file, &Limits::default());
        let section: &[u8] = if big {
            &hex_literal::hex!("0A0D0D0A 0000001C 1A2B3C4D 0001 0000 FFFFFFFFFFFFFFFF 0000001C")
        } else {
            &hex_literal::hex!("0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000")
        };
        let _ = read(&[section, &tail].concat(), &Limits::default());
    }
}
