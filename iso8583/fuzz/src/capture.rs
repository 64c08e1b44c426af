//! Capture files.

use iso8583_cli::capture::{Limits, check, read};

const LIMITS: Limits = Limits {
    conversations_max: 8,
    bytes_max: 4096,
    waiting_bytes_max: 512,
    waiting_pieces_max: 8,
};

/// Any bytes as a capture file: what is made of it stays within the limits, and does not depend on
/// them where it is well below.
pub fn capture(bytes: &[u8]) {
    let Ok(found) = read(bytes, &LIMITS) else {
        return;
    };
    assert_eq!(check(bytes), Ok(()));
    assert!(found.conversations.len() <= LIMITS.conversations_max);
    let segments = found.conversations.iter().flat_map(|it| &it.segments);
    let held: usize = segments.map(|segment| segment.bytes().len()).sum();
    assert!(held <= LIMITS.bytes_max, "{held} bytes of {}", bytes.len());
    assert!(held <= bytes.len(), "{held} bytes of {}", bytes.len());
    if found.notices.is_empty() {
        let unlimited = read(bytes, &Limits::default());
        assert_eq!(unlimited.as_ref(), Ok(&found));
    }
}
