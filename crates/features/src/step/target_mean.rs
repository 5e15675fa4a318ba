//! Levels as what they say of the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::ordinal::too_many_values;
use super::{AtLeastTwo, Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program::CellType;
use crate::program::lookup::{Keys, Lookup};
use crate::statistic::Folds;

/// Replaces a level by the share of a class among its training rows, drawn towards that among all rows where there are few
/// (scikit-learn's `TargetEncoder`); with more than two classes by one column a class, `column_0`, `column_1`, ...
///
/// A training row is encoded from the rows of the other folds, so that it does not learn its own class; its fold follows
/// from what is in it, and not from its place. A level that was not in training is encoded as all rows are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetMean {
    /// The columns; when left out, all columns of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// How many rows like all others a level is given: a number, or `auto` (an empirical Bayes estimate).
    pub smooth: Smooth,
    /// How many folds the training rows are in.
    pub cv: AtLeastTwo,
    /// What the folds are drawn from.
    pub random_state: u64,
}

/// How much a level is drawn towards all rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Smooth {
    /// By this many rows.
    Rows(f64),
    /// By what the level's own spread says.
    Auto(Auto),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// An empirical Bayes estimate.
    Auto,
}

impl Default for TargetMean {
    fn default() -> Self {
        let cv = AtLeastTwo::try_from(5).expect("five is at least two");
        Self { columns: None, smooth: Smooth::Auto(Auto::Auto), cv, random_state: 0 }
    }
}

/// Rows of a class, and of all classes.
#[derive(Clone, Copy, Default)]
struct Count {
    class: u64,
    all: u64,
}

impl Count {
    fn of(counts: &[Vec<u64>], class: usize, without: Option<usize>) -> Self {
        let folds = counts.iter().enumerate().filter(|(fold, _)| Some(*fold) != without);
        folds.fold(Self::default(), |sum, (_, counts)| Self {
            class: sum.class + counts.get(class).copied().unwrap_or(0),
            all: sum.all + counts.iter().sum::<u64>(),
        })
    }

    fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.class as f64 / self.all as f64 }
    }
}

impl TargetMean {
    /// What a level of these rows is encoded as, where all rows are `of_all`.
    fn encoded(&self, level: Count, of_all: Count) -> f64 {
        let (mean, rows) = (of_all.share(), level.all as f64);
        if level.all == 0 {
            return mean;
        }
        match self.smooth {
            Smooth::Rows(smooth) => (level.class as f64 + smooth * mean) / (rows + smooth),
            Smooth::Auto(_) => {
                let (own, variance) = (level.share(), mean * (1.0 - mean));
                let weight = variance * rows / (variance * rows + own * (1.0 - own));
                if weight.is_nan() { mean } else { weight * own + (1.0 - weight) * mean }
            }
        }
    }

    fn lookup(&self, found: &Folds, keys: &Keys, levels: &[&Vec<Vec<u64>>], class: usize, without: Option<usize>) -> Lookup {
        let count = |counts: &Vec<Vec<u64>>| Count::of(counts, class, without);
        let missing = Count::of(found.missing(), class, without);
        let of_all = levels.iter().fold(missing, |sum, counts| {
            let count = count(counts);
            Count { class: sum.class + count.class, all: sum.all + count.all }
        });
        Lookup {
            keys: keys.clone(),
            values: levels.iter().map(|counts| self.encoded(count(counts), of_all)).collect(),
            missing: Some(self.encoded(missing, of_all)),
            unknown: Some(of_all.share()),
        }
    }

    fn learn(&self, column: &FrameColumn, found: &Folds, learned: &mut Learned) -> Result<(), FeatureError> {
        let levels = found.levels().ok_or_else(|| too_many_values("target_mean", column))?;
        let mut pairs: Vec<(&String, &Vec<Vec<u64>>)> = levels.iter().collect();
        let keys = match column.cell_type {
            CellType::Text => Keys::Text(pairs.iter().map(|(level, _)| (*level).clone()).collect()),
            CellType::Number => {
                let number = |text: &String| text.parse::<f64>().expect("the text of a number");
                pairs.sort_by(|a, b| number(a.0).total_cmp(&number(b.0)));
                Keys::Numbers(pairs.iter().map(|(level, _)| number(level)).collect())
            }
        };
        let levels: Vec<&Vec<Vec<u64>>> = pairs.into_iter().map(|(_, counts)| counts).collect();
        let folds = levels.iter().copied().chain([&found.missing().to_vec()]).flatten().map(Vec::len).max().unwrap_or(0);
        if folds < 2 {
            let fault = Fault::new("single_class", "step `target_mean`: expected at least two classes, found one");
            return Err(FeatureError::data(fault.column(&column.name)));
        }
        let classes: Vec<usize> = if folds == 2 { vec![1] } else { (0..folds).collect() };
        for &class in &classes {
            let by_fold = (0..u32::from(self.cv)).map(|fold| self.lookup(found, &keys, &levels, class, Some(fold as usize)));
            let by_fold = by_fold.collect();
            let op = self.lookup(found, &keys, &levels, class, None);
            match classes.len() {
                1 => learned.in_place(&column.name, op),
                _ => learned.add_beside(op, vec![column.name.clone()], vec![format!("{}_{class}", column.name)]),
            }
            learned.drawn((u32::from(self.cv), self.random_state), by_fold);
        }
        if classes.len() > 1 {
            learned.dropped.push(column.name.clone());
        }
        Ok(())
    }
}

impl Transform for TargetMean {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        match self.smooth {
            Smooth::Rows(rows) if !(rows >= 0.0 && rows.is_finite()) => {
                Err(format!("expected `smooth` of 0 or more, or `auto`, found {rows}"))
            }
            _ => Ok(()),
        }
    }

    fn spreads(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("target_mean", self.columns.as_deref(), Takes::Categories)?;
        frame.learn_each(&chosen, |column, learned| {
            match frame.folds(&column.name, u32::from(self.cv), self.random_state) {
                Some(found) => self.learn(column, found, learned),
                None => Ok(()),
            }
        })
    }
}
