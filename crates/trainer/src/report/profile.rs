//! What a table looks like, column by column.

use rayon::prelude::*;
use trainer_data::{Column, Kind, Table};

/// Bars of a histogram.
pub const BINS: usize = 20;
/// The most frequent levels that are kept of a column.
const LEVELS: usize = 5;

/// What a table looks like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Number of rows.
    pub rows: usize,
    /// Its columns, in their order.
    pub columns: Vec<ColumnProfile>,
}

/// What a column looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it is for, such as `target` or `id`; empty for a feature.
    pub role: String,
    /// What its cells hold.
    pub kind: Kind,
    /// Number of cells without a value.
    pub missing: usize,
    /// Number of different values.
    pub distinct: usize,
    /// What its values are.
    pub values: ValueProfile,
}

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueProfile {
    /// Numbers, and how they lie.
    Numbers(NumberProfile),
    /// The most frequent levels and how many rows each has, the most frequent first; equals in the levels' order.
    Levels(Vec<(String, u64)>),
    /// From the first to the last.
    Span(String, String),
}

/// How numbers lie; of the finite ones.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// The least.
    pub min: f64,
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// Standard deviation of the population (ddof 0).
    pub std: f64,
    /// The greatest.
    pub max: f64,
    /// Rows in each of the equal bins from the least to the greatest.
    pub histogram: [u64; BINS],
}

impl Profile {
    /// Looks at every cell of a table. `role` says what a column is for, or nothing for a feature.
    pub fn of(table: &Table, role: impl Fn(&str) -> String + Sync) -> Self {
        let columns = table.columns().par_iter().map(|column| ColumnProfile::of(column, role(column.name()))).collect();
        Self { rows: table.rows(), columns }
    }
}

impl ColumnProfile {
    fn of(column: &Column, role: String) -> Self {
        let kind = column.kind();
        let (distinct, values) = match kind {
            Kind::Integer | Kind::Float => numbers(column),
            Kind::Date | Kind::Timestamp => span(column),
            _ => levels(column),
        };
        Self { name: column.name().to_owned(), role, kind, missing: column.null_count(), distinct, values }
    }
}

fn numbers(column: &Column) -> (usize, ValueProfile) {
    let mut cells = column.numbers().unwrap_or_default();
    cells.retain(|cell| cell.is_finite());
    let sum: f64 = cells.iter().sum();
    cells.sort_unstable_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (cells.first(), cells.last()) else {
        return (0, ValueProfile::Levels(Vec::new()));
    };
    let count = cells.len();
    let mean = sum / count as f64;
    let variance = cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f64>() / count as f64;
    let median = cells[(count - 1) / 2] / 2.0 + cells[count / 2] / 2.0;
    let mut histogram = [0; BINS];
    for cell in &cells {
        // Halves, so that the width of the widest range is still a number.
        let place = (cell / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
        histogram[((place * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    cells.dedup();
    (cells.len(), ValueProfile::Numbers(NumberProfile { min, median, mean, std: variance.sqrt(), max, histogram }))
}

fn levels(column: &Column) -> (usize, ValueProfile) {
    let levels = column.levels();
    let counts = levels.counts();
    let mut order: Vec<usize> = (0..levels.values.len()).collect();
    order.sort_by_key(|&level| (std::cmp::Reverse(counts[level]), level));
    let top = order.iter().take(LEVELS).map(|&level| (levels.values[level].clone(), counts[level])).collect();
    (levels.values.len(), ValueProfile::Levels(top))
}

fn span(column: &Column) -> (usize, ValueProfile) {
    let cells = column.numbers().unwrap_or_default();
    let known = || cells.iter().enumerate().filter(|(_, cell)| cell.is_finite());
    let (Some(first), Some(last)) =
        (known().min_by(|a, b| a.1.total_cmp(b.1)), known().max_by(|a, b| a.1.total_cmp(b.1)))
    else {
        return (0, ValueProfile::Levels(Vec::new()));
    };
    let text = |row: usize| column.text(row).map(|text| text.into_owned()).unwrap_or_default();
    let values = ValueProfile::Span(text(first.0), text(last.0));
    let mut sorted = cells.clone();
    sorted.retain(|cell| cell.is_finite());
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    (sorted.len(), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(column: Column) -> ColumnProfile {
        let table = Table::from_columns(vec![column]).unwrap();
        Profile::of(&table, |_| String::new()).columns.remove(0)
    }

    #[test]
    fn numbers_are_described() {
        let cells = vec![Some(1.0), Some(2.0), None, Some(2.0), Some(7.0)];
        let column = profile(Column::from_numbers("a", cells));
        assert_eq!((column.missing, column.distinct), (1, 3));
        let ValueProfile::Numbers(numbers) = column.values else { panic!("{column:?}") };
        assert_eq!((numbers.min, numbers.median, numbers.mean, numbers.max), (1.0, 2.0, 3.0, 7.0));
        assert!((numbers.std - 5.5f64.sqrt()).abs() < 1e-12, "{numbers:?}");
        assert_eq!((numbers.histogram[0], numbers.histogram[3], numbers.histogram[BINS - 1]), (1, 2, 1));
    }

    #[test]
    fn a_constant_and_an_extreme_column_do_not_break_it() {
        let ValueProfile::Numbers(same) = profile(Column::from_numbers("a", vec![Some(3.0); 4])).values else {
            panic!("numbers")
        };
        assert_eq!((same.std, same.histogram.iter().sum::<u64>()), (0.0, 4));
        let cells = vec![Some(f64::MIN), Some(f64::MAX)];
        let ValueProfile::Numbers(wide) = profile(Column::from_numbers("a", cells)).values else { panic!("numbers") };
        assert_eq!((wide.median, wide.histogram[0], wide.histogram[BINS - 1]), (0.0, 1, 1));
        let empty = profile(Column::from_numbers("a", vec![None, None]));
        assert_eq!((empty.distinct, empty.missing, empty.values), (0, 2, ValueProfile::Levels(Vec::new())));
    }

    #[test]
    fn levels_are_counted_and_the_most_frequent_kept() {
        let cells = ["b", "a", "b", "c", "d", "e", "f", "b"].map(Some).to_vec();
        let column = profile(Column::from_text("a", cells));
        assert_eq!(column.distinct, 6);
        let ValueProfile::Levels(levels) = column.values else { panic!("{column:?}") };
        assert_eq!(levels[..2], [("b".to_owned(), 3), ("a".to_owned(), 1)]);
        assert_eq!(levels.len(), LEVELS);
    }

    #[test]
    fn times_have_a_span() {
        let day = 86_400_000_000;
        let column = profile(Column::from_timestamps("a", vec![Some(2 * day), None, Some(0), Some(2 * day)]));
        assert_eq!((column.missing, column.distinct), (1, 2));
        let ValueProfile::Span(first, last) = column.values else { panic!("{column:?}") };
        assert!(first.starts_with("1970-01-01") && last.starts_with("1970-01-03"), "{first} {last}");
    }
}
