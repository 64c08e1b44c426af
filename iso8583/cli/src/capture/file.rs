//! Capture files: pcap and pcapng, from bytes to packets.
//!
//! Read by hand, in safe code and without allocation: a damaged file is the normal case here, and
//! what is whole before the damage must still be told.

use jiff::Timestamp;

use crate::capture::{CaptureError, NoticeKind};

/// A packet as the file holds it.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    /// The file's number of its link type (`LINKTYPE_…` of tcpdump.org).
    pub(super) link: u32,
    /// None where the file gives none, or none that a calendar knows.
    pub(super) time: Option<Timestamp>,
    pub(super) bytes: &'a [u8],
    /// Was it longer on the wire than in the file?
    pub(super) cut: bool,
}

/// The packets of a file, in its order. After a fault that hides where the next one starts, the
/// iterator ends.
pub(super) struct Packets<'a> {
    rest: &'a [u8],
    format: Format,
    order: Order,
}

enum Format {
    Pcap {
        link: u32,
        /// Of the second field of a time: nanoseconds a unit.
        unit: u32,
        record_header: usize,
    },
    Pcapng {
        interfaces: Vec<Interface>,
    },
}

#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    snaplen: u32,
    units_per_second: u128,
    offset_seconds: i64,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    fn i64(self, bytes: &[u8]) -> Option<i64> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        })
    }

    /// A length or count; a length no address space holds is none.
    fn length(self, bytes: &[u8], at: usize) -> Option<usize> {
        usize::try_from(self.u32(bytes, at)?).ok()
    }
}

impl<'a> Packets<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, CaptureError> {
        if bytes.starts_with(&SECTION.to_be_bytes()) {
            let order = section_order(bytes).ok_or(CaptureError::NoByteOrder)?;
            return Ok(Self {
                rest: bytes,
                format: Format::Pcapng {
                    interfaces: Vec::new(),
                },
                order,
            });
        }
        Self::pcap(bytes)
    }

    fn pcap(bytes: &'a [u8]) -> Result<Self, CaptureError> {
        let (order, unit, record_header) = [Order::Little, Order::Big]
            .into_iter()
            .find_map(|order| match order.u32(bytes, 0)? {
                0xA1B2_C3D4 => Some((order, 1_000, 16)),
                0xA1B2_3C4D => Some((order, 1, 16)),
                // Kuznetzov's patched libpcap: eight more bytes a record.
                0xA1B2_CD34 => Some((order, 1_000, 24)),
                _ => None,
            })
            .ok_or(CaptureError::NotACapture)?;
        let (Some(link), Some(rest)) = (order.u32(bytes, 20), bytes.get(24..)) else {
            let found = bytes.len();
            return Err(CaptureError::HeaderCut { found });
        };
        // The upper bits tell of a frame check sequence, which the IP length cuts off anyhow.
        let link = link & 0x03FF_FFFF;
        let format = Format::Pcap {
            link,
            unit,
            record_header,
        };
        Ok(Self {
            rest,
            format,
            order,
        })
    }

    fn next_record(
        &mut self,
        link: u32,
        unit: u32,
        header: usize,
    ) -> Result<Packet<'a>, NoticeKind> {
        let (order, rest) = (self.order, self.rest);
        let fields = || {
            let captured = order.length(rest, 8)?;
            let bytes = rest.get(header..)?.get(..captured)?;
            let seconds = i64::from(order.u32(rest, 0)?);
            let fraction = order.u32(rest, 4)?;
            let cut = order.length(rest, 12)? > captured;
            Some((bytes, seconds, fraction, cut))
        };
        let Some((bytes, seconds, fraction, cut)) = fields() else {
            self.rest = &[];
            return Err(NoticeKind::FileEndsEarly);
        };
        self.rest = rest.get(header + bytes.len()..).unwrap_or_default();
        let nanoseconds = fraction.checked_mul(unit);
        let nanoseconds = nanoseconds.and_then(|fraction| i32::try_from(fraction).ok());
        let time = nanoseconds.and_then(|fraction| Timestamp::new(seconds, fraction).ok());
        Ok(Packet {
            link,
            time,
            bytes,
            cut,
        })
    }

    /// Takes the next block of a pcapng file: its type and body.
    fn next_block(&mut self) -> Result<(u32, &'a [u8]), NoticeKind> {
        let rest = self.rest;
        if rest.starts_with(&SECTION.to_be_bytes()) {
            // A section has its own byte order, so that files can be put one behind the other.
            self.order = section_order(rest).ok_or(NoticeKind::BlockBroken)?;
        }
        let (Some(kind), Some(length)) = (self.order.u32(rest, 0), self.order.length(rest, 4))
        else {
            return Err(NoticeKind::FileEndsEarly);
        };
        if length < 12 || !length.is_multiple_of(4) {
            return Err(NoticeKind::BlockBroken);
        }
        let (block, rest) = rest
            .split_at_checked(length)
            .ok_or(NoticeKind::FileEndsEarly)?;
        if self.order.length(block, length - 4) != Some(length) {
            return Err(NoticeKind::BlockBroken);
        }
        self.rest = rest;
        Ok((kind, block.get(8..length - 4).unwrap_or_default()))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, NoticeKind>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            if let Format::Pcap {
                link,
                unit,
                record_header,
            } = self.format
            {
                return Some(self.next_record(link, unit, record_header));
            }
            let (kind, body) = match self.next_block() {
                Ok(block) => block,
                Err(fault) => {
                    self.rest = &[];
                    return Some(Err(fault));
                }
            };
            let Format::Pcapng { interfaces } = &mut self.format else {
                return None;
            };
            if let Some(packet) = packet_of(kind, body, self.order, interfaces) {
                return Some(packet);
            }
        }
        None
    }
}

