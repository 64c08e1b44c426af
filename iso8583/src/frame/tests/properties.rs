//! For every framing, header and message: what is encoded decodes, wherever the stream is cut;
//! and whatever the bytes, nothing panics and no frame is above the maximum.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Every pair of an envelope and a header that can be.
fn framings() -> Vec<Framing> {
    let lengths = LengthHeader::ALL.map(Envelope::Length).into_iter();
    let others = [
        Envelope::Base24X25,
        Envelope::Base24Tcp,
        Envelope::StxEtxLrc,
    ];
    let headers = HeaderKind::ALL.map(Some);
    lengths
        .chain(others)
        .flat_map(|envelope| {
            let with = headers.into_iter().chain([None]);
            with.filter_map(move |header| Framing::new(envelope, header).ok())
        })
        .collect()
}

fn header(kind: HeaderKind) -> BoxedStrategy<Header> {
    match kind {
        HeaderKind::Tpdu => any::<[u8; 5]>()
            .prop_map(|bytes| Tpdu::new(bytes).into())
            .boxed(),
        HeaderKind::UnionPay => (any::<[u8; 5]>(), prop::array::uniform6(0_u8..100))
            .prop_map(|(tpdu, digits)| {
                let packed = digits.map(|digits| (digits / 10) << 4 | (digits % 10));
                UnionPay::new(Tpdu::new(tpdu), packed).unwrap().into()
            })
            .boxed(),
        HeaderKind::Base1 => base1().boxed(),
        HeaderKind::Base24 => "ISO[0-9]{9}"
            .prop_map(|text| {
                let characters = text.as_bytes().try_into().unwrap();
                Base24::new(characters).unwrap().into()
            })
            .boxed(),
    }
}

/// One header or a chain of two, each with or without a reject group.
fn base1() -> impl Strategy<Value = Header> {
    let one = || (any::<bool>(), vec(any::<u8>(), 26));
    (one(), prop::option::of(one())).prop_map(|(first, second)| {
        let mut bytes = Vec::new();
        let chained = [second.is_some(), false];
        for ((reject, fill), chained) in [Some(first), second].into_iter().flatten().zip(chained) {
            let start = bytes.len();
            bytes.extend_from_slice(&fill[..if reject { 26 } else { 22 }]);
            bytes[start] = if reject { 26 } else { 22 };
            bytes[start + 1] = fill[1] & 0x7F | if chained { 0x80 } else { 0 };
        }
        let total = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes[3..5].copy_from_slice(&total);
        Base1::decode(&bytes, 0).unwrap().into()
    })
}

/// A message that every framing can carry: `ascii2` has room for 99 bytes with the header.
fn body(framing: Framing) -> impl Strategy<Value = Vec<u8>> {
    let etx_ends = framing.envelope().ends_at_etx();
    vec(any::<u8>(), 1..47).prop_map(move |mut body| {
        let forbidden = body.iter_mut().filter(|byte| etx_ends && **byte == 0x03);
        forbidden.for_each(|byte| *byte = 0x04);
        body
    })
}

type Sent = (Option<Header>, Vec<u8>);

/// A framing and some messages on a link of it, keep-alives (None) between them.
fn streams() -> impl Strategy<Value = (Framing, Vec<Option<Sent>>)> {
    prop::sample::select(framings()).prop_flat_map(|framing| {
        let header = match framing.header() {
            Some(kind) => header(kind).prop_map(Some).boxed(),
            None => Just(None).boxed(),
        };
        let sent = prop::option::weighted(0.8, (header, body(framing)));
        (Just(framing), vec(sent, 1..5))
    })
}

/// The bytes of it.
fn written(framer: &Framer, stream: &[Option<Sent>]) -> BytesMut {
    let mut wire = BytesMut::new();
    for sent in stream {
        match sent {
            Some((Some(header), body)) => {
                wire.extend_from_slice(&frame_with(framer, header, body).unwrap());
            }
            Some((None, body)) => wire.extend_from_slice(&frame(framer, body).unwrap()),
            None => {
                framer.keep_alive(&mut wire);
            }
        }
    }
    wire
}

