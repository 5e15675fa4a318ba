use super::{Gates, Verdict, short};
use crate::values::defined;
use crate::{Better, Metric, Scores};

/// What is compared where there are no gates.
const USUAL: &str = "accuracy";

/// Another model's scores on the same rows, to be held against.
pub struct Rival<'a> {
    /// What it is called, such as an alias.
    pub name: &'a str,
    /// Its scores; else why it has none.
    pub scores: Result<&'a Scores<'a>, &'a str>,
    /// By how much a metric may be worse than its own.
    pub tolerance: f64,
}

/// Holds each metric that has a gate (`accuracy` where none has) against another model's: one verdict a metric.
///
/// A metric that is undefined for either fails, and so does a rival without scores.
pub fn compare(gates: &Gates, scores: &Scores<'_>, rival: &Rival<'_>) -> Vec<Verdict> {
    let mut names: Vec<&str> = Vec::new();
    for name in gates.0.iter().map(|gate| gate.metric.as_str()).chain(gates.is_empty().then_some(USUAL)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().filter_map(|name| Metric::named(name).ok()).map(|metric| verdict(metric, scores, rival)).collect()
}

fn verdict(metric: &Metric, scores: &Scores<'_>, rival: &Rival<'_>) -> Verdict {
    let own = defined((metric.compute)(scores));
    let theirs = match rival.scores {
        Ok(scores) => defined((metric.compute)(scores)).ok_or_else(|| format!("{}'s is undefined", rival.name)),
        Err(why) => Err(why.to_owned()),
    };
    let higher = metric.better == Better::Higher;
    let threshold =
        theirs.as_ref().map_or(f64::NAN, |it| if higher { it - rival.tolerance } else { it + rival.tolerance });
    let passed = own.is_some_and(|own| if higher { own >= threshold } else { own <= threshold });
    let name = metric.name;
    let reason = match (own, &theirs) {
        (None, _) => format!("{name} is undefined on these rows"),
        (_, Err(why)) => format!("{name} cannot be compared: {why}"),
        (Some(own), Ok(theirs)) => {
            let (own, theirs) = (short(own, threshold), short(*theirs, own));
            let within = if passed { "not worse" } else { "worse" };
            format!("{name} is {own}, {}'s is {theirs}: {within} by more than {}", rival.name, rival.tolerance)
        }
    };
    Verdict {
        metric: name.to_owned(),
        on: rival.name.to_owned(),
        value: own,
        comparison: if higher { ">=" } else { "<=" }.to_owned(),
        // JSON has no NaN; nothing reaches a bound that cannot be known.
        threshold: defined(threshold).unwrap_or(if higher { f64::MAX } else { f64::MIN }),
        passed,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Rows;

    fn rows(sure: f32) -> Rows {
        let y: Vec<u32> = (0..200).map(|row| u32::from(row % 4 == 0)).collect();
        let positive: Vec<f32> = (0..200).map(|row| if row % 4 == 0 || row % 10 == 1 { sure } else { 0.25 }).collect();
        Rows::binary(&y, &positive)
    }

    fn verdicts(gates: &str, tolerance: f64, better: bool) -> Vec<Verdict> {
        let (own, other) = if better { (0.75, 0.9) } else { (0.9, 0.75) };
        let (own, other) = (rows(own), rows(other));
        let (own, other) = (own.scores(), other.scores());
        let rival = Rival { name: "champion", scores: Ok(&other), tolerance };
        compare(&serde_json::from_str(gates).unwrap(), &own, &rival)
    }

    #[test]
    fn each_gated_metric_is_held_against_the_rival_once() {
        let gates = r#"[{"metric": "accuracy", "min": 0.1}, {"metric": "log_loss", "max": 9}, {"metric": "accuracy", "max": 1}]"#;
        let worse = verdicts(gates, 0.0, false);
        let told: Vec<_> = worse.iter().map(|it| (it.metric.as_str(), it.passed, it.on.as_str())).collect();
        assert_eq!(told, [("accuracy", true, "champion"), ("log_loss", false, "champion")]);
        assert!(worse[1].reason.contains("champion's is"), "{}", worse[1].reason);
        assert!(verdicts(gates, 0.0, true)[1].passed);
        assert!(verdicts(gates, 5.0, false)[1].passed, "within the tolerance");
        assert_eq!(verdicts("[]", 0.0, true)[0].metric, "accuracy");
    }

    #[test]
    fn a_rival_without_scores_is_not_beaten() {
        let own = rows(0.9);
        let own = own.scores();
        let rival = Rival { name: "champion", scores: Err("it has other classes"), tolerance: 1.0 };
        let verdicts = compare(&serde_json::from_str(r#"{"accuracy": 0.1, "log_loss": 9}"#).unwrap(), &own, &rival);
        assert!(verdicts.iter().all(|verdict| !verdict.passed && verdict.reason.contains("other classes")));
        assert!(serde_json::to_string(&verdicts).is_ok_and(|json| !json.contains("null,\"passed")));
    }
}