/// The packet of a pcapng block; None of a block that holds none. Blocks that describe what
/// follows are taken note of.
fn packet_of<'a>(
    kind: u32,
    body: &'a [u8],
    order: Order,
    interfaces: &mut Vec<Interface>,
) -> Option<Result<Packet<'a>, NoticeKind>> {
    let packet = match kind {
        SECTION => {
            interfaces.clear();
            return None;
        }
        INTERFACE => {
            match interface(body, order) {
                Some(interface) => interfaces.push(interface),
                None => return Some(Err(NoticeKind::BlockBroken)),
            }
            return None;
        }
        ENHANCED_PACKET => order
            .length(body, 0)
            .and_then(|index| timed_packet(body, order, interfaces.get(index)?)),
        PACKET => order
            .u16(body, 0)
            .and_then(|index| timed_packet(body, order, interfaces.get(usize::from(index))?)),
        SIMPLE_PACKET => simple_packet(body, order, interfaces),
        _ => return None,
    };
    Some(packet.ok_or(NoticeKind::BlockBroken))
}

fn interface(body: &[u8], order: Order) -> Option<Interface> {
    let mut interface = Interface {
        link: u32::from(order.u16(body, 0)?),
        snaplen: order.u32(body, 4)?,
        units_per_second: 1_000_000,
        offset_seconds: 0,
    };
    let mut options = body.get(8..)?;
    while let (Some(code), Some(length)) = (order.u16(options, 0), order.u16(options, 2)) {
        let length = usize::from(length);
        let Some(value) = options.get(4..).and_then(|rest| rest.get(..length)) else {
            break;
        };
        match (code, value) {
            (0, _) => break,
            (TIME_RESOLUTION, &[resolution, ..]) => {
                interface.units_per_second = units_per_second(resolution)?;
            }
            (TIME_OFFSET, seconds) => interface.offset_seconds = order.i64(seconds)?,
            _ => {}
        }
        let padded = length.next_multiple_of(4);
        options = options.get(4 + padded..).unwrap_or_default();
    }
    Some(interface)
}

/// A power of ten, or, with the top bit set, of two.
fn units_per_second(resolution: u8) -> Option<u128> {
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(u32::from(resolution & 0x7F))
}

/// An enhanced packet, or a packet of the first drafts, which differs in how wide the number of
/// its interface is.
fn timed_packet<'a>(body: &'a [u8], order: Order, interface: &Interface) -> Option<Packet<'a>> {
    let high = order.u32(body, 4)?;
    let low = order.u32(body, 8)?;
    let captured = order.length(body, 12)?;
    let on_the_wire = order.length(body, 16)?;
    let bytes = body.get(20..)?.get(..captured)?;
    Some(Packet {
        link: interface.link,
        time: interface.time(u64::from(high) << 32 | u64::from(low)),
        bytes,
        cut: on_the_wire > captured,
    })
}

/// A packet without a time, of the first interface.
fn simple_packet<'a>(body: &'a [u8], order: Order, interfaces: &[Interface]) -> Option<Packet<'a>> {
    let interface = interfaces.first()?;
    let on_the_wire = order.length(body, 0)?;
    let padded = body.get(4..)?;
    let limit = match usize::try_from(interface.snaplen) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let captured = on_the_wire.min(limit);
    Some(Packet {
        link: interface.link,
        time: None,
        bytes: padded.get(..captured)?,
        cut: on_the_wire > captured,
    })
}

impl Interface {
    fn time(&self, units: u64) -> Option<Timestamp> {
        // 2^64 units of a second make 2^94 nanoseconds: far from the end of u128.
        let nanoseconds = u128::from(units) * NANOSECONDS / self.units_per_second;
        let nanoseconds = i128::try_from(nanoseconds).ok()?;
        let offset = i128::from(self.offset_seconds) * i128::try_from(NANOSECONDS).ok()?;
        Timestamp::from_nanosecond(nanoseconds.checked_add(offset)?).ok()
    }
}

fn section_order(bytes: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(bytes, 8) == Some(0x1A2B_3C4D))
}

