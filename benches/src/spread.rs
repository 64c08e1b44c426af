//! What the rounds of a bench say together.

/// Median, least and greatest of figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// Of an even count the greater of the two in the middle.
    pub median: u64,
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// Of these; zeros where there are none.
    pub fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        let at = |place: usize| values.get(place).copied().unwrap_or_default();
        Self {
            median: at(values.len() / 2),
            min: at(0),
            max: at(values.len().saturating_sub(1)),
        }
    }
}
