//! From parameters in the words of scikit-learn to the integers that trees are grown by.

use trainer_data::{Dataset, Warning};
use trainer_kernels::{Forest, MAX_ROWS, MAX_WEIGHT, Records, Weighing};

use super::{ClassWeight, ClassWeightRule, Criterion, FeatureRule, MaxFeatures, MaxSamples, MinLeaf, MinSplit, RandomForest};
use crate::ModelError;
use crate::learn::class_weight::{balanced, counts, weights_of};

/// Weights are rounded to 2^-16 at the finest.
const MAX_SCALE: f64 = 65_536.0;
/// A record holds the class in a byte.
const MAX_CLASSES: usize = 255;

/// Parameters that were checked against the data.
pub struct Resolved {
    pub seed: u64,
    pub warnings: Vec<Warning>,
    features: u32,
    classes: usize,
    draws: Option<u64>,
    min_split: u64,
    min_leaf: u64,
    weights: SampleWeights,
}

/// How samples weigh, before each tree makes integers of it.
enum SampleWeights {
    Even,
    /// A weight for each class.
    Classes(Vec<f64>),
    /// For each tree: its samples over classes times its samples of the class.
    Balanced,
    /// An integer weight for each row.
    Rows(Vec<u32>),
}

/// The function that a tree calls with what it drew of each class.
pub type Multipliers = Box<dyn Fn(&[u64]) -> Vec<u32> + Sync>;

impl Resolved {
    pub fn new(forest: &RandomForest, data: &Dataset, seed: u64) -> Result<Self, ModelError> {
        let (rows, features) = data.matrix.x.dim();
        check_shape(rows, features, data.classes.len())?;
        let draws = draws(forest, rows)?;
        let samples = draws.unwrap_or(rows as u64);
        let part = |fraction: f64| (fraction * rows as f64).ceil() as u64;
        let mut warnings = Vec::new();
        let weights = weights(forest, data, samples, &mut warnings)?;
        Ok(Self {
            seed: forest.random_state.unwrap_or(seed),
            warnings,
            features: max_features(forest.max_features, features)?,
            classes: data.classes.len(),
            draws,
            min_split: match forest.min_samples_split {
                MinSplit::Count(count) => count.into(),
                MinSplit::Fraction(fraction) => part(fraction).max(2),
            },
            min_leaf: match forest.min_samples_leaf {
                MinLeaf::Count(count) => count.max(1).into(),
                MinLeaf::Fraction(fraction) => part(fraction).max(1),
            },
            weights,
        })
    }

    /// What rules and fractions came to on these rows, by the parameters' names.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut resolved = vec![
            ("random_state", self.seed.to_string()),
            ("max_features", self.features.to_string()),
            ("min_samples_split", self.min_split.to_string()),
            ("min_samples_leaf", self.min_leaf.to_string()),
        ];
        resolved.extend(self.draws.map(|draws| ("max_samples", draws.to_string())));
        if let SampleWeights::Classes(weights) = &self.weights {
            let weights: Vec<String> = weights.iter().map(f64::to_string).collect();
            resolved.push(("class_weight", weights.join(", ")));
        }
        resolved
    }

    /// The function for [`Self::forest`], kept by the caller as long as that.
    pub fn multipliers(&self) -> Option<Multipliers> {
        match &self.weights {
            SampleWeights::Classes(weights) => {
                let weights = weights.clone();
                Some(Box::new(move |drawn| to_integers(&weights, drawn)))
            }
            SampleWeights::Balanced => Some(Box::new(|drawn| to_integers(&balanced(drawn), drawn))),
            SampleWeights::Even | SampleWeights::Rows(_) => None,
        }
    }

    pub fn forest<'a>(
        &'a self,
        forest: &RandomForest,
        records: &'a Records,
        multipliers: &'a Option<Multipliers>,
    ) -> Forest<'a> {
        Forest {
            records,
            classes: self.classes,
            trees: forest.n_estimators,
            seed: self.seed,
            criterion: match forest.criterion {
                Criterion::Gini => trainer_kernels::Criterion::Gini,
                Criterion::Entropy | Criterion::LogLoss => trainer_kernels::Criterion::Entropy,
            },
            max_depth: forest.max_depth.unwrap_or(u32::MAX),
            min_split: self.min_split,
            min_leaf: self.min_leaf,
            // Any impurity is below 8 bits; what is asked for above that is never reached.
            min_decrease: (forest.min_impurity_decrease.min(256.0) * 2f64.powi(32)).round() as u64,
            max_features: self.features,
            max_leaves: forest.max_leaf_nodes,
            draws: self.draws,
            weighing: match (&self.weights, multipliers) {
                (SampleWeights::Rows(weights), _) => Weighing::Rows(weights),
                (_, Some(multipliers)) => Weighing::Classes(multipliers),
                (_, None) => Weighing::Even,
            },
        }
    }
}

