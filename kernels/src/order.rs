//! The cells at given places of the ascending order, on the host: by selection, without a whole sort.

/// See `order_statistics`.
pub(crate) fn host(cells: &[f64], ranks: impl FnOnce(u64) -> Vec<u64>) -> Vec<f64> {
    let mut present: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
    let ranks: Vec<usize> = ranks(present.len() as u64).into_iter().map(|rank| rank as usize).collect();
    let mut wanted = ranks.clone();
    wanted.sort_unstable();
    wanted.dedup();
    place(&mut present, &wanted, 0);
    ranks.into_iter().map(|rank| present[rank]).collect()
}

/// Brings the cells of these ranks to their places; `first`: the rank of the first of `cells`.
fn place(cells: &mut [f64], ranks: &[usize], first: usize) {
    // Sorting is quicker than many selections among few.
    if cells.len() <= 32 * ranks.len() {
        return cells.sort_unstable_by(f64::total_cmp);
    }
    let middle = ranks.len() / 2;
    let Some(&rank) = ranks.get(middle) else { return };
    let (below, _, above) = cells.select_nth_unstable_by(rank - first, f64::total_cmp);
    rayon::join(|| place(below, &ranks[..middle], first), || place(above, &ranks[middle + 1..], rank + 1));
}
