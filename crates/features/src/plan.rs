use trainer_data::{Categories, Fault, Kind, Needs, Scan, ScanError, Table, Warning};

use crate::FeatureError;
use crate::fitted_plan::FittedPlan;
use crate::fitting::{Advance, ColumnType, Fitting};
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::{Learned, LevelNames};
use crate::program::CellType;
use crate::program::affine::Affine;
use crate::program::lookup::{Keys, Lookup};
use crate::statistic::MOST_LEVELS;
use crate::step::impute::{Impute, Strategy};
use crate::step::one_hot::OneHot;
use crate::step::standardize::Standardize;
use crate::step::{Step, Transform};

/// How a table becomes features.
#[derive(Debug, Clone)]
pub struct PlanSpec {
    /// The columns to use, `column` or `view:column`; none = all that are not excluded.
    pub select: Option<Vec<String>>,
    /// Columns that are never features: target, ids, event timestamp, weight, ignored ones. They need not exist.
    pub exclude: Vec<String>,
    /// What is done to the columns, in order.
    pub steps: Vec<Step>,
    /// What the learner takes; what the steps leave is brought to it. None: there is no learner, and the columns go into a
    /// table as the steps leave them.
    pub needs: Option<Needs>,
    /// Columns of personal data. They leave in no form but what `mask` and `hash` make of them: not as features, nor in a
    /// table, a message or a saved state.
    pub pii: Vec<String>,
}

/// Learns a plan from the training rows.
///
/// `y` is the class of each row, for steps that look at it.
///
/// # Errors
/// `Config` when the specification names columns that are not there, or of the wrong type; `Data` when a column cannot be
/// used as it is, or nothing is left to learn from.
pub fn fit(table: &Table, y: Option<&[u32]>, spec: &PlanSpec) -> Result<(FittedPlan, Vec<Warning>), FeatureError> {
    let mut fitting = Fitting::new(spec, ColumnType::of(table))?;
    loop {
        let partial = fitting.partial(table, y)?;
        match fitting.advance(partial)? {
            Advance::Continue(next) => fitting = *next,
            Advance::Done(plan, warnings) => return Ok((*plan, warnings)),
        }
    }
}

/// Learns a plan from the rows of a scan, in as few readings as the steps allow; `labels` gives the class of each row of a
/// table of some of them.
///
/// # Errors
/// As [`fit`], and what stops the reading.
pub fn fit_scan(
    scan: &dyn Scan,
    labels: Option<&Labels<'_>>,
    spec: &PlanSpec,
) -> Result<(FittedPlan, Vec<Warning>), ScanError> {
    let mut fitting = Fitting::over(spec, scan)?;
    loop {
        let partial = fitting.partial_of_scan(scan, labels)?;
        match fitting.advance(partial)? {
            Advance::Continue(next) => fitting = *next,
            Advance::Done(plan, warnings) => return Ok((*plan, warnings)),
        }
    }
}

/// The class of each row of a table.
pub type Labels<'a> = dyn Fn(&Table) -> Result<Vec<u32>, ScanError> + Sync + 'a;

/// Brings what the steps left to what the learner takes.
pub(crate) fn suit(frame: &mut Frame<'_>, needs: Needs) -> Result<Vec<Warning>, FeatureError> {
    let text = features_where(frame, |column| column.cell_type == CellType::Text);
    let mut warnings = match needs.categories {
        Categories::OneHot => frame.step(FEATURES, &OneHot { columns: Some(text), ..OneHot::default() })?,
        Categories::Native { max_levels } => frame.step(FEATURES, &Encode { text, max_levels: max_levels as usize })?,
    };
    let instants = features_where(frame, |column| frame.input_kind(&column.name) == Some(Kind::Timestamp));
    warnings.extend(frame.step(FEATURES, &SinceFirst { instants })?);
    let numbers = |frame: &Frame<'_>| {
        features_where(frame, |column| column.levels.is_none() && column.cell_type == CellType::Number)
    };
    if !needs.missing {
        let (columns, strategy) = (Some(numbers(frame)), Strategy::Median);
        warnings.extend(frame.step(FEATURES, &Impute { columns, strategy, ..Impute::default() })?);
    }
    if needs.scaled {
        let columns = Some(numbers(frame));
        warnings.extend(frame.step(FEATURES, &Standardize { columns, ..Standardize::default() })?);
    }
    Ok(warnings)
}

/// What messages name in place of a step, for what is done without one.
const FEATURES: &str = "features";

/// Those that wait for a step are for another time.
fn features_where(frame: &Frame<'_>, wanted: impl Fn(&FrameColumn) -> bool) -> Vec<String> {
    frame.settled().filter(|column| column.feature && wanted(column)).map(|column| column.name.clone()).collect()
}

/// Level codes for text columns, for a learner that takes them.
struct Encode {
    text: Vec<String>,
    max_levels: usize,
}

