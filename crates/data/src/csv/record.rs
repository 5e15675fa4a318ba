//! Text to fields, strictly.
//!
//! A quoted field ends where its quote closes: what follows must be a delimiter or a line end. Lenient readers take what
//! comes after as part of the field and so swallow the rest of a file whose quotes are written another way; here that is
//! an error with its place. This, and finding line ends in parallel, is why no library does it.

use memchr::{memchr, memchr_iter, memchr2};

/// The characters that shape the text.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    /// By byte: whether it ends a field that is not quoted.
    ends: [bool; 256],
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A quoted field goes on after its closing quote.
    AfterQuote,
    /// A quoted field never ends.
    Unclosed,
    /// A quote opens after a space.
    SpaceBeforeQuote,
}

/// What a field is followed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Field,
    Record,
}

/// The inside of a field, as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) raw: &'a [u8],
    /// Whether the inside has doubled quotes.
    pub(crate) doubled: bool,
    pub(crate) next: Next,
}

impl Dialect {
    pub(crate) fn new(delimiter: u8, quote: Option<u8>) -> Self {
        let mut ends = [false; 256];
        for byte in [delimiter, b'\n', b'\r'] {
            ends[byte as usize] = true;
        }
        Self { delimiter, quote, ends }
    }

    /// Reads the field that starts at `*at`, and moves `*at` behind its delimiter or line end.
    #[inline]
    pub(crate) fn field<'a>(&self, text: &'a [u8], at: &mut usize) -> Result<Field<'a>, Flaw> {
        let start = *at;
        if self.quote.is_some() && text.get(start).copied() == self.quote {
            return self.quoted(text, at);
        }
        let rest = &text[start..];
        let length = rest.iter().position(|&byte| self.ends[byte as usize]).unwrap_or(rest.len());
        let raw = &rest[..length];
        if raw.first() == Some(&b' ') && self.quote.is_some() && raw.trim_ascii_start().first().copied() == self.quote {
            return Err(Flaw::SpaceBeforeQuote);
        }
        *at = start + length;
        Ok(Field { raw, doubled: false, next: self.end(text, at) })
    }

    #[cold]
    fn unclosed(&self) -> Flaw {
        Flaw::Unclosed
    }

    fn quoted<'a>(&self, text: &'a [u8], at: &mut usize) -> Result<Field<'a>, Flaw> {
        let quote = self.quote.expect("a quote");
        let start = *at + 1;
        let mut doubled = false;
        let mut from = start;
        let close = loop {
            let close = from + memchr(quote, &text[from..]).ok_or_else(|| self.unclosed())?;
            if text.get(close + 1) != Some(&quote) {
                break close;
            }
            doubled = true;
            from = close + 2;
        };
        *at = close + 1;
        if text.get(*at).is_some_and(|&byte| !self.ends[byte as usize]) {
            return Err(Flaw::AfterQuote);
        }
        Ok(Field { raw: &text[start..close], doubled, next: self.end(text, at) })
    }

    /// Passes the delimiter or line end at `*at`: LF, CR LF, or CR.
    #[inline]
    fn end(&self, text: &[u8], at: &mut usize) -> Next {
        let found = text.get(*at).copied();
        *at += usize::from(found.is_some());
        if found == Some(self.delimiter) {
            return Next::Field;
        }
        if found == Some(b'\r') && text.get(*at) == Some(&b'\n') {
            *at += 1;
        }
        Next::Record
    }

    /// Passes a line that holds nothing, or nothing but spaces, which are a cell where there is one column.
    #[inline]
    pub(crate) fn blank_line(&self, text: &[u8], at: &mut usize, one_column: bool) -> bool {
        let rest = &text[*at..];
        if !matches!(rest.first(), Some(b'\n' | b'\r' | b' ' | b'\t')) {
            return false;
        }
        let blanks = rest.iter().take_while(|&&byte| byte == b' ' || byte == b'\t' && byte != self.delimiter).count();
        if !matches!(rest.get(blanks), None | Some(b'\n' | b'\r')) || one_column && blanks > 0 {
            return false;
        }
        *at += blanks;
        self.end(text, at);
        true
    }

    /// Where to cut the text into about equal parts, each starting at the start of a record, if quotes are regular:
    /// whoever reads the parts must see that each ends where the next begins. The first cut is 0, the last the end.
    pub(crate) fn cuts(&self, text: &[u8], part_bytes: usize) -> Vec<usize> {
        let mut cuts = vec![0];
        let mut quotes = 0;
        let mut counted = 0;
        let mut target = part_bytes;
        while target < text.len() {
            let mut line = target;
            // The first line end that has an even number of quotes before it.
            let cut = loop {
                let Some(end) = memchr2(b'\n', b'\r', &text[line..]).map(|offset| line + offset) else {
                    break text.len();
                };
                let next = end + if text[end] == b'\r' && text.get(end + 1) == Some(&b'\n') { 2 } else { 1 };
                if let Some(quote) = self.quote {
                    quotes += memchr_iter(quote, &text[counted..next]).count();
                    counted = next;
                }
                if quotes % 2 == 0 {
                    break next;
                }
                line = next;
            };
            if cut >= text.len() {
                break;
            }
            cuts.push(cut);
            target = cut + part_bytes;
        }
        cuts.push(text.len());
        cuts
    }
}

