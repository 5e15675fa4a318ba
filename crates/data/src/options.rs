use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DataError, Fault};

/// The format of input files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text: `.csv`, `.tsv`, and these with `.gz` or `.zst`.
    Csv,
    /// Apache Parquet: `.parquet`, `.pq`.
    Parquet,
}

/// How the bytes of a text file stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16; the byte order is that of the mark, little-endian without one.
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16, little-endian.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// ISO 8859-1. The control characters 0x80 to 0x9f are refused: a file that has them is windows-1252.
    #[serde(rename = "latin-1")]
    Latin1,
    /// Windows code page 1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// How CSV files are written (`data.csv`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CsvOptions {
    /// The character between fields. Default: a comma; a tab in files named `.tsv`.
    pub delimiter: Option<char>,
    /// The character around fields that hold delimiters, quotes or line ends; doubled within. `null` = no quoting.
    pub quote: Option<char>,
    /// What stands for a missing value, besides the empty field. Default: in columns whose other cells are all numbers,
    /// dates or booleans, the usual tokens (`NA`, `N/A`, `NaN`, `null`, `None`, `-`, `?`, blanks, ...), each use counted
    /// in a warning; in text columns nothing else is missing. A list that is given holds for every column, and alone.
    pub nulls: Option<Vec<String>>,
    /// The decimal mark: `.` or `,`.
    pub decimal: char,
    /// The character encoding.
    pub encoding: Encoding,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: None, quote: Some('"'), nulls: None, decimal: '.', encoding: Encoding::Utf8 }
    }
}

impl CsvOptions {
    /// Checks that the options go together.
    ///
    /// # Errors
    /// `Options` (`csv_options`): a delimiter or quote that is not one ASCII character, a decimal mark other than `.` and
    /// `,`, or one character in two roles.
    pub fn check(&self) -> Result<(), DataError> {
        let refuse = |option: &str, message: String| {
            Err(DataError::options(Fault::new("csv_options", format!("data.csv.{option}: {message}"))))
        };
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || delimiter.is_ascii_alphanumeric() || "\n\r\0. -+".contains(delimiter))
        {
            return refuse("delimiter", format!("expected one punctuation character or a tab, found {delimiter:?}"));
        }
        if let Some(quote) = self.quote
            && (!quote.is_ascii_punctuation() || Some(quote) == self.delimiter)
        {
            return refuse(
                "quote",
                format!("expected one punctuation character other than the delimiter, found {quote:?}"),
            );
        }
        if !matches!(self.decimal, '.' | ',') {
            return refuse("decimal", format!("expected `.` or `,`, found {:?}", self.decimal));
        }
        if self.quote == Some(self.decimal) {
            return refuse(
                "quote",
                format!("expected a character other than the decimal mark, found {:?}", self.decimal),
            );
        }
        Ok(())
    }
}

/// How input files are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// The format of every file; `None` = by each file's extension.
    pub format: Option<Format>,
    /// How CSV files are written.
    pub csv: CsvOptions,
    /// Columns that are not read: they may be of types that are not supported. Names that no file has are ignored.
    pub skip: Vec<String>,
    /// Columns of CSV files that are text, whatever their cells look like: as another file of the same data has them.
    pub text: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_from_a_config() {
        let options: CsvOptions =
            serde_json::from_str(r#"{"delimiter": ";", "quote": null, "encoding": "utf-16le"}"#).unwrap();
        let expected =
            CsvOptions { delimiter: Some(';'), quote: None, encoding: Encoding::Utf16Le, ..CsvOptions::default() };
        assert_eq!(options, expected);
        assert!(serde_json::from_str::<CsvOptions>(r#"{"delimeter": ";"}"#).is_err());
        assert_eq!(serde_json::from_str::<Encoding>("\"latin-1\"").unwrap(), Encoding::Latin1);
        assert_eq!(serde_json::from_str::<Encoding>("\"windows-1252\"").unwrap(), Encoding::Windows1252);
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let refused = |options: CsvOptions| options.check().unwrap_err().to_string();
        let default = CsvOptions::default;
        assert!(
            refused(CsvOptions { delimiter: Some('a'), ..default() }).starts_with("data.csv.delimiter: expected one")
        );
        assert!(refused(CsvOptions { delimiter: Some('"'), ..default() }).starts_with("data.csv.quote"));
        assert!(refused(CsvOptions { quote: Some('§'), ..default() }).starts_with("data.csv.quote"));
        assert!(refused(CsvOptions { decimal: ';', ..default() }).starts_with("data.csv.decimal"));
        assert!(CsvOptions { delimiter: Some('\t'), decimal: ',', quote: Some('\''), ..default() }.check().is_ok());
    }
}
