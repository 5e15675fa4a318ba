use std::ops::Range;

/// Texts that a config came from: the file, variables of the environment, `--set` arguments.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

/// One text that a config came from.
#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

/// A range of bytes of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    source: u32,
    start: usize,
    end: usize,
}

/// A span as people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file, variable or option.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The whole line, with passwords in URLs blotted out.
    pub text: String,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
}

impl Span {
    /// Bytes `range` of the source.
    pub fn new(source: u32, range: Range<usize>) -> Self {
        Self { source, start: range.start, end: range.end }
    }

    /// Which source.
    pub fn source(self) -> u32 {
        self.source
    }

    /// First byte.
    pub fn start(self) -> usize {
        self.start
    }

    /// The byte after the last.
    pub fn end(self) -> usize {
        self.end
    }
}

impl Sources {
    /// Adds a text under the name that messages show; the number is what spans refer to.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        self.list.push(Source { name: name.into(), text: text.into() });
        u32::try_from(self.list.len() - 1).expect("few sources")
    }

    /// Whether the span is of a text that is here.
    pub fn has(&self, span: Span) -> bool {
        (span.source as usize) < self.list.len()
    }

    /// Name of a source.
    pub fn name(&self, source: u32) -> &str {
        &self.list[source as usize].name
    }

    /// Text of a source.
    pub fn text(&self, source: u32) -> &str {
        &self.list[source as usize].text
    }

    /// The text that a span covers, passwords blotted out.
    pub fn slice(&self, span: Span) -> String {
        blot(self.text(span.source).get(span.start..span.end).unwrap_or_default())
    }

    /// Line and column of a span.
    pub fn place(&self, span: Span) -> Place {
        let text = self.text(span.source);
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, span.end).clamp(start, line_end);
        Place {
            file: self.name(span.source).to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: blot(text[line_start..line_end].trim_end_matches('\r')),
            width: text[start..end].trim_end().chars().count().max(1),
        }
    }
}

fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// Replaces each character of what signs somebody in by a star, so that columns stay true: the password of
/// `scheme://user:password@host`, also where the scheme was forgotten, and all of it before the `@` of http and https, where
/// a user alone may be a token.
pub fn blot(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| c.is_whitespace() || "\"'".contains(c)) {
        let hidden = secret(word).unwrap_or(0..0);
        shown.push_str(&word[..hidden.start]);
        shown.extend(word[hidden.clone()].chars().map(|_| '*'));
        shown.push_str(&word[hidden.end..]);
    }
    shown
}

/// The part of a word that signs somebody in.
fn secret(word: &str) -> Option<Range<usize>> {
    let start = word.find("://").map_or(0, |at| at + 3);
    let scheme = &word[..start];
    let is_http = scheme.ends_with("http://") || scheme.ends_with("https://");
    let rest = &word[start..];
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold what ends an address; a port may not.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let odd = rest[..authority].split_once(':').is_some_and(|(_, port)| !is_port(port) && !port.contains('@'));
    let within = if is_http && odd { rest } else { &rest[..authority] };
    let at = within.rfind('@')?;
    let colon = within[..at].find(':');
    let from = match colon {
        _ if is_http => 0,
        Some(colon) if scheme.is_empty() && colon + 1 < at && colon > 0 => colon + 1,
        Some(colon) if !scheme.is_empty() => colon + 1,
        _ => return None,
    };
    Some(start + from..start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_not_bytes() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "é: 1\r\nnaïve: ü2\r\n");
        let text = sources.text(id).to_owned();
        let at = text.find("ü2").unwrap();
        let place = sources.place(Span::new(id, at..at + 3));
        assert_eq!((place.line, place.column, place.width), (2, 8, 2));
        assert_eq!(place.text, "naïve: ü2");
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "a: 1");
        let place = sources.place(Span::new(id, 90..99));
        assert_eq!((place.line, place.column, place.width), (1, 5, 1));
    }

    #[test]
    fn passwords_are_blotted_and_nothing_else() {
        assert_eq!(blot("a: http://me:s3cret@host/x?y=1"), "a: http://*********@host/x?y=1");
        assert_eq!(blot("https://u:p@q@h s3://bucket/a:b@c"), "https://*****@h s3://bucket/a:b@c");
        assert_eq!(blot("\"https://ghp_token@github.com/o/r\""), "\"https://*********@github.com/o/r\"");
        assert_eq!(blot("http://me:pa/ss@host:5000"), "http://********@host:5000");
        assert_eq!(blot("uri: ann:hunter2@mlflow:5000"), "uri: ann:*******@mlflow:5000");
        assert_eq!(blot("postgresql://u:p@h/db"), "postgresql://u:*@h/db");
        for same in [
            "s3://bucket/prefix/",
            "http://mlflow:5000",
            "mail me@host: x",
            "ssh://git@host/o/r",
            "git@github.com:o/r.git",
            "http://host:5000/a@b",
            "a: b@c",
            "://",
        ] {
            assert_eq!(blot(same), same);
        }
    }
}
