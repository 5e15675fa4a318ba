//! One CSV file, from its header on.

use arrow::array::ArrayRef;
use memchr::memchr_iter;
use rayon::prelude::*;

use super::index::{Bad, Form, Index, Why};
use super::typed::{Cells, Misfit, Oddities, Plan};
use super::window::Window;
use crate::csv::cell::Rules;
use crate::csv::encoding;
use crate::csv::record::Flaw;
use crate::csv::tally::Tally;
use crate::csv::text::{Halt, Header, Text};
use crate::options::Encoding;
use crate::{CsvOptions, DataError, Fault, Malformed, ScanOptions, signature};

/// How much is read to find the header.
const HEAD_BYTES: usize = 64 << 10;

/// A CSV file that is being read.
#[derive(Debug)]
pub(super) struct Delimited {
    window: Window,
    file: String,
    options: CsvOptions,
    malformed: Malformed,
    rules: Rules,
    pub(super) header: Header,
    /// Line (from 0) and record (from 0) that the window starts with.
    line: u64,
    record: u64,
    pub(super) blank_lines: u64,
}

/// What was read of a part of a file.
pub(super) struct Part {
    pub(super) rows: usize,
    /// By column asked for, with what was odd; an example's row is the record of the file (from 0).
    pub(super) columns: Vec<(Result<ArrayRef, Misfit>, Oddities)>,
    pub(super) bad: Vec<BadRow>,
}

/// A row that is not well formed.
pub(super) struct BadRow {
    pub(super) line: u64,
    pub(super) reason: &'static str,
    pub(super) raw: Vec<u8>,
    /// In words; of the first one, where such rows are not left out.
    pub(super) fault: Option<Fault>,
}

impl Part {
    /// Counts rows and lines from the file's start, given those before the part.
    pub(super) fn place(&mut self, record: u64, line: u64) {
        for bad in &mut self.bad {
            bad.line += line;
            if let Some(fault) = &mut bad.fault {
                fault.row = fault.row.map(|row| row + record);
                fault.line = Some(bad.line);
            }
        }
        for (array, odd) in &mut self.columns {
            if let Err(misfit) = array {
                misfit.row += record as usize;
            }
            if let Some((row, _)) = &mut odd.example {
                *row += record as usize;
            }
        }
    }
}

impl Delimited {
    /// Reads a file's header.
    ///
    /// # Errors
    /// As the reading of whole files: `encoding`, `empty_file`, `not_what_its_name_says` and those of the header.
    pub(super) fn open(mut window: Window, file: &str, options: &ScanOptions) -> Result<Self, DataError> {
        let (malformed, options) = (options.malformed, &options.csv);
        window.fill(HEAD_BYTES)?;
        signature::check_csv(window.text(), file)?;
        if options.encoding == Encoding::Utf8 {
            encoding::check_head(window.text()).map_err(|error| error.map(|fault| fault.file(file)))?;
            if window.text().starts_with(b"\xef\xbb\xbf") {
                window.pass(3);
            }
        }
        let header = loop {
            let text = window.text();
            // Names are checked against the first row: both must be whole.
            let lines = memchr_iter(b'\n', text).chain(memchr_iter(b'\r', text)).take(3).count();
            let header = Text::new(text, file, options).and_then(|text| text.header());
            if window.ends() || lines > 2 && header.is_ok() || text.len() > 64 * HEAD_BYTES {
                break header?;
            }
            let bytes = 4 * text.len();
            window.fill(bytes)?;
        };
        let head = &window.text()[..header.end];
        encoding::decode(head, Encoding::Utf8, file)?;
        let line = lines(head);
        let end = header.end;
        window.pass(end);
        let rules = Rules::new(options);
        Ok(Self {
            window,
            file: file.to_owned(),
            options: options.clone(),
            malformed,
            rules,
            line,
            record: 0,
            blank_lines: header.blank_lines,
            header,
        })
    }

    /// The next parts of the file, in order; none at its end. `columns`: position and type of those to read.
    pub(super) fn parts(&mut self, columns: &[(usize, Plan)], most: usize) -> Result<Vec<Part>, DataError> {
        let dialect = Text::of(&[], &self.file, &self.options).dialect;
        let ranges = self.window.parts(&dialect, most)?;
        let text = self.window.text();
        let form = Form { dialect: &dialect, header: &self.header };
        let found: Vec<_> = ranges.par_iter().map(|range| self.part(&text[range.clone()], &form, columns)).collect();
        let mut parts = Vec::new();
        for (mut part, blank_lines, lines) in found {
            part.place(self.record, self.line);
            self.record += (part.rows + part.bad.len()) as u64;
            self.line += lines;
            self.blank_lines += blank_lines;
            parts.push(part);
        }
        let passed = ranges.last().map_or(0, |range| range.end);
        self.window.pass(passed);
        Ok(parts)
    }

    fn part(&self, text: &[u8], form: &Form<'_>, columns: &[(usize, Plan)]) -> (Part, u64, u64) {
        let index = form.index(text);
        let read = columns.iter().map(|&(position, plan)| {
            let mut odd = Oddities::default();
            let mut array = self.cells(text, &index, position).array(plan, &mut odd);
            if let Err(misfit) = &mut array {
                misfit.row = index.record(misfit.row) as usize;
            }
            if let Some((row, _)) = &mut odd.example {
                *row = index.record(*row) as usize;
            }
            (array, odd)
        });
        let columns = read.collect();
        let mut known = (0, 0);
        let bad = index.bad.iter().enumerate().map(|(place, bad)| {
            known = (bad.start, known.1 + lines(&text[known.0..bad.start]));
            self.bad_row(text, bad, place, known.1 + 1)
        });
        let bad = bad.collect();
        (Part { rows: index.rows, columns, bad }, index.blank_lines, lines(text))
    }

