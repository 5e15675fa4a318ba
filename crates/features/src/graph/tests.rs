use trainer_data::{Column, Kind, Table};

use super::*;
use crate::evaluation::Evaluation;
use crate::program::affine::Affine;
use crate::program::arithmetic::Arithmetic;
use crate::program::fill::Fill;
use crate::source::Sources;

fn inputs() -> Vec<Input> {
    let input = |name: &str, kind| Input { name: name.into(), kind, missing: true };
    vec![input("a", Kind::Float), input("b", Kind::Float), input("t", Kind::Text)]
}

fn program(op: impl Into<ColumnOp>, inputs: &[&str], output: &str) -> Program {
    let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
    Program { op: op.into(), inputs, outputs: vec![output.to_owned()], beside: false }
}

fn graph(programs: &[Program]) -> Graph {
    let mut graph = Graph::new(&inputs());
    programs.iter().enumerate().for_each(|(number, program)| graph.push(number, program).unwrap());
    graph
}

fn table() -> Table {
    Table::from_columns(vec![
        Column::from_numbers("a", vec![Some(1.0), None, Some(3.0)]),
        Column::from_numbers("b", vec![Some(10.0), Some(20.0), Some(30.0)]),
        Column::from_text("t", vec![Some("d"), None, Some("b")]),
    ])
    .unwrap()
}

#[test]
fn columns_without_a_common_source_are_apart() {
    let graph = graph(&[
        program(Affine::clip(Some(0.0), None), &["a"], "a"),
        program(Arithmetic::RowSum, &["a", "b"], "s"),
        program(Arithmetic::Log1p, &["b"], "l"),
    ]);
    let targets = |names: &[&str]| names.iter().map(|name| graph.node(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(graph.groups(&targets(&["a", "l"])), [[0], [1]]);
    assert_eq!(graph.groups(&targets(&["l", "a", "s"])), [[0, 1, 2]]);
}

#[test]
fn a_fill_of_text_is_a_level() {
    let fill = |text: &str| program(Fill::with(Constant::Text(text.into())), &["t"], "t");
    let programs = [fill("c"), fill("z")];
    let (graph, table, inputs) = (graph(&programs), table(), inputs());
    let sources = Sources::open(&table, &inputs).unwrap();
    let evaluation = Evaluation::new(&graph, &programs, &sources);
    let codes = evaluation.codes(graph.node("t").unwrap());
    let texts: Vec<_> = (0..3).map(|row| codes.text(row).unwrap()).collect();
    // The first fill leaves nothing for the second.
    assert_eq!(texts, ["d", "c", "b"]);
}

#[test]
fn a_name_means_what_was_written_last() {
    let double = Affine { scale: 2.0, ..Affine::clip(None, None) };
    let programs = [program(double.clone(), &["a"], "a"), program(double, &["a"], "x")];
    let (graph, table, inputs) = (graph(&programs), table(), inputs());
    let sources = Sources::open(&table, &inputs).unwrap();
    let evaluation = Evaluation::new(&graph, &programs, &sources);
    let x = evaluation.columns(&[graph.node("x").unwrap()]).unwrap().0;
    assert_eq!((x[0], x[1].is_nan(), x[2]), (4.0, true, 12.0));
}

#[test]
fn programs_that_cannot_follow_are_refused() {
    let push = |program: Program| Graph::new(&inputs()).push(0, &program).unwrap_err();
    assert!(push(program(Arithmetic::Log1p, &["c"], "c")).contains("no program before it"));
    assert!(push(program(Arithmetic::Log1p, &["t"], "t")).contains("takes numbers"));
    assert!(push(program(Arithmetic::Log1p, &["a", "b"], "x")).contains("2 columns in"));
    assert!(push(program(Arithmetic::Ratio { floor: 0.0 }, &["a", "b"], "x")).contains("not above zero"));
}
