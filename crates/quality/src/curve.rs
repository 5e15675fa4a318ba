use serde::Serialize;

use crate::Scores;
use crate::ranking::Step;
use crate::values::defined;

/// The most points of a curve that are kept.
const POINTS: usize = 200;

/// The ROC or the precision-recall curve of one class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The class, as an index.
    pub class: usize,
    /// The area under the whole curve (before thinning), `None` when undefined.
    pub area: Option<f64>,
    /// At most some 200 points, by falling threshold; the first and the last are those of the whole curve.
    pub points: Vec<CurvePoint>,
}

/// What is found at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Rows that score at least this count as positive; `None` at the start, where none does.
    pub threshold: Option<f64>,
    /// Share of the other rows that count as positive.
    pub false_positive_rate: f64,
    /// Share of the class's rows that count as positive: also the recall.
    pub true_positive_rate: f64,
    /// Share of what counts as positive that is of the class; 1 at the start.
    pub precision: f64,
}

/// What is found at one threshold, in counts and in the usual ratios (`None` = undefined).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdRow {
    /// Rows that score at least this count as positive.
    pub threshold: f64,
    /// Whether this is the threshold that decides.
    pub chosen: bool,
    /// Weight of the positive rows that count as positive.
    pub true_positives: f64,
    /// Weight of the other rows that count as positive.
    pub false_positives: f64,
    /// Share of what counts as positive that is so.
    pub precision: Option<f64>,
    /// Share of the positive rows that is found.
    pub recall: Option<f64>,
    /// Share of the other rows that is left alone.
    pub specificity: Option<f64>,
    /// F1 of the positive class.
    pub f1_score: Option<f64>,
    /// Share of all rows that is right.
    pub accuracy: Option<f64>,
}

/// All steps of one class's ranking, once for every figure and table of it.
pub(crate) struct Sweep<'s, 'a> {
    scores: &'s Scores<'a>,
    class: usize,
    steps: Vec<(f64, Step)>,
    all: Step,
}

impl<'s, 'a> Sweep<'s, 'a> {
    pub(crate) fn new(scores: &'s Scores<'a>, class: usize) -> Self {
        let proba = scores.proba();
        let mut steps = Vec::new();
        scores.ranking(class).walk(scores, |step| steps.push((f64::from(proba[[step.row, class]]), step)));
        let all = steps.last().map_or(Step { hits: 0.0, misses: 0.0, row: 0 }, |(_, step)| *step);
        Self { scores, class, steps, all }
    }

    /// The ROC curve; without points when the class or the rest has no rows.
    pub(crate) fn roc(&self) -> Curve {
        let points = if self.all.hits > 0.0 && self.all.misses > 0.0 { self.points() } else { Vec::new() };
        let thinned = thin(points, |point| (point.false_positive_rate + point.true_positive_rate) / 2.0);
        Curve { class: self.class, area: defined(crate::metric::area(self.scores, self.class)), points: thinned }
    }

    /// The precision-recall curve; without points when the class has no rows.
    pub(crate) fn precision_recall(&self) -> Curve {
        let points = if self.all.hits > 0.0 { self.points() } else { Vec::new() };
        let area = defined(crate::metric::average_precision(self.scores, self.class));
        Curve { class: self.class, area, points: thin(points, |point| point.true_positive_rate) }
    }

    fn points(&self) -> Vec<CurvePoint> {
        let start = CurvePoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0, precision: 1.0 };
        let point = |(threshold, step): &(f64, Step)| CurvePoint {
            threshold: Some(*threshold),
            false_positive_rate: step.misses / self.all.misses.max(f64::MIN_POSITIVE),
            true_positive_rate: step.hits / self.all.hits,
            precision: step.hits / (step.hits + step.misses),
        };
        std::iter::once(start).chain(self.steps.iter().map(point)).collect()
    }

    /// The usual thresholds (every 0.05), and the one that decides.
    pub(crate) fn table(&self, decided_at: Option<f64>) -> Vec<ThresholdRow> {
        let mut thresholds: Vec<f64> = (1..20).map(|i| f64::from(i) / 20.0).collect();
        if let Some(chosen) = decided_at.filter(|chosen| !thresholds.contains(chosen)) {
            thresholds.push(chosen);
            thresholds.sort_by(f64::total_cmp);
        }
        thresholds.into_iter().map(|threshold| self.at(threshold, decided_at == Some(threshold))).collect()
    }

    fn at(&self, threshold: f64, chosen: bool) -> ThresholdRow {
        let found = self.steps.partition_point(|(score, _)| *score >= threshold);
        let (hits, misses) = found.checked_sub(1).map_or((0.0, 0.0), |last| {
            let step = self.steps[last].1;
            (step.hits, step.misses)
        });
        let Step { hits: positives, misses: negatives, .. } = self.all;
        let share = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        ThresholdRow {
            threshold,
            chosen,
            true_positives: hits,
            false_positives: misses,
            precision: share(hits, hits + misses),
            recall: share(hits, positives),
            specificity: share(negatives - misses, negatives),
            f1_score: share(2.0 * hits, hits + misses + positives),
            accuracy: share(hits + negatives - misses, positives + negatives),
        }
    }
}