/// Feeds the pieces one after the other and takes all that comes out.
fn read(framer: &Framer, pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut stream, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        stream.extend_from_slice(piece);
        while let Some(frame) = framer.decode(&mut stream).unwrap() {
            frames.push(frame);
        }
    }
    assert!(stream.is_empty(), "{} bytes left", stream.len());
    frames
}

/// What a header looks like after the wire: BASE I has its total length filled in.
fn on_the_wire(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    if header.kind() == HeaderKind::Base1 {
        let total = u16::try_from(bytes.len() + body.len()).unwrap();
        bytes[3..5].copy_from_slice(&total.to_be_bytes());
    }
    bytes
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_however_the_stream_is_cut(
        (framing, stream) in streams(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let framer = Framer::of(framing, MAX);
        let wire = written(&framer, &stream);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &wire[cut[0]..cut[1]]).collect();
        let frames = read(&framer, &pieces);
        let sent: Vec<&Sent> = stream.iter().flatten().collect();
        prop_assert_eq!(frames.len(), sent.len());
        for (frame, (header, body)) in frames.iter().zip(sent) {
            prop_assert_eq!(&frame.body[..], &body[..]);
            let found = frame.header().map(|header| header.as_bytes().to_vec());
            let expected = header.as_ref().map(|header| on_the_wire(header, body));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(frame.tpdu, header.as_ref().and_then(Header::tpdu));
        }
    }

    #[test]
    fn a_stream_byte_by_byte_gives_the_same_frames((framing, stream) in streams()) {
        let framer = Framer::of(framing, MAX);
        let wire = written(&framer, &stream);
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        prop_assert_eq!(read(&framer, &bytes), read(&framer, &[&wire]));
    }

    #[test]
    fn garbage_gives_no_frame_above_the_maximum(
        framing in prop::sample::select(framings()),
        max in 0_usize..300,
        bytes in prop_oneof![
            vec(any::<u8>(), 0..600),
            // Near to what lengths and headers look like.
            vec(prop_oneof![Just(0_u8), 1_u8..30, b'0'..=b'9'], 0..600),
        ],
    ) {
        let framer = Framer::of(framing, max).on_keep_alive(KeepAlive::Echo);
        let mut stream = BytesMut::from(&bytes[..]);
        let mut out = BytesMut::new();
        while let Ok(Some(received)) = framer.receive(&mut stream, &mut out) {
            if let Received::Frame(frame) = received {
                let header = frame.header().map_or(0, |header| header.as_bytes().len());
                prop_assert!(header + frame.body.len() <= max);
            }
        }
        prop_assert!(out.len() + stream.len() <= bytes.len());
    }

    #[test]
    fn one_changed_byte_never_panics_and_never_adds_a_byte(
        (framing, stream) in streams(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let framer = Framer::of(framing, MAX);
        let mut wire = written(&framer, &stream);
        prop_assume!(!wire.is_empty());
        let at = at.index(wire.len());
        wire[at] = byte;
        let (mut taken, all) = (0, wire.len());
        while let Ok(Some(frame)) = framer.decode(&mut wire) {
            taken += frame.body.len();
        }
        prop_assert!(taken <= all);
    }

    #[test]
    fn an_answer_is_of_the_same_kind_and_goes_through_the_same_link(
        (framing, stream) in streams(),
    ) {
        let framer = Framer::of(framing, MAX);
        for (header, body) in stream.iter().flatten() {
            let Some(header) = header else { continue };
            let answer = header.answer();
            prop_assert_eq!(answer.kind(), header.kind());
            let wire = frame_with(&framer, &answer, body).unwrap();
            let back = decode(&framer, &wire).unwrap().unwrap();
            prop_assert_eq!(&back.body[..], &body[..]);
        }
    }
}
