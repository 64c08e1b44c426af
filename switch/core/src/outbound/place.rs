//! Who is given a request: which of its groups, and which of their links.

use iso8583::FieldKey;
use iso8583::session::Now;

use super::group::Tried;
use super::{LinkId, Outbound};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::route::{Choices, GroupId};

impl Outbound {
    /// Whoever was given a transaction is the one choice for its repeats, its reversal and its
    /// completion; where that is not known, it was the first, if anyone.
    pub(super) fn bind(&self, request: &mut Request) {
        if self.groups.len() < 2 {
            return;
        }
        let originals = request.originals().into_iter().flatten();
        let given = core::iter::once(request.key)
            .chain(originals)
            .find_map(|key| self.was_given(&key));
        let only = given.or_else(|| request.choices.first().filter(|_| request.follows()));
        if let Some(group) = only {
            request.choices = Choices::from_iter([group]);
        }
    }

    fn was_given(&self, key: &FieldKey) -> Option<GroupId> {
        let in_flight = self.with_key(key).and_then(|id| self.in_flight.get(&id));
        in_flight.map_or_else(
            || self.whereabouts.of(key),
            |in_flight| Some(in_flight.link.group),
        )
    }

    /// The link that is to be given a request: of the first group that has one and has room. The
    /// links that were tried are those of the first of `groups`, with `refusal` what came of it.
    pub(super) fn place(
        &mut self,
        now: Now,
        request: &Request,
        groups: impl Iterator<Item = GroupId>,
        mut tried: Tried,
        mut refusal: Refusal,
    ) -> Result<LinkId, Refusal> {
        let worst = self.worst(request);
        for id in groups {
            if request.choices.first() != Some(id)
                && request.is_remembered()
                && !self.whereabouts.may_go_elsewhere(now.instant)
            {
                return Err(Refusal::FailoverFull);
            }
            if let Some(unnumbered) = self.numbers.refusal(now, id, request) {
                return Err(unnumbered);
            }
            let letters = self.forward.places(id);
            if let Some(group) = self.groups.get_mut(&id) {
                if !group.is_up() {
                    refusal = Refusal::IssuerDown;
                } else if !group.has_room(letters) {
                    refusal = Refusal::Overloaded;
                } else if let Some(place) = group.choose(tried, worst) {
                    return Ok(LinkId { group: id, place });
                } else if group.has_full_link() {
                    // Refused before anything is copied or recorded: past the peak most are.
                    refusal = Refusal::Overloaded;
                } else if tried == Tried::default() {
                    refusal = Refusal::IssuerResting;
                }
            }
            tried = Tried::default();
        }
        Err(refusal)
    }
}
