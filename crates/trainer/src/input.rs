//! From the places that a config or an argument names to tables.

use trainer_data::{Column, Input, InputFile, Kind, ReadOptions, Source, Table};
use trainer_features::FittedPlan;

use crate::config::Config;
use crate::exit::Failure;
use crate::feature_store::Brought;
use crate::state_file::GivenState;

/// The files of a run.
pub struct Inputs {
    /// Rows to train on.
    pub train: Input,
    /// Rows to judge on.
    pub test: Option<Input>,
    /// The state that the features start from.
    pub state: Option<GivenState>,
    /// What a feature store brought to both.
    pub brought: Brought,
}

impl Inputs {
    /// Reads what the config names.
    ///
    /// # Errors
    /// Those of [`Source::read`], and those of a feature store.
    pub fn read(config: &Config) -> anyhow::Result<Self> {
        let data = &config.data;
        let state = GivenState::of(config)?;
        let options = train_options(config, state.as_ref());
        let mut inputs = wait(async {
            let source = Source::open(&data.source)?;
            let train = source.read(&data.train_path, &options).await?;
            // What is text in one file is text in the other, though all its cells may look like numbers.
            let text = train.table.columns().iter().filter(|column| column.kind() == Kind::Text);
            let text = text.map(|column| column.name().to_owned()).collect();
            let options = ReadOptions { text, ..options };
            let test = match &data.test_path {
                Some(path) => Some(source.read(path, &options).await?),
                None => None,
            };
            Ok(Self { train, test, state, brought: Brought::default() })
        })?;
        inputs.forget_made_columns();
        inputs.brought.join(config, "train", &mut inputs.train)?;
        if let Some(test) = &mut inputs.test {
            inputs.brought.join(config, "test", test)?;
        }
        Ok(inputs)
    }

    /// A column of `data.ignore` that the state makes is in no file, and that is as it should be; nor need one be there
    /// that nobody may see.
    fn forget_made_columns(&mut self) {
        let Some(state) = &self.state else { return };
        let is_expected = |name: &str| state.makes(name) || state.plan.hides(name);
        for input in [Some(&mut self.train), self.test.as_mut()].into_iter().flatten() {
            input.warnings.retain(|it| it.code != "absent_column" || !it.column.as_deref().is_some_and(is_expected));
        }
    }

    /// The training rows, with these columns as the text that they are in their files: a date that was read as one says no
    /// more how it was written.
    ///
    /// # Errors
    /// Those of [`Source::read`]; files that are others by now.
    pub fn as_written(&self, config: &Config, columns: &[String]) -> anyhow::Result<Table> {
        let table = &self.train.table;
        let is_changed = |name: &String| {
            let column = table.column(name);
            columns.contains(name) && column.is_some_and(|it| !matches!(it.kind(), Kind::Text | Kind::Null))
        };
        let names: Vec<String> = table.names().map(str::to_owned).collect();
        let (text, skip): (Vec<String>, Vec<String>) = names.into_iter().partition(is_changed);
        if text.is_empty() {
            return Ok(table.clone());
        }
        let mut options = train_options(config, self.state.as_ref());
        options.skip.extend(skip);
        options.text = text;
        let data = &config.data;
        let again = wait(async { Ok(Source::open(&data.source)?.read(&data.train_path, &options).await?) })?;
        if again.files != self.train.files {
            let message = format!("{}: expected files that stay as they are, found others", data.train_path);
            return Err(Failure::data(format!("{message}\n  hint: fit when nobody writes them")).into());
        }
        let written = |column: &Column| again.table.column(column.name()).unwrap_or(column).clone();
        let columns = table.columns().iter().map(written).collect();
        Ok(Table::from_columns(columns)?.at_the_places_of(table))
    }

    /// Whether test and training rows come from different files, whatever they are called.
    ///
    /// # Errors
    /// A test file with the very bytes of a training file.
    pub fn check_apart(&self) -> Result<(), Failure> {
        let test = self.test.iter().flat_map(|input| &input.files);
        for file in test {
            if let Some(same) = self.train.files.iter().find(|other| other.sha256 == file.sha256) {
                let message = format!(
                    "{}: expected rows that the model does not learn from, found the bytes of {}",
                    file.path, same.path
                );
                return Err(Failure::data(format!("{message}\n  hint: name other rows as data.test_path")));
            }
        }
        Ok(())
    }

    /// The files, with the part that each belongs to.
    pub fn files(&self) -> Vec<(&'static str, &InputFile)> {
        let train = self.train.files.iter().map(|file| ("train", file));
        let test = self.test.iter().flat_map(|input| &input.files).map(|file| ("test", file));
        let features = self.brought.files.iter().map(|file| ("features", file));
        let state = self.state.iter().map(|state| ("state", &state.file));
        train.chain(test).chain(features).chain(state).collect()
    }

    /// The files that rows of an input, this one of the run's, and their features came from.
    pub fn behind<'a>(&'a self, input: &'a Input) -> Vec<&'a InputFile> {
        input.files.iter().chain(&self.brought.files).collect()
    }
}

/// Reads one file, by its path or `s3://` address, as the config says that files are written; `plan` made the matrix of the
/// training rows, and `text` are the columns beside its own that were text in them.
///
/// # Errors
/// Those of [`trainer_data::read`].
pub fn read_one(path: &str, config: &Config, plan: &FittedPlan, text: Vec<String>) -> anyhow::Result<Input> {
    let inputs = || plan.inputs().iter();
    let text = inputs().filter(|it| it.kind == Kind::Text).map(|it| it.name.clone()).chain(text).collect();
    let mut options = read_options(config);
    // Of a column that is no feature, a state may have made one.
    options.skip.retain(|name| inputs().all(|input| input.name != *name));
    // The format is that of the training files; another file says its own by its name.
    let options = ReadOptions { format: None, text, ..options };
    wait(async { Ok(trainer_data::read(path, &options).await?) })
}

/// Reads a file, a folder or a pattern, local or of a bucket, which may be at an endpoint of its own.
///
/// # Errors
/// Those of [`trainer_data::read`].
pub fn read_place(place: &str, options: &ReadOptions, s3_endpoint: Option<&str>) -> anyhow::Result<Input> {
    let in_bucket = place.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    wait(async {
        let (Some((bucket, path)), Some(_)) = (in_bucket, s3_endpoint) else {
            return Ok(trainer_data::read(place, options).await?);
        };
        Ok(Source::open_in(&format!("s3://{bucket}/"), variables(s3_endpoint))?.read(path, options).await?)
    })
}

/// With a state, columns that it reads are read though they are no features, and those that nobody may see are not.
fn train_options(config: &Config, state: Option<&GivenState>) -> ReadOptions {
    let mut options = read_options(config);
    if let Some(state) = state {
        options.skip.retain(|name| !state.reads(name));
        options.skip.extend(state.plan.hidden().iter().cloned());
        options.text = state.text_columns();
    }
    options
}

/// The environment that says how S3 is reached, with an endpoint of one's own.
pub fn variables(s3_endpoint: Option<&str>) -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| s3_endpoint.is_none() || key != "AWS_ENDPOINT_URL_S3")
        .chain(s3_endpoint.map(|endpoint| ("AWS_ENDPOINT_URL_S3".to_owned(), endpoint.to_owned())))
        .collect()
}

fn read_options(config: &Config) -> ReadOptions {
    let data = &config.data;
    let (csv, skip) = (data.csv.clone(), data.ignore.clone());
    ReadOptions { format: data.format, csv, skip, text: Vec::new() }
}

/// The one place where the program waits for the network.
fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
