use glob::{MatchOptions, Pattern};

use crate::{DataError, Fault};

/// A path with `*`, `**`, `?` or `[..]` in it.
#[derive(Debug)]
pub(super) struct PathPattern {
    pattern: Pattern,
    /// The part before the first folder or file name that has a wildcard: where to look.
    pub(super) base: String,
}

impl PathPattern {
    /// # Errors
    /// `Options` (`bad_pattern`).
    pub(super) fn new(path: &str) -> Result<Self, DataError> {
        let pattern = Pattern::new(path).map_err(|error| {
            DataError::options(Fault::new(
                "bad_pattern",
                format!("expected a file pattern, found `{path}`: {}", error.msg),
            ))
        })?;
        let wildcard = path.find(['*', '?', '[']).unwrap_or(path.len());
        let base = path[..wildcard].rfind('/').map_or("", |end| &path[..end + 1]).to_owned();
        Ok(Self { pattern, base })
    }

    /// Whether a path matches: `*` stays within a name, hidden names (`.`, `_`) match only when written out.
    pub(super) fn matches(&self, path: &str) -> bool {
        let options =
            MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
        let rest = path.strip_prefix(&self.base).unwrap_or(path);
        let underscore = rest.split('/').any(|name| name.starts_with('_')) && !self.pattern.as_str().contains("/_");
        self.pattern.matches_with(path, options)
            && (!underscore || self.pattern.as_str()[self.base.len()..].starts_with('_'))
    }
}

/// Whether a folder's reader leaves a name out: markers and half-written files of other tools.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_hidden_names() {
        let matches = |pattern: &str, path: &str| PathPattern::new(pattern).unwrap().matches(path);
        assert!(matches("a/*.parquet", "a/x.parquet"));
        assert!(!matches("a/*.parquet", "a/b/x.parquet"));
        assert!(matches("a/**/*.parquet", "a/b/x.parquet"));
        assert!(matches("a/**/*.parquet", "a/x.parquet"));
        assert!(!matches("a/*", "a/_SUCCESS"));
        assert!(!matches("a/*", "a/.x.crc"));
        assert!(!matches("a/**/*", "a/_temporary/x.parquet"));
        assert!(matches("a/_*", "a/_x.parquet"));
        assert!(matches("part-?[0-9].csv", "part-01.csv"));
        assert_eq!(PathPattern::new("a/b-*/c").unwrap().base, "a/");
        assert_eq!(PathPattern::new("*.csv").unwrap().base, "");
        assert_eq!(PathPattern::new("a[").unwrap_err().code(), "bad_pattern");
    }
}
