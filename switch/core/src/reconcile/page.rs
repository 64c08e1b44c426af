//! Whose totals, of which day, in which currency.

use core::fmt;

use jiff::civil::Date;

/// An acquirer (DE 32), a business date (DE 15) and a currency (DE 49): what totals are kept by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId {
    pub(super) date: Date,
    pub(super) acquirer: Acquirer,
    pub(super) currency: [u8; 3],
}

impl PageId {
    /// None where DE 32 is longer than eleven bytes or DE 49 not three.
    pub(super) fn new(acquirer: &[u8], date: Date, currency: &[u8]) -> Option<Self> {
        Some(Self {
            date,
            acquirer: Acquirer::new(acquirer)?,
            currency: *currency.as_array()?,
        })
    }

    #[cfg(test)]
    pub(crate) fn for_test(acquirer: &str, date: Date, currency: &str) -> Self {
        Self::new(acquirer.as_bytes(), date, currency.as_bytes()).unwrap()
    }

    /// DE 32: up to eleven digits.
    #[must_use]
    pub fn acquirer(&self) -> &str {
        self.acquirer.text()
    }

    /// DE 15, of a year.
    #[must_use]
    pub const fn date(&self) -> Date {
        self.date
    }

    /// DE 49 and 50: three digits, or letters.
    #[must_use]
    pub fn currency(&self) -> &str {
        core::str::from_utf8(&self.currency).unwrap_or_default()
    }
}

impl fmt::Debug for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (acquirer, date, currency) = (self.acquirer(), self.date, self.currency());
        write!(f, "PageId({acquirer} {date} {currency})")
    }
}

/// DE 32, zeros (no digits) behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Acquirer(pub(super) [u8; Self::LEN]);

impl Acquirer {
    pub(super) const LEN: usize = 11;

    pub(super) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::LEN];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self(bytes))
    }

    fn text(&self) -> &str {
        let id = core::str::from_utf8(&self.0).unwrap_or_default();
        id.trim_end_matches('\0')
    }
}
