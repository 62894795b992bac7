//! The OASIS schema: which elements stand in which, in what order and how often.

/// How often an element stands in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Maybe,
    Any,
    OnceOrMore,
}

use Times::{Any, Maybe, Once, OnceOrMore};

pub(super) type Sequence = &'static [(&'static str, Times)];

pub(super) const ALERT: Sequence = &[
    ("identifier", Once),
    ("sender", Once),
    ("sent", Once),
    ("status", Once),
    ("msgType", Once),
    ("source", Maybe),
    ("scope", Once),
    ("restriction", Maybe),
    ("addresses", Maybe),
    ("code", Any),
    ("note", Maybe),
    ("references", Maybe),
    ("incidents", Maybe),
    ("info", Any),
];

pub(super) const INFO: Sequence = &[
    ("language", Maybe),
    ("category", OnceOrMore),
    ("event", Once),
    ("responseType", Any),
    ("urgency", Once),
    ("severity", Once),
    ("certainty", Once),
    ("audience", Maybe),
    ("eventCode", Any),
    ("effective", Maybe),
    ("onset", Maybe),
    ("expires", Maybe),
    ("senderName", Maybe),
    ("headline", Maybe),
    ("description", Maybe),
    ("instruction", Maybe),
    ("web", Maybe),
    ("contact", Maybe),
    ("parameter", Any),
    ("resource", Any),
    ("area", Any),
];

pub(super) const RESOURCE: Sequence =
    &[("resourceDesc", Once), ("mimeType", Once), ("size", Maybe), ("uri", Maybe), ("derefUri", Maybe), ("digest", Maybe)];

pub(super) const AREA: Sequence =
    &[("areaDesc", Once), ("polygon", Any), ("circle", Any), ("geocode", Any), ("altitude", Maybe), ("ceiling", Maybe)];

pub(super) const PAIR: Sequence = &[("valueName", Once), ("value", Once)];
