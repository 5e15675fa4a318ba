//! The words of a condition.

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Number(f64),
    Text(String),
    /// A name in backticks: a column, whatever it reads.
    Quoted(String),
    /// A name, a word such as `and`, or a function.
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// The longest first.
const SIGNS: [&str; 23] = [
    "<=>", "==", "!=", "<>", "<=", ">=", "&&", "||", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "~", "(", ")",
    "[", "]",
];
const OTHER_SIGNS: [&str; 2] = [",", "."];

/// Cuts a condition into words.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' | '`' => quoted(rest, first)?,
            '0'..='9' => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            c => {
                let sign = SIGNS.iter().chain(&OTHER_SIGNS).find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("expected a condition, found `{c}` in `{text}`"))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Text in quotes or a name in backticks; a quote within is doubled or comes after a backslash.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote != '`' => match chars.next() {
                Some((_, escaped)) if escaped == quote || escaped == '\\' => text.push(escaped),
                // Of patterns: the backslash stays.
                Some((_, other)) => text.extend(['\\', other]),
                None => break,
            },
            c if c == quote => {
                if chars.next_if(|(_, next)| *next == quote).is_some() {
                    text.push(quote);
                    continue;
                }
                let token = if quote == '`' { Token::Quoted(text) } else { Token::Text(text) };
                return Ok((token, at + 1));
            }
            c => text.push(c),
        }
    }
    Err(format!("expected a closing {quote}, found none after `{}`", &rest[..rest.len().min(40)]))
}

fn number(rest: &str) -> Result<(Token, usize), String> {
    let digits = |from: usize| from + rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if rest[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let from = end + 1 + usize::from(rest[end + 1..].starts_with(['+', '-']));
        if digits(from) > from {
            end = digits(from);
        }
    }
    let text = &rest[..end];
    let value = text.parse().map_err(|_| format!("expected a number, found `{text}`"))?;
    Ok((Token::Number(value), end))
}
