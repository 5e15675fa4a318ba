//! Numbers as people read them.

/// What stands where there is no number.
pub const NONE: &str = "–";

/// Four decimals, or a dash.
pub fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.4}"))
}

/// A percentage with one decimal.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A whole number with a comma before each three digits; weights that are not whole keep two decimals.
pub fn count(value: f64) -> String {
    let whole = if value.fract() == 0.0 { value } else { value.trunc() };
    let digits = format!("{:.0}", whole.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value.fract() != 0.0 {
        text.push_str(&format!("{:.2}", value.fract().abs())[1..]);
    }
    text
}

/// A value of a column: up to five significant digits, never more than twelve characters.
pub fn cell(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let size = value.abs();
    if size < 1e9 && (value.fract() == 0.0 || size >= 1e4) {
        return count(value.round());
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What a shortened table does not show, or nothing.
pub fn more(all: usize, shown: usize, what: &str) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        rest => format!("and {} more {what}", count(rest as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!(
            [count(0.0), count(999.0), count(1_234_567.0), count(1000.5)],
            ["0", "999", "1,234,567", "1,000.50"]
        );
        assert_eq!([cell(0.0), cell(-12.0), cell(2.71459265), cell(123456.789)], ["0", "-12", "2.7146", "123,457"]);
        assert_eq!([cell(1.5e-7), cell(2.5e12), cell(f64::NAN), cell(0.5)], ["1.500e-7", "2.500e12", "–", "0.5"]);
        assert_eq!((ratio(None), percent(0.1234)), ("–".into(), "12.3 %".into()));
        assert_eq!((more(5, 5, "rows"), more(1200, 100, "columns")), (String::new(), "and 1,100 more columns".into()));
    }
}
