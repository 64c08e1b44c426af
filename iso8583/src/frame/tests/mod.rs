//! Every framing with bytes written by hand, every refusal, and what holds for all of them.

mod properties;
mod refusals;

use bytes::BytesMut;
use hex_literal::hex;

use super::*;

const MAX: usize = 8_192;

fn framer(name: &str) -> Framer {
    Framer::of(name.parse().unwrap(), MAX)
}

/// One frame with this body and the link's usual header.
fn frame(framer: &Framer, body: &[u8]) -> Result<BytesMut, FrameError> {
    let mut out = BytesMut::new();
    framer.encode(None, &mut out, |out| append(out, body))?;
    Ok(out)
}

fn frame_with(framer: &Framer, header: &Header, body: &[u8]) -> Result<BytesMut, FrameError> {
    let mut out = BytesMut::new();
    framer.encode_with(header, &mut out, |out| append(out, body))?;
    Ok(out)
}

fn append(out: &mut BytesMut, body: &[u8]) -> Result<(), FrameError> {
    out.extend_from_slice(body);
    Ok(())
}

fn decode(framer: &Framer, wire: &[u8]) -> Result<Option<Frame>, FrameError> {
    framer.decode(&mut BytesMut::from(wire))
}

#[test]
fn every_envelope_is_written_and_read() {
    // 75 bytes: 0x4B, and with what some count of themselves 0x4C and 0x4D.
    let body = [b'x'; 75];
    let cases: [(&str, &[u8], &[u8]); 18] = [
        ("binary2", &hex!("004B"), b""),
        ("binary2-inclusive", &hex!("004D"), b""),
        ("binary2-le", &hex!("4B00"), b""),
        ("binary3", &hex!("00004B"), b""),
        ("binary4", &hex!("0000004B"), b""),
        ("ascii2", b"75", b""),
        ("ascii3", b"075", b""),
        ("ascii4", b"0075", b""),
        ("ascii5", b"00075", b""),
        ("ascii6", b"000075", b""),
        ("bcd2", &hex!("0075"), b""),
        ("hex4", b"004B", b""),
        ("cs", &hex!("004B 0000"), b""),
        ("gicc", &hex!("0000 004B"), b""),
        ("vap", &hex!("004B 0000"), b""),
        ("base24-x25", b"", &hex!("03")),
        ("base24-tcp", &hex!("004C"), &hex!("03")),
        // 75 times the same is once that, and that with an ETX is 0x7B.
        ("stx-etx-lrc", &hex!("02"), &hex!("03 7B")),
    ];
    for (name, before, after) in cases {
        let framer = framer(name);
        let wire = [before, &body, after].concat();
        assert_eq!(frame(&framer, &body).unwrap(), wire, "{name}");
        let mut stream = BytesMut::from(&wire[..]);
        let back = framer.decode(&mut stream).unwrap().unwrap();
        assert_eq!(&back.body[..], body, "{name}");
        assert_eq!((back.tpdu, back.header()), (None, None), "{name}");
        assert!(stream.is_empty(), "{name}");
    }
    let envelopes = Framing::catalogue().iter();
    let bare = envelopes.filter(|(framing, _)| framing.header().is_none());
    assert_eq!(
        bare.count(),
        cases.len(),
        "one case for each of the catalogue"
    );
}

#[test]
fn lengths_above_one_byte_stand_in_their_order() {
    let body = [b'x'; 0x1234];
    let cases: [(&str, &[u8]); 10] = [
        ("binary2", &hex!("1234")),
        ("binary2-inclusive", &hex!("1236")),
        ("binary2-le", &hex!("3412")),
        ("binary3", &hex!("001234")),
        ("binary4", &hex!("00001234")),
        ("ascii5", b"04660"),
        ("bcd2", &hex!("4660")),
        ("hex4", b"1234"),
        ("cs", &hex!("1234 0000")),
        ("gicc", &hex!("0000 1234")),
    ];
    for (name, before) in cases {
        let wire = frame(&framer(name), &body).unwrap();
        assert_eq!(&wire[..before.len()], before, "{name}");
        let back = decode(&framer(name), &wire).unwrap().unwrap();
        assert_eq!(back.body.len(), body.len(), "{name}");
    }
    assert_eq!(
        &frame(&framer("hex4"), &[b'x'; 0xABC]).unwrap()[..4],
        b"0ABC"
    );
    let lower = [b"000b".to_vec(), vec![b'x'; 11]].concat();
    assert_eq!(
        decode(&framer("hex4"), &lower).unwrap().unwrap().body.len(),
        11
    );
}

