//! The page: one file that opens anywhere, as the report of a run.

use askama::Template;

use super::verdict::{Line, Verdict};

#[derive(Template)]
#[template(path = "validation.html")]
struct Page<'a> {
    verdict: &'a Verdict,
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    lines: Vec<&'a Line>,
}

/// The page, what failed first.
///
/// # Errors
/// When the template fails to write into memory.
pub fn render(verdict: &Verdict) -> anyhow::Result<String> {
    let (class, sign, word) = if verdict.passed() { ("passed", "✓", "Passed") } else { ("failed", "✗", "Failed") };
    let mut lines: Vec<&Line> = verdict.lines.iter().collect();
    lines.sort_by_key(|line| (line.met, !line.decides));
    Ok(Page { verdict, class, sign, word, lines }.render()?)
}
