//! Korean text: EUC-KR with Microsoft's extension (CP949, which the WHATWG calls euc-kr).

use encoding_rs::{DecoderResult, EUC_KR, EncoderResult};

use crate::encoding::Sink;

/// Appends the text as UTF-8.
///
/// # Errors
/// The place, from 0, of the first byte of what is no character.
pub(crate) fn decode(bytes: &[u8], out: &mut impl Sink) -> Result<(), usize> {
    let mut decoder = EUC_KR.new_decoder_without_bom_handling();
    let mut chunk = [0; 64];
    let mut rest = bytes;
    loop {
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(rest, &mut chunk, true);
        out.put_all(chunk.get(..written).unwrap_or_default());
        rest = rest.get(read..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return Ok(()),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let end = bytes.len() - rest.len();
                return Err(end.saturating_sub(usize::from(bad) + usize::from(after)));
            }
        }
    }
}

/// Appends UTF-8 text as EUC-KR.
///
/// # Errors
/// The place, from 0, of the first character that EUC-KR has no code for, or of what is not UTF-8.
pub(crate) fn encode(value: &[u8], out: &mut impl Sink) -> Result<(), usize> {
    let text = core::str::from_utf8(value).map_err(|error| error.valid_up_to())?;
    let mut encoder = EUC_KR.new_encoder();
    let mut chunk = [0; 64];
    let mut rest = text;
    loop {
        let (result, read, written) =
            encoder.encode_from_utf8_without_replacement(rest, &mut chunk, true);
        out.put_all(chunk.get(..written).unwrap_or_default());
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return Ok(()),
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(character) => {
                return Err((text.len() - rest.len()).saturating_sub(character.len_utf8()));
            }
        }
    }
}

/// The bytes that so many characters take at the start of `bytes`: a byte from 81 up leads a pair.
/// None where they end before.
pub(crate) fn width(bytes: &[u8], characters: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..characters {
        at += if *bytes.get(at)? < 0x81 { 1 } else { 2 };
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_text_comes_and_goes_byte_for_byte() {
        // 서울 is BC AD BF EF; 뷁 stands in Microsoft's extension only.
        for (wire, text) in [
            (&b"\xBC\xAD\xBF\xEF 1"[..], "서울 1"),
            (b"\x94\xEE", "뷁"),
            (b"", ""),
        ] {
            let mut read = Vec::new();
            decode(wire, &mut read).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), text);
            let mut written = Vec::new();
            encode(text.as_bytes(), &mut written).unwrap();
            assert_eq!(written, wire);
        }
        let long = "가나다라마바사아자차카타파하".repeat(20);
        let (mut wire, mut again) = (Vec::new(), Vec::new());
        encode(long.as_bytes(), &mut wire).unwrap();
        decode(&wire, &mut again).unwrap();
        assert_eq!(again, long.as_bytes());
        assert_eq!(width(&wire, 280), Some(560));
        assert_eq!(width(&wire, 281), None);
    }

    #[test]
    fn what_is_no_character_is_placed() {
        let mut out = Vec::new();
        assert_eq!(decode(b"A\xBC", &mut out), Err(1));
        assert_eq!(decode(b"AB\xFF\x20", &mut out), Err(2));
        assert_eq!(encode("A€🙂".as_bytes(), &mut out), Err(4));
    }
}
