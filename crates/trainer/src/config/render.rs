//! Problems as people read them.

use std::fmt::Write as _;

use super::layer::ENVIRONMENT;
use super::problem::Problem;
use super::source::Place;

/// Terminal colours, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours when `on`.
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Errors.
    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Frames and line numbers.
    pub fn blue(self, text: &str) -> String {
        self.wrap("1;34", text)
    }

    /// What to do.
    pub fn green(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    /// What is minor.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }
}

/// All problems, and their number at the end.
pub fn render(problems: &[Problem], paint: Paint) -> String {
    let mut text = String::new();
    for problem in problems {
        one(&mut text, problem, paint);
        text.push('\n');
    }
    let errors = if problems.len() == 1 { "1 error" } else { &format!("{} errors", problems.len()) };
    let _ = writeln!(text, "{}: the config has {errors}", paint.red("error"));
    text
}

fn one(text: &mut String, problem: &Problem, paint: Paint) {
    let head = paint.red(&format!("error[{}]", problem.code.name()));
    let _ = writeln!(text, "{head}: {}", problem.message);
    let label = match (&problem.expected, &problem.found) {
        (Some(expected), Some(found)) => format!("expected {expected}; found {found}"),
        (Some(expected), None) => format!("expected {expected}"),
        (None, Some(found)) => format!("found {found}"),
        (None, None) => String::new(),
    };
    let margin = match &problem.place {
        Some(place) => snippet(text, place, &label, paint),
        None => {
            if !label.is_empty() {
                let _ = writeln!(text, "  {label}");
            }
            1
        }
    };
    if let Some(hint) = &problem.hint {
        let _ = writeln!(text, "{:margin$} {} {}: {hint}", "", paint.blue("="), paint.green("hint"));
    }
}

/// The line with its caret; gives the width of the margin.
fn snippet(text: &mut String, place: &Place, label: &str, paint: Paint) -> usize {
    let numbered = place.file != ENVIRONMENT && !place.file.starts_with("--");
    let (at, number) = if numbered {
        (format!("{}:{}:{}", place.file, place.line, place.column), place.line.to_string())
    } else {
        (place.file.clone(), " ".to_owned())
    };
    let margin = number.len();
    let bar = paint.blue("|");
    let (line, before) = cut(place);
    let caret = paint.red(&format!(
        "{}{}",
        "^".repeat(place.width.min(60)),
        if label.is_empty() { String::new() } else { format!(" {label}") }
    ));
    let _ = writeln!(text, "{:margin$}{} {at}", "", paint.blue("-->"));
    let _ = writeln!(text, "{:margin$} {bar}", "");
    let _ = writeln!(text, "{} {bar} {line}", paint.blue(&number));
    let _ = writeln!(text, "{:margin$} {bar} {:before$}{caret}", "", "");
    margin
}

/// The line without control characters, cut around the caret when it is long, and the columns before the caret.
fn cut(place: &Place) -> (String, usize) {
    const WIDEST: usize = 160;
    let column = place.column - 1;
    let skip = if place.text.chars().count() > WIDEST { column.saturating_sub(40) } else { 0 };
    let shown = place.text.chars().skip(skip).take(WIDEST).map(|c| if c.is_control() { ' ' } else { c });
    (shown.collect(), column - skip)
}

#[cfg(test)]
mod tests {
    use super::super::problem::Code;
    use super::super::source::{Sources, Span};
    use super::*;

    fn problem(text: &str, of: &str) -> Problem {
        let mut sources = Sources::default();
        let id = sources.add("c.yaml", text);
        let at = text.find(of).unwrap();
        Problem::at(Code::UnknownKey, &sources, Span::new(id, at..at + of.len()), format!("unknown key `{of}`"))
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        let problem = problem("a:\n\tnaïf: 1\n", "naïf").expected("one of: b, c").hint("did you mean `b`?");
        let text = render(&[problem], Paint::new(false));
        let want = "\
error[TRN-C003]: unknown key `naïf`
 --> c.yaml:2:2
  |
2 |  naïf: 1
  |  ^^^^ expected one of: b, c
  = hint: did you mean `b`?

error: the config has 1 error
";
        assert_eq!(text, want);
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let line = format!("{}here{}", "x".repeat(500), "y".repeat(500));
        let text = render(&[problem(&line, "here")], Paint::new(false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3].chars().count(), 4 + 160);
        assert_eq!(lines[3].find("here"), lines[4].find('^'));
    }

    #[test]
    fn colours_only_when_asked() {
        let one = problem("a: 1", "a");
        assert!(!render(std::slice::from_ref(&one), Paint::new(false)).contains('\x1b'));
        assert!(render(&[one], Paint::new(true)).contains("\x1b[1;31merror[TRN-C003]\x1b[0m"));
    }
}
