use trainer_data::{Dataset, Feature, FeatureKind, Label, Matrix};

use crate::SplitMix64;

/// The shape of a synthetic classification task: blobs around the corners of a hypercube, mixed linearly, with
/// redundant and useless columns and some flipped labels (the family of scikit-learn's `make_classification`).
#[derive(Debug, Clone, Copy)]
pub struct Classification {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns, at least `informative`.
    pub features: usize,
    /// Columns that carry the signal; as many again, as far as there is room, are mixtures of them.
    pub informative: usize,
    /// Number of classes.
    pub classes: u32,
    /// Blobs per class.
    pub clusters: u32,
    /// Half the distance between corners, in standard deviations.
    pub separation: f64,
    /// Share of rows whose label is drawn at random.
    pub flip: f64,
    /// Share of cells that are missing.
    pub missing: f64,
    /// Same seed, same data.
    pub seed: u64,
}

impl Default for Classification {
    fn default() -> Self {
        Self {
            rows: 1_000,
            features: 10,
            informative: 5,
            classes: 2,
            clusters: 2,
            separation: 1.0,
            flip: 0.05,
            missing: 0.0,
            seed: 0,
        }
    }
}

/// Draws the rows of a task.
///
/// # Panics
/// When there are fewer features than informative ones, or no class or cluster.
pub fn classification(shape: &Classification) -> Dataset {
    assert!(shape.informative <= shape.features && shape.classes > 0 && shape.clusters > 0, "{shape:?}");
    let mut random = SplitMix64::new(shape.seed);
    let centres = corners(shape, &mut random);
    let mixes = mixtures(shape, &mut random);
    let mut columns = vec![Vec::with_capacity(shape.rows); shape.features];
    let mut y = Vec::with_capacity(shape.rows);
    for _ in 0..shape.rows {
        let blob = random.below(centres.len() as u64) as usize;
        let signal: Vec<f64> = centres[blob].iter().map(|centre| centre + random.normal()).collect();
        for (j, column) in columns.iter_mut().enumerate() {
            let value = cell(j, &signal, &mixes, &mut random);
            column.push(if random.unit() < shape.missing { f32::NAN } else { value as f32 });
        }
        let label = if random.unit() < shape.flip { random.below(shape.classes.into()) } else { blob as u64 };
        y.push((label % u64::from(shape.classes)) as u32);
    }
    let features = (0..shape.features).map(|j| Feature { name: format!("f{j}"), kind: FeatureKind::Number }).collect();
    let classes = (0..i64::from(shape.classes)).map(Label::Integer).collect();
    Dataset { matrix: Matrix::from_columns(shape.rows, columns, features), y, weight: None, classes }
}

fn corners(shape: &Classification, random: &mut SplitMix64) -> Vec<Vec<f64>> {
    let corner = |random: &mut SplitMix64| {
        let side = |random: &mut SplitMix64| if random.below(2) == 0 { -shape.separation } else { shape.separation };
        (0..shape.informative).map(|_| side(random)).collect()
    };
    (0..shape.classes * shape.clusters).map(|_| corner(random)).collect()
}

fn mixtures(shape: &Classification, random: &mut SplitMix64) -> Vec<Vec<f64>> {
    let redundant = shape.informative.min(shape.features - shape.informative);
    (0..redundant).map(|_| (0..shape.informative).map(|_| 2.0 * random.unit() - 1.0).collect()).collect()
}

fn cell(j: usize, signal: &[f64], mixes: &[Vec<f64>], random: &mut SplitMix64) -> f64 {
    match j.checked_sub(signal.len()) {
        None => signal[j],
        Some(k) if k < mixes.len() => mixes[k].iter().zip(signal).map(|(weight, x)| weight * x).sum(),
        Some(_) => random.normal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_what_was_asked_for() {
        let shape = Classification { rows: 500, classes: 3, missing: 0.2, ..Classification::default() };
        let data = classification(&shape);
        assert_eq!((data.matrix.rows(), data.matrix.features.len(), data.y.len()), (500, 10, 500));
        assert!((0..3).all(|class| data.y.iter().filter(|&&y| y == class).count() > 100));
        let missing = data.matrix.x.iter().filter(|x| x.is_nan()).count() as f64 / 5_000.0;
        assert!((missing - 0.2).abs() < 0.03, "{missing}");
    }

    #[test]
    fn a_seed_is_the_data() {
        let shape = Classification::default();
        assert_eq!(classification(&shape), classification(&shape));
        assert_ne!(classification(&shape), classification(&Classification { seed: 1, ..shape }));
    }

    #[test]
    fn informative_columns_tell_the_class_and_useless_ones_do_not() {
        let shape = Classification { rows: 4_000, clusters: 1, seed: 3, ..Classification::default() };
        let data = classification(&Classification { features: 12, ..shape });
        let gap = |j: usize| {
            let mean = |class| {
                let cells = data.matrix.column(j).iter().zip(&data.y).filter(|(_, y)| **y == class);
                let (sum, count) = cells.fold((0.0, 0.0), |(sum, count), (x, _)| (sum + f64::from(*x), count + 1.0));
                sum / count
            };
            (mean(0) - mean(1)).abs()
        };
        let best = (0..5).map(gap).fold(0.0, f64::max);
        assert!(best > 1.5, "{best}");
        assert!(gap(11) < 0.1, "{}", gap(11));
    }
}
