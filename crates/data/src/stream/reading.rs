//! One pass over the files of a scan.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::SchemaRef;

use super::FileScan;
use super::change::{MalformedRow, TypeChanged};
use super::columnar::Columnar;
use super::conversion::converted;
use super::delimited::{Delimited, Part};
use super::file::{FileColumnPlan, FilePlan, Form, open_lines, open_text};
use super::lines::{JsonLines, NewKey};
use super::options::Malformed;
use super::report::Pass;
use super::typed::{Misfit, Plan};
use super::typing::kind;
use crate::csv::tally::{Tally, shown};
use crate::{DataError, Fault, Kind, ScanError, Warning};

/// The batches of a pass.
pub(super) struct Reading {
    scan: FileScan,
    pass: Arc<Pass>,
    /// The columns of the scan that are read.
    wanted: Vec<usize>,
    schema: SchemaRef,
    /// The file that is read, or the next one.
    file: usize,
    open: Option<Open>,
    ready: VecDeque<RecordBatch>,
    ended: bool,
    error: Option<ScanError>,
}

enum Open {
    Text(Box<Delimited>),
    Lines(Box<JsonLines>),
    Columns(Box<Columnar>, u64),
}

impl Reading {
    pub(super) fn new(scan: FileScan, columns: &[usize], pass: Arc<Pass>) -> Result<Self, ScanError> {
        let schema = Arc::new(scan.schema.project(columns)?);
        let wanted = columns.to_vec();
        Ok(Self { scan, pass, wanted, schema, file: 0, open: None, ready: VecDeque::new(), ended: false, error: None })
    }

    /// Reads on until a batch is ready; `false` at the end.
    fn advance(&mut self) -> Result<bool, ScanError> {
        let scan = self.scan.clone();
        let Some(file) = scan.files.get(self.file) else { return Ok(false) };
        if self.open.is_none() {
            self.open = Some(self.opened(file)?);
        }
        match self.open.take() {
            Some(Open::Text(mut text)) => {
                let columns: Vec<(usize, Plan)> =
                    self.of_file(file).map(|(_, column)| (column.position, column.plan)).collect();
                let parts = text.parts(&columns, 2 * rayon::current_num_threads())?;
                if parts.is_empty() {
                    self.end_text(&text);
                } else {
                    for part in parts {
                        self.take(file, part)?;
                    }
                    self.open = Some(Open::Text(text));
                }
            }
            Some(Open::Lines(mut lines)) => {
                // Who names the columns does not want others.
                let is_all = scan.options.columns.is_none();
                let known: Vec<&str> = scan.schema.fields().iter().map(|field| field.name().as_str()).collect();
                let columns: Vec<(&str, Plan)> = self
                    .of_file(file)
                    .map(|(place, column)| (self.schema.field(place).name().as_str(), column.plan))
                    .collect();
                let parts = lines.parts(&columns, is_all.then_some(&known), 2 * rayon::current_num_threads())?;
                if parts.is_empty() {
                    self.file += 1;
                } else {
                    for (part, new) in parts {
                        if let Some(new) = new {
                            return Err(new_key(file, new));
                        }
                        self.take(file, part)?;
                    }
                    self.open = Some(Open::Lines(lines));
                }
            }
            Some(Open::Columns(mut columns, mut bytes)) => match columns.next()? {
                None => self.file += 1,
                Some((rows, arrays)) => {
                    let begun = columns.bytes();
                    self.pass.read_bytes(begun - bytes);
                    bytes = begun;
                    self.batch(file, rows, arrays)?;
                    self.open = Some(Open::Columns(columns, bytes));
                }
            },
            None => {}
        }
        Ok(true)
    }

    fn opened(&self, file: &FilePlan) -> Result<Open, DataError> {
        Ok(match &file.form {
            Form::Parquet(footer) => {
                let positions = self.of_file(file).map(|(_, column)| column.position).collect();
                Open::Columns(Box::new(Columnar::open(&file.found, footer, positions)?), 0)
            }
            form @ Form::JsonLines(_) => {
                let pass = Some(self.pass.clone());
                Open::Lines(Box::new(open_lines(&file.found, form, &self.scan.options, pass)?))
            }
            form => Open::Text(Box::new(open_text(&file.found, form, &self.scan.options, Some(self.pass.clone()))?)),
        })
    }

