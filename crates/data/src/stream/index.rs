//! Where the fields of the rows of a stretch of text stand, and which rows are not well formed.
//!
//! A row that is not well formed ends with the line in which that shows: the line of too few or too many fields, of the
//! text after a closing quote, of the quote that never closes. The next line is a row again, so that one stray quote
//! costs one row, never the rest of a file.

use memchr::{memchr, memchr2};

use super::mark::Marks;
use crate::csv::record::{Dialect, Flaw, Next};
use crate::csv::text::Header;

/// Start and end of a field's inside; the end's top bit says that quotes within are doubled.
pub(super) type Span = [u32; 2];

const DOUBLED: u32 = 1 << 31;

/// What was found in a stretch of text that starts and ends with rows.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The fields of the well formed rows, row after row.
    pub(super) fields: Vec<Span>,
    /// Number of well formed rows.
    pub(super) rows: usize,
    /// The others, in order.
    pub(super) bad: Vec<Bad>,
    pub(super) blank_lines: u64,
}

/// A row that is not well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// Number of well formed rows before it.
    pub(super) before: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) why: Why,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Number of fields, and how many are expected.
    Fields(usize),
    /// A field (from 0) is not well formed.
    Flaw(Flaw, usize),
    RepeatedHeader,
    /// The first byte that is not UTF-8, within the stretch.
    Utf8(usize),
    /// The first NUL, within the stretch.
    Nul(usize),
}

/// What rows are to be like.
pub(super) struct Form<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) header: &'a Header,
}

impl Index {
    /// The inside of a field of a well formed row.
    #[inline]
    pub(super) fn span(&self, row: usize, position: usize, columns: usize) -> (usize, usize, bool) {
        let [start, end] = self.fields[row * columns + position];
        (start as usize, (end & !DOUBLED) as usize, end & DOUBLED != 0)
    }

    /// Which record (from 0) of the stretch a well formed row is, the others counted.
    pub(super) fn record(&self, row: usize) -> u64 {
        (row + self.bad.partition_point(|bad| bad.before <= row)) as u64
    }

    /// Number of records, well formed or not.
    pub(super) fn records(&self) -> u64 {
        (self.rows + self.bad.len()) as u64
    }
}

