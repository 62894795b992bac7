//! A row of `run`: one run of a campaign, as every reader of it sees it.

use crate::delivery::{Kin, Relation};

/// Why a run exists. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Origin {
    /// By its cadence.
    Schedule = 0,
    /// By `loa send`.
    Manual = 1,
    /// To named people only; counts in no reach, cap or rotation.
    Test = 2,
}

/// How far a run is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum RunState {
    /// Its audience is becoming deliveries.
    FanningOut = 0,
    /// All deliveries are there.
    Sending = 1,
    /// Nothing is left to do or to wait for.
    Settled = 2,
    /// Stopped for good by a person.
    Aborted = 3,
    /// Its time had passed before anything looked.
    Missed = 4,
}

impl RunState {
    /// The state with this number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::FanningOut,
            1 => Self::Sending,
            2 => Self::Settled,
            3 => Self::Aborted,
            _ => Self::Missed,
        }
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FanningOut => "fanning_out",
            Self::Sending => "sending",
            Self::Settled => "settled",
            Self::Aborted => "aborted",
            Self::Missed => "missed",
        }
    }
}

/// A row of `run`. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// The campaign's slug.
    pub campaign: String,
    /// The key that makes it unique within its campaign.
    pub occurrence: String,
    /// See [`Origin`].
    pub origin: i16,
    /// 0 awareness, 1 warning.
    pub kind: i16,
    /// The frozen definition's hash.
    pub definition: String,
    /// The local day it is for.
    pub date: String,
    /// Scheduled runs of the campaign before it.
    pub turn: i64,
    /// The rotation's message.
    pub message: String,
    /// For a test: the refs of its people, as JSON; `[]` otherwise.
    pub recipients: String,
    /// See [`RunState`].
    pub state: i16,
    /// Paused by a person.
    pub paused: bool,
    /// Why it stands still by itself.
    pub held: Option<String>,
    /// When it was due.
    pub due_at: i64,
    /// When what is unsent lapses.
    pub expires_at: i64,
    /// By when it should be done.
    pub finish_at: Option<i64>,
    /// The last recipient that was fanned out.
    pub fan_cursor: i64,
    /// The last one that will be.
    pub fan_top: i64,
    /// Đồng.
    pub budget: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// When it was settled.
    pub settled_at: Option<i64>,
    /// The run that it was made from.
    pub parent: Option<i64>,
    /// See [`Relation`].
    pub kin: i16,
    /// Bit i: whose delivery there stands in state i.
    pub kin_states: i64,
    /// Of a correction: until when it still takes in people of the other run.
    pub follow_until: Option<i64>,
    /// Who paused or aborted it last.
    pub stopped_by: Option<String>,
    /// When.
    pub stopped_at: Option<i64>,
}

impl RunRow {
    /// How far it is.
    pub const fn state(&self) -> RunState {
        RunState::from_number(self.state)
    }

    /// Whether it is a test.
    pub const fn is_test(&self) -> bool {
        self.origin == Origin::Test as i16
    }

    /// As it stands in the record of who did what.
    pub fn recorded(&self) -> serde_json::Value {
        serde_json::json!({ "campaign": self.campaign, "state": self.state().name(), "paused": self.paused, "held": self.held })
    }

    /// The run that it was made from, and whom of that one's people it goes to.
    pub fn kin(&self) -> Option<Kin> {
        let (parent, relation) = (self.parent?, Relation::from_number(self.kin)?);
        Some(Kin { parent, relation, states: Kin::states_of(self.kin_states) })
    }

    /// Whether it corrects another run.
    pub const fn is_correction(&self) -> bool {
        self.kin == Relation::Correction as i16
    }
}

/// Columns of [`RunRow`], in order.
macro_rules! run_columns {
    () => {
        "id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, held,
         due_at, expires_at, finish_at, fan_cursor, fan_top, budget, created_at, settled_at,
         parent, kin, kin_states, follow_until, stopped_by, stopped_at"
    };
}
pub(crate) use run_columns;
