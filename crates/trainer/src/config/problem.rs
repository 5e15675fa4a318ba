use serde_json::{Map, Value as Json};

use super::source::{Place, Sources, Span};

/// What kind of error a config has; the numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file is not YAML, or uses YAML that is not used here.
    Syntax,
    /// A key is given twice.
    DuplicateKey,
    /// A key that is not known there.
    UnknownKey,
    /// A key that must be given is not.
    MissingKey,
    /// A value of another type.
    WrongType,
    /// A name that is not one of the known ones.
    UnknownName,
    /// A number or a length outside its bounds.
    OutOfRange,
    /// Text of another form.
    WrongForm,
    /// `${VAR}` that is not set or not closed.
    Variable,
    /// `--target` names no section of `targets:`.
    UnknownTarget,
    /// `--set` or a variable `TRAINER__...` that cannot be laid over the config.
    Override,
    /// Values that do not go together.
    Conflict,
    /// Understood, and not in this version.
    Unsupported,
    /// The file cannot be read.
    Unreadable,
    /// Refused by the section's own rules.
    Refused,
}

impl Code {
    /// Every code, in the order of the numbers.
    pub const ALL: [Code; 15] = [
        Self::Syntax,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::UnknownName,
        Self::OutOfRange,
        Self::WrongForm,
        Self::Variable,
        Self::UnknownTarget,
        Self::Override,
        Self::Conflict,
        Self::Unsupported,
        Self::Unreadable,
        Self::Refused,
    ];

    /// The code as it is printed, `TRN-C001` onwards.
    pub fn name(self) -> String {
        let number = Self::ALL.iter().position(|&code| code == self).map_or(0, |at| at + 1);
        format!("TRN-C{number:03}")
    }
}

/// One error of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// Where, when it is somewhere.
    pub place: Option<Place>,
    /// The key, such as `model.params.max_depth`; empty for the whole file.
    pub path: String,
    /// What is wrong: lower case, one line.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// What is there instead.
    pub found: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            place: None,
            path: String::new(),
            message: message.into(),
            expected: None,
            found: None,
            hint: None,
        }
    }

    /// A problem at a place of a source.
    pub fn at(code: Code, sources: &Sources, span: Span, message: impl Into<String>) -> Self {
        Self { place: Some(sources.place(span)), ..Self::new(code, message) }
    }

    /// Names the key.
    pub fn path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Says what would be right.
    pub fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    /// Says what is there instead.
    pub fn found(self, found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), ..self }
    }

    /// Says what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Line, from 1; 0 without a place.
    pub fn line(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.line)
    }

    /// Column, from 1; 0 without a place.
    pub fn column(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.column)
    }

    /// As JSON: code, file, line, column, path, message, and expected, found, hint where there are such.
    pub fn to_json(&self) -> Json {
        let mut map = Map::new();
        map.insert("code".into(), self.code.name().into());
        if let Some(place) = &self.place {
            map.insert("file".into(), place.file.clone().into());
            map.insert("line".into(), place.line.into());
            map.insert("column".into(), place.column.into());
        }
        map.insert("path".into(), self.path.clone().into());
        map.insert("message".into(), self.message.clone().into());
        for (name, text) in [("expected", &self.expected), ("found", &self.found), ("hint", &self.hint)] {
            if let Some(text) = text {
                map.insert(name.into(), text.clone().into());
            }
        }
        Json::Object(map)
    }
}