impl Form<'_> {
    fn columns(&self) -> usize {
        self.header.names.len()
    }

    /// Finds the fields of all rows of a text that starts and ends with rows.
    pub(super) fn index(&self, text: &[u8]) -> Index {
        let is_clean = std::str::from_utf8(text).is_ok() && memchr(0, text).is_none();
        let is_plain =
            memchr(b'\r', text).is_none() && self.dialect.quote.is_none_or(|quote| memchr(quote, text).is_none());
        let rows = text.len() / self.header.row_bytes.max(1) + 1;
        let mut index = Index { fields: Vec::with_capacity(rows * self.columns()), ..Index::default() };
        if is_plain {
            self.plain(text, &mut index)
        } else {
            self.quoted(text, &mut index)
        }
        if !is_clean {
            self.withdraw_unclean(text, &mut index);
        }
        index
    }

    /// Rows of text without quotes and carriage returns.
    fn plain(&self, text: &[u8], index: &mut Index) {
        let (mut start, mut row) = (0, 0);
        for at in Marks::new(text, [self.dialect.delimiter, b'\n']) {
            index.fields.push([start as u32, at as u32]);
            start = at + 1;
            if text[at] == b'\n' {
                self.close(text, row..at + 1, None, index);
                row = start;
            }
        }
        if row < text.len() {
            index.fields.push([start as u32, text.len() as u32]);
            self.close(text, row..text.len(), None, index);
        }
    }

    /// Rows of any text, field by field.
    fn quoted(&self, text: &[u8], index: &mut Index) {
        let mut at = 0;
        while at < text.len() {
            if self.dialect.blank_line(text, &mut at, self.columns() == 1) {
                index.blank_lines += 1;
                continue;
            }
            let start = at;
            let mut position = 0;
            let flaw = loop {
                match self.dialect.field(text, &mut at) {
                    Ok(field) => {
                        let from = field.raw.as_ptr() as usize - text.as_ptr() as usize;
                        let doubled = if field.doubled { DOUBLED } else { 0 };
                        index.fields.push([from as u32, (from + field.raw.len()) as u32 | doubled]);
                        if field.next == Next::Record {
                            break None;
                        }
                        position += 1;
                    }
                    Err(flaw) => {
                        at = line_end(text, at);
                        break Some(Why::Flaw(flaw, position));
                    }
                }
            };
            self.close(text, start..at, flaw, index);
        }
    }

    /// Judges the record whose fields were added last.
    #[inline]
    fn close(&self, text: &[u8], record: std::ops::Range<usize>, flaw: Option<Why>, index: &mut Index) {
        let (columns, first) = (self.columns(), index.rows * self.columns());
        let found = index.fields.len() - first;
        let mut why = flaw;
        if why.is_none() && found != columns {
            if found == 1 && self.dialect.blank_line(text, &mut record.start.clone(), columns == 1) {
                index.fields.truncate(first);
                index.blank_lines += 1;
                return;
            }
            why = Some(Why::Fields(found));
        }
        if why.is_none() && columns == 1 && matches!(text[record.start], b'\n' | b'\r') {
            index.fields.truncate(first);
            index.blank_lines += 1;
            return;
        }
        if why.is_none()
            && columns > 1
            && text[record.start] == self.header.first_byte
            && self.header.repeats(&text[record.clone()])
        {
            why = Some(Why::RepeatedHeader);
        }
        match why {
            None => index.rows += 1,
            Some(why) => {
                index.fields.truncate(first);
                index.bad.push(Bad { before: index.rows, start: record.start, end: record.end, why });
            }
        }
    }

    /// Takes out the rows that hold bytes that are not UTF-8, or NUL.
    fn withdraw_unclean(&self, text: &[u8], index: &mut Index) {
        let columns = self.columns();
        let whole = std::mem::take(index);
        let bounds: Vec<usize> = (0..whole.rows).map(|row| whole.fields[row * columns][0] as usize).collect();
        let mut bad = whole.bad.into_iter().peekable();
        index.blank_lines = whole.blank_lines;
        for row in 0..whole.rows {
            while let Some(known) = bad.next_if(|bad| bad.before <= row) {
                index.bad.push(Bad { before: index.rows, ..known });
            }
            let spans = &whole.fields[row * columns..(row + 1) * columns];
            // A quoted field's inside starts behind its quote; the record's own bounds are those of its lines.
            let from = bounds[row] - usize::from(bounds[row] > 0 && Some(text[bounds[row] - 1]) == self.dialect.quote);
            let end = line_end(text, (spans[columns - 1][1] & !DOUBLED) as usize);
            match unclean(&text[from..end], from) {
                None => {
                    index.fields.extend_from_slice(spans);
                    index.rows += 1;
                }
                Some(why) => index.bad.push(Bad { before: index.rows, start: from, end, why }),
            }
        }
        index.bad.extend(bad.map(|known| Bad { before: index.rows, ..known }));
    }
}

fn unclean(record: &[u8], from: usize) -> Option<Why> {
    let utf8 = std::str::from_utf8(record).err().map(|error| Why::Utf8(from + error.valid_up_to()));
    utf8.or_else(|| memchr(0, record).map(|at| Why::Nul(from + at)))
}

/// Behind the line end that comes next.
pub(super) fn line_end(text: &[u8], from: usize) -> usize {
    match memchr2(b'\n', b'\r', &text[from..]).map(|offset| from + offset) {
        None => text.len(),
        Some(at) if text[at] == b'\r' && text.get(at + 1) == Some(&b'\n') => at + 2,
        Some(at) => at + 1,
    }
}

/// Where a text can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// A row starts here, or the text ends.
    At(usize),
    /// More of the text must be known first.
    More,
}

/// The longest quoted field: a quote that does not close within as many bytes does not close.
pub(super) const LONGEST_FIELD: usize = 64 << 20;

