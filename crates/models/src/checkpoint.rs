/// The numbers of rounds after which a model in the making is scored: powers of two, and the last.
pub fn checkpoints(total: u32) -> Vec<u32> {
    (0..32).map(|power| 1 << power).take_while(|&rounds| rounds < total).chain([total]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_end_with_all_rounds() {
        assert_eq!(checkpoints(1), [1]);
        assert_eq!(checkpoints(4), [1, 2, 4]);
        assert_eq!(checkpoints(100), [1, 2, 4, 8, 16, 32, 64, 100]);
    }
}
