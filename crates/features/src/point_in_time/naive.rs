//! The rule word for word, a label at a time: what the fast ways are compared with.

use super::moment::{Moment, NEVER};
use super::{Found, Rule};

/// Keys, times and created times of feature rows, and keys and times of labels.
pub(crate) struct Case<K> {
    pub labels: Vec<(Option<K>, Moment)>,
    pub features: Vec<(Option<K>, Option<Moment>, Option<Moment>)>,
}

pub(crate) fn found<K: PartialEq>(case: &Case<K>, rule: Rule) -> Vec<Option<Found>> {
    case.labels.iter().map(|(key, t)| found_by(key.as_ref()?, *t, case, rule)).collect()
}

fn found_by<K: PartialEq>(key: &K, t: Moment, case: &Case<K>, rule: Rule) -> Option<Found> {
    let mut best: Option<(Moment, Moment, usize)> = None;
    for (row, (other, time, created)) in case.features.iter().enumerate() {
        let Some(time) = *time else { continue };
        let young = rule.ttl.is_none_or(|ttl| t - ttl.as_nanos() as Moment <= time);
        let known = !rule.created_cutoff || created.is_some_and(|created| created <= t);
        if other.as_ref() == Some(key) && young && time <= t && known {
            best = best.max(Some((time, created.unwrap_or(NEVER), row)));
        }
    }
    best.map(|(time, _, row)| Found { row: row as u64, time })
}
