//! Our codec as the bench `peers` calls it: a function for each operation.
//!
//! The others take DE 55 as it is, and so does the dialect these operations are measured in; what
//! looking into it costs stands in a row of its own.

use std::sync::LazyLock;

use iso8583::composite::{Ber, Composite};
use iso8583::spec::Field;
use iso8583::{
    Bitmap, DecodeError, DecodeErrorKind, Dialect, EncodeError, Message, Mti, Undecodable, View,
};

/// A built-in dialect whose DE 55 is bytes, not tags.
///
/// # Errors
/// Where the dialect has no DE 55.
pub fn opaque(dialect: &Dialect) -> anyhow::Result<&'static Dialect> {
    let icc = dialect
        .field(55)
        .ok_or_else(|| anyhow::anyhow!("{} has no DE 55", dialect.name()))?;
    let icc = Field::new("ICC data", icc.class(), icc.encoding(), icc.length())?;
    let dialect = dialect.to_builder().field(55, icc).build()?;
    Ok(Box::leak(Box::new(dialect)))
}

/// Reads a whole message where it lies and checks every character of it.
///
/// # Errors
/// Where the bytes are no message of the dialect.
pub fn read<'a>(dialect: &'a Dialect, wire: &'a [u8]) -> Result<View<'a>, DecodeError> {
    dialect.read(wire)
}

/// The same, with every value in a message of its own.
///
/// # Errors
/// Where the bytes are no message of the dialect.
pub fn decode(dialect: &Dialect, wire: &[u8]) -> Result<Message, Box<Undecodable>> {
    dialect.decode(wire)
}

/// Every data element of a message, ascending.
pub fn elements(message: &Message) -> impl Iterator<Item = (u8, &[u8])> {
    message.fields()
}

/// Shows the elements that a router asks for; one that is missing is shown empty.
///
/// # Errors
/// Where the bytes are no message of the dialect, or one of the elements is not what it must be.
pub fn scan<const N: usize>(
    dialect: &Dialect,
    wire: &[u8],
    wanted: [u8; N],
    show: impl FnOnce([&[u8]; N]),
) -> Result<(), DecodeErrorKind> {
    let scanned = dialect.scan(wire, Bitmap::of(&wanted));
    let Ok(view) = &scanned else {
        return Err(DecodeErrorKind::UnknownField);
    };
    let mut scratch = [[0; 32]; N];
    let mut shown = [&[][..]; N];
    for ((de, scratch), shown) in wanted.into_iter().zip(&mut scratch).zip(&mut shown) {
        if let Some(value) = view.value(de) {
            *shown = value.reveal(scratch)?;
        }
    }
    show(shown);
    Ok(())
}

/// A 0200 set element by element.
#[must_use]
pub fn build(elements: &[(u8, &[u8])]) -> Message {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in elements {
        message.set(*de, value);
    }
    message
}

/// Writes a message to the start of a buffer; how many bytes it takes.
///
/// # Errors
/// Where a value does not fit its element.
pub fn encode(
    dialect: &Dialect,
    message: &Message,
    out: &mut Buffer,
) -> Result<usize, EncodeError> {
    dialect.encode_into(message, out)
}

/// Writes the approval of a request from its index: 0210, the elements an answer repeats, DE 39.
///
/// # Errors
/// Where a value does not fit its element.
pub fn respond(request: &View<'_>, out: &mut Buffer) -> Result<usize, EncodeError> {
    let Some(mti) = request.mti().response() else {
        return Ok(0);
    };
    request.rewrite(mti, REPEATED, &[(39, Some(b"00"))], out)
}

/// Writes a message as it came in, but for some elements.
///
/// # Errors
/// Where the bytes are no message of the dialect, or a new value does not fit its element.
pub fn relay(
    dialect: &Dialect,
    wire: &[u8],
    changes: &[(u8, &[u8])],
    out: &mut Buffer,
) -> anyhow::Result<usize> {
    let view = dialect.index(wire)?;
    let mut changed = [(0, None); 4];
    for (slot, (de, value)) in changed.iter_mut().zip(changes) {
        *slot = (*de, Some(*value));
    }
    Ok(view.relay(changed.get(..changes.len()).unwrap_or_default(), out)?)
}

/// Shows each tag of DE 55, as it is printed, with its value.
///
/// # Errors
/// Where the bytes are no sequence of BER-TLV objects.
pub fn walk(
    icc: &[u8],
    mut show: impl FnMut(iso8583::composite::Key<'_>, &[u8]),
) -> anyhow::Result<()> {
    for item in EMV.items(icc) {
        let item = item.map_err(|fault| anyhow::anyhow!("DE 55: {}", fault.kind))?;
        show(item.key, icc.get(item.content).unwrap_or_default());
    }
    Ok(())
}

/// Reads a message of nothing but DE 55, whose tags are all walked over.
///
/// # Errors
/// Where DE 55 is no sequence of BER-TLV objects.
pub fn read_icc(wire: &[u8]) -> Result<View<'_>, DecodeError> {
    Dialect::iso87_ascii_binmap().read(wire)
}

/// Such a message.
#[must_use]
pub fn icc_alone(icc: &[u8]) -> Vec<u8> {
    let mut wire = b"0200\0\0\0\0\0\0\x02\0".to_vec();
    wire.extend_from_slice(format!("{:03}", icc.len()).as_bytes());
    wire.extend_from_slice(icc);
    wire
}

static EMV: LazyLock<Composite> = LazyLock::new(|| Composite::Ber(Ber::default()));

/// Room for the longest message.
pub type Buffer = [u8; 512];

/// What an answer to a 0200 repeats.
const REPEATED: Bitmap = Bitmap::of(&[
    2, 3, 4, 6, 7, 10, 11, 12, 13, 15, 32, 33, 37, 41, 42, 49, 51, 100,
]);
