//! A text column as codes of its levels, in the order in which they come.

use std::borrow::Cow;

use arrow::array::{Array, LargeStringArray};
use hashbrown::HashMap;
use trainer_data::{Column, Levels};

/// The distinct texts of a column, and which of them each row has ([`Levels::MISSING`]: none).
#[derive(Debug)]
pub(crate) struct Codes<'a> {
    pub codes: Vec<u32>,
    pub values: Vec<Cow<'a, str>>,
}

impl<'a> Codes<'a> {
    /// Of the texts of a column, or what its cells are as text.
    pub fn of(column: &'a Column) -> Self {
        match column.strings() {
            Some(cells) => Self::of_text(cells),
            None => {
                let Levels { codes, values } = column.levels();
                Self { codes, values: values.into_iter().map(Cow::Owned).collect() }
            }
        }
    }

    /// Of numbers, `NaN` = missing, as the texts that say them.
    pub fn of_numbers(numbers: &[f64]) -> Codes<'static> {
        let mut seen: HashMap<u64, u32> = HashMap::new();
        let mut values = Vec::new();
        let mut code = |x: f64| {
            // Both zeros are one number.
            let x = x + 0.0;
            *seen.entry(x.to_bits()).or_insert_with(|| {
                values.push(Cow::Owned(x.to_string()));
                values.len() as u32 - 1
            })
        };
        let codes = numbers.iter().map(|&x| if x.is_nan() { Levels::MISSING } else { code(x) }).collect();
        Codes { codes, values }
    }

    /// The same with each text replaced.
    pub fn mapped(&self, replace: impl Fn(&str) -> String) -> Self {
        let values = self.values.iter().map(|value| Cow::Owned(replace(value))).collect();
        Self { codes: self.codes.clone(), values }
    }

    fn of_text(cells: &'a LargeStringArray) -> Self {
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut values = Vec::new();
        let mut code = |text: &'a str| {
            *seen.entry(text).or_insert_with(|| {
                values.push(Cow::Borrowed(text));
                values.len() as u32 - 1
            })
        };
        let codes = if cells.null_count() == 0 {
            (0..cells.len()).map(|row| code(cells.value(row))).collect()
        } else {
            let cell = |row| if cells.is_null(row) { Levels::MISSING } else { code(cells.value(row)) };
            (0..cells.len()).map(cell).collect()
        };
        Self { codes, values }
    }

    /// The same with a text in place of missing cells.
    pub fn filled(&self, text: &'a str) -> Self {
        let mut values = self.values.clone();
        let known = values.iter().position(|value| value == text);
        let code = known.unwrap_or_else(|| {
            values.push(Cow::Borrowed(text));
            values.len() - 1
        }) as u32;
        let codes = self.codes.iter().map(|&found| if found == Levels::MISSING { code } else { found }).collect();
        Self { codes, values }
    }

    /// The texts of several columns as one.
    pub fn joined(columns: &[&Self], between: &str) -> Self {
        let rows = columns[0].codes.len();
        let mut seen: HashMap<Vec<u32>, u32> = HashMap::new();
        let (mut values, mut codes) = (Vec::new(), Vec::with_capacity(rows));
        let mut key = Vec::with_capacity(columns.len());
        for row in 0..rows {
            key.clear();
            key.extend(columns.iter().map(|column| column.codes[row]));
            let code = match seen.get(&key) {
                _ if key.contains(&Levels::MISSING) => Levels::MISSING,
                Some(&code) => code,
                None => {
                    let texts: Vec<&str> = columns.iter().filter_map(|column| column.text(row)).collect();
                    values.push(Cow::Owned(texts.join(between)));
                    seen.insert(key.clone(), values.len() as u32 - 1);
                    values.len() as u32 - 1
                }
            };
            codes.push(code);
        }
        Self { codes, values }
    }

    /// The text of a row.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.values.get(self.codes[row] as usize).map(Cow::as_ref)
    }

    /// How many rows have each level, and how many have none.
    pub fn counts(&self) -> (Vec<u64>, u64) {
        let mut counts = vec![0; self.values.len() + 1];
        let missing = self.values.len();
        self.codes.iter().for_each(|&code| counts[(code as usize).min(missing)] += 1);
        let missing = counts.pop().expect("one more than there are levels");
        (counts, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_in_their_order_and_fills_are_levels() {
        let column = Column::from_text("t", vec![Some("d"), None, Some("b"), Some("d")]);
        let codes = Codes::of(&column);
        assert_eq!(
            (codes.codes.as_slice(), codes.values.as_slice()),
            (&[0, u32::MAX, 1, 0][..], &["d", "b"].map(Cow::from)[..])
        );
        assert_eq!(codes.counts(), (vec![2, 1], 1));
        assert_eq!(codes.filled("b").codes, [0, 1, 1, 0]);
        let filled = codes.filled("z");
        assert_eq!((filled.text(1), filled.text(2), codes.text(1)), (Some("z"), Some("b"), None));
        let none = Column::from_text::<&str>("t", vec![None]);
        assert_eq!(Codes::of(&none).counts(), (vec![], 1));
    }
}