impl Field<'_> {
    /// The field's value; `scratch` holds it where doubled quotes are made single.
    pub(crate) fn value<'s>(&'s self, quote: Option<u8>, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        let Some(quote) = quote.filter(|_| self.doubled) else { return self.raw };
        single_quotes(self.raw, quote, scratch);
        scratch
    }
}

/// Writes the inside of a field, its doubled quotes made single.
pub(crate) fn single_quotes(raw: &[u8], quote: u8, into: &mut Vec<u8>) {
    into.clear();
    let mut rest = raw;
    while let Some(end) = memchr(quote, rest) {
        into.extend_from_slice(&rest[..=end]);
        rest = &rest[end + 2..];
    }
    into.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<Vec<String>>, Flaw> {
        let dialect = Dialect::new(b',', Some(b'"'));
        let (mut at, mut records, mut record) = (0, Vec::new(), Vec::new());
        while at < text.len() || !record.is_empty() {
            let field = dialect.field(text.as_bytes(), &mut at)?;
            record.push(String::from_utf8(field.value(dialect.quote, &mut Vec::new()).to_vec()).unwrap());
            if field.next == Next::Record {
                records.push(std::mem::take(&mut record));
            }
        }
        Ok(records)
    }

    #[test]
    fn fields_quotes_and_line_ends() {
        assert_eq!(records("a,b\r\n1,\n").unwrap(), [["a", "b"], ["1", ""]]);
        assert_eq!(records("a,b\r1,2").unwrap(), [["a", "b"], ["1", "2"]]);
        assert_eq!(records("\"a,\"\"b\"\"\n\",\"\"\n").unwrap(), [["a,\"b\"\n", ""]]);
        assert_eq!(records("5\" pipe,it\"s\n").unwrap(), [["5\" pipe", "it\"s"]]);
        assert_eq!(records("\"\"\"\"\n").unwrap(), [["\""]]);
        assert_eq!(records("a,").unwrap(), [["a", ""]]);
    }

    #[test]
    fn quotes_that_are_not_regular_are_refused() {
        assert_eq!(records("\"a\"b,c\n"), Err(Flaw::AfterQuote));
        assert_eq!(records("\"a\\\"b\",c\n"), Err(Flaw::AfterQuote));
        assert_eq!(records("\"a\" ,c\n"), Err(Flaw::AfterQuote));
        assert_eq!(records("x,\"a\n1,2\n"), Err(Flaw::Unclosed));
        assert_eq!(records("x, \"a,b\"\n"), Err(Flaw::SpaceBeforeQuote));
    }

    #[test]
    fn parts_begin_with_records() {
        let dialect = Dialect::new(b',', Some(b'"'));
        let text = b"a,\"x\ny\"\r\nb,\"\"\"\n\"\nc,d\n";
        for part_bytes in 1..text.len() + 2 {
            let cuts = dialect.cuts(text, part_bytes);
            assert!(cuts.iter().all(|cut| [0, 9, 17, 21].contains(cut)), "{part_bytes}: {cuts:?}");
            assert_eq!((cuts[0], *cuts.last().unwrap()), (0, text.len()));
        }
        assert_eq!(dialect.cuts(text, 1), [0, 9, 17, 21]);
    }

    #[test]
    fn blank_lines() {
        let dialect = Dialect::new(b',', Some(b'"'));
        let passed = |text: &str| {
            let mut at = 0;
            dialect.blank_line(text.as_bytes(), &mut at, false).then_some(at)
        };
        assert_eq!(passed("\r\nx"), Some(2));
        assert_eq!(passed("  \t\nx"), Some(4));
        assert_eq!(passed("  "), Some(2));
        assert_eq!(passed("  x\n"), None);
        assert_eq!(passed("\"\"\n"), None);
        assert_eq!(passed(""), None);
        assert!(dialect.blank_line(b"\n", &mut 0, true) && !dialect.blank_line(b" \n", &mut 0, true));
    }
}
