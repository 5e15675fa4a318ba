//! From the places that a config or an argument names to tables.

use trainer_data::{Input, InputFile, ReadOptions, Source};

use crate::config::Config;

/// The files of a run.
pub struct Inputs {
    /// Rows to train on.
    pub train: Input,
    /// Rows to judge on.
    pub test: Option<Input>,
}

impl Inputs {
    /// Reads what the config names.
    ///
    /// # Errors
    /// Those of [`Source::read`].
    pub fn read(config: &Config) -> anyhow::Result<Self> {
        let data = &config.data;
        let options = read_options(config);
        wait(async {
            let source = Source::open(&data.source)?;
            let train = source.read(&data.train_path, &options).await?;
            let test = match &data.test_path {
                Some(path) => Some(source.read(path, &options).await?),
                None => None,
            };
            Ok(Self { train, test })
        })
    }

    /// The files, with the part that each belongs to.
    pub fn files(&self) -> Vec<(&'static str, &InputFile)> {
        let train = self.train.files.iter().map(|file| ("train", file));
        let test = self.test.iter().flat_map(|input| &input.files).map(|file| ("test", file));
        train.chain(test).collect()
    }
}

/// Reads one file, by its path or `s3://` address, as the config says that files are written.
///
/// # Errors
/// Those of [`trainer_data::read`].
pub fn read_one(path: &str, config: &Config) -> anyhow::Result<Input> {
    let options = read_options(config);
    // The format is that of the training files; another file says its own by its name.
    let options = ReadOptions { format: None, ..options };
    wait(async { Ok(trainer_data::read(path, &options).await?) })
}

fn read_options(config: &Config) -> ReadOptions {
    let data = &config.data;
    ReadOptions { format: data.format, csv: data.csv.clone(), skip: data.ignore.clone() }
}

/// The one place where the program waits for the network.
fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
