//! What of a packet TCP has to know: through link layer and IP, with `etherparse`.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use crate::capture::NoticeKind;

/// A TCP packet. Its checksum is not looked at: where the network card computes it, a capture
/// holds it wrong.
#[derive(Clone, Copy)]
pub(super) struct Tcp<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    /// Where the flag says that there is one.
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
}

/// Finds the TCP packet in what was captured of a link.
pub(super) fn dissect(link: u32, bytes: &[u8]) -> Result<Tcp<'_>, NoticeKind> {
    let sliced = slice(link, bytes)?;
    let (from, to, fragmented) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let addresses = (header.source_addr(), header.destination_addr());
            let fragmented = ip.payload().fragmented;
            (
                IpAddr::from(addresses.0),
                IpAddr::from(addresses.1),
                fragmented,
            )
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let addresses = (header.source_addr(), header.destination_addr());
            let fragmented = ip.payload().fragmented;
            (
                IpAddr::from(addresses.0),
                IpAddr::from(addresses.1),
                fragmented,
            )
        }
        Some(LaxNetSlice::Arp(_)) | None => return Err(without_tcp(&sliced)),
    };
    if fragmented {
        return Err(NoticeKind::Fragment);
    }
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return Err(without_tcp(&sliced));
    };
    Ok(Tcp {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
    })
}

fn slice(link: u32, bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, NoticeKind> {
    let after = |header: usize| bytes.get(header..).ok_or(NoticeKind::HeaderBroken);
    let ip = |bytes| LaxSlicedPacket::from_ip(bytes).map_err(|_| NoticeKind::HeaderBroken);
    let ether = |kind: &[u8], bytes| match *kind {
        [high, low, ..] => {
            let kind = EtherType(u16::from_be_bytes([high, low]));
            Ok(LaxSlicedPacket::from_ether_type(kind, bytes))
        }
        _ => Err(NoticeKind::HeaderBroken),
    };
    match link {
        ETHERNET => LaxSlicedPacket::from_ethernet(bytes).map_err(|_| NoticeKind::HeaderBroken),
        // Four bytes of address family, whose numbers differ between systems; IP tells itself.
        NULL | LOOP => ip(after(4)?),
        12 | 14 | RAW | IPV4 | IPV6 => ip(bytes),
        LINUX_SLL => ether(after(14)?, after(16)?),
        LINUX_SLL2 => ether(bytes, after(20)?),
        _ => Err(NoticeKind::LinkUnknown),
    }
}

/// Something else than TCP, or what cannot be read that far.
const fn without_tcp(sliced: &LaxSlicedPacket<'_>) -> NoticeKind {
    if sliced.stop_err.is_some() {
        NoticeKind::HeaderBroken
    } else {
        NoticeKind::NotTcp
    }
}

// LINKTYPE_… of tcpdump.org; 12 and 14 are RAW as some systems wrote it.
const NULL: u32 = 0;
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const LOOP: u32 = 108;
const LINUX_SLL: u32 = 113;
const IPV4: u32 = 228;
const IPV6: u32 = 229;
const LINUX_SLL2: u32 = 276;
