//! The number of a bin.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// `y` = how many `edges` are not above `x`: the number of the half-open bin `[edge, next edge)`; missing stays missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Inner edges, strictly ascending; `k` edges make `k + 1` bins.
    pub edges: Vec<f64>,
}

impl Operator for Cut {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        if input == CellType::Number { Ok(CellType::Number) } else { Err("numbers") }
    }

    fn check(&self) -> Result<(), String> {
        match self.edges.windows(2).find(|pair| !matches!(pair, [a, b] if a < b)) {
            Some(pair) => Err(format!("the edges {} and {} are not in ascending order", pair[0], pair[1])),
            None if self.edges.iter().any(|edge| !edge.is_finite()) => Err("an edge is not finite".into()),
            None => Ok(()),
        }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            *y = if x.is_nan() { x } else { self.edges.partition_point(|&edge| edge <= x) as f64 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_above_it() {
        let mut y = [0.0; 5];
        Cut { edges: vec![1.0, 2.0] }.numbers(&[&[0.5, 1.0, 1.5, 2.0, f64::NAN]], &mut y, &mut 0);
        assert_eq!(y[..4], [0.0, 1.0, 1.0, 2.0]);
        assert!(y[4].is_nan());
    }

    #[test]
    fn edges_out_of_order_are_refused() {
        assert!(Cut { edges: vec![1.0, 1.0] }.check().is_err());
        assert!(Cut { edges: vec![f64::NAN] }.check().is_err());
        assert!(Cut { edges: vec![] }.check().is_ok());
    }

    proptest::proptest! {
        #[test]
        fn the_bin_is_the_number_of_edges_at_or_below(mut edges in proptest::collection::vec(-9i32..9, 0..9), x in -10i32..10) {
            edges.sort_unstable();
            edges.dedup();
            let expected = edges.iter().filter(|&&edge| edge <= x).count() as f64;
            let op = Cut { edges: edges.into_iter().map(f64::from).collect() };
            let mut y = [0.0];
            op.numbers(&[&[f64::from(x)]], &mut y, &mut 0);
            proptest::prop_assert_eq!(y[0], expected);
        }
    }
}
