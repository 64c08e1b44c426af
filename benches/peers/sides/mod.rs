//! The codecs, each with all it can do.

pub(crate) mod i8583;
pub(crate) mod iso8583_codec;
pub(crate) mod iso_8583_rs;
pub(crate) mod ours;

use std::fmt;

use crate::purchase::Elements;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Bytes to message, every character checked.
    Decode,
    /// Bytes to the five elements a router reads, with as few checks as the codec permits.
    Scan,
    /// A message at hand to bytes.
    Encode,
    /// Twenty values to bytes: a message made and written.
    Build,
    /// A request at hand to the bytes of its approval.
    Respond,
    /// Bytes to bytes, two elements written anew.
    Relay,
    /// DE 55 to its tags.
    Walk,
}

impl Operation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Scan => "scan",
            Self::Encode => "encode",
            Self::Build => "build, encode",
            Self::Respond => "respond",
            Self::Relay => "relay",
            Self::Walk => "walk DE 55",
        }
    }
}

/// An operation of a codec, ready to be done any number of times.
pub(crate) struct Task {
    work: Box<dyn FnMut(u64)>,
    /// What came out of it, by the codec's own reading.
    pub(crate) outcome: Elements,
}

impl Task {
    /// The loop is compiled around the operation, so that nothing but a count is called through
    /// a pointer.
    pub(crate) fn new(outcome: Elements, mut operation: impl FnMut() + 'static) -> Self {
        let work = Box::new(move |times| {
            for _ in 0..times {
                operation();
            }
        });
        Self { work, outcome }
    }

    pub(crate) fn repeat(&mut self, times: u64) {
        (self.work)(times);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// Lives as long as the bench: what borrowing codecs borrow from.
pub(crate) fn kept<T: ?Sized>(value: Box<T>) -> &'static T {
    Box::leak(value)
}
