//! One file of JSON objects, one a line.
//!
//! Values become the cells that CSV has: text is as it stands, and a date or timestamp where all of a column's texts are
//! such; lists and objects are their JSON text; null, an absent key and the empty text are missing.

use memchr::memchr_iter;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::delimited::{BadRow, Part};
use super::index::{Bad, Index, Why};
use super::typed::{Cells, Oddities, Plan};
use super::window::Window;
use crate::csv::cell::{Cell, Rules};
use crate::csv::record::Dialect;
use crate::csv::tally::{Tally, shown};
use crate::{CsvOptions, DataError, Fault, Malformed};

/// A file of JSON lines that is being read.
#[derive(Debug)]
pub(super) struct JsonLines {
    window: Window,
    file: String,
    malformed: Malformed,
    rules: Rules,
    line: u64,
    record: u64,
}

/// The objects of a part, in order, and what is no object.
struct Objects<'a> {
    rows: Vec<Map<String, Value>>,
    bad: Vec<(Bad, u64, &'static str, String)>,
    lines: u64,
    text: &'a [u8],
}

/// What the first rows of a file hold, by key in the order in which the keys appear.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) names: Vec<String>,
    pub(super) tallies: Vec<Tally>,
    pub(super) rows: u64,
    pub(super) bad: u64,
}

/// A key that the first rows do not have.
pub(super) struct NewKey {
    pub(super) name: String,
    pub(super) row: u64,
    pub(super) example: String,
    pub(super) cell: Cell,
}

impl JsonLines {
    pub(super) fn open(mut window: Window, file: &str, malformed: Malformed) -> Result<Self, DataError> {
        window.fill(3)?;
        if window.text().starts_with(b"\xef\xbb\xbf") {
            window.pass(3);
        }
        let rules = Rules::new(&CsvOptions::default());
        Ok(Self { window, file: file.to_owned(), malformed, rules, line: 0, record: 0 })
    }

    /// The next parts of the file; none at its end. `known`: all keys that the scan has.
    pub(super) fn parts(
        &mut self,
        columns: &[(&str, Plan)],
        known: Option<&[&str]>,
        most: usize,
    ) -> Result<Vec<(Part, Option<NewKey>)>, DataError> {
        let ranges = self.window.parts(&dialect(), most)?;
        let text = self.window.text();
        let found: Vec<_> = ranges.par_iter().map(|range| self.part(&text[range.clone()], columns, known)).collect();
        let mut parts = Vec::new();
        for (mut part, new, lines) in found {
            part.place(self.record, self.line);
            let new = new.map(|new| NewKey { row: new.row + self.record, ..new });
            self.record += (part.rows + part.bad.len()) as u64;
            self.line += lines;
            parts.push((part, new));
        }
        let passed = ranges.last().map_or(0, |range| range.end);
        self.window.pass(passed);
        Ok(parts)
    }

    fn part(&self, text: &[u8], columns: &[(&str, Plan)], known: Option<&[&str]>) -> (Part, Option<NewKey>, u64) {
        let objects = self.objects(text);
        let mut index = Index { rows: objects.rows.len(), ..Index::default() };
        index.bad = objects.bad.iter().map(|(bad, ..)| bad.clone()).collect();
        let read = columns.iter().map(|&(name, plan)| {
            let mut cells = Vec::new();
            index.fields.clear();
            for row in &objects.rows {
                let start = cells.len();
                row.get(name).into_iter().for_each(|value| write(value, &mut cells));
                index.fields.push([start as u32, cells.len() as u32]);
            }
            let mut odd = Oddities::default();
            let cells = Cells { text: &cells, index: &index, position: 0, columns: 1, quote: None, rules: &self.rules };
            let mut array = cells.array(plan, &mut odd);
            if let Err(misfit) = &mut array {
                misfit.row = index.record(misfit.row) as usize;
            }
            if let Some((row, _)) = &mut odd.example {
                *row = index.record(*row) as usize;
            }
            (array, odd)
        });
        let read = read.collect();
        let new = known.and_then(|known| self.new_key(&objects, &index, known));
        let rows = objects.rows.len();
        let bad = objects.bad.iter().enumerate().map(|(place, (bad, line, reason, message))| {
            let raw = objects.text[bad.start..bad.end].trim_ascii_end();
            let fault =
                Fault::new(reason, message.clone()).file(self.file.as_str()).row(place as u64 + bad.before as u64 + 1);
            let fault = (self.malformed == Malformed::Error).then_some(fault);
            let raw = if self.malformed == Malformed::Quarantine { raw.to_vec() } else { Vec::new() };
            BadRow { line: *line, reason, raw, fault }
        });
        (Part { rows, columns: read, bad: bad.collect() }, new, objects.lines)
    }

