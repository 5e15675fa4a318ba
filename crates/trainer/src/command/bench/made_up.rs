//! A table that is the same on every machine, as large as is asked for.

use std::io::Write as _;
use std::path::Path;

use rayon::prelude::*;
use trainer_data::{Categories, Column, Dataset, Feature, FeatureKind, Label, Matrix, Needs, Table};
use trainer_features::{FittedPlan, PlanSpec, Step, fit};
use trainer_kernels::{Purpose, philox};

/// Rows that a plan learns from: its constants need no more.
const LEARNED_ROWS: usize = 200_000;

/// A class that depends on a few features and a little chance.
pub fn dataset(rows: u32, features: u32, classes: u32) -> Dataset {
    let number = |row: u32, feature: u32| {
        let word = philox(7, row, feature, 0, Purpose::BinSample)[0];
        (word >> 8) as f32 / 16_777_216.0
    };
    let columns: Vec<Vec<f32>> =
        (0..features).into_par_iter().map(|feature| (0..rows).map(|row| number(row, feature)).collect()).collect();
    let class = |row: usize| {
        let of = |feature: u32| columns[(feature % features) as usize][row];
        let noise = number(row as u32, u32::MAX);
        let signal = of(0) * of(1) + of(2) * 0.5 + of(3) * of(4) * 0.5 + noise * 0.3;
        ((signal / 1.8 * classes as f32) as u32).min(classes - 1)
    };
    let y = (0..rows as usize).into_par_iter().map(class).collect();
    let kind = || FeatureKind::Number;
    let features = (0..features).map(|feature| Feature { name: format!("f{feature}"), kind: kind() }).collect();
    Dataset {
        matrix: Matrix::from_columns(rows as usize, columns, features),
        y,
        weight: None,
        classes: (0..i64::from(classes)).map(Label::Integer).collect(),
    }
}

/// A plan of two programs a column that one pass can do, and the table that it is applied to.
pub fn plan(data: &Dataset) -> anyhow::Result<(FittedPlan, Table)> {
    let column = |j: usize, rows: usize| {
        Column::from_f32(data.matrix.features[j].name.clone(), data.matrix.column(j)[..rows].to_vec())
    };
    let table = |rows: usize| Table::from_columns((0..data.matrix.features.len()).map(|j| column(j, rows)).collect());
    let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    let steps = vec![Step::Impute(Default::default()), Step::Standardize(Default::default())];
    let spec = PlanSpec { select: None, exclude: vec![], steps, needs: Some(needs), pii: vec![] };
    let rows = data.matrix.rows();
    let (plan, _) = fit(&table(rows.min(LEARNED_ROWS))?, None, &spec)?;
    Ok((plan, table(rows)?))
}

/// Writes `x.npy` (rows x features, float32, column after column) and `y.npy` (int32): NumPy's own format.
///
/// # Errors
/// A folder that cannot be made, a full disk.
pub fn write(data: &Dataset, folder: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(folder)?;
    let (rows, features) = (data.matrix.rows(), data.matrix.features.len());
    let columns = (0..features).map(|j| data.matrix.column(j).iter().flat_map(|cell| cell.to_le_bytes()).collect());
    write_array(&folder.join("x.npy"), "<f4", &format!("({rows}, {features})"), columns)?;
    let classes = data.y.iter().flat_map(|class| class.to_le_bytes()).collect();
    write_array(&folder.join("y.npy"), "<i4", &format!("({rows},)"), [classes])
}

fn write_array(path: &Path, kind: &str, shape: &str, parts: impl IntoIterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': True, 'shape': {shape}, }}");
    // The format: what is before the cells ends on a multiple of 64 bytes, with a line feed.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = std::io::BufWriter::new(fs_err::File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(padded as u16).to_le_bytes())?;
    file.write_all(format!("{header:<width$}\n", width = padded - 1).as_bytes())?;
    for part in parts {
        file.write_all(&part)?;
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_begins_at_a_multiple_of_64_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let data = dataset(7, 3, 2);
        write(&data, folder.path()).unwrap();
        let x = std::fs::read(folder.path().join("x.npy")).unwrap();
        let start = x.len() - 7 * 3 * 4;
        assert_eq!((start % 64, x[start - 1]), (0, b'\n'));
        assert_eq!(x[start..start + 4], data.matrix.column(0)[0].to_le_bytes());
        assert_eq!(x[start + 7 * 4..start + 8 * 4], data.matrix.column(1)[0].to_le_bytes());
        let y = std::fs::read(folder.path().join("y.npy")).unwrap();
        assert_eq!(y[y.len() - 4..], data.y[6].to_le_bytes());
    }

    #[test]
    fn all_classes_of_a_table_occur() {
        for classes in [2, 7] {
            let data = dataset(5000, 5, classes);
            assert!((0..classes).all(|class| data.y.contains(&class)), "{classes}");
        }
    }
}
