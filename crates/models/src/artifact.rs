//! The model file: safetensors, with the manifest in its metadata. The same model is the same bytes, so the file's
//! SHA-256 is the model's hash.
//!
//! | tensor | shape | type |
//! |---|---|---|
//! | `node_threshold` | nodes | F32 |
//! | `node_left` | nodes | U32; a leaf's own place, else that of its left child, the right one behind it |
//! | `node_feature` | nodes | U32; bit 31: missing values go left, bit 30: split by a set of levels |
//! | `node_value` | nodes | U32; of a leaf, where its values begin in `leaf_value`; of a split by levels, the number of its set |
//! | `node_decrease`, `node_cover` | nodes | F64 |
//! | `tree_root` | trees | U32 |
//! | `level_set` | sets x 4 | U64; bit `l % 64` of word `l / 64`: level `l` goes left |
//! | `leaf_value` | leaves * classes; of margins, leaves | U32; 2^-24; of margins, 2^30 more than the value |
//!
//! The manifest's `link` tells what leaves hold; without it, probabilities.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trainer_data::{Feature, Label};
use trainer_kernels::{IS_SET, MISSING_LEFT, Step};

use crate::ensemble::{Link, MARGIN_ZERO, ONE};
use crate::model::{Decision, Form};
use crate::{Ensemble, Model, ModelError, Node};

/// The version of the file's shape that this program writes.
const FORMAT: u32 = 1;

/// What the tensors mean.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    form: String,
    features: Vec<Feature>,
    classes: Vec<Label>,
    #[serde(default, skip_serializing_if = "Link::is_mean")]
    link: Link,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
}

