//! The text of a file with its dialect, its header, and the words for what is wrong with it.

use std::collections::HashSet;

use memchr::memchr_iter;

use super::record::{Dialect, Flaw, Next};
use crate::options::CsvOptions;
use crate::table::check_name;
use crate::{DataError, Fault, Warning};

/// What other files have between fields.
const DELIMITERS: &[u8] = b",;\t|";

/// UTF-8 text, and how it is cut into fields.
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) dialect: Dialect,
    file: &'a str,
    /// Whether the user named the delimiter.
    declared: bool,
}

/// The first record.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) names: Vec<String>,
    /// Where the rows start.
    pub(crate) end: usize,
    /// About how long a row is.
    pub(crate) row_bytes: usize,
    pub(crate) first_byte: u8,
    pub(crate) blank_lines: u64,
    /// The record as it stands, without its line end.
    line: Vec<u8>,
}

/// Why reading stopped, and where: the row (from 0) within the part that was read, and where the record starts.
#[derive(Debug)]
pub(crate) struct Halt {
    row: u64,
    start: usize,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// A field (from 0) is not well formed.
    Flaw(Flaw, usize),
    /// The record has that many fields.
    Ragged(usize),
    RepeatedHeader,
}

impl Halt {
    pub(crate) fn flaw(flaw: Flaw, row: u64, start: usize, position: usize) -> Self {
        Self { row, start, why: Why::Flaw(flaw, position) }
    }

    pub(crate) fn ragged(row: u64, start: usize, found: usize) -> Self {
        Self { row, start, why: Why::Ragged(found) }
    }

    pub(crate) fn repeated_header(row: u64, start: usize) -> Self {
        Self { row, start, why: Why::RepeatedHeader }
    }
}

impl Header {
    /// Whether a record, with its line end, is the header again.
    pub(crate) fn repeats(&self, record: &[u8]) -> bool {
        record.trim_ascii_end() == self.line
    }