/// A palindrome, so that it is read before the byte order is known.
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;
const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// Link, time, bytes and cut of a packet.
    type Read = (u32, String, Vec<u8>, bool);

    /// Every packet, and the fault of what is none.
    fn all(file: &[u8]) -> Vec<Result<Read, NoticeKind>> {
        let packets = Packets::new(file).expect("a capture file");
        packets
            .map(|packet| {
                packet.map(|it| {
                    let time = it
                        .time
                        .map_or_else(|| "none".to_owned(), |it| it.to_string());
                    (it.link, time, it.bytes.to_vec(), it.cut)
                })
            })
            .collect()
    }

    const TIME: &str = "2026-03-15T02:30:00.000007Z";

    #[test]
    fn a_pcap_file_of_either_byte_order_is_read() {
        let little = hex!(
            "D4C3B2A1 0200 0400 00000000 00000000 00000400 01000000" // link type 1
            "A819B669 07000000 02000000 05000000 AABB" // 2 of 5 bytes
        );
        let big = hex!(
            "A1B2C3D4 0002 0004 00000000 00000000 00040000 00000065" // link type 101
            "69B619A8 00000007 00000002 00000002 AABB"
        );
        assert_eq!(all(&little), [Ok((1, TIME.into(), vec![0xAA, 0xBB], true))]);
        assert_eq!(all(&big), [Ok((101, TIME.into(), vec![0xAA, 0xBB], false))]);
    }

    #[test]
    fn a_pcap_file_of_nanoseconds_keeps_them() {
        let file = hex!(
            "4D3CB2A1 0200 0400 00000000 00000000 00000400 01000000"
            "A819B669 07000000 01000000 01000000 AA"
        );
        let time = "2026-03-15T02:30:00.000000007Z";
        assert_eq!(all(&file), [Ok((1, time.into(), vec![0xAA], false))]);
    }

    #[test]
    fn a_record_that_the_file_cuts_ends_the_packets_with_a_notice() {
        let file = hex!(
            "D4C3B2A1 0200 0400 00000000 00000000 00000400 01000000"
            "A819B669 07000000 01000000 01000000 AA"
            "A819B669 07000000 FFFFFFFF FFFFFFFF AA"
        );
        let found = all(&file);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], Err(NoticeKind::FileEndsEarly));
    }

    #[test]
    fn sections_of_either_byte_order_stand_in_one_pcapng_file() {
        let file = hex!(
            // Section, big-endian
            "0A0D0D0A 0000001C 1A2B3C4D 0001 0000 FFFFFFFFFFFFFFFF 0000001C"
            // Interface: link type 113, resolution 10^-6 stated, an offset of 1 second
            "00000001 0000002C 0071 0000 00000000"
            "0009 0001 06000000 000E 0008 0000000000000001 0000 0000 0000002C"
            // Enhanced packet: 2 bytes of 3, one second before the time
            "00000006 00000024 00000000 00064D06 E0EC77C7 00000002 00000003 AABB0000 00000024"
            // Section, little-endian: interfaces count from nought again
            "0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000"
            "01000000 14000000 0100 0000 00000000 14000000"
            // Simple packet
            "03000000 14000000 01000000 CC000000 14000000"
            // A block of a kind that is not known
            "0B000000 0C000000 0C000000"
        );
        let found = all(&file);
        assert_eq!(found[1], Ok((1, "none".into(), vec![0xCC], false)));
        let (link, time, bytes, cut) = found[0].clone().expect("a packet");
        assert_eq!((link, bytes, cut), (113, vec![0xAA, 0xBB], true));
        assert_eq!(time, TIME);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_packet_of_an_interface_that_is_not_there_is_told_and_passed_over() {
        let file = hex!(
            "0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000"
            "06000000 20000000 07000000 00000000 00000000 00000000 00000000 20000000"
            "01000000 14000000 0100 0000 00000000 14000000"
            "03000000 14000000 01000000 CC000000 14000000"
        );
        let found = all(&file);
        assert_eq!(found[0], Err(NoticeKind::BlockBroken));
        assert_eq!(found[1], Ok((1, "none".into(), vec![0xCC], false)));
    }

    #[test]
    fn a_block_whose_two_lengths_differ_ends_the_packets() {
        let file = hex!(
            "0A0D0D0A 1C000000 4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF 1C000000"
            "0B000000 0C000000 10000000"
            "0B000000 0C000000 0C000000"
        );
        assert_eq!(all(&file), [Err(NoticeKind::BlockBroken)]);
    }

    #[test]
    fn a_power_of_two_counts_time_as_well() {
        let interface = Interface {
            link: 1,
            snaplen: 0,
            units_per_second: units_per_second(0x81).expect("halves of a second"),
            offset_seconds: 0,
        };
        let time = interface.time(3).expect("a time");
        assert_eq!(time.to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(units_per_second(0x7F), None, "10^127 is no number of units");
    }

    #[test]
    fn err_bytes_that_are_no_capture() {
        let error = |bytes: &[u8]| Packets::new(bytes).err().map(|error| error.to_string());
        assert_eq!(
            error(b"0800").as_deref(),
            Some("no pcap or pcapng file: the first four bytes are none of theirs")
        );
        assert_eq!(
            error(&hex!("D4C3B2A1 0200 0400")).as_deref(),
            Some("pcap header: expected 24 bytes, found 8")
        );
    }
}
