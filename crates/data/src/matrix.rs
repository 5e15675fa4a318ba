use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::Label;

/// What one column of a matrix holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// A number; `NaN` = missing.
    Number,
    /// A level code `0.0 .. levels-1` of a fixed list; `NaN` = missing or unknown.
    Category {
        /// The levels' names, by code.
        levels: Vec<String>,
    },
}

/// Name and kind of one column of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name, unique in its matrix.
    pub name: String,
    /// What its cells mean.
    pub kind: FeatureKind,
}

/// What learners take: rows x features, `f32`, stored column after column; `NaN` = missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Rows x features, in column-major ("F") order, so that `x.column(j)` is one contiguous slice.
    pub x: Array2<f32>,
    /// One entry per column of `x`.
    pub features: Vec<Feature>,
}

impl Matrix {
    /// A matrix from one vector per feature, each of `rows` values.
    ///
    /// # Panics
    /// When the columns differ in length, or their number is not that of `features`.
    pub fn from_columns(rows: usize, columns: Vec<Vec<f32>>, features: Vec<Feature>) -> Self {
        assert_eq!(columns.len(), features.len(), "one feature per column");
        let mut cells = Vec::with_capacity(rows * columns.len());
        for column in &columns {
            assert_eq!(column.len(), rows, "columns of one length");
            cells.extend_from_slice(column);
        }
        Self::from_cells(rows, cells, features)
    }

    /// A matrix from its cells, column after column.
    ///
    /// # Panics
    /// When `cells` does not hold `rows` values for each feature.
    pub fn from_cells(rows: usize, cells: Vec<f32>, features: Vec<Feature>) -> Self {
        use ndarray::ShapeBuilder;
        let x = Array2::from_shape_vec((rows, features.len()).f(), cells).expect("rows x features cells");
        Self { x, features }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// The cells of feature `j`, one per row.
    pub fn column(&self, j: usize) -> &[f32] {
        let rows = self.rows();
        let cells = self.x.as_slice_memory_order().expect("column-major");
        &cells[j * rows..(j + 1) * rows]
    }

    /// The given rows, in the given order.
    pub fn take(&self, rows: &[u32]) -> Self {
        let mut cells = Vec::with_capacity(rows.len() * self.features.len());
        for j in 0..self.features.len() {
            let column = self.column(j);
            cells.extend(rows.iter().map(|&row| column[row as usize]));
        }
        Self::from_cells(rows.len(), cells, self.features.clone())
    }
}

/// A matrix with what is to be learned from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The features.
    pub matrix: Matrix,
    /// Class of each row, an index into `classes`.
    pub y: Vec<u32>,
    /// Weight of each row, finite and not negative; `None` = all one.
    pub weight: Option<Vec<f32>>,
    /// The classes, in order.
    pub classes: Vec<Label>,
}

impl Dataset {
    /// The given rows, in the given order.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            matrix: self.matrix.take(rows),
            y: rows.iter().map(|&row| self.y[row as usize]).collect(),
            weight: self.weight.as_ref().map(|weight| rows.iter().map(|&row| weight[row as usize]).collect()),
            classes: self.classes.clone(),
        }
    }
}