/// Whether trees can learn from data of this shape.
pub fn check_shape(rows: usize, features: usize, classes: usize) -> Result<(), ModelError> {
    let data = |message: String| Err(ModelError::Data(message));
    if features == 0 {
        return data("trees need at least one feature, found none".into());
    }
    if rows == 0 || rows as u64 >= MAX_ROWS {
        return data(format!("trees take 1 to {} rows, found {rows}", MAX_ROWS - 1));
    }
    if !(2..=MAX_CLASSES).contains(&classes) {
        return data(format!("trees take 2 to {MAX_CLASSES} classes, found {classes}"));
    }
    Ok(())
}

fn draws(forest: &RandomForest, rows: usize) -> Result<Option<u64>, ModelError> {
    let asked = match forest.max_samples {
        Some(_) if !forest.bootstrap => {
            return Err(ModelError::Parameter("max_samples needs `bootstrap: true`, found false".into()));
        }
        _ if forest.oob_score && !forest.bootstrap => {
            return Err(ModelError::Parameter("oob_score needs `bootstrap: true`, found false".into()));
        }
        _ if !forest.bootstrap => return Ok(None),
        None => rows as u64,
        Some(MaxSamples::Count(count)) => count.into(),
        Some(MaxSamples::Fraction(fraction)) => ((fraction * rows as f64).round() as u64).max(1),
    };
    if asked > rows as u64 {
        let message = format!("max_samples: expected at most the {rows} training rows, found {asked}");
        return Err(ModelError::Parameter(message));
    }
    Ok(Some(asked))
}

/// How many features a node looks at.
pub fn max_features(asked: Option<MaxFeatures>, features: usize) -> Result<u32, ModelError> {
    let all = features as u32;
    let part = |value: f64| (value as u32).clamp(1, all);
    Ok(match asked {
        None => all,
        Some(MaxFeatures::Rule(FeatureRule::Sqrt)) => part((features as f64).sqrt()),
        Some(MaxFeatures::Rule(FeatureRule::Log2)) => part((features as f64).log2()),
        Some(MaxFeatures::Fraction(fraction)) => part(fraction * features as f64),
        Some(MaxFeatures::Count(count)) if count > all => {
            let message = format!("max_features: expected at most the {all} features, found {count}");
            return Err(ModelError::Parameter(message));
        }
        Some(MaxFeatures::Count(count)) => count.max(1),
    })
}

/// How many threads `n_jobs` asks for; `None` = those that are there.
pub fn threads(n_jobs: Option<i32>) -> Result<Option<usize>, ModelError> {
    let there = rayon::current_num_threads();
    match n_jobs {
        None | Some(-1) => Ok(None),
        Some(0) => Err(ModelError::Parameter("n_jobs: expected a number of threads, or -1 for all, found 0".into())),
        // More than there are would only take turns.
        Some(jobs) if jobs > 0 => Ok(Some((jobs as usize).min(there))),
        Some(jobs) => Ok(Some(there.saturating_sub(jobs.unsigned_abs() as usize - 1).max(1))),
    }
}

