//! The real data sets, where they are there: size, missing cells and classes as their manifest has them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use trainer_data::{Kind, ReadOptions, read_local, target};
use trainer_testkit::shared;

#[test]
fn data_sets_have_the_rows_nulls_and_classes_of_their_manifest() {
    let Some(folder) = shared("data") else { return };
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let sets = manifest["datasets"].as_array().unwrap();
    assert!(sets.len() > 10);
    for set in sets {
        let name = set["name"].as_str().unwrap();
        let path = folder.join(set["file"].as_str().unwrap());
        let input =
            read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(input.files[0].sha256, set["sha256"].as_str().unwrap(), "{name}");
        assert_eq!(Some(input.table.rows() as u64), set["rows"].as_u64(), "{name}");
        assert_eq!(Some(input.table.columns().len() as u64), set["cols"].as_u64(), "{name}");
        let nulls: usize = input.table.columns().iter().map(|column| column.null_count()).sum();
        assert_eq!(Some(nulls as u64), set["null_cells"].as_u64(), "{name}");
        let (Some(target_name), Some(classes)) = (set["target"].as_str(), set["classes"].as_object()) else { continue };
        let target = target(&input.table, target_name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for &class in &target.y {
            *found.entry(target.classes[class as usize].to_string()).or_default() += 1;
        }
        let expected: BTreeMap<String, u64> =
            classes.iter().map(|(class, count)| (class.clone(), count.as_u64().unwrap())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_original_telco_file_has_its_blanks_as_missing_numbers() {
    let Some(path) = shared("data/original/Telco-Customer-Churn.csv") else { return };
    let input = read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    let charges = input.table.column("TotalCharges").unwrap();
    assert_eq!((charges.kind(), charges.null_count()), (Kind::Float, 11));
    let warning = input.warnings.iter().find(|warning| warning.code == "null_tokens").unwrap();
    assert_eq!((warning.column.as_deref(), warning.count), (Some("TotalCharges"), 11));
}
