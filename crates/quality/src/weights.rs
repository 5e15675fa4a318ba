use crate::sampling::Draws;

/// How much each row counts. A row of weight 0 counts as absent.
#[derive(Debug, Clone)]
pub(crate) enum Weights<'a> {
    /// All rows count one.
    One,
    /// As given.
    Given(Vec<f64>),
    /// As often as it was drawn, times what it counted before. Sixteen bits a row, so that the counts of a million rows
    /// stay in the cache while a ranking visits them out of order.
    Drawn { counts: Vec<u16>, before: &'a Weights<'a> },
}

impl<'a> Weights<'a> {
    /// Weight of a row.
    pub(crate) fn of(&self, row: usize) -> f64 {
        match self {
            Self::One => 1.0,
            Self::Given(weights) => weights[row],
            Self::Drawn { counts, before: Self::One } => f64::from(counts[row]),
            Self::Drawn { counts, before } => f64::from(counts[row]) * before.of(row),
        }
    }

    /// The weights when as many rows are drawn with replacement.
    pub(crate) fn with_replacement(&'a self, rows: usize, mut draws: Draws) -> Self {
        let mut counts = vec![0u16; rows];
        for _ in 0..rows {
            let count = &mut counts[draws.below(rows)];
            *count = count.saturating_add(1);
        }
        Self::Drawn { counts, before: self }
    }

    /// The weights when only `kept` of the rows stay, each at most once.
    pub(crate) fn without_replacement(&'a self, rows: usize, kept: usize, mut draws: Draws) -> Self {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let mut counts = vec![0u16; rows];
        for i in 0..kept.min(rows) {
            order.swap(i, i + draws.below(rows - i));
            counts[order[i] as usize] = 1;
        }
        Self::Drawn { counts, before: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_with_replacement_is_of_as_many_rows_and_repeatable() {
        let draw = |stream| {
            let drawn = Weights::One.with_replacement(1000, Draws::new(7, stream));
            (0..1000).map(|row| drawn.of(row)).collect::<Vec<f64>>()
        };
        assert_eq!(draw(3).iter().sum::<f64>(), 1000.0);
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let absent = draw(3).iter().filter(|&&count| count == 0.0).count();
        assert!((330..=405).contains(&absent), "about 1000/e rows are never drawn, here {absent}");
    }

    #[test]
    fn a_draw_without_replacement_takes_each_row_at_most_once() {
        let given = Weights::Given(vec![2.0; 50]);
        let drawn = given.without_replacement(50, 40, Draws::new(1, 0));
        assert_eq!((0..50).filter(|&row| drawn.of(row) == 2.0).count(), 40);
        assert_eq!((0..50).filter(|&row| drawn.of(row) == 0.0).count(), 10);
    }
}
