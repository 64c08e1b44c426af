//! An approval that reaches nobody, and repeats of it that an acquirer sends meanwhile.

use super::*;

fn repeat() -> Message {
    let mut repeat = purchase();
    repeat.set_mti(repeat.mti().repeat());
    repeat
}

impl Kit {
    /// Asks, and the issuer approves: the answer on its way to the acquirer.
    fn on_its_way(&mut self, message: Message) -> Answer {
        let (token, sent) = self.sent(message);
        self.approve(token, &sent)
    }

    fn approve(&mut self, token: Token, sent: &Message) -> Answer {
        self.outbound.handle_answer(self.now, token, approval(sent));
        match self.outputs().pop() {
            Some(Output::Answer(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn lose(&mut self, answer: Answer) {
        let undo = answer.undo.unwrap();
        self.outbound.handle_undeliverable(self.now, &undo);
    }
}

/// Its acquirer closed the connection, and asked again on another before the switch knew.
#[test]
fn an_approval_that_a_repeat_delivered_is_not_reversed() {
    let mut kit = Kit::up();
    let first = kit.on_its_way(purchase());
    drop(kit.on_its_way(repeat()));
    kit.lose(first);
    assert_eq!(kit.outbound.letters(FIRST), 0);
    // What was handed over stands: there is nothing to give back of one more copy.
    assert!(kit.on_its_way(repeat()).undo.is_none());

    let mut kit = Kit::up();
    let (first, second) = (kit.on_its_way(purchase()), kit.on_its_way(repeat()));
    kit.lose(first);
    assert_eq!(kit.outbound.letters(FIRST), 0);
    kit.lose(second);
    assert_eq!(kit.outbound.letters(FIRST), 1);
}

#[test]
fn a_repeat_at_the_issuer_is_not_approved_once_its_first_is_reversed() {
    let mut kit = Kit::up();
    let first = kit.on_its_way(purchase());
    let (token, sent) = kit.sent(repeat());
    kit.lose(first);
    assert_eq!(kit.outbound.letters(FIRST), 1);
    let answer = kit.approve(token, &sent);
    assert_eq!(
        (code(&answer.message), answer.undo.is_some()),
        ("91", false)
    );
    assert_eq!(kit.outbound.in_flight(FIRST), 0);
}

#[test]
fn approvals_that_were_delivered_are_not_kept() {
    let mut kit = Kit::up();
    for stan in 0..5 * UNDOS_SWEPT_ABOVE {
        let mut message = purchase();
        message.set(11, format!("{stan:06}").as_bytes());
        drop(kit.on_its_way(message));
    }
    assert!(kit.outbound.undos.len() <= UNDOS_SWEPT_ABOVE);
}