#[test]
fn the_example_of_payex_is_fifty_bytes_after_four_digits() {
    let mut wire = b"0050".to_vec();
    wire.extend_from_slice(b"1820");
    wire.extend_from_slice(&hex!("0230010100000000"));
    wire.extend_from_slice(&[b'0'; 38]);
    let framed = decode(&framer("ascii4"), &wire).unwrap().unwrap();
    assert_eq!(framed.body.len(), 50);
    assert_eq!(&framed.body[..4], b"1820");
}

#[test]
fn a_terminal_of_unionpay_is_answered_with_its_tpdu_turned_round() {
    let framer = framer("binary2+unionpay");
    let wire = hex!("000F 6000030000 603100311004 08000020");
    let request = decode(&framer, &wire).unwrap().unwrap();
    assert_eq!(&request.body[..], hex!("08000020"));
    assert_eq!(request.tpdu, Some(Tpdu::new(hex!("6000030000"))));
    let Some(Header::UnionPay(header)) = request.header() else {
        panic!("{request:?}");
    };
    assert_eq!((header.application(), header.sub_version()), (60, 311_004));

    let answer = frame_with(&framer, &request.header().unwrap().answer(), b"ok").unwrap();
    assert_eq!(answer, hex!("000D 6000000003 603100311004 6F6B")[..]);
    // Who only has the TPDU gets the usual rest with it.
    let mut out = BytesMut::new();
    let tpdu = request.tpdu.map(Tpdu::swapped);
    framer
        .encode(tpdu, &mut out, |out| append(out, b"ok"))
        .unwrap();
    assert_eq!(out, answer);
}

#[test]
fn a_tpdu_stands_before_the_message_and_counts() {
    for (name, length) in [("binary2+tpdu", hex!("000E")), ("bcd2+tpdu", hex!("0014"))] {
        let framer = framer(name);
        let wire = [&length[..], &hex!("6000030000"), b"message 9"].concat();
        let request = decode(&framer, &wire).unwrap().unwrap();
        assert_eq!(request.tpdu, Some(Tpdu::new(hex!("6000030000"))));
        assert_eq!(request.header().copied(), request.tpdu.map(Header::Tpdu));
        assert_eq!(&request.body[..], b"message 9");
        let answer = request.header().unwrap().answer();
        let answer = frame_with(&framer, &answer, b"message 9").unwrap();
        assert_eq!(answer[2..7], hex!("6000000003"));
        assert_eq!(
            frame(&framer, b"message 9").unwrap()[2..7],
            hex!("6000000000")
        );
    }
    // A TPDU given to a link that has none is not sent.
    let mut out = BytesMut::new();
    framer("binary2")
        .encode(Some(Tpdu::UNADDRESSED), &mut out, |out| append(out, b"x"))
        .unwrap();
    assert_eq!(out, hex!("0001 78")[..]);
}

#[test]
fn a_header_of_base1_gets_its_total_length_and_its_stations_swapped() {
    let framer = framer("vap+base1");
    let request = hex!(
        "001A 0000"
        "16 01 02 001A 498765 401234 00 0000 000000 00 000000 00"
        "01000000"
    );
    let framed = decode(&framer, &request).unwrap().unwrap();
    assert_eq!(&framed.body[..], hex!("01000000"));
    let answer = frame_with(&framer, &framed.header().unwrap().answer(), b"six by").unwrap();
    assert_eq!(
        answer,
        hex!(
            "001C 0000"
            "16 01 02 001C 401234 498765 00 0000 000000 00 000000 00"
            "736978206279"
        )[..]
    );
}