/// The first start of a row that is at least so many bytes after `from`, where a row starts. `ends`: the text is all
/// there is.
pub(super) fn cut(dialect: &Dialect, text: &[u8], from: usize, part_bytes: usize, ends: bool) -> Cut {
    let target = from + part_bytes;
    let last = if ends { Cut::At(text.len()) } else { Cut::More };
    if target >= text.len() {
        return last;
    }
    let mut at = from;
    loop {
        let Some(line) = memchr2(b'\n', b'\r', &text[at.max(target)..]).map(|offset| at.max(target) + offset) else {
            // Still a quote that never closes ends a part.
            return match unclosed_before(dialect, text, at, text.len(), ends) {
                Passed::Unclosed(cut) => cut,
                Passed::Outside(_) | Passed::Resumed(_) | Passed::More => last,
            };
        };
        match unclosed_before(dialect, text, at, line, ends) {
            Passed::Unclosed(cut) => return cut,
            Passed::More => return Cut::More,
            Passed::Resumed(next) if next >= target => return Cut::At(next),
            Passed::Resumed(next) => at = next,
            Passed::Outside(passed) if passed > line => at = passed,
            Passed::Outside(_) => {
                // Whether a line feed follows shows with the next bytes.
                let open = text[line] == b'\r' && line + 1 == text.len() && !ends;
                return if open { Cut::More } else { Cut::At(line_end(text, line)) };
            }
        }
    }
}

/// What passing the quotes before a place came to.
enum Passed {
    /// No field is open at this place, at or behind the one asked for.
    Outside(usize),
    /// A row was left at the end of its line, for text after its closing quote.
    Resumed(usize),
    /// A quote never closes: the part ends with its line.
    Unclosed(Cut),
    More,
}

fn unclosed_before(dialect: &Dialect, text: &[u8], from: usize, until: usize, ends: bool) -> Passed {
    let Some(quote) = dialect.quote else { return Passed::Outside(until) };
    let mut at = from;
    while at < until {
        let Some(open) = memchr(quote, &text[at..until]).map(|offset| at + offset) else { break };
        let opens = open == 0 || matches!(text[open - 1], b'\n' | b'\r') || text[open - 1] == dialect.delimiter;
        if !opens && open != from {
            if is_spaced(dialect, text, open) {
                // The row is left there, as the reader of its fields leaves it.
                let end = line_end(text, open);
                return if end < text.len() || ends { Passed::Resumed(end) } else { Passed::More };
            }
            at = open + 1;
            continue;
        }
        let Some(close) = closing(quote, text, open + 1) else {
            let far = text.len() - open > LONGEST_FIELD;
            return if ends || far { Passed::Unclosed(Cut::At(line_end(text, open))) } else { Passed::More };
        };
        match text.get(close + 1) {
            None if !ends => return Passed::More,
            Some(&next) if next != dialect.delimiter && !matches!(next, b'\n' | b'\r') => {
                let end = line_end(text, close + 1);
                let known = end < text.len() || ends;
                return if known { Passed::Resumed(end) } else { Passed::More };
            }
            _ => at = close + 1,
        }
    }
    Passed::Outside(at.max(until))
}

/// Whether nothing but white space, and a space first, stands between the start of a field and a quote.
fn is_spaced(dialect: &Dialect, text: &[u8], quote: usize) -> bool {
    let ends = |byte: u8| byte == dialect.delimiter || matches!(byte, b'\n' | b'\r');
    let white = text[..quote].iter().rev().take_while(|&&byte| byte.is_ascii_whitespace() && !ends(byte)).count();
    let start = quote - white;
    white > 0 && text[start] == b' ' && (start == 0 || ends(text[start - 1]))
}

