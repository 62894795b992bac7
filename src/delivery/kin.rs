//! Runs that are made from another run: whom they go to, by what became of that run's deliveries.
//!
//! A person's deliveries of a run are one range of keys, so each look is a look-up, whichever the engine and however large the
//! runs. The states are looked at when a chunk of the new run is made, so whoever was reached meanwhile gets no second text; and in
//! every run that tried the same text, so that two tries of one run do not reach a person twice.

use super::{RUN_SHIFT, State};

/// How a run is made from another. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Relation {
    /// The same text again, to whom it failed.
    Retry = 1,
    /// Another text, to whoever got that one or may have got it, over the same channel.
    Correction = 2,
}

impl Relation {
    /// The one with this number.
    pub const fn from_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Retry),
            2 => Some(Self::Correction),
            _ => None,
        }
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Correction => "correction",
        }
    }
}

/// The other run, and whom of it a run goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// The other run.
    pub parent: i64,
    /// How they belong together.
    pub relation: Relation,
    /// The states in which somebody's delivery of the other run stands.
    pub states: Vec<State>,
}

impl Kin {
    /// The states after which a text may be sent again: it did not reach its person, and nothing more will come of it.
    pub const RETRIED: [State; 6] =
        [State::Undelivered, State::Expired, State::Rejected, State::Unknown, State::Lapsed, State::Cancelled];

    /// The states in which somebody got a text or may have got it.
    pub const GOT: [State; 7] =
        [State::Submitting, State::InDoubt, State::Accepted, State::Enroute, State::Delivered, State::Seen, State::Unknown];

    /// The states of which a list of bits speaks.
    pub fn states_of(bits: i64) -> Vec<State> {
        State::ALL.into_iter().filter(|state| bits >> state.number() & 1 == 1).collect()
    }

    /// These states as bits.
    pub fn bits(states: &[State]) -> i64 {
        states.iter().fold(0, |bits, state| bits | 1 << state.number())
    }

    /// Who is addressed, as SQL over the recipient `r`. Numbers of our own alone.
    pub(crate) fn members(&self) -> String {
        let any = |states: &[State]| {
            let states = list(states);
            format!(
                "EXISTS (SELECT 1 FROM delivery p WHERE p.id >= (CAST({parent} AS BIGINT) << {RUN_SHIFT}) + (r.id << 4)
                         AND p.id < (CAST({parent} AS BIGINT) << {RUN_SHIFT}) + (r.id << 4) + 16 AND p.state + 0 IN ({states}))",
                parent = self.parent
            )
        };
        match self.relation {
            Relation::Correction => any(&self.states),
            // Whoever was reached on another channel or by another try, may have been, or still may be, is left alone.
            Relation::Retry => {
                let spared: Vec<State> =
                    State::ALL.into_iter().filter(|state| spares(*state) && !self.states.contains(state)).collect();
                format!("{} AND NOT {} AND NOT {}", any(&self.states), any(&spared), self.tried(&spared))
            }
        }
    }

    /// Whether another try of the same text reached a person, may have, or may yet, as SQL over the recipient `r`. What an earlier try
    /// left unclear was somebody's choice to try again.
    fn tried(&self, spared: &[State]) -> String {
        let clear: Vec<State> = spared.iter().copied().filter(|state| *state != State::Unknown).collect();
        format!(
            "EXISTS (SELECT 1 FROM run f JOIN delivery p ON p.id >= (f.id << {RUN_SHIFT}) + (r.id << 4)
                         AND p.id < (f.id << {RUN_SHIFT}) + (r.id << 4) + 16
                     WHERE f.id IN ({tries}) AND f.id <> {parent}
                       AND (p.state + 0 IN ({clear}) OR p.state + 0 IN ({spared}) AND f.id NOT IN ({earlier})))",
            tries = tries(self.parent),
            parent = self.parent,
            clear = list(&clear),
            spared = list(spared),
            earlier = earlier(self.parent),
        )
    }

    /// Who is addressed over a channel, as SQL over the person `who`; none: whoever is addressed at all.
    pub(super) fn on_channel(&self, channel: i16) -> Option<String> {
        (self.relation == Relation::Correction).then(|| {
            format!(
                "EXISTS (SELECT 1 FROM delivery p WHERE p.id = (CAST({} AS BIGINT) << {RUN_SHIFT}) + (who.id << 4) + {channel}
                         AND p.state + 0 IN ({}))",
                self.parent,
                list(&self.states)
            )
        })
    }
}

/// The run and those before it that tried the same text, up to the first, as SQL.
fn earlier(run: i64) -> String {
    format!(
        "WITH RECURSIVE up(id) AS (SELECT CAST({run} AS BIGINT)
           UNION SELECT u.parent FROM run u JOIN up ON u.id = up.id WHERE u.kin = {retry}) SELECT up.id FROM up",
        retry = Relation::Retry as i16
    )
}

/// Every run that tried the same text as this one, as SQL.
fn tries(run: i64) -> String {
    format!(
        "WITH RECURSIVE tries(id) AS (SELECT min(root.id) FROM ({earlier}) AS root
           UNION SELECT t.id FROM run t JOIN tries ON t.parent = tries.id WHERE t.kin = {retry}) SELECT tries.id FROM tries",
        earlier = earlier(run),
        retry = Relation::Retry as i16
    )
}

/// Whether a delivery in this state keeps its person from getting the same text again.
const fn spares(state: State) -> bool {
    state.is_open() || state.is_confirmed() || matches!(state, State::Unknown)
}

fn list(states: &[State]) -> String {
    if states.is_empty() {
        return "-1".to_string();
    }
    states.iter().map(|state| state.number().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_kept_as_bits() {
        for states in [&[][..], &Kin::RETRIED, &Kin::GOT] {
            let mut sorted = states.to_vec();
            sorted.sort();
            assert_eq!(Kin::states_of(Kin::bits(states)), sorted);
        }
    }

    #[test]
    fn whoever_may_have_got_it_gets_it_again_only_if_that_was_chosen() {
        let kin = |states: &[State]| Kin { parent: 7, relation: Relation::Retry, states: states.to_vec() }.members();
        let spared = |members: &str, states: &str| members.contains(&format!("AND p.state + 0 IN ({states})) AND NOT EXISTS"));
        assert!(spared(&kin(&[State::Rejected]), "0, 1, 2, 3, 4, 5, 6, 10"), "{}", kin(&[State::Rejected]));
        assert!(spared(&kin(&[State::Rejected, State::Unknown]), "0, 1, 2, 3, 4, 5, 6"));
    }
}
