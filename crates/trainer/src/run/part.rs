use trainer_data::{Column, Dataset, Fault, Kind, Label, Matrix, Table};

use crate::exit::Failure;

/// Some rows, as they were read and as the model takes them.
pub struct Part {
    /// As they were read.
    pub table: Table,
    /// As features, with their classes and weights.
    pub data: Dataset,
}

/// What is true of some rows.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The class of each row.
    pub y: Vec<u32>,
    /// The weight of each row; `None` = all one.
    pub weight: Option<Vec<f32>>,
    /// The classes.
    pub classes: Vec<Label>,
}

impl Truth {
    /// That of the given rows.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            y: rows.iter().map(|&row| self.y[row as usize]).collect(),
            weight: self.weight.as_ref().map(|weight| rows.iter().map(|&row| weight[row as usize]).collect()),
            classes: self.classes.clone(),
        }
    }

    /// With the features of the same rows.
    pub fn with(self, matrix: Matrix) -> Dataset {
        Dataset { matrix, y: self.y, weight: self.weight, classes: self.classes }
    }
}

impl Part {
    /// Rows with their features.
    pub fn new(table: Table, matrix: Matrix, truth: Truth) -> Self {
        Self { table, data: truth.with(matrix) }
    }

    /// The shape of a matrix of probabilities for it: rows, classes.
    pub fn proba_shape(&self) -> (usize, usize) {
        (self.data.y.len(), self.data.classes.len())
    }

    /// What is true of the given rows.
    pub fn truth(&self, rows: &[u32]) -> Truth {
        self.all_truth().take(rows)
    }

    /// What is true of all its rows.
    pub fn all_truth(&self) -> Truth {
        let Dataset { y, weight, classes, .. } = &self.data;
        Truth { y: y.clone(), weight: weight.clone(), classes: classes.clone() }
    }
}

/// The weight of each row, from the column that holds them.
///
/// # Errors
/// No such column, one that holds no numbers, or a weight that is missing, negative or not finite.
pub fn weights(table: &Table, name: Option<&str>) -> anyhow::Result<Option<Vec<f32>>> {
    let Some(name) = name else { return Ok(None) };
    let column = table.require(name)?;
    let numbers = match column.kind() {
        Kind::Integer | Kind::Float | Kind::Boolean => column.numbers(),
        _ => None,
    };
    let Some(numbers) = numbers else {
        let kind = column.kind();
        let fault = Fault::new("weight_type", format!("expected numbers as weights, found {kind}")).column(name);
        return Err(Failure::data(fault.to_string()).into());
    };
    if let Some(row) = numbers.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0 && *weight < 1e30)) {
        return Err(Failure::data(bad_weight(table, column, row).to_string()).into());
    }
    if numbers.iter().all(|&weight| weight == 0.0) {
        let fault = Fault::new("no_weight", "expected a weight above 0 in some row, found none").column(name);
        return Err(Failure::data(fault.to_string()).into());
    }
    Ok(Some(numbers.into_iter().map(|weight| weight as f32).collect()))
}

fn bad_weight(table: &Table, column: &Column, row: usize) -> Fault {
    let found = column.text(row).map_or_else(|| "nothing".to_owned(), |text| text.into_owned());
    let message = format!("expected a weight of at least 0, found {found}");
    Fault::new("bad_weight", message).place(&table.place(row)).column(column.name())
}