    /// A header of numbers may be the first row of a file without one.
    pub(crate) fn warning(&self, file: &str) -> Option<Warning> {
        let numbers: Vec<&String> = self.names.iter().filter(|name| name.trim().parse::<f64>().is_ok()).collect();
        let first = numbers.first()?;
        let message = format!("`{first}` is a column's name in {file}: the first line is taken for the header");
        Some(Warning::of_table("header_of_numbers", numbers.len() as u64, message))
    }
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8], file: &'a str, options: &CsvOptions) -> Result<Self, DataError> {
        if bytes.trim_ascii().is_empty() {
            let fault = Fault::new("empty_file", "expected data, found nothing but blanks").file(file);
            return Err(DataError::malformed(fault));
        }
        Ok(Self::of(bytes, file, options))
    }

    /// Any part of a file's text.
    pub(crate) fn of(bytes: &'a [u8], file: &'a str, options: &CsvOptions) -> Self {
        let lower = file.to_ascii_lowercase();
        let named_tsv = lower.split('.').rev().take(2).any(|extension| extension == "tsv");
        let delimiter = options.delimiter.map_or(if named_tsv { b'\t' } else { b',' }, |delimiter| delimiter as u8);
        let dialect = Dialect::new(delimiter, options.quote.map(|quote| quote as u8));
        Self { bytes, dialect, file, declared: options.delimiter.is_some() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where to cut the rows into parts.
    pub(crate) fn cuts(&self, from: usize, part_bytes: usize) -> Vec<usize> {
        self.dialect.cuts(&self.bytes[from..], part_bytes).into_iter().map(|cut| cut + from).collect()
    }

    /// Reads the first record that is not blank.
    pub(crate) fn header(&self) -> Result<Header, DataError> {
        let malformed = |fault: Fault| DataError::malformed(fault.file(self.file));
        let mut at = 0;
        let mut blank_lines = 0;
        while self.dialect.blank_line(self.bytes, &mut at, false) {
            blank_lines += 1;
        }
        let start = at;
        let mut names = Vec::new();
        let mut scratch = Vec::new();
        loop {
            let field = self.dialect.field(self.bytes, &mut at).map_err(|flaw| {
                malformed(self.flawed(flaw, None).line(self.line(start)).column(format!("number {}", names.len() + 1)))
            })?;
            names.push(String::from_utf8_lossy(field.value(self.dialect.quote, &mut scratch)).into_owned());
            if field.next == Next::Record {
                break;
            }
        }
        let line = self.bytes[start..at].trim_ascii_end();
        let rows = &self.bytes[at..];
        let first_row = &rows[..rows.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rows.len())];
        self.check_delimiter(line, first_row, names.len())
            .map_err(|error| error.map(|fault| fault.file(self.file).line(self.line(start))))?;
        check_names(&names).map_err(|error| error.map(|fault| fault.file(self.file)))?;
        Ok(Header {
            names,
            end: at,
            row_bytes: first_row.len() + 1,
            first_byte: self.bytes[start],
            blank_lines,
            line: line.to_vec(),
        })
    }

    /// Refuses a header that another delimiter cuts better.
    fn check_delimiter(&self, line: &[u8], first_row: &[u8], fields: usize) -> Result<(), DataError> {
        if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"sep=")) {
            let fault = Fault::new("wrong_delimiter", "expected names, found a line that only names the delimiter");
            return Err(DataError::malformed(
                fault.hint("remove that line, and set data.csv.delimiter to what it says"),
            ));
        }
        let count = |text: &[u8], byte: u8| memchr_iter(byte, text).count();
        let (own, quoted) = (self.dialect.delimiter, self.dialect.quote.is_some_and(|quote| line.contains(&quote)));
        for &other in DELIMITERS.iter().filter(|&&other| other != own) {
            let found = count(line, other);
            let alone = fields == 1 && !(quoted && other == b',');
            // The names hold as many of the other, and the first row holds the same number.
            let as_good = !self.declared && found + 1 >= fields && count(first_row, other) == found;
            if found > 0 && (alone || as_good) {
                let (own, other) = (own as char, other as char);
                let message = format!(
                    "expected names with {own:?} between them, found {fields} by {own:?} and {} by {other:?}",
                    found + 1
                );
                let hint = format!("set data.csv.delimiter: {other:?}, or to what it is");
                return Err(DataError::malformed(Fault::new("wrong_delimiter", message).hint(hint)));
            }
        }
        Ok(())
    }

    /// The line (from 1) of a byte.
    fn line(&self, at: usize) -> u64 {
        let before = &self.bytes[..at];
        let feeds = memchr_iter(b'\n', before).count();
        let returns = memchr_iter(b'\r', before).filter(|&at| before.get(at + 1) != Some(&b'\n')).count();
        (feeds + returns) as u64 + 1
    }

    /// The words for why reading stopped; the part starts at that row.
    pub(crate) fn fault(&self, halt: Halt, base: u64, header: &Header) -> Fault {
        let expected = header.names.len();
        let fault = match halt.why {
            Why::Ragged(found) => {
                let fault =
                    Fault::new("ragged_row", format!("expected {expected} fields as in the header, found {found}"));
                let delimiter = self.dialect.delimiter as char;
                if found > expected {
                    fault.hint(format!("fields that hold {delimiter:?} must stand in quotes"))
                } else if self.bytes[halt.start] == b'#' {
                    fault.hint("comment lines are no part of CSV: remove them")
                } else {
                    fault
                }
            }
            Why::RepeatedHeader => Fault::new("repeated_header", "expected a data row, found the header again")
                .hint("remove the header lines of files that were put together"),
            Why::Flaw(flaw, position) => self.flawed(flaw, header.names.get(position).map(String::as_str)),
        };
        fault.file(self.file).row(base + halt.row + 1).line(self.line(halt.start))
    }

    fn flawed(&self, flaw: Flaw, column: Option<&str>) -> Fault {
        let quote = self.dialect.quote.map_or(' ', |quote| quote as char);
        let fault = match flaw {
            Flaw::AfterQuote => Fault::new(
                "text_after_quote",
                format!("expected a delimiter or line end after the closing {quote}, found more text"),
            )
            .hint(format!("a {quote} inside a field must be doubled ({quote}{quote}), not escaped otherwise")),
            Flaw::Unclosed => {
                Fault::new("unclosed_quote", format!("expected a closing {quote}, found the end of the file"))
            }
            Flaw::SpaceBeforeQuote => Fault::new(
                "space_before_quote",
                format!("expected {quote} right after the delimiter, found a space between them"),
            )
            .hint("remove the spaces after delimiters"),
        };
        match column {
            Some(column) => fault.column(column),
            None => fault,
        }
    }
}

/// Refuses empty names and names that stand twice.
fn check_names(names: &[String]) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    for (position, name) in names.iter().enumerate() {
        check_name(name, position + 1, &mut seen).map_err(|error| {
            error.map(|fault| match fault.code {
                "empty_column_name" if position == 0 => {
                    fault.hint("was an index written with the table? write it without")
                }
                "empty_column_name" if position + 1 == names.len() => fault.hint("does every line end in a delimiter?"),
                _ => fault.hint("is the first line the header?"),
            })
        })?;
    }
    Ok(())
}
