//! `evaluation.json`: the judged part's numbers as a SageMaker model quality report has them, so that a pipeline's
//! condition finds `binary_classification_metrics.accuracy.value`.
//!
//! With two classes all numbers are those of the positive class, whatever `training.average` says: that is what the
//! report's names mean. Where SageMaker writes the text `"NaN"`, a standard deviation is left out here; a number that is
//! undefined is `null`. No number is written with an exponent.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use serde_json::{Map, Serializer, Value, json};
use trainer_quality::{Curve, CurvePoint, Evaluation, Measured};

/// The text of `evaluation.json`.
pub fn evaluation_json(evaluation: &Evaluation) -> String {
    let mut metrics = Map::new();
    metrics.insert("confusion_matrix".into(), confusion(evaluation));
    for measured in &evaluation.model_quality {
        if measured.name == "auc" {
            curves(evaluation, &mut metrics);
        }
        metrics.insert(measured.name.into(), number(measured));
    }
    let problem = if evaluation.positive.is_some() {
        "binary_classification_metrics"
    } else {
        "multiclass_classification_metrics"
    };
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Plain(PrettyFormatter::new()));
    json!({ problem: metrics }).serialize(&mut serializer).expect("memory takes what is written to it");
    text.push(b'\n');
    String::from_utf8(text).expect("JSON is UTF-8")
}

fn confusion(evaluation: &Evaluation) -> Value {
    let labels: Vec<String> = evaluation.classes.iter().map(ToString::to_string).collect();
    let row = |row: &Vec<f64>| {
        let cells = labels.iter().zip(row).map(|(label, &weight)| (label.clone(), whole(weight)));
        Value::Object(cells.collect())
    };
    Value::Object(labels.iter().cloned().zip(evaluation.confusion.cells().iter().map(row)).collect())
}

/// A count of rows as an integer; a sum of weights as it is.
fn whole(weight: f64) -> Value {
    if weight.fract() == 0.0 && weight.abs() < 9e15 { json!(weight as i64) } else { json!(weight) }
}

fn number(measured: &Measured) -> Value {
    match measured.standard_deviation {
        Some(deviation) => json!({ "value": measured.value, "standard_deviation": deviation }),
        None => json!({ "value": measured.value }),
    }
}

fn curves(evaluation: &Evaluation, metrics: &mut Map<String, Value>) {
    let list = |curve: &Curve, of: fn(&CurvePoint) -> f64| curve.points.iter().map(of).collect::<Vec<f64>>();
    if let (Some(roc), Some(pr)) = (evaluation.roc.first(), evaluation.precision_recall.first()) {
        let roc = json!({
            "false_positive_rates": list(roc, |point| point.false_positive_rate),
            "true_positive_rates": list(roc, |point| point.true_positive_rate),
        });
        let pr = json!({
            "precisions": list(pr, |point| point.precision),
            "recalls": list(pr, |point| point.true_positive_rate),
        });
        metrics.insert("receiver_operating_characteristic_curve".into(), roc);
        metrics.insert("precision_recall_curve".into(), pr);
    }
}

/// Indented, with every number as plain decimals: some readers of these files take no exponent.
struct Plain(PrettyFormatter<'static>);

impl Formatter for Plain {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let text = value.to_string();
        let point = if text.contains('.') { "" } else { ".0" };
        write!(writer, "{text}{point}")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use trainer_data::Label;
    use trainer_quality::{Average, Averaging, Scores, evaluate, most_probable};

    use super::*;

    /// Rows of classes 0, 1, ..; the true class is the most probable one in all but every fifth row.
    fn evaluation(classes: usize, rows: usize, present: usize) -> Evaluation {
        let labels: Vec<Label> = (0..classes as i64).map(Label::Integer).collect();
        let y: Vec<u32> = (0..rows).map(|row| (row % present) as u32).collect();
        let proba = Array2::from_shape_fn((rows, classes), |(row, class)| {
            let said = if row % 5 == 0 { (row + 1) % classes } else { row % present };
            let certain = 0.6 + (row % 7) as f32 * 0.05;
            if said == class { certain } else { (1.0 - certain) / (classes - 1) as f32 }
        });
        let predicted = most_probable(proba.view());
        let averaging = Averaging::new(Average::Macro, None, &labels).unwrap();
        evaluate(&Scores::new(&y, proba.view(), &predicted, &labels, averaging))
    }

    /// As SageMaker's JsonGet finds a value: keys with dots between.
    fn get<'v>(value: &'v Value, path: &str) -> &'v Value {
        path.split('.').fold(value, |value, key| &value[key])
    }

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_pipelines_condition_finds_its_numbers() {
        let json = parse(&evaluation_json(&evaluation(2, 300, 2)));
        assert_eq!(get(&json, "binary_classification_metrics.accuracy.value").as_f64(), Some(0.8));
        let deviation = get(&json, "binary_classification_metrics.accuracy.standard_deviation").as_f64().unwrap();
        assert!(deviation > 0.0 && deviation < 0.05, "{deviation}");
        assert_eq!(get(&json, "binary_classification_metrics.confusion_matrix.0.0").as_i64(), Some(120));
        let json = parse(&evaluation_json(&evaluation(3, 300, 3)));
        assert!(get(&json, "multiclass_classification_metrics.weighted_f1.value").is_f64());
    }

    #[test]
    fn the_keys_are_in_the_reports_order() {
        let keys = |classes: usize, problem: &str| {
            let json = parse(&evaluation_json(&evaluation(classes, 50, classes)));
            json[problem].as_object().unwrap().keys().cloned().collect::<Vec<String>>().join(" ")
        };
        assert_eq!(
            keys(2, "binary_classification_metrics"),
            "confusion_matrix recall precision accuracy recall_best_constant_classifier \
             precision_best_constant_classifier accuracy_best_constant_classifier true_positive_rate true_negative_rate \
             false_positive_rate false_negative_rate receiver_operating_characteristic_curve precision_recall_curve auc \
             f0_5 f1 f2 f0_5_best_constant_classifier f1_best_constant_classifier f2_best_constant_classifier"
        );
        assert_eq!(
            keys(4, "multiclass_classification_metrics"),
            "confusion_matrix accuracy weighted_recall weighted_precision weighted_f0_5 weighted_f1 weighted_f2 \
             accuracy_best_constant_classifier weighted_recall_best_constant_classifier \
             weighted_precision_best_constant_classifier weighted_f0_5_best_constant_classifier \
             weighted_f1_best_constant_classifier weighted_f2_best_constant_classifier"
        );
    }

    #[test]
    fn it_never_holds_nan_nor_an_exponent() {
        // One class only: recall of the positive class, the area and more are undefined.
        let text = evaluation_json(&evaluation(2, 40, 1));
        assert!(!text.contains("NaN") && !text.contains("standard_deviation"), "{text}");
        let json = parse(&text);
        assert!(get(&json, "binary_classification_metrics.recall.value").is_null());
        assert!(get(&json, "binary_classification_metrics.auc.value").is_null());
        let mut written = Vec::new();
        let mut formatter = Plain(PrettyFormatter::new());
        for value in [1e-7, 0.1 + 0.2, 2.5e20, -3.0] {
            formatter.write_f64(&mut written, value).unwrap();
            written.push(b' ');
        }
        assert_eq!(String::from_utf8(written).unwrap(), "0.0000001 0.30000000000000004 250000000000000000000.0 -3.0 ");
    }
}
