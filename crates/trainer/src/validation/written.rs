//! `validation.json`, `validation.md` and `validation.html`.

use std::path::Path;

use trainer_data::Warning;

use super::page;
use super::verdict::{Line, Verdict};

/// Writes the three files into a folder, which is made where it is not there.
///
/// # Errors
/// With the path: when a file cannot be written.
pub fn write(verdict: &Verdict, folder: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    fs_err::write(folder.join("validation.json"), format!("{:#}\n", verdict.result))?;
    fs_err::write(folder.join("validation.md"), markdown(verdict))?;
    fs_err::write(folder.join("validation.html"), page::render(verdict)?)?;
    Ok(())
}

/// Text in a cell of a table: no line ends, and no bars.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|")
}

fn markdown(verdict: &Verdict) -> String {
    let sign = if verdict.passed() { "✅" } else { "❌" };
    let mut text = format!(
        "# {sign} Validation of {}\n\n{}.\n\n{} rows, {}. {}\n\n",
        cell(&verdict.input),
        verdict.summary(),
        verdict.rows,
        verdict.time,
        cell(&verdict.rules),
    );
    text += "| | severity | rule | on | found |\n|---|---|---|---|---|\n";
    let row = |line: &Line| {
        let sign = if line.met { "✓" } else { "✗" };
        format!("| {sign} | {} | {} | {} | {} |\n", line.severity, cell(&line.name), cell(&line.on), cell(&line.found))
    };
    text.extend(verdict.lines.iter().map(row));
    if !verdict.warnings.is_empty() {
        text += "\n## Warnings\n\n";
        let warning = |warning: &Warning| format!("- {}\n", cell(&crate::warned::text(warning)));
        text.extend(verdict.warnings.iter().map(warning));
    }
    text
}
