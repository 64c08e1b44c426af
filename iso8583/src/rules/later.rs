//! What the answers of 1993 and 2003 repeat.
//!
//! Sources: for 2003 the transaction tables of the jPOS Common Message Format (its codes ME, 16,
//! 26, 27 and 33: as received), and for both editions the echo rule of `domain.md` §2.1, which asks
//! for more. Elements that mean another thing than in 1987 are left out: DE 13 is of the card (its
//! effective date), DE 49 of 2003 verifies the cardholder, DE 48 has no layout of ours, and DE 51,
//! 50 and 90 of 2003 are reserved.

use crate::bitmap::Bitmap;
use crate::mti::{Class, Edition, Mti};
use crate::rules::iso87;

/// What the answer to a message repeats of it, in the edition of its MTI.
pub(crate) const fn repeated(request: Mti) -> Bitmap {
    match request.edition() {
        Edition::Iso1987 => iso87::repeated(request),
        Edition::Iso1993 => of_1993(request.class()),
        Edition::Iso2003 => of_2003(request.class()),
    }
}

/// Which message is meant, and who sent it. DE 12 is date and time, and echoed by all.
const MEANT: Bitmap = Bitmap::of(&[7, 11, 12, 32, 33, 100]);

/// Which card, what for, how much and where, in either edition.
const MONEY: Bitmap = MEANT.union(Bitmap::of(&[2, 3, 4, 6, 10, 37, 41, 42, 59]));

const fn of_1993(class: Class) -> Bitmap {
    match class {
        Class::Authorization | Class::Financial | Class::Reversal => {
            MONEY.union(Bitmap::of(&[49, 51]))
        }
        Class::FileAction => MEANT.union(Bitmap::of(&[2, 3, 4, 37, 41, 42, 49])),
        Class::Reconciliation => MEANT.union(Bitmap::of(&[41, 42, 50, 99])),
        Class::Administrative
        | Class::FeeCollection
        | Class::NetworkManagement
        | Class::Reserved => MEANT,
    }
}

const fn of_2003(class: Class) -> Bitmap {
    match class {
        // Life cycle id, and what the Common Message Format has in its reserved elements.
        Class::Authorization | Class::Financial | Class::Reversal => {
            MONEY.union(Bitmap::of(&[21, 63, 111]))
        }
        Class::FileAction => MEANT.union(Bitmap::of(&[2, 3, 4, 37, 41, 42])),
        // Batch and totals: who answers says again what it agrees to.
        Class::Reconciliation => MEANT.union(Bitmap::of(&[41, 68, 74, 97, 111])),
        Class::Administrative
        | Class::FeeCollection
        | Class::NetworkManagement
        | Class::Reserved => MEANT,
    }
}
