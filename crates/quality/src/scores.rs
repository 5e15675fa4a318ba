use std::sync::{Arc, OnceLock};

use ndarray::ArrayView2;
use trainer_data::Label;

use crate::ranking::Ranking;
use crate::weights::Weights;
use crate::{Averaging, Confusion};

/// What a model said about some rows, and what is true of them.
///
/// What several metrics need (confusion counts, the rows ordered by score) is made once, when first asked for.
#[derive(Debug)]
pub struct Scores<'a> {
    /// True class of each row.
    y: &'a [u32],
    /// Probability of each class: rows x classes.
    proba: ArrayView2<'a, f32>,
    /// Predicted class of each row, after the decision threshold.
    predicted: &'a [u32],
    weights: Weights<'a>,
    averaging: Averaging,
    classes: &'a [Label],
    threshold: Option<f64>,
    confusion: OnceLock<Confusion>,
    unweighted: Arc<Unweighted>,
}

/// What does not depend on weights, and so is shared by copies with other weights.
#[derive(Debug)]
struct Unweighted {
    /// By class.
    rankings: Vec<OnceLock<Ranking>>,
    /// By row.
    log_losses: OnceLock<Vec<f64>>,
}

impl<'a> Scores<'a> {
    /// True classes, probabilities (rows x classes) and predicted classes of some rows.
    ///
    /// # Panics
    /// When lengths disagree, a class is out of range, or `averaging` was made for other classes.
    pub fn new(
        y: &'a [u32],
        proba: ArrayView2<'a, f32>,
        predicted: &'a [u32],
        classes: &'a [Label],
        averaging: Averaging,
    ) -> Self {
        assert_eq!(proba.dim(), (y.len(), classes.len()), "probabilities are rows x classes");
        assert_eq!(predicted.len(), y.len(), "one prediction a row");
        let count = classes.len() as u32;
        assert!(y.iter().chain(predicted).all(|&class| class < count), "classes within 0..{count}");
        assert_eq!(averaging.positive().is_some(), classes.len() == 2, "averaging made for these classes");
        let rankings = classes.iter().map(|_| OnceLock::new()).collect();
        let unweighted = Arc::new(Unweighted { rankings, log_losses: OnceLock::new() });
        let (weights, threshold, confusion) = (Weights::One, None, OnceLock::new());
        Self { y, proba, predicted, weights, averaging, classes, threshold, confusion, unweighted }
    }

    /// With a weight for each row; `None` leaves all at one.
    ///
    /// # Panics
    /// When there is not one finite weight >= 0 for each row.
    pub fn weighted(mut self, weight: Option<&[f32]>) -> Self {
        if let Some(weight) = weight {
            assert_eq!(weight.len(), self.rows(), "one weight a row");
            assert!(weight.iter().all(|w| w.is_finite() && *w >= 0.0), "weights are finite and not negative");
            self.weights = Weights::Given(weight.iter().map(|&w| f64::from(w)).collect());
            self.confusion = OnceLock::new();
        }
        self
    }

    /// With the decision threshold that `predicted` came from, for the threshold table; `None` = most probable class.
    pub fn decided_at(mut self, threshold: Option<f64>) -> Self {
        self.threshold = threshold;
        self
    }

    /// The same rows with other weights; the orders by score are shared.
    pub(crate) fn reweighted<'b>(&'b self, weights: Weights<'b>) -> Scores<'b> {
        Scores {
            y: self.y,
            proba: self.proba.view(),
            predicted: self.predicted,
            weights,
            averaging: self.averaging,
            classes: self.classes,
            threshold: self.threshold,
            confusion: OnceLock::new(),
            unweighted: Arc::clone(&self.unweighted),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.y.len()
    }

    /// The classes, in order.
    pub fn classes(&self) -> &'a [Label] {
        self.classes
    }

    /// True class of each row.
    pub fn y(&self) -> &'a [u32] {
        self.y
    }

    /// Predicted class of each row.
    pub fn predicted(&self) -> &'a [u32] {
        self.predicted
    }

    /// Probability of each class: rows x classes.
    pub fn proba(&self) -> ArrayView2<'_, f32> {
        self.proba.view()
    }

    /// How classes become one number.
    pub fn averaging(&self) -> Averaging {
        self.averaging
    }

    /// With two classes: the index of the positive one.
    pub fn positive(&self) -> Option<usize> {
        self.averaging.positive()
    }

    /// The decision threshold, if one was used.
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// The weights of the rows.
    pub(crate) fn weights(&self) -> &Weights<'a> {
        &self.weights
    }

    /// Weight of a row.
    pub(crate) fn weight_of(&self, row: usize) -> f64 {
        self.weights.of(row)
    }

    /// Weighted mean over the rows of a number of each row; `NaN` without any weight.
    pub(crate) fn mean(&self, of_row: impl Fn(usize) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for row in 0..self.rows() {
            let weight = self.weight_of(row);
            if weight > 0.0 {
                sum += weight * of_row(row);
                total += weight;
            }
        }
        crate::average::divide((sum, total))
    }

    /// Weighted counts of true against predicted class.
    pub fn confusion(&self) -> &Confusion {
        self.confusion.get_or_init(|| Confusion::new(self))
    }

    /// The rows by descending probability of `class`.
    pub(crate) fn ranking(&self, class: usize) -> &Ranking {
        self.unweighted.rankings[class].get_or_init(|| Ranking::new(self.proba.column(class), self.y, class))
    }

    /// A number of each row that does not depend on weights: the loss that `log_loss` is the mean of.
    pub(crate) fn log_losses(&self, of_row: impl Fn(usize) -> f64) -> &[f64] {
        self.unweighted.log_losses.get_or_init(|| (0..self.rows()).map(of_row).collect())
    }

    /// The classes that one-vs-rest numbers are taken of: the positive one of two, else all.
    pub(crate) fn ranked_classes(&self) -> Vec<usize> {
        self.positive().map_or_else(|| (0..self.classes.len()).collect(), |positive| vec![positive])
    }
}
