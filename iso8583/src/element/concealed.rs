//! A value of any element that must not be seen.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Any element's canonical value, as bytes, where no type knows more of it: DE 48 of another
/// house, DE 53, ICC data (DE 55), a MAC. Never printed, zeroed on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Concealed(Vec<u8>);

impl Concealed {
    /// The bytes, **in clear**. Every caller is listed in the repository's `tidy` test.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Concealed {
    fn from(value: &[u8]) -> Self {
        Self(value.to_vec())
    }
}

impl fmt::Debug for Concealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Concealed(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_value_is_printed_not_even_its_length() {
        let value = Concealed::from(&b"9999990100000005"[..]);
        assert_eq!(format!("{value:?}"), "Concealed(****)");
        assert_eq!(value.reveal(), b"9999990100000005");
    }
}