/// Some 200 of the points, evenly spaced by `progress` (0 .. 1, never falling); first and last always.
fn thin(points: Vec<CurvePoint>, progress: impl Fn(&CurvePoint) -> f64) -> Vec<CurvePoint> {
    if points.len() <= POINTS {
        return points;
    }
    let last = points.len() - 1;
    let mut next = 0.0;
    let keep = |(i, point): &(usize, CurvePoint)| {
        let here = progress(point);
        let kept = *i == 0 || *i == last || here >= next;
        if kept {
            next = here + 1.0 / (POINTS - 2) as f64;
        }
        kept
    };
    points.into_iter().enumerate().filter(keep).map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows};

    #[test]
    fn the_ends_are_exact_and_the_curve_is_short() {
        let count = 5000;
        let y: Vec<u32> = (0..count).map(|row| u32::from((row * 7919) % 5000 < row)).collect();
        let positive: Vec<f32> = (0..count).map(|row| row as f32 / count as f32).collect();
        let rows = Rows::binary(&y, &positive);
        let scores = rows.scores();
        let sweep = Sweep::new(&scores, 1);
        let (roc, pr) = (sweep.roc(), sweep.precision_recall());
        for curve in [&roc, &pr] {
            assert!((100..=POINTS + 1).contains(&curve.points.len()), "{}", curve.points.len());
            let (first, last) = (curve.points[0], curve.points[curve.points.len() - 1]);
            assert_eq!((first.threshold, first.true_positive_rate, first.precision), (None, 0.0, 1.0));
            assert_eq!((last.threshold, last.false_positive_rate, last.true_positive_rate), (Some(0.0), 1.0, 1.0));
        }
        // The area under the thinned polygon is close to that under the whole curve.
        let trapezoid = |pair: &[CurvePoint]| {
            (pair[1].false_positive_rate - pair[0].false_positive_rate)
                * (pair[0].true_positive_rate + pair[1].true_positive_rate)
                / 2.0
        };
        let area: f64 = roc.points.windows(2).map(trapezoid).sum();
        assert!((area - roc.area.unwrap()).abs() < 1e-3, "{area} {roc:?}");
    }

    #[test]
    fn one_class_has_no_curve() {
        let rows = Rows::binary(&[0, 0], &[0.2, 0.7]);
        let scores = rows.scores();
        let sweep = Sweep::new(&scores, 1);
        assert_eq!((sweep.roc().points.len(), sweep.precision_recall().points.len(), sweep.roc().area), (0, 0, None));
        assert_eq!(sweep.table(None)[0].recall, None);
    }

    proptest! {
        #[test]
        fn the_table_counts_rows(rows in rows().prop_filter("two classes", |rows| rows.classes.len() == 2)) {
            let scores = rows.scores();
            let table = Sweep::new(&scores, 1).table(Some(0.375));
            prop_assert_eq!(table.len(), 20);
            prop_assert_eq!(table.iter().filter(|row| row.chosen).map(|row| row.threshold).collect::<Vec<_>>(), [0.375]);
            for found in table {
                let above = |row: usize| f64::from(rows.proba[[row, 1]]) >= found.threshold;
                let hits = rows.count(|row| above(row) && rows.y[row] == 1);
                let misses = rows.count(|row| above(row) && rows.y[row] == 0);
                prop_assert!((found.true_positives - hits).abs() < 1e-9 && (found.false_positives - misses).abs() < 1e-9);
            }
        }
    }
}