    fn new_key(&self, objects: &Objects<'_>, index: &Index, known: &[&str]) -> Option<NewKey> {
        objects.rows.iter().enumerate().find_map(|(row, object)| {
            let (name, value) = object.iter().find(|(name, _)| !known.contains(&name.as_str()))?;
            let mut raw = Vec::new();
            write(value, &mut raw);
            let cell = self.cell(value, &raw);
            Some(NewKey { name: name.clone(), row: index.record(row), example: shown(&raw), cell })
        })
    }

    /// What the values of at least so many rows are.
    pub(super) fn keys(&mut self, least_rows: u64) -> Result<Keys, DataError> {
        let mut keys = Keys::default();
        while keys.rows < least_rows {
            let ranges = self.window.parts(&dialect(), 1)?;
            let Some(range) = ranges.first() else { break };
            let text = &self.window.text()[range.clone()];
            let objects = self.objects(text);
            if let (Malformed::Error, Some((bad, line, reason, message))) = (self.malformed, objects.bad.first()) {
                let fault = Fault::new(reason, message.clone()).file(self.file.as_str());
                let row = self.record + (bad.before + 1) as u64;
                return Err(DataError::malformed(fault.row(row).line(self.line + line)));
            }
            let mut raw = Vec::new();
            for (row, object) in objects.rows.iter().enumerate() {
                for (name, value) in object {
                    let place = keys.names.iter().position(|known| known == name).unwrap_or_else(|| {
                        keys.names.push(name.clone());
                        keys.tallies.push(Tally::default());
                        keys.names.len() - 1
                    });
                    raw.clear();
                    write(value, &mut raw);
                    keys.tallies[place].add(self.cell(value, &raw), self.record + row as u64, &raw);
                }
            }
            keys.rows += objects.rows.len() as u64;
            keys.bad += objects.bad.len() as u64;
            self.record += (objects.rows.len() + objects.bad.len()) as u64;
            self.line += objects.lines;
            let passed = range.end;
            self.window.pass(passed);
        }
        Ok(keys)
    }

    /// What a value is: text is text, unless it is a date.
    fn cell(&self, value: &Value, raw: &[u8]) -> Cell {
        match (value, self.rules.cell(raw)) {
            (Value::String(_), cell @ (Cell::Date(_) | Cell::Instant(_) | Cell::Empty)) => cell,
            (Value::String(_) | Value::Array(_) | Value::Object(_), _) => Cell::Text,
            (_, cell) => cell,
        }
    }

    fn objects<'a>(&self, text: &'a [u8]) -> Objects<'a> {
        let mut objects = Objects { rows: Vec::new(), bad: Vec::new(), lines: 0, text };
        let mut start = 0;
        let ends = memchr_iter(b'\n', text).chain((!text.ends_with(b"\n")).then_some(text.len()));
        for end in ends {
            let line = &text[start..end];
            objects.lines += 1;
            if !line.trim_ascii().is_empty() {
                let why = match serde_json::from_slice::<Value>(line) {
                    Ok(Value::Object(object)) => {
                        objects.rows.push(object);
                        None
                    }
                    Ok(_) => Some(("not_an_object", "expected an object, found another value".to_owned())),
                    Err(error) => Some(("invalid_json", format!("expected a JSON object, found none: {error}"))),
                };
                if let Some((reason, message)) = why {
                    let bad = Bad { before: objects.rows.len(), start, end, why: Why::Fields(0) };
                    objects.bad.push((bad, objects.lines, reason, message));
                }
            }
            start = end + 1;
        }
        objects
    }
}

/// Lines, whatever is in them: a line feed within a JSON text is escaped.
fn dialect() -> Dialect {
    Dialect::new(b',', None)
}

/// A value as the text of a cell.
fn write(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) => into.extend_from_slice(text.as_bytes()),
        other => serde_json::to_writer(into, other).expect("a value that was read from JSON"),
    }
}