    /// The columns to read that the file has, by their place among those to read.
    fn of_file<'a>(&'a self, file: &'a FilePlan) -> impl Iterator<Item = (usize, &'a FileColumnPlan)> {
        let places = self.wanted.iter().enumerate();
        places.filter_map(|(place, &column)| Some((place, file.columns[column].as_ref()?)))
    }

    fn end_text(&mut self, text: &Delimited) {
        if text.blank_lines > 0 {
            let name = &self.scan.files[self.file].found.name;
            let message = format!("blank lines in {name} are no rows: passed over");
            self.pass.report().warn(Warning::of_table("blank_lines", text.blank_lines, message));
        }
        if let Some(warning) = text.header.warning(&self.scan.files[self.file].found.name) {
            self.pass.report().warn(warning);
        }
        self.file += 1;
    }

    /// Takes in what was read of a part: its rows, and what was wrong or odd.
    fn take(&mut self, file: &FilePlan, part: Part) -> Result<(), ScanError> {
        for bad in &part.bad {
            if let Some(fault) = &bad.fault {
                return Err(DataError::malformed(fault.clone()).into());
            }
            self.pass.report().drop_row(bad.reason, self.file, bad.line);
            if self.scan.options.malformed == Malformed::Quarantine {
                let row = MalformedRow { file: &file.found.name, line: bad.line, reason: bad.reason, raw: &bad.raw };
                self.quarantine(row)?;
            }
        }
        let mut arrays = Vec::new();
        let columns: Vec<_> = self.of_file(file).map(|(place, column)| (place, column.clone())).collect();
        for ((place, column), (array, odd)) in columns.iter().zip(part.columns) {
            let name = self.schema.field(*place).name();
            arrays.push(array.map_err(|misfit| self.misfit(file, name, column, misfit))?);
            let mut report = self.pass.report();
            if odd.unparsable > 0 {
                let example = odd.example.map(|(row, text)| (row as u64 + 1, text));
                report.unparsable(name, odd.unparsable, example, self.file);
            }
            if odd.tokens > 0 {
                let message = format!(
                    "cells that usually stand for a missing value (first in {}) are read as missing; csv.nulls says otherwise",
                    file.found.name
                );
                report.warn(Warning::new("null_tokens", name, odd.tokens, message));
            }
        }
        self.batch(file, part.rows, arrays)
    }

    /// Adds a batch of the file's columns, each as the scan has it.
    fn batch(&mut self, file: &FilePlan, rows: usize, arrays: Vec<ArrayRef>) -> Result<(), ScanError> {
        {
            let mut report = self.pass.report();
            report.rows += rows as u64;
            report.files[self.file].rows += rows as u64;
        }
        if rows == 0 {
            return Ok(());
        }
        let mut arrays = arrays.into_iter();
        let columns =
            self.schema.fields().iter().zip(&self.wanted).map(|(field, &column)| match file.columns[column] {
                None => Ok(new_null_array(field.data_type(), rows)),
                Some(_) => {
                    let array = arrays.next().expect("an array for every column that the file has");
                    converted(array, field.data_type(), field.name(), &file.found.name)
                }
            });
        let columns = columns.collect::<Result<Vec<_>, DataError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        self.ready.push_back(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?);
        Ok(())
    }

    fn misfit(&self, file: &FilePlan, name: &str, column: &FileColumnPlan, misfit: Misfit) -> ScanError {
        let (found, example) = (kind(&super::typed::data_type(column.plan.shape)), shown(&misfit.text));
        let row = misfit.row as u64 + 1;
        if self.scan.options.types.contains_key(name) {
            let fault = Fault::new("type_mismatch", format!("expected {found} as declared, found `{example}`"));
            let fault = fault.file(file.found.name.as_str()).row(row).column(name);
            return DataError::malformed(fault.hint("declare another type, or list the column as lenient")).into();
        }
        let mut tally = column.tally.clone().unwrap_or_default();
        tally.add(misfit.cell, misfit.row as u64, &misfit.text);
        let needed = kind(&super::typed::data_type(tally.shape()));
        let (column, file) = (name.to_owned(), file.found.name.clone());
        Box::new(TypeChanged { column, file, row, found, needed, example })
    }

    /// Hands a row to the keeper, unless an earlier pass did.
    fn quarantine(&self, row: MalformedRow<'_>) -> Result<(), DataError> {
        let Some(keeper) = &self.scan.quarantine else { return Ok(()) };
        let mut kept = self.scan.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if (self.file, row.line) > *kept {
            keeper.keep(&row)?;
            *kept = (self.file, row.line);
        }
        Ok(())
    }
}

/// A key that the first rows do not have is a column of another type than the absent one it was.
fn new_key(file: &FilePlan, new: NewKey) -> ScanError {
    let mut tally = Tally::default();
    tally.add(new.cell, new.row, new.example.as_bytes());
    let needed = kind(&super::typed::data_type(tally.shape()));
    let (row, file) = (new.row + 1, file.found.name.clone());
    Box::new(TypeChanged { column: new.name, file, row, found: Kind::Null, needed, example: new.example })
}

impl Iterator for Reading {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if self.ended {
                return self.error.take().map(Err);
            }
            match self.advance() {
                Ok(more) => self.ended = !more,
                // The rows that were read before it come first.
                Err(error) => (self.ended, self.error) = (true, Some(error)),
            }
        }
    }
}
