//! The cards of a fresh sandbox: one for whoever connects, ten thousand for load tests.

use iso8583::crypto::ClearPin;
use iso8583::element::Pan;
use thiserror::Error;

use crate::books::{Books, ChargeRefusal, Inconsistent, IssueRefusal};
use crate::card::{CardId, Expiry, Product};
use crate::clock::Now;
use crate::handler::Reader;
use crate::ledger::Channel;
use crate::money::Minor;
use crate::numbers::{BRANCH_LOAD, BRANCH_SANDBOX, card_number};
use crate::record::{Charge, NewCard};
use crate::store::{Store, StoreError};
use crate::trace::Key;
use crate::vault::VaultError;

/// Why the sandbox has no cards.
#[derive(Debug, Error)]
pub enum SeedError {
    /// A number could not be encrypted.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A card could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueRefusal),
    /// A card could not be charged.
    #[error(transparent)]
    Charge(#[from] ChargeRefusal),
    /// The books contradict themselves.
    #[error(transparent)]
    Books(#[from] Inconsistent),
    /// The journal failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Number, expiry or password of a sandbox card is not well formed.
    #[error("a sandbox card is not well formed")]
    Card,
}

/// Issues and charges the cards of the sandbox, all of them in one group, so that a fresh data
/// folder has either all or none.
///
/// # Errors
/// [`SeedError`], where nothing is durable.
pub fn seed(
    books: &mut Books,
    store: &mut dyn Store,
    reader: &Reader,
    now: Now,
) -> Result<(), SeedError> {
    let sandbox = [(Product::Anonymous, BRANCH_SANDBOX, 0, SANDBOX_CHARGE)];
    let load = (0..LOAD_CARDS).map(|serial| (Product::Load, BRANCH_LOAD, serial, LOAD_CHARGE));
    for (product, branch, serial, amount) in sandbox.into_iter().chain(load) {
        let pan = card_number(branch, serial).ok_or(SeedError::Card)?;
        let card = new_card(reader, &pan, product)?;
        let id = card.id;
        store.append(&books.issue(card, now)??);
        let charge = |card| Charge {
            card,
            amount,
            channel: Channel::Sandbox,
            key: Key::of_charge(&format!("sandbox {id}")),
        };
        let (record, _) = books.charge(id, charge, now)??;
        if let Some(record) = record {
            store.append(&record);
        }
    }
    store.sync()?;
    Ok(())
}

fn new_card(reader: &Reader, pan: &Pan, product: Product) -> Result<NewCard, SeedError> {
    let id = CardId(keyfile::random().ok_or(VaultError::NoRandomness)?);
    let password: ClearPin = PASSWORD.parse().map_err(|_| SeedError::Card)?;
    Ok(NewCard {
        id,
        pan_key: reader.vault.pan_key(pan),
        sealed_pan: reader.vault.seal(pan, id)?,
        expiry: Expiry::parse(EXPIRY).ok_or(SeedError::Card)?,
        product,
        pvv: reader.hsm.verification_value(&password, pan),
    })
}

/// Zone key of the sandbox: known to all, protects nothing.
pub const ZONE_KEY: &str = "11223344556677888877665544332211";

const PASSWORD: &str = "1234";
const EXPIRY: &[u8; 4] = b"3012";
const SANDBOX_CHARGE: Minor = Minor::new(500_000);
const LOAD_CARDS: u32 = 10_000;
const LOAD_CHARGE: Minor = Minor::new(10_000_000);