impl Transform for Encode {
    fn columns(&self) -> Vec<&str> {
        Vec::new()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        let mut too_many: Vec<(String, String)> = Vec::new();
        let chosen = frame.choose(FEATURES, Some(&self.text), Takes::Any)?;
        for FrameColumn { name, .. } in &chosen {
            let Some(found) = frame.levels(name) else { continue };
            let levels: Vec<String> = match found.levels() {
                Some(levels) if levels.len() <= self.max_levels => levels.keys().cloned().collect(),
                Some(levels) => {
                    too_many.push((name.clone(), levels.len().to_string()));
                    continue;
                }
                None => {
                    too_many.push((name.clone(), format!("more than {MOST_LEVELS}")));
                    continue;
                }
            };
            let values = (0..levels.len()).map(|code| code as f64).collect();
            let op = Lookup { keys: Keys::Text(levels.clone()), values, missing: None, unknown: None };
            learned.in_place(name, op);
            learned.coded(LevelNames::Named(levels));
        }
        let wide = frame.settled().filter(|column| column.feature);
        too_many.extend(wide.filter_map(|column| {
            let levels = column.levels.as_ref()?.count();
            (levels > self.max_levels).then(|| (column.name.clone(), levels.to_string()))
        }));
        if too_many.is_empty() { Ok(learned) } else { Err(too_many_levels(&too_many, self.max_levels)) }
    }
}

/// All columns at once, so that one change of the config repairs them.
fn too_many_levels(columns: &[(String, String)], max_levels: usize) -> FeatureError {
    let found: Vec<String> = columns.iter().map(|(name, levels)| format!("`{name}` with {levels}")).collect();
    let message = format!("expected at most {max_levels} levels in a column, found {}", found.join(", "));
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let hint = format!(
        "leave them out with `data.ignore: [{0}]`, or bring them to fewer with the step `hash: {{columns: [{0}], buckets: 64}}` or `one_hot: {{columns: [{0}], max_levels: 20}}`",
        names.join(", ")
    );
    FeatureError::data(Fault::new("too_many_levels", message).hint(hint))
}

/// Timestamps that no step has changed become seconds since the first one in training: `f32` has no room for seconds since
/// 1970.
struct SinceFirst {
    instants: Vec<String>,
}