impl Model {
    /// The model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Form::Trees(trees) = &self.form;
        let manifest = Manifest {
            format: FORMAT,
            form: "trees".into(),
            features: self.features.clone(),
            classes: self.classes.clone(),
            link: trees.link.clone(),
            decision: self.decision,
        };
        let nodes = &trees.nodes;
        let tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![
            ("node_threshold", Dtype::F32, vec![nodes.len()], bytes(nodes, |n| n.step.threshold.to_le_bytes())),
            ("node_left", Dtype::U32, vec![nodes.len()], bytes(nodes, |n| n.step.left.to_le_bytes())),
            ("node_feature", Dtype::U32, vec![nodes.len()], bytes(nodes, |n| n.step.feature.to_le_bytes())),
            ("node_value", Dtype::U32, vec![nodes.len()], bytes(nodes, |n| n.step.value.to_le_bytes())),
            ("node_decrease", Dtype::F64, vec![nodes.len()], bytes(nodes, |n| n.decrease.to_le_bytes())),
            ("node_cover", Dtype::F64, vec![nodes.len()], bytes(nodes, |n| n.cover.to_le_bytes())),
            ("tree_root", Dtype::U32, vec![trees.roots.len()], bytes(&trees.roots, |root| root.to_le_bytes())),
            (
                "level_set",
                Dtype::U64,
                vec![trees.sets.len(), 4],
                bytes(trees.sets.as_flattened(), |word| word.to_le_bytes()),
            ),
            ("leaf_value", Dtype::U32, vec![trees.values.len()], bytes(&trees.values, |value| value.to_le_bytes())),
        ];
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).expect("as many bytes as the shape asks for"))
        });
        let manifest = serde_json::to_string(&manifest).expect("a manifest is plain data");
        let metadata = HashMap::from([("trainer".to_string(), manifest)]);
        serialize(views, Some(metadata)).expect("names and shapes are valid")
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError::Format`] when the bytes are not a model of a format that this program knows, or contradict themselves.
    pub fn from_bytes(file: &[u8]) -> Result<Self, ModelError> {
        let wrong = |what: &str| ModelError::Format(what.to_string());
        let (_, header) = SafeTensors::read_metadata(file).map_err(|error| ModelError::Format(error.to_string()))?;
        let tensors = SafeTensors::deserialize(file).map_err(|error| ModelError::Format(error.to_string()))?;
        let manifest = header.metadata().as_ref().and_then(|metadata| metadata.get("trainer"));
        let manifest = manifest.ok_or_else(|| wrong("no `trainer` entry in its metadata"))?;
        let manifest: Manifest = serde_json::from_str(manifest)
            .map_err(|error| ModelError::Format(format!("its manifest does not read: {error}")))?;
        if manifest.format != FORMAT || manifest.form != "trees" {
            let (format, form) = (manifest.format, manifest.form);
            return Err(ModelError::Format(format!(
                "expected format {FORMAT} of form `trees`, found format {format} of form `{form}`\n  hint: read it with the version of trainer that wrote it"
            )));
        }
        if manifest.classes.len() < 2 || manifest.features.is_empty() {
            return Err(wrong("it needs two classes and a feature"));
        }
        let trees = read_trees(&tensors, manifest.classes.len(), manifest.link.clone())?;
        check(&trees, manifest.features.len())?;
        let Manifest { features, classes, decision, .. } = manifest;
        let fits = |decision: Decision| {
            classes.len() == 2 && decision.positive < 2 && (0.0..=1.0).contains(&decision.threshold)
        };
        if !decision.is_none_or(fits) {
            return Err(wrong("its decision threshold does not fit its classes"));
        }
        Ok(Self { form: Form::Trees(trees), features, classes, decision })
    }

    /// SHA-256 of the model file, in hexadecimal.
    pub fn hash(&self) -> String {
        Sha256::digest(self.to_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn bytes<T, const N: usize>(items: &[T], of: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    items.iter().flat_map(of).collect()
}

fn read_trees(tensors: &SafeTensors<'_>, classes: usize, link: Link) -> Result<Ensemble, ModelError> {
    let words =
        |name| Ok::<_, ModelError>(read(tensors, name, Dtype::U32)?.map(u32::from_le_bytes).collect::<Vec<_>>());
    let floats =
        |name| Ok::<_, ModelError>(read(tensors, name, Dtype::F64)?.map(f64::from_le_bytes).collect::<Vec<_>>());
    let threshold: Vec<f32> = read(tensors, "node_threshold", Dtype::F32)?.map(f32::from_le_bytes).collect();
    let (left, feature, value) = (words("node_left")?, words("node_feature")?, words("node_value")?);
    let (decrease, cover) = (floats("node_decrease")?, floats("node_cover")?);
    let lengths = [left.len(), feature.len(), value.len(), decrease.len(), cover.len()];
    if lengths.iter().any(|&length| length != threshold.len()) {
        return Err(ModelError::Format("its node tensors differ in length".into()));
    }
    let nodes = (0..threshold.len())
        .map(|i| Node {
            step: Step { threshold: threshold[i], left: left[i], feature: feature[i], value: value[i] },
            decrease: decrease[i],
            cover: cover[i],
        })
        .collect();
    let words64: Vec<u64> = read(tensors, "level_set", Dtype::U64)?.map(u64::from_le_bytes).collect();
    let sets = words64.chunks_exact(4).map(|set| [set[0], set[1], set[2], set[3]]).collect();
    Ok(Ensemble { classes, link, nodes, roots: words("tree_root")?, sets, values: words("leaf_value")? })
}

/// The elements of a tensor, as bytes.
fn read<'a, const N: usize>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
) -> Result<impl Iterator<Item = [u8; N]> + use<'a, N>, ModelError> {
    let tensor = tensors.tensor(name).map_err(|_| ModelError::Format(format!("no tensor `{name}`")))?;
    if tensor.dtype() != dtype {
        let found = tensor.dtype();
        return Err(ModelError::Format(format!("tensor `{name}`: expected {dtype:?}, found {found:?}")));
    }
    let elements = tensor.data().chunks_exact(N);
    Ok(elements.map(|element| element.try_into().expect("N bytes")))
}

/// Whether every walk from a root ends at a leaf whose values are there: what prediction relies on.
fn check(trees: &Ensemble, features: usize) -> Result<(), ModelError> {
    let wrong = |at: usize, what: &str| Err(ModelError::Format(format!("node {at}: {what}")));
    let nodes = trees.nodes.len();
    for (at, node) in trees.nodes.iter().enumerate() {
        let step = node.step;
        let left = step.left as usize;
        let is_set = step.feature & IS_SET != 0;
        if left == at {
            let is_leaf = step.feature == MISSING_LEFT && step.threshold == f32::INFINITY;
            if !is_leaf || step.value as usize + trees.width() > trees.values.len() {
                return wrong(at, "a leaf without values");
            }
        } else if left < at || left + 1 >= nodes {
            return wrong(at, "its children are not behind it");
        } else if (step.feature & (IS_SET - 1)) as usize >= features {
            return wrong(at, "it asks for a feature that is not there");
        } else if is_set && step.value as usize >= trees.sets.len() {
            return wrong(at, "it asks for a set that is not there");
        }
    }
    let ascending = trees.roots.is_sorted_by(|one, next| one < next);
    if trees.roots.first() != Some(&0) || !ascending || trees.roots.iter().any(|&root| root as usize >= nodes) {
        return Err(ModelError::Format("its roots are not among its nodes, in order".into()));
    }
    match &trees.link {
        Link::Mean => {
            let is_one = |leaf: &[u32]| leaf.iter().map(|&share| u64::from(share)).sum::<u64>() == u64::from(ONE);
            if !trees.values.chunks(trees.classes).all(is_one) {
                return Err(ModelError::Format("a leaf whose shares do not add up to one".into()));
            }
        }
        Link::Margins { start } => {
            let outputs = if trees.classes == 2 { 1 } else { trees.classes };
            if start.len() != outputs || !trees.roots.len().is_multiple_of(outputs) {
                return Err(ModelError::Format("its margins do not fit its classes and trees".into()));
            }
            let is_far = |start: &i64| start.unsigned_abs() > u64::from(MARGIN_ZERO);
            if start.iter().any(is_far) || trees.values.iter().any(|&value| value > 2 * MARGIN_ZERO) {
                return Err(ModelError::Format("a margin out of range".into()));
            }
        }
    }
    Ok(())
}