    fn cells<'a>(&'a self, text: &'a [u8], index: &'a Index, position: usize) -> Cells<'a> {
        let quote = self.options.quote.map(|quote| quote as u8);
        Cells { text, index, position, columns: self.header.names.len(), quote, rules: &self.rules }
    }

    /// Counts what the cells of all columns are, in at least so many well formed rows or all there are; says how many
    /// there were.
    pub(super) fn tallies(&mut self, least_rows: u64) -> Result<(Vec<Tally>, u64, u64), DataError> {
        let dialect = Text::of(&[], &self.file, &self.options).dialect;
        let mut all = vec![Tally::default(); self.header.names.len()];
        let (mut rows, mut bad) = (0, 0);
        while rows < least_rows {
            let most = if least_rows == u64::MAX { 2 * rayon::current_num_threads() } else { 1 };
            let ranges = self.window.parts(&dialect, most)?;
            if ranges.is_empty() {
                break;
            }
            let text = self.window.text();
            let form = Form { dialect: &dialect, header: &self.header };
            let limit = least_rows - rows;
            let found: Vec<_> = ranges.par_iter().map(|range| self.tally(&text[range.clone()], &form, limit)).collect();
            for (tallies, index_rows, records) in found {
                for (all, tally) in all.iter_mut().zip(tallies) {
                    all.join(tally, self.record);
                }
                self.record += records;
                rows += index_rows;
                bad += records - index_rows;
            }
            let passed = ranges.last().map_or(0, |range| range.end);
            self.window.pass(passed);
        }
        Ok((all, rows, bad))
    }

    fn tally(&self, text: &[u8], form: &Form<'_>, most_rows: u64) -> (Vec<Tally>, u64, u64) {
        let index = form.index(text);
        let rows = index.rows.min(usize::try_from(most_rows).unwrap_or(usize::MAX));
        let of_column = |position| {
            let cells = self.cells(text, &index, position);
            let mut tally = Tally::default();
            let mut scratch = Vec::new();
            for row in 0..rows {
                let raw = cells.raw(row, &mut scratch);
                tally.add(self.rules.cell(raw), index.record(row), raw);
            }
            tally
        };
        ((0..self.header.names.len()).map(of_column).collect(), index.rows as u64, index.records())
    }

    fn bad_row(&self, text: &[u8], bad: &Bad, place: usize, line: u64) -> BadRow {
        let raw = trimmed(&text[bad.start..bad.end]);
        let row = (bad.before + place) as u64;
        // Each of these costs more than the row, and is for one way of treating it.
        let fault = (self.malformed == Malformed::Error && place == 0).then(|| self.fault(text, bad, row));
        let raw = if self.malformed == Malformed::Quarantine { raw.to_vec() } else { Vec::new() };
        BadRow { line, reason: self.reason(bad.why), raw, fault }
    }

    fn fault(&self, text: &[u8], bad: &Bad, row: u64) -> Fault {
        let words = Text::of(text, &self.file, &self.options);
        match bad.why {
            Why::Fields(found) => words.fault(Halt::ragged(row, bad.start, found), 0, &self.header),
            Why::Flaw(flaw, position) => words.fault(Halt::flaw(flaw, row, bad.start, position), 0, &self.header),
            Why::RepeatedHeader => words.fault(Halt::repeated_header(row, bad.start), 0, &self.header),
            Why::Utf8(at) => {
                let message = format!("expected UTF-8, found byte 0x{:02x} in the row", text[at]);
                let raw = &text[bad.start..bad.end];
                let other = if raw.iter().any(|byte| (0x80..0xa0).contains(byte)) { "windows-1252" } else { "latin-1" };
                let hint = format!("if the file was written in {other}, set csv.encoding: {other}");
                Fault::new("encoding", message).file(self.file.as_str()).row(row + 1).hint(hint)
            }
            Why::Nul(_) => Fault::new("nul_byte", "expected text, found a NUL in the row")
                .file(self.file.as_str())
                .row(row + 1)
                .hint("remove the NUL bytes"),
        }
    }

    fn reason(&self, why: Why) -> &'static str {
        match why {
            Why::Fields(found) if found < self.header.names.len() => "too_few_fields",
            Why::Fields(_) => "too_many_fields",
            Why::Flaw(Flaw::AfterQuote, _) => "text_after_quote",
            Why::Flaw(Flaw::Unclosed, _) => "unclosed_quote",
            Why::Flaw(Flaw::SpaceBeforeQuote, _) => "space_before_quote",
            Why::RepeatedHeader => "repeated_header",
            Why::Utf8(_) => "invalid_utf8",
            Why::Nul(_) => "nul_byte",
        }
    }
}

/// A record without its line end.
fn trimmed(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Number of line ends: LF, CR LF, or CR.
fn lines(text: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', text).count();
    let returns = memchr_iter(b'\r', text).filter(|&at| text.get(at + 1) != Some(&b'\n')).count();
    (feeds + returns) as u64
}
