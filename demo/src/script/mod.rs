//! The script: each step over the wire, each outcome checked.

mod cards;
mod shop;
mod silence;
mod terminal;
mod wire;

use crate::transcript::Transcript;
use crate::world::World;

use self::cards::Card;
use self::terminal::Shop;

/// What was played, for the summary.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) cards: Vec<Card>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// What became of one request for money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    pub(crate) amount: u64,
}

/// As the one who asked learned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Approved,
    Declined,
    Cancelled,
    Reversed,
}

/// The stage of the script: the world, its transcript and what has happened so far.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a World,
    pub(crate) transcript: &'a mut Transcript,
    pub(crate) outcomes: Vec<Outcome>,
    orders: u32,
}

impl Stage<'_> {
    fn outcome(&mut self, kind: Kind, amount: u64) {
        self.outcomes.push(Outcome { kind, amount });
    }
}

/// Plays it all. An error is a world that does not work; a wrong outcome is in the transcript.
pub(crate) async fn play(world: &World, transcript: &mut Transcript) -> anyhow::Result<Played> {
    let mut stage = Stage {
        world,
        transcript,
        outcomes: Vec::new(),
        orders: 0,
    };
    let stage = &mut stage;
    stage
        .transcript
        .step("Anonymous cards are issued in real time and charged (a3–a5, a7)");
    let mut online = Card::issue(stage, "1234").await?;
    let mut pocket = Card::issue(stage, "2468").await?;
    online.charge(stage, 100_000, "transfer").await?;
    pocket.charge(stage, 200_000, "cash").await?;

    sales(stage, &mut online, &mut pocket).await?;

    stage
        .transcript
        .step("A repeat gets the same answer and moves no money");
    wire::repeat(stage, &mut online, 7_000).await?;

    stage
        .transcript
        .step("The issuer goes silent: 91, and a reversal until it is heard");
    silence::play(stage, &mut online, 12_000).await?;

    charged_again(stage, &mut online).await?;
    let outcomes = core::mem::take(&mut stage.outcomes);
    Ok(Played {
        cards: vec![online, pocket],
        outcomes,
    })
}

/// What malls and shops see every day.
async fn sales(stage: &mut Stage<'_>, online: &mut Card, pocket: &mut Card) -> anyhow::Result<()> {
    let mut shop = Shop::open(stage.world)?;
    stage
        .transcript
        .step("An online purchase in a mall: card number and password (d6–d10)");
    shop::buy(stage, online, 15_000, shop::Expect::Approved).await?;

    stage
        .transcript
        .step("A purchase at a shop's terminal: swipe and card password");
    shop.sale(stage, pocket, 23_000, terminal::Expect::Approved)
        .await?;

    stage.transcript.step("Too little on the card");
    shop::buy(stage, online, 250_000, shop::Expect::InsufficientFunds).await?;

    stage.transcript.step("A wrong card password");
    shop.sale(stage, pocket, 1_000, terminal::Expect::WrongPassword)
        .await?;

    stage.transcript.step("A sale is cancelled at the terminal");
    shop.sale_and_cancel(stage, pocket, 9_900).await?;

    stage.transcript.step("What is left on the card?");
    shop.balance(stage, pocket).await
}

async fn charged_again(stage: &mut Stage<'_>, card: &mut Card) -> anyhow::Result<()> {
    stage.transcript.step("The card is charged again and spent");
    let rest = card.balance(stage).await?;
    shop::buy(stage, card, rest, shop::Expect::Approved).await?;
    shop::buy(stage, card, 30_000, shop::Expect::InsufficientFunds).await?;
    card.charge(stage, 50_000, "credit_card").await?;
    shop::buy(stage, card, 30_000, shop::Expect::Approved).await
}
