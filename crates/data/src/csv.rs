//! CSV files: strict in form, and every column typed by all of its cells.
//!
//! The text is cut at record starts and the parts are read in parallel, each column into the type that a sample of the
//! first rows has. Columns whose cells turn out to be of another type are read once more. The result does not depend on
//! the cuts.

pub(crate) mod cell;
pub(crate) mod encoding;
pub(crate) mod record;
pub(crate) mod shape;
pub(crate) mod tally;
pub(crate) mod text;

use std::collections::HashSet;

use rayon::prelude::*;

use self::cell::Rules;
use self::record::Next;
use self::shape::{Cells, Shape};
use self::tally::Tally;
use self::text::{Halt, Header, Text};
use crate::warning::absent_columns;
use crate::{Column, DataError, ReadOptions, Warning};

/// Bytes of text that one task reads.
const PART_BYTES: usize = 2 << 20;

/// Rows whose cells decide in which type a column is read at first.
const SAMPLE_ROWS: usize = 500;

/// Columns, the names of those that are text but hold only digits, and what was odd.
pub(crate) type Columns = (Vec<Column>, HashSet<String>, Vec<Warning>);

/// Reads the bytes of a CSV file, without the columns to skip.
///
/// # Errors
/// `Malformed`: `encoding`, `nul_byte`, `wrong_delimiter`, `empty_column_name`, `duplicate_column_name`, `ragged_row`,
/// `text_after_quote`, `unclosed_quote`, `space_before_quote`, `repeated_header`, each with its place.
pub(crate) fn read(bytes: &[u8], file: &str, options: &ReadOptions) -> Result<Columns, DataError> {
    read_in_parts(bytes, file, options, PART_BYTES)
}

fn read_in_parts(bytes: &[u8], file: &str, read: &ReadOptions, part_bytes: usize) -> Result<Columns, DataError> {
    let options = &read.csv;
    let decoded = encoding::decode(bytes, options.encoding, file)?;
    let text = Text::new(&decoded, file, options)?;
    let header = text.header()?;
    let wanted: Vec<bool> = header.names.iter().map(|name| !read.skip.contains(name)).collect();
    let is_text: Vec<bool> = header.names.iter().map(|name| read.text.contains(name)).collect();
    let reader = Reader { rules: Rules::new(options), text: &text, header: &header };
    let as_asked = |position: usize, shape| if is_text[position] { Shape::Text } else { shape };
    let mut shapes = reader.sample(&wanted)?;
    for (position, shape) in shapes.iter_mut().enumerate() {
        *shape = shape.map(|shape| as_asked(position, shape));
    }
    let (parts, cuts) = reader.read(&shapes, part_bytes)?;
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    let (tallies, blank_lines, mut columns_of) = joined(parts, header.names.len());
    let tallied = shapes.iter().zip(&tallies).enumerate();
    let found: Vec<Option<Shape>> =
        tallied.map(|(position, (wanted, tally))| wanted.map(|_| as_asked(position, tally.shape()))).collect();
    reader.read_again(&found, &mut columns_of, &cuts)?;

    let mut warnings = Vec::new();
    if blank_lines + header.blank_lines > 0 && rows > 0 {
        let message = format!("blank lines in {file} are no rows: passed over");
        warnings.push(Warning::of_table("blank_lines", blank_lines + header.blank_lines, message));
    }
    warnings.extend(header.warning(file));
    let names: Vec<&str> = header.names.iter().map(|name| name.as_ref()).collect();
    warnings.extend(absent_columns(&read.skip, &names, file));
    let mut digits = HashSet::new();
    let mut arrays = Vec::new();
    for (position, shape) in found.iter().enumerate() {
        let Some(shape) = *shape else { continue };
        let name = &header.names[position];
        if !is_text[position] {
            warnings.extend(tallies[position].warnings(name, file, shape));
        }
        if tallies[position].is_digits() && !is_text[position] {
            digits.insert(name.clone());
        }
        arrays.push((name, shape, std::mem::take(&mut columns_of[position])));
    }
    let columns = arrays.into_par_iter().map(|(name, shape, parts)| Column::new(name, Cells::join(shape, parts)));
    Ok((columns.collect::<Result<_, _>>()?, digits, warnings))
}

/// What is needed to read rows.
struct Reader<'a> {
    rules: Rules,
    text: &'a Text<'a>,
    header: &'a Header,
}

/// What was read of a stretch of rows.
struct Part {
    rows: u64,
    blank_lines: u64,
    /// Where it stopped.
    end: usize,
    /// By column; `None` where the column is not wanted, or where a cell was of another type than the column's.
    cells: Vec<Option<Cells>>,
    tallies: Vec<Tally>,
}

/// How to read a column: not at all, only to count, or into a type.
type Plan = Option<Shape>;

