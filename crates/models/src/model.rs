use ndarray::Array2;
use trainer_data::{Feature, Label, Matrix, Warning};
use trainer_kernels::{Device, Unavailable};

use crate::Ensemble;

/// Why a model was not made, or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The parameters do not fit the data: mend the config.
    #[error("{0}")]
    Parameter(String),
    /// The data cannot be learned from: mend the data.
    #[error("{0}")]
    Data(String),
    /// The matrix is not the one that the model was fitted on.
    #[error("the model was fitted on {expected}, found {found}")]
    Shape {
        /// What the model takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The bytes are not a model.
    #[error("not a model file: {0}")]
    Format(String),
    /// The device does not do it.
    #[error(transparent)]
    Device(#[from] Unavailable),
    /// Whoever watched the rounds asked for the end.
    #[error("stopped after {done} of {total} rounds")]
    Stopped {
        /// Rounds that were done.
        done: u32,
        /// Rounds that were asked for.
        total: u32,
    },
}

/// What was learned, in one of the forms that every learner yields.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Trees whose leaves hold class probabilities; the model is their mean.
    Trees(Ensemble),
}

/// A fitted classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What was learned.
    pub form: Form,
    /// The columns of the matrix it takes.
    pub features: Vec<Feature>,
    /// The classes it tells apart, in the order of its probabilities.
    pub classes: Vec<Label>,
    /// The least probability of `positive` that makes a row positive; `None`: the most probable class.
    pub decision: Option<Decision>,
}

/// Where a two-class model says yes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// Index of the positive class.
    pub positive: usize,
    /// The least probability of it.
    pub threshold: f64,
}

impl Model {
    /// The probability of each class: rows x classes.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the matrix has other columns than the one it was fitted on.
    /// [`ModelError::Device`] when the device fails.
    pub fn predict(&self, matrix: &Matrix, device: &Device) -> Result<Array2<f32>, ModelError> {
        self.check_features(matrix)?;
        Ok(match &self.form {
            Form::Trees(ensemble) => ensemble.predict(matrix.x.view(), device)?,
        })
    }

    /// The probabilities that the model gave after more and more of its rounds (for a forest: trees), each told with the
    /// number of rounds; the last are those of [`Self::predict`].
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_staged(
        &self,
        matrix: &Matrix,
        device: &Device,
        each: &mut dyn FnMut(u32, &Array2<f32>),
    ) -> Result<(), ModelError> {
        self.check_features(matrix)?;
        match &self.form {
            Form::Trees(ensemble) => ensemble.predict_staged(matrix.x.view(), device, each)?,
        }
        Ok(())
    }

    /// Whether the matrix has the columns that it was fitted on.
    pub(crate) fn check_features(&self, matrix: &Matrix) -> Result<(), ModelError> {
        if matrix.features.len() != self.features.len() {
            let columns = |features: &[Feature]| format!("{} features", features.len());
            return Err(ModelError::Shape { expected: columns(&self.features), found: columns(&matrix.features) });
        }
        if let Some((own, other)) = self.features.iter().zip(&matrix.features).find(|(own, other)| own != other) {
            let column = |feature: &Feature| format!("feature `{}`", feature.name);
            return Err(ModelError::Shape { expected: column(own), found: column(other) });
        }
        Ok(())
    }

    /// The class of each row of probabilities, by the decision threshold where there is one; of equal ones, the first.
    pub fn decide(&self, proba: &Array2<f32>) -> Vec<u32> {
        match self.decision {
            Some(Decision { positive, threshold }) if self.classes.len() == 2 => {
                // As a float of the probabilities' own size: 0.7 is reached by 7 votes of 10.
                let yes = |row: ndarray::ArrayView1<'_, f32>| row[positive] >= threshold as f32;
                proba.rows().into_iter().map(|row| if yes(row) { positive } else { 1 - positive } as u32).collect()
            }
            _ => proba.rows().into_iter().map(most_probable).collect(),
        }
    }

    /// How much each feature lowered impurity, adding up to 1 (all 0 for a model that never splits).
    pub fn importances(&self) -> Vec<f64> {
        match &self.form {
            Form::Trees(ensemble) => ensemble.importances(self.features.len()),
        }
    }
}

fn most_probable(row: ndarray::ArrayView1<'_, f32>) -> u32 {
    let mut best = 0;
    for class in 1..row.len() {
        if row[class] > row[best] {
            best = class;
        }
    }
    best as u32
}

/// What a fit gives.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// What the rows are predicted as by those parts of the model that did not see them: after more and more rounds, the
    /// last after all of them; none when it was not asked for.
    pub out_of_bag: Vec<OutOfBag>,
    /// Parameters that are rules or fractions, with what they came to on these rows.
    pub resolved: Vec<(&'static str, String)>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Predictions for the training rows by the trees that did not draw them.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    /// How many trees there were.
    pub trees: u32,
    /// The rows that some tree did not draw.
    pub rows: Vec<u32>,
    /// The probability of each class for each of `rows`.
    pub proba: Array2<f32>,
}
