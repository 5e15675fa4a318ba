//! Small line charts of the unit square, and histograms, as SVG.

use std::fmt::Write;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 300.0;
/// Width and height of a chart.
pub const SIZE: (f64, f64) = (WIDTH, HEIGHT);
const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// A chart whose axes both go from 0 to 1. What is drawn later lies above.
pub struct Chart {
    body: String,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub enum Stroke {
    /// In one of the eight line colours.
    Curve(usize),
    /// Dashed: what chance gives, or what is ideal.
    Chance,
}

impl Chart {
    /// An empty chart with its axes.
    pub fn new(x_label: &str, y_label: &str) -> Self {
        let mut body = String::new();
        for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let (tick_x, tick_y) = (x(tick), y(tick));
            let _ = write!(
                body,
                r#"<path class="grid" d="M{LEFT} {tick_y}H{:.1}M{tick_x} {TOP}V{:.1}"/><text x="{tick_x}" y="{:.1}" text-anchor="middle">{tick}</text><text x="{:.1}" y="{:.1}" text-anchor="end">{tick}</text>"#,
                x(1.0),
                y(0.0),
                y(0.0) + 15.0,
                LEFT - 6.0,
                tick_y + 4.0,
            );
        }
        let (middle_x, middle_y) = (x(0.5), y(0.5));
        let _ = write!(
            body,
            r#"<text x="{middle_x}" y="{:.1}" text-anchor="middle">{}</text><text x="11" y="{middle_y}" text-anchor="middle" transform="rotate(-90 11 {middle_y})">{}</text>"#,
            HEIGHT - 6.0,
            escaped(x_label),
            escaped(y_label),
        );
        Self { body }
    }

    /// A line through points, each within 0 .. 1.
    pub fn line(&mut self, stroke: Stroke, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (i, point) in points.into_iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if i == 0 { "M" } else { "L" }, x(point.0), y(point.1));
        }
        let style = match stroke {
            Stroke::Curve(colour) => format!(r#"class="curve" style="stroke:var(--line{colour})""#),
            Stroke::Chance => r#"class="chance""#.to_owned(),
        };
        let _ = write!(self.body, r#"<path {style} d="{path}"/>"#);
    }

    /// A dot, with what it is as its tooltip.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, colour: usize, text: &str) {
        let _ = write!(
            self.body,
            r#"<circle class="dot" cx="{:.1}" cy="{:.1}" r="{radius:.1}" style="fill:var(--line{colour})"><title>{}</title></circle>"#,
            x(at.0),
            y(at.1),
            escaped(text),
        );
    }

    /// A grey bar from the bottom, within `low .. high` of the x axis.
    pub fn bar(&mut self, low: f64, high: f64, height: f64) {
        let (left, top) = (x(low) + 0.5, y(height));
        let _ = write!(
            self.body,
            r#"<rect class="weight" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
            x(high) - left - 0.5,
            y(0.0) - top,
        );
    }

    /// The figure, with its title and description for those who do not see it. `id` is unique on the page.
    pub fn svg(self, id: &str, title: &str, description: &str) -> String {
        format!(
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>{}<rect class="frame" x="{LEFT}" y="{TOP}" width="{:.1}" height="{:.1}"/></svg>"#,
            escaped(title),
            escaped(description),
            self.body,
            x(1.0) - LEFT,
            y(0.0) - TOP,
        )
    }
}

/// A histogram without axes, for one cell of a table.
pub fn histogram(counts: &[u64], description: &str) -> String {
    let greatest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let width = 120.0 / counts.len().max(1) as f64;
    let mut bars = String::new();
    for (i, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // A bar that is there can be seen.
        let height = (26.0 * count as f64 / greatest).max(1.0);
        let (left, top) = (i as f64 * width, 26.0 - height);
        let _ = write!(
            bars,
            r#"<rect class="small" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{height:.1}"/>"#,
            width - 0.6
        );
    }
    format!(r#"<svg viewBox="0 0 120 26" role="img" aria-label="{}">{bars}</svg>"#, escaped(description))
}

fn x(value: f64) -> f64 {
    LEFT + value.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn y(value: f64) -> f64 {
    HEIGHT - BOTTOM - value.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

/// Text as it may stand in markup and attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_square_fills_the_frame() {
        assert_eq!((x(0.0), x(1.0), y(0.0), y(1.0)), (44.0, 330.0, 260.0, 8.0));
        assert_eq!((x(-1.0), x(f64::INFINITY)), (x(0.0), x(1.0)));
    }

    #[test]
    fn text_cannot_become_markup() {
        let mut chart = Chart::new("<b>", "a & b");
        chart.dot((0.5, 0.5), 3.0, 0, "\"><script>alert(1)</script>");
        let svg = chart.svg("x", "<script>", "'");
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("&quot;&gt;&lt;script&gt;"), "{svg}");
        assert!(!histogram(&[1], "\"><i>").contains("<i>"));
    }
}
