//! Messages, frames and elements.

use bytes::BytesMut;
use iso8583::composite::{Ber, Composite};
use iso8583::element::Track2;
use iso8583::frame::{Frame, FrameError, Framer, Framing};
use iso8583::spec::{Class, Counting, Encoding, Field, ImpossibleField, Length, Prefix};
use iso8583::{Bitmap, Dialect};

/// The longest frame a link of these tests takes.
const FRAME_BYTES_MAX: usize = 600;

/// Any bytes, in every built-in dialect.
pub fn dialects(bytes: &[u8]) {
    for dialect in Dialect::built_in() {
        message(dialect, bytes);
    }
}

/// The ways to read a message agree; what is read is written, and relayed, byte for byte.
fn message(dialect: &Dialect, bytes: &[u8]) {
    let index = dialect.index(bytes);
    let read = dialect.read(bytes);
    assert!(
        index.is_ok() || read.is_err(),
        "{}: read, not indexed",
        dialect.name()
    );
    if let Ok(view) = &index {
        assert_eq!(view.check().is_ok(), read.is_ok(), "{}", dialect.name());
        for de in view.present().iter() {
            let scan = dialect
                .scan(bytes, Bitmap::of(&[de]))
                .map(|it| it.segment(de));
            assert_eq!(scan, Ok(view.segment(de)), "{} DE {de}", dialect.name());
        }
    }
    match dialect.decode(bytes) {
        Ok(message) => {
            let mut written = BytesMut::new();
            assert_eq!(dialect.encode(&message, &mut written), Ok(()));
            assert_eq!(written, bytes, "{}: decoded and encoded", dialect.name());
            assert!(format!("{message:?}").starts_with("Message("));
        }
        Err(undecodable) => {
            assert!(undecodable.error.offset <= bytes.len(), "{undecodable}");
            assert_eq!(read.as_ref().err(), Some(&undecodable.error));
        }
    }
    if let Ok(view) = read {
        let mut relayed = vec![0; bytes.len()];
        assert_eq!(view.relay(&[], &mut relayed), Ok(bytes.len()));
        assert_eq!(relayed, bytes, "{}: relayed", dialect.name());
        // That it panics is the only thing that is wrong with it.
        drop(view.pan());
    }
}

/// Any bytes as ICC data.
pub fn tlv(bytes: &[u8]) {
    let dialect = icc_data().map(|field| Dialect::builder("tlv").field(55, field).build());
    assert!(matches!(dialect, Ok(Ok(_))), "{dialect:?}");
    if let (Ok(Ok(dialect)), Some(wire)) = (dialect, around(55, bytes)) {
        message(&dialect, &wire);
    }
}

fn icc_data() -> Result<Field, ImpossibleField> {
    let length = Length::up_to(9999, Prefix::ascii(4, Counting::Bytes));
    let field = Field::new("ICC data", Class::B, Encoding::Binary, length)?;
    field.composed(Composite::Ber(Ber::default()))
}

/// A message of one field, behind four digits of length.
fn around(de: u8, value: &[u8]) -> Option<Vec<u8>> {
    let mut wire = b"0200".to_vec();
    wire.extend_from_slice(&(1_u64 << 64_u8.checked_sub(de)?).to_be_bytes());
    wire.extend_from_slice(format!("{:04}", value.len()).as_bytes());
    wire.extend_from_slice(value);
    (value.len() < 10_000).then_some(wire)
}

/// Any bytes as track 2: what is one is written the same and does not show.
pub fn track2(bytes: &[u8]) {
    let Ok(track) = Track2::try_from(bytes) else {
        return;
    };
    let with_our_separator: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'D' { b'=' } else { *byte })
        .collect();
    assert!(track.reveal().as_slice() == with_our_separator);
    let printed = format!("{track:?}");
    let digits = printed.chars().filter(char::is_ascii_digit).count();
    // `Track2`, and six and four of the number.
    assert!(digits <= 11, "{printed}");
}

/// The first byte picks a framing, the second how many bytes come at once; the others are the
/// stream. However it is cut, the same frames come out, and none is above the maximum.
pub fn framing(bytes: &[u8]) {
    let [pick, step, stream @ ..] = bytes else {
        return;
    };
    let catalogue = Framing::catalogue();
    let place = usize::from(*pick) % catalogue.len();
    let Some((framing, _)) = catalogue.get(place) else {
        return;
    };
    let framer = Framer::of(*framing, FRAME_BYTES_MAX);
    let whole = frames(&framer, [stream]);
    let pieces = frames(&framer, stream.chunks(usize::from(*step).max(1)));
    assert_eq!(whole, pieces, "{framing}, {step} bytes at once");
    for frame in whole.0 {
        assert!(frame.body.len() <= FRAME_BYTES_MAX, "{framing}: {frame:?}");
        let mut wire = BytesMut::new();
        let body = |out: &mut BytesMut| {
            out.extend_from_slice(&frame.body);
            Ok::<(), FrameError>(())
        };
        let written = match frame.header() {
            Some(header) => framer.encode_with(header, &mut wire, body),
            None => framer.encode(None, &mut wire, body),
        };
        assert_eq!(written, Ok(()), "{framing}: {frame:?}");
        let (again, error) = frames(&framer, [&wire[..]]);
        assert_eq!((again.len(), error), (1, None), "{framing}: {frame:?}");
        assert!(again.first().is_some_and(|again| again.body == frame.body));
    }
}

/// Every frame of a stream that comes in pieces, and the error that ended it.
fn frames<'a>(
    framer: &Framer,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Option<FrameError>) {
    let (mut stream, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        stream.extend_from_slice(piece);
        loop {
            match framer.decode(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