impl Transform for SinceFirst {
    fn columns(&self) -> Vec<&str> {
        Vec::new()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose(FEATURES, Some(&self.instants), Takes::Numbers)?;
        frame.learn_each(&chosen, |column, learned| {
            if let Some((first, _)) = frame.moments(&column.name).and_then(|moments| moments.extremes) {
                learned.in_place(&column.name, Affine { center: first, ..Affine::clip(None, None) });
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use trainer_data::{Column, FeatureKind};
    use trainer_kernels::Device;

    use super::*;

    const FOREST: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    const LINEAR: Needs = Needs { categories: Categories::OneHot, missing: false, scaled: true };

    fn spec(steps: &str, needs: Needs) -> PlanSpec {
        PlanSpec {
            select: None,
            exclude: vec!["y".into()],
            steps: serde_json::from_str(steps).unwrap(),
            needs: Some(needs),
            pii: vec![],
        }
    }

    fn table() -> Table {
        Table::from_columns(vec![
            Column::from_numbers("age", vec![Some(30.0), None, Some(40.0), Some(50.0)]),
            Column::from_text("city", vec![Some("Ulm"), Some("Bern"), None, Some("Ulm")]),
            Column::from_booleans("member", vec![Some(true), Some(false), Some(true), Some(true)]),
            Column::from_integers("y", vec![Some(0), Some(1), Some(0), Some(1)]),
        ])
        .unwrap()
    }

    fn names(plan: &FittedPlan) -> Vec<&str> {
        plan.features().iter().map(|feature| feature.name.as_str()).collect()
    }

    #[test]
    fn without_steps_types_decide() {
        let (plan, warnings) = fit(&table(), None, &spec("[]", FOREST)).unwrap();
        assert_eq!((names(&plan), warnings), (vec!["age", "city", "member"], vec![]));
        assert_eq!(plan.features()[1].kind, FeatureKind::Category { levels: vec!["Bern".into(), "Ulm".into()] });
        let matrix = plan.apply(&table(), &Device::Cpu).unwrap().matrix;
        assert_eq!(matrix.column(2), [1.0, 0.0, 1.0, 1.0]);
        assert_eq!((matrix.column(1)[0], matrix.column(1)[1]), (1.0, 0.0));
        assert!(matrix.column(0)[1].is_nan() && matrix.column(1)[2].is_nan());
    }

    #[test]
    fn a_learner_that_needs_more_gets_it() {
        let (plan, _) = fit(&table(), None, &spec("[]", LINEAR)).unwrap();
        assert_eq!(names(&plan), ["age", "city_Bern", "city_Ulm", "city_missing", "member"]);
        let matrix = plan.apply(&table(), &Device::Cpu).unwrap().matrix;
        assert!(matrix.x.iter().all(|x| x.is_finite()));
        let mean: f32 = matrix.column(0).iter().sum::<f32>() / 4.0;
        assert!(mean.abs() < 1e-6);
    }

    #[test]
    fn only_what_the_features_need_is_kept() {
        let steps = r#"[{"ratio": {"numerator": "age", "denominator": "member"}}]"#;
        let selected = PlanSpec { select: Some(vec!["age".into(), "member".into()]), ..spec(steps, FOREST) };
        let (plan, _) = fit(&table(), None, &selected).unwrap();
        let inputs: Vec<&str> = plan.inputs().iter().map(|input| input.name.as_str()).collect();
        assert_eq!((inputs, names(&plan)), (vec!["age", "member"], vec!["age", "member", "age_per_member"]));
    }

    #[test]
    fn too_many_levels_are_refused_all_at_once() {
        let cells = |prefix: &str| (0..300).map(|row| Some(format!("{prefix}{row}"))).collect::<Vec<_>>();
        let columns = ["a", "b"].map(|name| Column::from_text(name, cells(name)));
        let table = Table::from_columns(columns.to_vec()).unwrap();
        let error = fit(&table, None, &spec("[]", FOREST)).unwrap_err();
        assert_eq!(error.code(), "too_many_levels");
        let message = error.to_string();
        assert!(message.contains("`a` with 300, `b` with 300") && message.contains("data.ignore: [a, b]"), "{message}");
        let (plan, _) = fit(&table, None, &spec(r#"[{"hash": {"buckets": 10}}]"#, FOREST)).unwrap();
        assert!(matches!(&plan.features()[0].kind, FeatureKind::Category { levels } if levels.len() == 10));
    }

    #[test]
    fn steps_must_fit_the_columns() {
        let code = |steps: &str| fit(&table(), None, &spec(steps, FOREST)).unwrap_err().code();
        assert_eq!(code(r#"[{"standardize": {"columns": ["aeg"]}}]"#), "unknown_column");
        assert_eq!(code(r#"[{"standardize": {"columns": ["city"]}}]"#), "text_column");
        assert_eq!(code(r#"[{"log1p": {"columns": ["age", "age"]}}]"#), "column_named_twice");
        assert_eq!(code(r#"[{"one_hot": {}}, {"hash": {"columns": ["city"]}}]"#), "unknown_column");
        assert_eq!(code(r#"[{"row_sum": {"output": "city"}}]"#), "column_exists");
        assert_eq!(code(r#"[{"clip": {}}]"#), "step");
        assert_eq!(code(r#"[{"impute": {"columns": ["y"]}}]"#), "unknown_column");
        let error = fit(&table(), None, &spec(r#"[{"impute": {"columns": ["aeg"]}}]"#, FOREST)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `aeg`: step `impute`: expected a column of that name, found none\nhint: did you mean `age`?"
        );
    }

    #[test]
    fn damaged_plans_are_refused() {
        let (plan, _) = fit(&table(), None, &spec(r#"[{"standardize": {}}]"#, FOREST)).unwrap();
        let json = plan.to_json();
        for (from, to) in [
            (r#""version": 2"#, r#""version": 3"#),
            (r#""center""#, r#""centre""#),
            (r#""affine""#, r#""hash""#),
            (r#""name": "member""#, r#""name": "members""#),
            (r#""keys""#, r#""missing": 7, "keys""#),
            ("{", ""),
        ] {
            let damaged = json.replacen(from, to, 1);
            assert_ne!(damaged, json, "{from}");
            let loaded = FittedPlan::from_json(&damaged);
            if from == r#""keys""# {
                assert!(loaded.is_ok_and(|loaded| loaded != plan));
            } else {
                assert_eq!(loaded.unwrap_err().code(), "damaged_plan", "{from}");
            }
        }
    }

    #[test]
    fn whole_numbers_that_are_rounded_are_counted() {
        let large = vec![Some(16_777_217), Some(16_777_218), Some(-16_777_219), Some(5)];
        let table = Table::from_columns(vec![Column::from_integers("n", large)]).unwrap();
        let (plan, _) = fit(&table, None, &spec("[]", FOREST)).unwrap();
        let warnings = plan.apply(&table, &Device::Cpu).unwrap().warnings;
        assert_eq!((warnings.len(), warnings[0].code.as_str(), warnings[0].count), (1, "rounded_integers", 2));
        let (plan, _) = fit(&table, None, &spec(r#"[{"standardize": {}}]"#, FOREST)).unwrap();
        assert_eq!(plan.apply(&table, &Device::Cpu).unwrap().warnings, []);
    }

    #[test]
    fn numbers_beyond_32_bits_are_an_error() {
        let table = Table::from_columns(vec![Column::from_numbers("x", vec![Some(1.0), Some(-1e39)])]).unwrap();
        let (plan, _) = fit(&table, None, &spec("[]", FOREST)).unwrap();
        let error = plan.apply(&table, &Device::Cpu).unwrap_err();
        assert_eq!(
            (error.code(), error.fault().row, error.fault().column.as_deref()),
            ("number_out_of_range", Some(2), Some("x"))
        );
    }
}
