//! Texts that are committed and compared.

use std::path::Path;

/// Compares a text with its committed file, or writes the file with `TRAINER_UPDATE_SNAPSHOTS=1`.
///
/// # Panics
/// When they differ, with the first line that does.
pub fn compare(path: &Path, text: &str) {
    if std::env::var_os("TRAINER_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let shown = path.display();
    let want = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let differ = want.lines().zip(text.lines()).position(|(want, found)| want != found);
    if let Some(at) = differ.or((want != text).then(|| want.lines().count().min(text.lines().count()))) {
        let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
        panic!("{shown}:{}: expected\n  {}\nfound\n  {}\nin\n{text}", at + 1, line(&want), line(text));
    }
}