#[test]
fn a_reject_of_base1_comes_with_both_headers() {
    let wire = hex!(
        "0034 0000"
        "1A 81 02 0034 401234 498765 00 0000 000000 00 000000 00 8000 0006"
        "16 01 02 001A 498765 401234 00 0000 000000 00 000000 00"
        "01000000"
    );
    let framed = decode(&framer("vap+base1"), &wire).unwrap().unwrap();
    assert_eq!(&framed.body[..], hex!("01000000"));
    let Some(Header::Base1(header)) = framed.header() else {
        panic!("{framed:?}");
    };
    assert_eq!(header.reject_code(), Some(6));
    assert_eq!(header.original(), Some(&wire[30..52]));
}

#[test]
fn a_header_of_base24_is_answered_by_the_host() {
    for (name, request, answer) in [
        (
            "base24-tcp+base24",
            &b"\x00\x11ISO0260000500800\x03"[..],
            &b"\x00\x11ISO0260000550810\x03"[..],
        ),
        (
            "base24-x25+base24",
            b"ISO0260000500800\x03",
            b"ISO0260000550810\x03",
        ),
    ] {
        let framer = framer(name);
        let framed = decode(&framer, request).unwrap().unwrap();
        assert_eq!(&framed.body[..], b"0800");
        let header = framed.header().unwrap().answer();
        assert_eq!(frame_with(&framer, &header, b"0810").unwrap(), answer);
    }
}

