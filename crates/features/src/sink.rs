//! Where numbers are written: cells of the type that a column is to have.

/// Some cells of a column; whole numbers with one place a cell that says whether there is one.
pub(crate) enum Sink<'s> {
    F64(&'s mut [f64]),
    F32(&'s mut [f32]),
    I32(&'s mut [i32], &'s mut [bool]),
    U32(&'s mut [u32], &'s mut [bool]),
    U16(&'s mut [u16], &'s mut [bool]),
    U8(&'s mut [u8], &'s mut [bool]),
}

/// Runs an expression on the whole numbers of a sink.
macro_rules! whole {
    ($sink:expr, $cells:ident, $valid:ident => $body:expr) => {
        match $sink {
            Sink::I32($cells, $valid) => $body,
            Sink::U32($cells, $valid) => $body,
            Sink::U16($cells, $valid) => $body,
            Sink::U8($cells, $valid) => $body,
            Sink::F64(_) | Sink::F32(_) => unreachable!("matched before"),
        }
    };
}

impl<'s> Sink<'s> {
    /// The same cells in blocks.
    pub fn blocks(self, rows: usize) -> Vec<Self> {
        fn both<'s, T>(
            cells: &'s mut [T],
            valid: &'s mut [bool],
            rows: usize,
            sink: impl Fn(&'s mut [T], &'s mut [bool]) -> Sink<'s>,
        ) -> Vec<Sink<'s>> {
            cells.chunks_mut(rows).zip(valid.chunks_mut(rows)).map(|(cells, valid)| sink(cells, valid)).collect()
        }
        match self {
            Self::F64(cells) => cells.chunks_mut(rows).map(Self::F64).collect(),
            Self::F32(cells) => cells.chunks_mut(rows).map(Self::F32).collect(),
            Self::I32(cells, valid) => both(cells, valid, rows, Self::I32),
            Self::U32(cells, valid) => both(cells, valid, rows, Self::U32),
            Self::U16(cells, valid) => both(cells, valid, rows, Self::U16),
            Self::U8(cells, valid) => both(cells, valid, rows, Self::U8),
        }
    }

    /// Writes numbers, or says which is the first that does not fit.
    pub fn write(self, numbers: &[f64]) -> Result<(), usize> {
        match self {
            Self::F64(cells) => {
                cells.copy_from_slice(numbers);
                fits(numbers, numbers.iter().fold(false, |odd, x| odd | x.is_infinite()), |x| x)
            }
            Self::F32(cells) => {
                let mut odd = false;
                for (y, &x) in cells.iter_mut().zip(numbers) {
                    *y = x as f32;
                    odd |= y.is_infinite();
                }
                fits(numbers, odd, |x| f64::from(x as f32))
            }
            whole => {
                whole!(whole, cells, valid => {
                    for ((y, valid), &x) in cells.iter_mut().zip(valid).zip(numbers) {
                        // Missing becomes zero, which nobody reads.
                        *y = x as _;
                        *valid = !x.is_nan();
                    }
                });
                Ok(())
            }
        }
    }

    /// Writes one where a number is this one, zero elsewhere.
    pub fn write_flags(self, numbers: &[f64], flag: f64) {
        match self {
            Self::F64(cells) => {
                cells.iter_mut().zip(numbers).for_each(|(y, &x)| *y = f64::from(u8::from(x == flag)));
            }
            Self::F32(cells) => {
                cells.iter_mut().zip(numbers).for_each(|(y, &x)| *y = f32::from(u8::from(x == flag)));
            }
            Self::U8(cells, valid) => {
                cells.iter_mut().zip(numbers).for_each(|(y, &x)| *y = u8::from(x == flag));
                valid.fill(true);
            }
            other => {
                let flags: Vec<f64> = numbers.iter().map(|&x| f64::from(u8::from(x == flag))).collect();
                other.write(&flags).expect("zeros and ones fit");
            }
        }
    }
}

fn fits(numbers: &[f64], odd: bool, rounded: impl Fn(f64) -> f64) -> Result<(), usize> {
    match odd {
        false => Ok(()),
        true => Err(numbers.iter().position(|&x| rounded(x).is_infinite()).expect("one that does not fit")),
    }
}