impl Reader<'_> {
    /// The types of the first rows' columns; `None` where the column is not wanted.
    fn sample(&self, wanted: &[bool]) -> Result<Vec<Plan>, DataError> {
        let plans: Vec<Plan> = wanted.iter().map(|&wanted| wanted.then_some(Shape::Null)).collect();
        let sample =
            self.part(&plans, self.header.end..self.text.len(), SAMPLE_ROWS).map_err(|halt| self.fault(halt, 0))?;
        Ok(plans.iter().zip(sample.tallies).map(|(plan, tally)| plan.map(|_| tally.shape())).collect())
    }

    /// Reads all rows. Also says how the text was cut.
    fn read(&self, plans: &[Plan], part_bytes: usize) -> Result<(Vec<Part>, Vec<usize>), DataError> {
        let cuts = self.text.cuts(self.header.end, part_bytes);
        if let Some(parts) = self.read_parts(plans, &cuts)? {
            return Ok((parts, cuts));
        }
        // Quotes stand where cutting did not expect them: read it as one.
        let whole = vec![self.header.end, self.text.len()];
        let parts = self.read_parts(plans, &whole)?.expect("the whole ends at its end");
        Ok((parts, whole))
    }

    /// Reads the parts between the cuts; `None` when a part does not end where the next begins.
    fn read_parts(&self, plans: &[Plan], cuts: &[usize]) -> Result<Option<Vec<Part>>, DataError> {
        let read: Vec<_> = cuts.par_windows(2).map(|cut| self.part(plans, cut[0]..cut[1], usize::MAX)).collect();
        let mut parts = Vec::with_capacity(read.len());
        let mut row = 0;
        for (part, cut) in read.into_iter().zip(&cuts[1..]) {
            // Only a part that starts at a record is to be believed, be it that something is wrong.
            let part = part.map_err(|halt| self.fault(halt, row))?;
            if part.end != *cut {
                return Ok(None);
            }
            row += part.rows;
            parts.push(part);
        }
        Ok(Some(parts))
    }

    /// Reads those columns again that were not read in the type that all their cells have.
    fn read_again(&self, found: &[Plan], columns_of: &mut [Vec<Cells>], cuts: &[usize]) -> Result<(), DataError> {
        let parts = cuts.len() - 1;
        let is_read = |(shape, cells): (&Plan, &Vec<Cells>)| match shape {
            Some(shape) => cells.len() == parts && cells.iter().all(|cells| cells.shape() == *shape),
            None => true,
        };
        let again: Vec<Plan> =
            found.iter().zip(columns_of.iter()).map(|pair| if is_read(pair) { None } else { *pair.0 }).collect();
        if again.iter().all(Option::is_none) {
            return Ok(());
        }
        let parts = self.read_parts(&again, cuts)?.expect("cuts that held before");
        let (_, _, cells_of) = joined(parts, again.len());
        for ((cells, read), plan) in columns_of.iter_mut().zip(cells_of).zip(&again) {
            if plan.is_some() {
                *cells = read;
            }
        }
        Ok(())
    }

    /// Reads the rows that start within a range, at most so many.
    fn part(&self, plans: &[Plan], range: std::ops::Range<usize>, most_rows: usize) -> Result<Part, Halt> {
        let (text, dialect) = (self.text.bytes, &self.text.dialect);
        let expected = plans.len();
        let rows = (range.len() / self.header.row_bytes.max(1)).min(most_rows) + 1;
        let mut cells: Vec<Option<Cells>> =
            plans.iter().map(|plan| plan.map(|shape| Cells::new(shape, rows))).collect();
        let mut tallies = vec![Tally::default(); expected];
        let mut part = Part { rows: 0, blank_lines: 0, end: range.start, cells: Vec::new(), tallies: Vec::new() };
        let mut scratch = Vec::new();
        let mut at = range.start;
        while at < range.end && (part.rows as usize) < most_rows {
            if dialect.blank_line(text, &mut at, expected == 1) {
                part.blank_lines += 1;
                continue;
            }
            let start = at;
            let mut position = 0;
            loop {
                let field =
                    dialect.field(text, &mut at).map_err(|flaw| Halt::flaw(flaw, part.rows, start, position))?;
                if position < expected && plans[position].is_some() {
                    let raw = field.value(dialect.quote, &mut scratch);
                    let cell = self.rules.cell(raw);
                    tallies[position].add(cell, part.rows, raw);
                    if let Some(into) = &mut cells[position]
                        && !into.push(cell, raw, &self.rules)
                    {
                        cells[position] = None;
                    }
                }
                position += 1;
                if field.next == Next::Record {
                    break;
                }
            }
            if position != expected {
                return Err(Halt::ragged(part.rows, start, position));
            }
            if text[start] == self.header.first_byte && expected > 1 && self.header.repeats(&text[start..at]) {
                return Err(Halt::repeated_header(part.rows, start));
            }
            part.rows += 1;
        }
        Ok(Part { end: at, cells, tallies, ..part })
    }

    fn fault(&self, halt: Halt, base: u64) -> DataError {
        DataError::malformed(self.text.fault(halt, base, self.header))
    }
}