fn weights(
    forest: &RandomForest,
    data: &Dataset,
    samples: u64,
    warnings: &mut Vec<Warning>,
) -> Result<SampleWeights, ModelError> {
    let by_class = match &forest.class_weight {
        None => None,
        Some(ClassWeight::Rule(ClassWeightRule::BalancedSubsample)) if data.weight.is_none() => {
            return Ok(SampleWeights::Balanced);
        }
        Some(ClassWeight::Rule(ClassWeightRule::BalancedSubsample)) => {
            let message = "class_weight: balanced_subsample can't be combined with a weight column\n  hint: use `class_weight: balanced`";
            return Err(ModelError::Parameter(message.into()));
        }
        Some(ClassWeight::Rule(ClassWeightRule::Balanced)) => {
            // By rows, whatever they weigh, as scikit-learn has it.
            Some(balanced(&counts(data)))
        }
        Some(ClassWeight::Map(map)) => Some(weights_of(map, data)?),
    };
    Ok(match (&data.weight, by_class) {
        (None, None) => SampleWeights::Even,
        (None, Some(by_class)) => SampleWeights::Classes(by_class),
        (Some(weight), by_class) => {
            let of_class = |class: u32| by_class.as_ref().map_or(1.0, |by_class| by_class[class as usize]);
            let real: Vec<f64> =
                weight.iter().zip(&data.y).map(|(&weight, &class)| f64::from(weight) * of_class(class)).collect();
            SampleWeights::Rows(rows_to_integers(&real, samples, warnings))
        }
    })
}

/// Weights of classes as integers, as fine as the sum over what was drawn allows.
fn to_integers(weights: &[f64], drawn: &[u64]) -> Vec<u32> {
    let total: f64 = weights.iter().zip(drawn).map(|(weight, &count)| weight * count as f64).sum();
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let scale = scale(total.max(largest), largest, drawn.iter().sum());
    weights.iter().map(|weight| integer(*weight, scale)).collect()
}

/// Weights of rows as integers; a row of more than no weight never gets none.
fn rows_to_integers(real: &[f64], samples: u64, warnings: &mut Vec<Warning>) -> Vec<u32> {
    let largest = real.iter().copied().fold(0.0, f64::max);
    let whole = real.iter().all(|weight| weight.fract() == 0.0);
    // No tree can weigh more: every draw the heaviest row, or every row as often as it may be drawn.
    let bound = (largest * samples as f64).min(15.0 * real.iter().sum::<f64>());
    let exact = whole && bound < MAX_WEIGHT as f64;
    let scale = if exact { 1.0 } else { scale(bound, largest, samples) };
    let rounded = real.iter().filter(|&&weight| weight > 0.0 && (weight * scale).round() < 16.0 && !exact).count();
    if rounded > 0 {
        warnings.push(Warning {
            code: "coarse_weight".into(),
            column: None,
            count: rounded as u64,
            message: format!(
                "{rounded} rows weigh so little beside the others that their weight is kept to fewer than 4 bits"
            ),
        });
    }
    real.iter().map(|weight| integer(*weight, scale)).collect()
}

/// The largest power of two by which `total` stays below the limit when each of `parts` is rounded, and by which the
/// largest weight, or one where that is more, becomes at most [`MAX_SCALE`]. So weights may be of any size: it is their
/// ratios that count.
fn scale(total: f64, largest: f64, parts: u64) -> f64 {
    let room = MAX_WEIGHT as f64 - parts as f64 - 1.0;
    let mut scale = MAX_SCALE;
    while largest > 0.0 && largest * scale * 2.0 <= MAX_SCALE {
        scale *= 2.0;
    }
    while total * scale >= room {
        scale /= 2.0;
    }
    scale
}

fn integer(weight: f64, scale: f64) -> u32 {
    let rounded = (weight * scale).round();
    if weight > 0.0 { (rounded as u32).max(1) } else { 0 }
}
