//! What must not pass: names, bytes and messages, each with the words it is refused with.

use super::*;

type Case<'a> = (&'a str, &'a [u8], &'a str);

fn refused(cases: &[Case<'_>]) {
    for (name, wire, message) in cases {
        let error = decode(&framer(name), wire).unwrap_err();
        assert_eq!(error.to_string(), *message, "{name}");
    }
}

#[test]
fn err_names_that_are_no_framing() {
    for (name, message) in [
        (
            "ascii7",
            "\"ascii7\" is no framing: expected a name such as binary2, ascii4 or binary2+tpdu",
        ),
        (
            "binary2+tpdu+base1",
            "\"tpdu+base1\" is no framing: expected a name such as binary2, ascii4 or binary2+tpdu",
        ),
        (
            "",
            "\"\" is no framing: expected a name such as binary2, ascii4 or binary2+tpdu",
        ),
        (
            "stx-etx-lrc+tpdu",
            "stx-etx-lrc ends at an ETX (0x03), which a header tpdu may hold",
        ),
    ] {
        assert_eq!(name.parse::<Framing>().unwrap_err().to_string(), message);
    }
}

#[test]
fn err_lengths_above_the_maximum_or_below_what_they_count() {
    refused(&[
        (
            "binary2",
            b"GET / HTTP/1.1",
            "frame length 18245 is above the maximum of 8192",
        ),
        (
            "binary2",
            &hex!("2001"),
            "frame length 8193 is above the maximum of 8192",
        ),
        (
            "binary2-le",
            &hex!("0120"),
            "frame length 8193 is above the maximum of 8192",
        ),
        (
            "binary2-inclusive",
            &hex!("2003"),
            "frame length 8193 is above the maximum of 8192",
        ),
        (
            "binary2-inclusive",
            &hex!("0001"),
            "frame length 1 has no room for the length itself of 2 bytes",
        ),
        (
            "binary2-inclusive",
            &hex!("0000"),
            "frame length 0 has no room for the length itself of 2 bytes",
        ),
        (
            "binary3",
            &hex!("FFFFFF"),
            "frame length 16777215 is above the maximum of 8192",
        ),
        (
            "binary4",
            &hex!("FFFFFFFF"),
            "frame length 4294967295 is above the maximum of 8192",
        ),
        (
            "ascii6",
            b"999999",
            "frame length 999999 is above the maximum of 8192",
        ),
    ]);
}

#[test]
fn err_bytes_that_are_no_length() {
    refused(&[
        (
            "ascii4",
            b"00A1",
            "frame byte 2: expected a decimal digit of the length, found 0x41",
        ),
        (
            "bcd2",
            &hex!("0A00"),
            "frame byte 0: expected two packed decimal digits of the length, found 0x0A",
        ),
        (
            "hex4",
            b"00G0",
            "frame byte 2: expected a hex digit of the length, found 0x47",
        ),
        (
            "cs",
            &hex!("00100001"),
            "frame byte 3: expected 0x00 beside the length, found 0x01",
        ),
        (
            "vap",
            &hex!("00100200"),
            "frame byte 2: expected 0x00 beside the length, found 0x02",
        ),
        (
            "gicc",
            &hex!("00100000"),
            "frame byte 1: expected 0x00 beside the length, found 0x10",
        ),
    ]);
}

#[test]
fn err_lengths_without_room_for_the_header() {
    refused(&[
        (
            "binary2+tpdu",
            &hex!("0004"),
            "frame length 4 has no room for the TPDU of 5 bytes",
        ),
        (
            "binary2+unionpay",
            &hex!("000A"),
            "frame length 10 has no room for the UnionPay header of 11 bytes",
        ),
        (
            "vap+base1",
            &hex!("00150000"),
            "frame length 21 has no room for the BASE I header of 22 bytes",
        ),
        (
            "base24-tcp+base24",
            &hex!("000C"),
            "frame length 11 has no room for the BASE24 header of 12 bytes",
        ),
    ]);
}

#[test]
fn err_frames_that_do_not_begin_or_end_as_they_must() {
    refused(&[
        ("base24-tcp", &hex!("000103"), "frame without content"),
        (
            "base24-tcp",
            &hex!("0003 3132 33"),
            "frame byte 4: expected ETX (0x03), found 0x33",
        ),
        ("base24-x25", &hex!("03"), "frame without content"),
        ("stx-etx-lrc", &hex!("020303"), "frame without content"),
        (
            "stx-etx-lrc",
            b"0200",
            "frame byte 0: expected STX (0x02), found 0x30",
        ),
    ]);
}

#[test]
fn err_headers_that_cannot_be_are_named_with_their_place_in_the_frame() {
    refused(&[
        (
            "binary2+unionpay",
            &hex!("000B 6000030000 6031003110F4"),
            "frame byte 12: expected two packed decimal digits of the UnionPay header, found 0xF4",
        ),
        (
            "base24-tcp+base24",
            b"\x00\x0DIS0026000050\x03",
            "frame byte 4: expected the O of ISO, found 0x30",
        ),
        (
            "vap+base1",
            &hex!("0016 0000 17 000000000000000000000000000000000000000000"),
            "frame byte 4: expected 22 or 26 as the length of a BASE I header, found 0x17",
        ),
        (
            "vap+base1",
            &hex!("0016 0000 16 01 02 0017 0000000000000000000000000000000000"),
            "frame byte 7: expected a total length of 22, found 23",
        ),
    ]);
}

#[test]
fn err_an_lrc_that_does_not_agree() {
    // 0x30 ^ 0x38 ^ 0x30 ^ 0x30 ^ 0x03.
    let good = hex!("02 30383030 03 0B");
    let framer = framer("stx-etx-lrc");
    assert_eq!(&decode(&framer, &good).unwrap().unwrap().body[..], b"0800");
    let error = decode(&framer, &hex!("02 30383030 03 0A")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "frame byte 6: expected LRC 0x0B, found 0x0A"
    );
    assert_eq!(decode(&framer, &good[..6]), Ok(None), "the LRC is to come");
}

#[test]
fn the_search_for_an_etx_ends_at_the_longest_frame() {
    for (name, before) in [("base24-x25", &b""[..]), ("stx-etx-lrc", b"\x02")] {
        let framer = Framer::of(name.parse().unwrap(), 4);
        let stream = |content: &[u8]| decode(&framer, &[before, content].concat());
        assert_eq!(stream(b"1234"), Ok(None), "{name}");
        assert_eq!(
            stream(b"12345"),
            Err(FrameError::NoEtx { max: 4 }),
            "{name}"
        );
        assert_eq!(
            stream(b"12345\x03"),
            Err(FrameError::NoEtx { max: 4 }),
            "{name}"
        );
        let whole = stream(b"1234\x03\x07").unwrap().unwrap();
        assert_eq!(&whole.body[..], b"1234", "{name}");
    }
    let x25 = framer("base24-x25");
    assert_eq!(x25.max(), 4_095);
    assert_eq!(decode(&x25, &[b'0'; 4_095]), Ok(None));
    assert_eq!(
        decode(&x25, &[b'0'; 4_096]),
        Err(FrameError::NoEtx { max: 4_095 })
    );
}

#[test]
fn err_an_etx_within_a_message_that_an_etx_ends() {
    let body = b"02\x03";
    let refused = |name: &str| frame(&framer(name), body).unwrap_err().to_string();
    assert_eq!(
        refused("base24-x25"),
        "frame byte 2 is an ETX (0x03) within the message: base24-x25 would end there"
    );
    assert_eq!(
        refused("base24-x25+base24"),
        "frame byte 14 is an ETX (0x03) within the message: base24-x25 would end there"
    );
    assert_eq!(
        refused("stx-etx-lrc"),
        "frame byte 3 is an ETX (0x03) within the message: stx-etx-lrc would end there"
    );
    // Where a length says how far it goes, it may be there.
    let wire = frame(&framer("base24-tcp"), body).unwrap();
    assert_eq!(wire, hex!("0004 303203 03")[..]);
    assert_eq!(
        &decode(&framer("base24-tcp"), &wire).unwrap().unwrap().body[..],
        body
    );
}

#[test]
fn err_a_header_of_another_kind() {
    let base24 = Header::from(Base24::REQUEST);
    assert_eq!(
        frame_with(&framer("binary2+tpdu"), &base24, b"x")
            .unwrap_err()
            .to_string(),
        "header base24 on a link of tpdu"
    );
    assert_eq!(
        frame_with(&framer("binary2"), &base24, b"x")
            .unwrap_err()
            .to_string(),
        "header base24 on a link of none"
    );
}

#[test]
fn err_what_cannot_be_sent_leaves_the_buffer_as_it_was() {
    let all = [
        ("ascii2", vec![b'4'; 100]),
        ("bcd2", vec![b'4'; 10_000]),
        ("binary2", Vec::new()),
        ("stx-etx-lrc", b"4\x03".to_vec()),
    ];
    for (name, body) in all {
        let framer = Framer::of(name.parse().unwrap(), usize::MAX);
        let mut out = BytesMut::with_capacity(1 << 14);
        out.extend_from_slice(b"before");
        let result = framer.encode::<FrameError>(None, &mut out, |out| append(out, &body));
        assert!(result.is_err(), "{name}");
        assert_eq!(&out[..], b"before", "{name}");
    }
    let mut out = BytesMut::from(&b"before"[..]);
    let result = framer("binary2").encode(None, &mut out, |out| {
        out.extend_from_slice(b"half a mess");
        Err(FrameError::Empty)
    });
    assert_eq!(result, Err(FrameError::Empty));
    assert_eq!(&out[..], b"before");
}
