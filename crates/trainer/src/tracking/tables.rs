//! Tables as the official client reads them back with `load_table`.

use serde_json::json;
use trainer_quality::Evaluation;

use crate::run::Outcome;

/// Features with their importances, the greatest first.
pub fn feature_importance(outcome: &Outcome) -> String {
    let mut rows: Vec<&(String, f64)> = outcome.importances.iter().collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let row = |(name, impurity): &(String, f64)| {
        let permuted = outcome.permutation.iter().find(|it| it.feature == *name);
        json!([name, impurity, permuted.map(|it| it.mean), permuted.map(|it| it.std)])
    };
    let columns = ["feature", "importance", "permutation_mean", "permutation_std"];
    let data: Vec<_> = rows.into_iter().map(row).collect();
    format!("{:#}\n", json!({ "columns": columns, "data": data }))
}

/// One row for each pair of an actual and a predicted class.
pub fn confusion_matrix(evaluation: &Evaluation) -> String {
    let (classes, cells) = (&evaluation.classes, evaluation.confusion.cells());
    let pairs = classes.iter().zip(cells).flat_map(|(actual, row)| {
        classes.iter().zip(row).map(|(predicted, weight)| json!([actual.to_string(), predicted.to_string(), weight]))
    });
    let data: Vec<_> = pairs.collect();
    format!("{:#}\n", json!({ "columns": ["actual", "predicted", "weight"], "data": data }))
}
