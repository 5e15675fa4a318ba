use ndarray::Array2;
use trainer_models::Model;
use trainer_quality::{Averaging, Scores};

use super::part::Truth;

/// What a model says about some rows.
pub struct Predicted {
    /// The probability of each class: rows x classes.
    pub proba: Array2<f32>,
    /// The class that is decided on.
    pub classes: Vec<u32>,
    threshold: Option<f64>,
    averaging: Averaging,
}

impl Predicted {
    /// Lets the model decide.
    pub fn new(model: &Model, proba: Array2<f32>, averaging: Averaging) -> Self {
        let classes = model.decide(&proba);
        Self { proba, classes, threshold: model.decision.map(|decision| decision.threshold), averaging }
    }

    /// The same, with the classes in another order: `places[class]` is where a class is now.
    pub fn ordered(self, places: &[usize]) -> Self {
        let proba = Array2::from_shape_fn(self.proba.dim(), |(row, class)| self.proba[[row, places[class]]]);
        let place = |class: &u32| places.iter().position(|place| *place == *class as usize);
        let classes = self.classes.iter().map(|class| place(class).expect("the same classes") as u32).collect();
        Self { proba, classes, ..self }
    }

    /// Beside what is true.
    pub fn scores<'a>(&'a self, truth: &'a Truth) -> Scores<'a> {
        Scores::new(&truth.y, self.proba.view(), &self.classes, &truth.classes, self.averaging)
            .weighted(truth.weight.as_deref())
            .decided_at(self.threshold)
    }
}