/// By column: the tallies of all parts as one, and the cells of each part.
fn joined(parts: Vec<Part>, columns: usize) -> (Vec<Tally>, u64, Vec<Vec<Cells>>) {
    let mut tallies = vec![Tally::default(); columns];
    let mut cells: Vec<Vec<Cells>> = (0..columns).map(|_| Vec::new()).collect();
    let (mut row, mut blank_lines) = (0, 0);
    for part in parts {
        for (position, (tally, read)) in part.tallies.into_iter().zip(part.cells).enumerate() {
            tallies[position].join(tally, row);
            cells[position].extend(read);
        }
        row += part.rows;
        blank_lines += part.blank_lines;
    }
    (tallies, blank_lines, cells)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Kind;

    fn read_text(text: &str) -> Result<Columns, DataError> {
        read(text.as_bytes(), "a.csv", &ReadOptions::default())
    }

    fn message(text: &str) -> String {
        read_text(text).unwrap_err().to_string()
    }

    #[test]
    fn types_by_all_rows_even_the_last() {
        let mut text = "a,b,c,d\n".to_owned();
        for row in 0..2000 {
            text.push_str(&format!("{row},{row},{row},\n"));
        }
        text.push_str("1.5,x,007,true\n");
        let (columns, digits, warnings) = read_text(&text).unwrap();
        let kinds: Vec<Kind> = columns.iter().map(Column::kind).collect();
        assert_eq!(kinds, [Kind::Float, Kind::Text, Kind::Text, Kind::Boolean]);
        assert_eq!(columns[2].text(2000).unwrap(), "007");
        assert_eq!(columns[0].numbers().unwrap()[2000], 1.5);
        assert!(digits.contains("c") && !digits.contains("b"));
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].message.contains("`x` (a.csv, row 2001)"), "{}", warnings[0].message);
    }

    #[test]
    fn errors_name_row_line_and_column() {
        assert_eq!(
            message("a,b\n\"1\n\",2\n\n3\n"),
            "a.csv, row 2 (line 5): expected 2 fields as in the header, found 1"
        );
        let first_line = |text: &str| message(text).lines().next().unwrap().to_owned();
        assert_eq!(
            first_line("a,b\n1,\"x\"y\n"),
            "a.csv, row 1 (line 2), column `b`: expected a delimiter or line end after the closing \", found more text"
        );
        assert_eq!(first_line("a,a\n1,2\n"), "a.csv, column `a`: expected every name once, found it again as column 2");
        assert_eq!(first_line("a,b\n1,2\na,b\n"), "a.csv, row 2 (line 3): expected a data row, found the header again");
        assert!(message("sep=;\na;b\n").ends_with("set data.csv.delimiter to what it says"));
        assert!(message("a;b\n1;2\n").contains("data.csv.delimiter: ';'"));
        assert!(message("a\tb,c\td\n1\t2,3\t4\n").contains("data.csv.delimiter: '\\t'"));
    }

    #[test]
    fn a_column_that_is_text_elsewhere_is_text_here() {
        let options = ReadOptions { text: vec!["zip".to_owned()], ..ReadOptions::default() };
        let csv = "zip,n\n91231,1\nNA,2\n,3\n";
        let (columns, digits, warnings) = read(csv.as_bytes(), "a.csv", &options).unwrap();
        let cells: Vec<_> = (0..3).map(|row| columns[0].text(row).map(|text| text.into_owned())).collect();
        assert_eq!(cells, [Some("91231".to_owned()), Some("NA".to_owned()), None]);
        assert_eq!(columns[1].kind(), Kind::Integer);
        assert!(digits.is_empty() && warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn skipped_columns_may_hold_anything() {
        let (columns, _, warnings) = read(
            b"a,b\n1,x\n2,3\n3,4\n",
            "a.csv",
            &ReadOptions { skip: vec!["b".to_owned()], ..ReadOptions::default() },
        )
        .unwrap();
        assert_eq!((columns.len(), columns[0].name(), warnings.len()), (1, "a", 0));
    }

    /// What two readings have in common if they are equal.
    fn comparable(result: Result<Columns, DataError>) -> Result<(Vec<Column>, Vec<Warning>), DataError> {
        result.map(|(columns, _, warnings)| (columns, warnings))
    }

    proptest! {
        /// Any cut gives the same table, warnings and errors as none, whatever the quotes.
        #[test]
        fn parts_do_not_show(text in "[a1,\"\n\r ]{0,60}", rows in "([a12]{0,3},[\"x\n]{0,3}\n){0,20}", part in 1usize..40) {
            for text in [format!("h,k\n{text}"), format!("h,k\n{rows}"), format!("h,k\n1,\"{rows}\"\n{rows}")] {
                let whole = read_in_parts(text.as_bytes(), "a.csv", &ReadOptions::default(), usize::MAX);
                let parts = read_in_parts(text.as_bytes(), "a.csv", &ReadOptions::default(), part);
                prop_assert_eq!(comparable(whole), comparable(parts), "{:?}", text);
            }
        }
    }
}