/// The quote that closes the field whose inside starts at `from`.
fn closing(quote: u8, text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let close = at + memchr(quote, &text[at..text.len().min(from + LONGEST_FIELD)])?;
        if text.get(close + 1) != Some(&quote) {
            return Some(close);
        }
        at = close + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CsvOptions;
    use crate::csv::text::Text;

    /// The fields of good rows, and the bytes of bad ones with what is wrong.
    type Rows = Vec<Result<Vec<String>, (String, String)>>;

    fn rows(form: &Form<'_>, text: &[u8]) -> (Rows, u64) {
        let index = form.index(text);
        let columns = form.columns();
        let mut rows = Vec::new();
        let mut bad = index.bad.iter().peekable();
        for row in 0..=index.rows {
            while let Some(bad) = bad.next_if(|bad| bad.before == row) {
                let raw = String::from_utf8_lossy(&text[bad.start..bad.end]).into_owned();
                let why = match bad.why {
                    Why::Utf8(_) => "utf8".to_owned(),
                    Why::Nul(_) => "nul".to_owned(),
                    why => format!("{why:?}"),
                };
                rows.push(Err((why, raw)));
            }
            if row < index.rows {
                let field = |position| {
                    let (start, end, _) = index.span(row, position, columns);
                    String::from_utf8(text[start..end].to_vec()).unwrap()
                };
                rows.push(Ok((0..columns).map(field).collect()));
            }
        }
        (rows, index.blank_lines)
    }

    fn in_parts(form: &Form<'_>, text: &[u8], part_bytes: usize) -> (Rows, u64) {
        let (mut all, mut blank_lines, mut from) = (Vec::new(), 0, 0);
        while from < text.len() {
            let Cut::At(at) = cut(form.dialect, text, from, part_bytes, true) else { panic!("all there is") };
            // With any less of the text the cut is the same, or not known yet.
            for known in from..=text.len() {
                if let Cut::At(early) = cut(form.dialect, &text[..known], from, part_bytes, false) {
                    assert_eq!(early, at, "{:?} of {:?}", &text[..known], text);
                }
            }
            let (rows, blank) = rows(form, &text[from..at]);
            all.extend(rows);
            blank_lines += blank;
            from = at;
        }
        (all, blank_lines)
    }

    fn check(header: &str, text: &[u8]) {
        let options = CsvOptions::default();
        let header = Text::new(header.as_bytes(), "a.csv", &options).unwrap().header().unwrap();
        let dialect = Dialect::new(b',', Some(b'"'));
        let form = Form { dialect: &dialect, header: &header };
        let whole = rows(&form, text);
        for part_bytes in [1, 2, 3, 5, 8, 13, 40] {
            assert_eq!(in_parts(&form, text, part_bytes), whole, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn damage_ends_with_its_line() {
        let options = CsvOptions::default();
        let header = Text::new(b"h,k\n", "a.csv", &options).unwrap().header().unwrap();
        let dialect = Dialect::new(b',', Some(b'"'));
        let form = Form { dialect: &dialect, header: &header };
        let text = b"1,2\n3\n\"a\"b,\"c\n4,5\nh,k\n x,\"y\n6, \"z\n7,8,9\n\n\"never\n10,11";
        let (rows, blank_lines) = rows(&form, text);
        let good: Vec<_> = rows.iter().filter_map(|row| row.as_ref().ok()).map(|row| row.join("|")).collect();
        let why: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).map(|(why, _)| why.as_str()).collect();
        assert_eq!(good, ["1|2", "4|5", "10|11"]);
        assert_eq!(
            why,
            [
                "Fields(1)",
                "Flaw(AfterQuote, 0)",
                "RepeatedHeader",
                "Flaw(AfterQuote, 1)",
                "Fields(3)",
                "Flaw(Unclosed, 0)"
            ]
        );
        assert_eq!(blank_lines, 1);
    }

    #[test]
    fn a_quote_after_a_space_does_not_open_the_next_line() {
        check("h,k\n", b"1, \",\"\r\"\n\"");
        check("h,k\n", b" \"a\n\"b\n\",1\n2,3\n");
    }

    proptest! {
        #[test]
        fn parts_do_not_show(
            text in "[a1,\"\n\r ]{0,60}",
            rows in "([a12]{0,3},[\"x\n]{0,3}\n){0,20}",
            bytes in prop::collection::vec(prop::sample::select(b"a,\n\"\0\xc3\xa9\xff".to_vec()), 0..60),
        ) {
            check("h,k\n", text.as_bytes());
            check("h\n", text.as_bytes());
            check("h,k\n", rows.as_bytes());
            check("h,k\n", format!("1,\"{rows}\"\n{rows}").as_bytes());
            check("h,k\n", &bytes);
        }
    }
}
