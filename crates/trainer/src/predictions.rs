//! Predicted rows as a table: ids as they came, the label decided on, and the probability of each class.

use trainer_data::{Column, DataError, Label, Table};
use trainer_models::Model;

use crate::run::Predicted;

/// The table: first the columns of `keep` that `rows` has, then `prediction`, then `probability_CLASS` for each class.
///
/// A column that the table already has is not replaced: the new one has an underscore added to its name.
///
/// # Errors
/// Never for a model's own rows; a table's own rules, such as names that are unique.
pub fn predictions(rows: &Table, keep: &[String], model: &Model, predicted: &Predicted) -> Result<Table, DataError> {
    let mut columns: Vec<Column> = Vec::new();
    for column in keep.iter().filter_map(|name| rows.column(name)) {
        if columns.iter().all(|kept| kept.name() != column.name()) {
            columns.push(column.clone());
        }
    }
    push(&mut columns, "prediction".to_owned(), |name| labels(name, &model.classes, &predicted.classes));
    for (class, label) in model.classes.iter().enumerate() {
        let cells = predicted.proba.column(class).to_vec();
        push(&mut columns, format!("probability_{label}"), |name| Column::from_f32(name, cells));
    }
    Table::from_columns(columns)
}

fn push(columns: &mut Vec<Column>, mut name: String, column: impl FnOnce(String) -> Column) {
    while columns.iter().any(|other| other.name() == name) {
        name.push('_');
    }
    columns.push(column(name));
}

/// Labels in the type of the target.
fn labels(name: String, classes: &[Label], predicted: &[u32]) -> Column {
    let label = |class: &u32| &classes[*class as usize];
    match classes.first() {
        Some(Label::Bool(_)) => {
            let cell = |class| if let Label::Bool(value) = label(class) { Some(*value) } else { None };
            Column::from_booleans(name, predicted.iter().map(cell).collect())
        }
        Some(Label::Integer(_)) => {
            let cell = |class| if let Label::Integer(value) = label(class) { Some(*value) } else { None };
            Column::from_integers(name, predicted.iter().map(cell).collect())
        }
        _ => Column::from_text(name, predicted.iter().map(|class| Some(label(class).to_string())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_the_type_of_the_target() {
        let of = |classes: &[Label]| labels("p".into(), classes, &[1, 0, 1]);
        assert_eq!(of(&[Label::Bool(false), Label::Bool(true)]).text(0).as_deref(), Some("true"));
        assert_eq!(of(&[Label::Integer(-1), Label::Integer(7)]).numbers(), Some(vec![7.0, -1.0, 7.0]));
        assert_eq!(of(&[Label::Text("a".into()), Label::Text("b".into())]).text(1).as_deref(), Some("a"));
    }

    #[test]
    fn a_taken_name_is_not_taken_again() {
        let mut columns = vec![Column::from_integers("prediction", vec![Some(1)])];
        push(&mut columns, "prediction".into(), |name| Column::from_integers(name, vec![Some(2)]));
        assert_eq!(columns[1].name(), "prediction_");
    }
}