#[test]
fn every_name_of_the_catalogue_is_its_own_and_reads_back() {
    let mut names: Vec<String> = Vec::new();
    for (framing, about) in Framing::catalogue() {
        let name = framing.to_string();
        assert_eq!(name.parse::<Framing>().as_ref(), Ok(framing));
        assert!(about.len() > 10 && !about.ends_with('.'), "{name}");
        names.push(name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for name in ["binary2", "ascii6", "binary2+unionpay", "vap+base1"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn a_message_is_as_long_as_its_length_can_say_and_no_longer() {
    for (length, most) in [
        (LengthHeader::Binary2, 65_535),
        (LengthHeader::Binary2Inclusive, 65_533),
        (LengthHeader::Binary2Le, 65_535),
        (LengthHeader::Binary3, 65_535),
        (LengthHeader::Binary4, 65_535),
        (LengthHeader::Ascii2, 99),
        (LengthHeader::Ascii3, 999),
        (LengthHeader::Ascii4, 9_999),
        (LengthHeader::Ascii5, 65_535),
        (LengthHeader::Ascii6, 65_535),
        (LengthHeader::Bcd2, 9_999),
        (LengthHeader::Hex4, 65_535),
        (LengthHeader::Cs, 65_535),
        (LengthHeader::Gicc, 65_535),
        (LengthHeader::Vap, 65_535),
    ] {
        at_most(&Framer::new(length, false, usize::MAX), most);
    }
    for (envelope, most) in [
        (Envelope::Base24X25, 4_095),
        (Envelope::Base24Tcp, 65_534),
        (Envelope::StxEtxLrc, 65_535),
    ] {
        let framing = Framing::new(envelope, None).unwrap();
        at_most(&Framer::of(framing, usize::MAX), most);
    }
}

fn at_most(framer: &Framer, most: usize) {
    let name = framer.framing();
    assert_eq!(framer.max(), most, "{name}");
    let mut body = vec![b'x'; most];
    let wire = frame(framer, &body).unwrap();
    let back = decode(framer, &wire).unwrap().unwrap();
    assert_eq!(back.body.len(), most, "{name}");
    body.push(b'x');
    let error = FrameError::TooLong {
        length: most + 1,
        max: most,
    };
    assert_eq!(frame(framer, &body), Err(error), "{name}");
}

#[test]
fn a_keep_alive_is_a_length_of_zero() {
    let cases: [(&str, &[u8]); 16] = [
        ("binary2", &hex!("0000")),
        ("binary2-inclusive", &hex!("0002")),
        ("binary2-le", &hex!("0000")),
        ("binary3", &hex!("000000")),
        ("binary4", &hex!("00000000")),
        ("ascii2", b"00"),
        ("ascii3", b"000"),
        ("ascii4", b"0000"),
        ("ascii5", b"00000"),
        ("ascii6", b"000000"),
        ("bcd2", &hex!("0000")),
        ("hex4", b"0000"),
        ("cs", &hex!("00000000")),
        ("gicc", &hex!("00000000")),
        ("vap+base1", &hex!("00000000")),
        ("base24-tcp", &hex!("0000")),
    ];
    for (name, wire) in cases {
        let framer = framer(name);
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(framer.keep_alive(&mut out), "{name}");
        assert_eq!(&out[6..], wire, "{name}");
        treated_as_told(&framer, wire);
    }
    for name in ["base24-x25", "stx-etx-lrc"] {
        let mut out = BytesMut::new();
        assert!(!framer(name).keep_alive(&mut out), "{name}");
        assert!(out.is_empty(), "{name}");
    }
}

/// Two keep-alives and a frame, each way to treat them.
fn treated_as_told(framer: &Framer, keep_alive: &[u8]) {
    let name = framer.framing();
    let message = frame(framer, b"message").unwrap();
    let wire = [keep_alive, keep_alive, &message].concat();
    let receive = |policy| {
        let framer = framer.on_keep_alive(policy);
        let (mut stream, mut out) = (BytesMut::from(&wire[..]), BytesMut::new());
        let mut alive = 0;
        loop {
            match framer.receive(&mut stream, &mut out).unwrap() {
                Some(Received::KeepAlive) => alive += 1,
                Some(Received::Frame(frame)) => {
                    assert_eq!(&frame.body[..], b"message", "{name}");
                }
                None => return (alive, out),
            }
        }
    };
    assert_eq!(receive(KeepAlive::Ignore), (0, BytesMut::new()), "{name}");
    let echoes = BytesMut::from(&[keep_alive, keep_alive].concat()[..]);
    assert_eq!(receive(KeepAlive::Echo), (0, echoes), "{name}");
    assert_eq!(receive(KeepAlive::Report), (2, BytesMut::new()), "{name}");
    assert_eq!(
        &decode(framer, &wire).unwrap().unwrap().body[..],
        b"message"
    );
}

#[test]
fn an_announced_length_reserves_nothing_before_or_after_it_is_checked() {
    for (name, wire) in [
        ("binary4", &hex!("FFFFFFFF")[..]),
        ("binary4", &hex!("00002000")),
        ("binary2", &hex!("2000")),
        ("ascii6", b"999999"),
        ("base24-tcp", &hex!("2001")),
    ] {
        let mut stream = BytesMut::with_capacity(16);
        stream.extend_from_slice(wire);
        let (room, start) = (stream.capacity(), stream.as_ptr());
        // Refused or waited for: either way the buffer stays the one it was.
        assert!(!matches!(framer(name).decode(&mut stream), Ok(Some(_))));
        assert_eq!(
            (stream.capacity(), stream.as_ptr()),
            (room, start),
            "{name}"
        );
        assert_eq!(&stream[..], wire, "{name}");
    }
}

#[test]
fn a_frame_is_cut_off_the_stream_without_a_copy() {
    let mut stream = BytesMut::from(&hex!("0003 616263 0002 6465")[..]);
    let body_starts = stream[2..].as_ptr();
    let first = framer("binary2").decode(&mut stream).unwrap().unwrap();
    assert_eq!(first.body.as_ptr(), body_starts);
    let second = framer("binary2").decode(&mut stream).unwrap().unwrap();
    assert_eq!(second.body.as_ptr(), body_starts.wrapping_add(5));
}

#[test]
fn a_frame_prints_its_header_and_not_its_message() {
    let wire = hex!("0009 6000030000 35343133");
    let framed = decode(&framer("binary2+tpdu"), &wire).unwrap().unwrap();
    assert_eq!(
        format!("{framed:?}"),
        "Frame(Some(Tpdu(Tpdu(6000030000))), 4 bytes)"
    );
}
