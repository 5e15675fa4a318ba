//! The figures as files of their own, for whoever shows a run without its report.

use std::fmt::Write;

use trainer_quality::Evaluation;

use super::confusion::confusion_table;
use super::curves::{Figure, figures};
use super::figure::{self, escaped};

/// Bars of the figure of importances.
const BARS: usize = 20;

/// The rules of the report's style sheet that figures need, in its light colours.
fn style() -> String {
    let sheet = include_str!("../../templates/report.css");
    let colours = sheet.lines().take_while(|line| *line != "}");
    let figures = sheet.lines().filter(|line| line.starts_with("svg .") || line.starts_with("svg text"));
    colours.chain(["}"]).chain(figures).collect::<Vec<_>>().join("\n")
}

/// File name and content of each figure; `importances` are features with a number, in any order.
pub fn plots(evaluation: &Evaluation, importances: &[(String, f64)]) -> Vec<(&'static str, String)> {
    let style = style();
    let names = ["roc_curve.svg", "precision_recall_curve.svg", "calibration_curve.svg"];
    let curves = names.into_iter().zip(figures(evaluation)).map(|(name, figure)| (name, titled(&figure)));
    let own = [("confusion_matrix.svg", confusion(evaluation)), ("feature_importance.svg", bars(importances))];
    curves.chain(own).map(|(name, svg)| (name, alone(&svg, &style))).collect()
}

/// A figure with what stands around it in the report: its title above, and which colour is which class below.
fn titled(figure: &Figure) -> String {
    const LINE: f64 = 16.0;
    let (width, height) = figure::SIZE;
    let mut body =
        format!(r#"<text x="{:.0}" y="14" text-anchor="middle">{}</text>"#, width / 2.0, escaped(figure.title));
    let chart = figure.svg.replacen("<svg ", r#"<svg y="20" "#, 1);
    body.push_str(&chart);
    for (i, entry) in figure.legend.iter().enumerate() {
        let y = height + 36.0 + LINE * i as f64;
        let _ = write!(
            body,
            r#"<path class="curve" style="stroke:var(--line{})" d="M44 {:.0}h16"/><text x="66" y="{y:.0}">{}</text>"#,
            entry.colour,
            y - 4.0,
            escaped(&entry.text)
        );
    }
    let bottom = height + 28.0 + LINE * figure.legend.len() as f64;
    format!(
        r#"<svg viewBox="0 0 {width:.0} {bottom:.0}" width="{width:.0}" height="{bottom:.0}" role="img">{body}</svg>"#
    )
}

/// A figure that stands on its own: with its namespace, its style, and a white page.
fn alone(svg: &str, style: &str) -> String {
    let (open, rest) = svg.split_once('>').unwrap_or((svg, ""));
    let open = open.replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
    format!("{open} style=\"background:#ffffff\"><style>{style}</style>{rest}\n")
}

fn confusion(evaluation: &Evaluation) -> String {
    const CELL: f64 = 74.0;
    const LEFT: f64 = 120.0;
    const TOP: f64 = 46.0;
    let table = confusion_table(evaluation);
    let side = CELL * table.labels.len() as f64;
    let mut body = String::new();
    let mut text = |x: f64, y: f64, anchor: &str, style: &str, text: &str| {
        let _ = write!(body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" {style}>{}</text>"#, escaped(text));
    };
    text(LEFT + side / 2.0, 14.0, "middle", "", "predicted");
    text(8.0, TOP - 8.0, "start", "", "actual");
    for (i, label) in table.labels.iter().enumerate() {
        text(LEFT + CELL * (i as f64 + 0.5), TOP - 8.0, "middle", "", &shortened(label, 11));
    }
    for (i, row) in table.rows.iter().enumerate() {
        let y = TOP + CELL * (i as f64 + 0.5);
        text(LEFT - 8.0, y + 4.0, "end", "", &shortened(&row.label, 16));
        for (j, cell) in row.cells.iter().enumerate() {
            let x = LEFT + CELL * (j as f64 + 0.5);
            let ink = if cell.class == "strong" { r##"style="fill:#ffffff""## } else { r##"style="fill:#1c2430""## };
            text(x, y, "middle", ink, &cell.count);
            text(x, y + 15.0, "middle", ink, &cell.share);
        }
    }
    let mut cells = String::new();
    for (i, row) in table.rows.iter().enumerate() {
        for (j, cell) in row.cells.iter().enumerate() {
            let (x, y) = (LEFT + CELL * j as f64 + 1.5, TOP + CELL * i as f64 + 1.5);
            let _ = write!(
                cells,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{0:.1}" height="{0:.1}" rx="4" style="fill:{1}"/>"#,
                CELL - 3.0,
                cell.colour
            );
        }
    }
    let (width, height) = (LEFT + side + 12.0, TOP + side + 12.0);
    drawn(width, height, "Confusion matrix: actual classes down, predicted classes across", &(cells + &body))
}

fn bars(importances: &[(String, f64)]) -> String {
    const LEFT: f64 = 190.0;
    const WIDTH: f64 = 300.0;
    const ROW: f64 = 20.0;
    let mut sorted: Vec<&(String, f64)> = importances.iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    sorted.truncate(BARS);
    let greatest = sorted.first().map_or(1.0, |(_, value)| value.max(f64::MIN_POSITIVE));
    let mut body = String::new();
    for (i, (name, value)) in sorted.iter().enumerate() {
        let (y, length) = (10.0 + ROW * i as f64, (WIDTH * value / greatest).max(0.0));
        let _ = write!(
            body,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect class="small" x="{LEFT:.1}" y="{:.1}" width="{length:.1}" height="12"/><text x="{:.1}" y="{:.1}">{value:.4}</text>"#,
            LEFT - 8.0,
            y + 11.0,
            escaped(&shortened(name, 28)),
            y + 1.0,
            LEFT + length + 6.0,
            y + 11.0,
        );
    }
    let height = 20.0 + ROW * sorted.len() as f64;
    drawn(LEFT + WIDTH + 70.0, height, "Importance of features: decrease of impurity", &body)
}

fn drawn(width: f64, height: f64, title: &str, body: &str) -> String {
    format!(
        r#"<svg viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img"><title>{}</title>{body}</svg>"#,
        escaped(title)
    )
}

fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() {
        length if length > most => text.chars().take(most - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}
