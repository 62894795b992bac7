//! One measured number, and what it is held against.

use serde::{Deserialize, Serialize};

/// A measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured: a stable name.
    pub name: String,
    /// On which engine, where that matters: `sqlite` or `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The median of the samples.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// How often it was measured.
    pub samples: usize,
    /// The same work done barely, in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// What a figure is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// What was done.
    pub what: String,
    /// The median of its samples, in the figure's unit.
    pub value: f64,
    /// The figure divided by it: the median over pairs that were measured one after the other.
    pub ratio: f64,
}

/// Something that was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The step's name.
    pub step: String,
    /// Why.
    pub why: String,
}

impl Figure {
    /// The median of some samples.
    pub fn of(name: &str, unit: &str, samples: &[f64]) -> Self {
        Self { name: name.into(), store: None, value: median(samples), unit: unit.into(), samples: samples.len(), against: None }
    }

    /// Pairs of a sample and its bare counterpart.
    pub fn against(name: &str, unit: &str, what: &str, pairs: &[(f64, f64)]) -> Self {
        let column = |pick: fn(&(f64, f64)) -> f64| median(&pairs.iter().map(pick).collect::<Vec<_>>());
        let against = Against { what: what.into(), value: column(|pair| pair.1), ratio: column(|pair| pair.0 / pair.1) };
        Self { against: Some(against), ..Self::of(name, unit, &pairs.iter().map(|pair| pair.0).collect::<Vec<_>>()) }
    }

    /// The same, on an engine.
    #[must_use]
    pub fn on(self, store: &str) -> Self {
        Self { store: Some(store.into()), ..self }
    }
}

/// The middle one; of an even number of samples, the mean of the two in the middle. Zero of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 of anything are measured")]
pub fn rate(n: u64, took: std::time::Duration) -> f64 {
    n as f64 / took.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_ratio_come_from_the_same_pairs() {
        let figure = Figure::against("x", "1/s", "bare", &[(10.0, 20.0), (30.0, 40.0), (5.0, 50.0)]);
        assert!((figure.value - 10.0).abs() < 1e-9 && figure.samples == 3, "{figure:?}");
        let against = figure.against.unwrap();
        assert!((against.value - 40.0).abs() < 1e-9 && (against.ratio - 0.5).abs() < 1e-9, "{against:?}");
        assert!((median(&[1.0, 3.0]) - 2.0).abs() < 1e-9);
    }
}
