use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::rc::Rc;

use prost::Message;

use crate::message::{
    Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// The version of the format.
const IR_VERSION: i64 = 8;
/// ONNX's own operators.
pub(crate) const ONNX: &str = "";
/// Its operators of classical learning.
pub(crate) const ML: &str = "ai.onnx.ml";
/// What onnxruntime adds to them.
pub(crate) const MICROSOFT: &str = "com.microsoft";
/// The sets of operators that a graph may use, and their versions: what every onnxruntime since 1.16 has.
const OPERATOR_SETS: [(&str, i64); 3] = [(ONNX, 17), (ML, 3), (MICROSOFT, 1)];

/// What a tensor may hold.
pub trait Element: Clone + 'static {
    /// Its number in ONNX.
    const DATA_TYPE: i32;

    /// Puts the elements into a tensor.
    fn store(elements: &[Self], tensor: &mut TensorProto);
}

macro_rules! numeric_elements {
    ($($element:ty = $number:literal),+ $(,)?) => {
        $(impl Element for $element {
            const DATA_TYPE: i32 = $number;

            fn store(elements: &[Self], tensor: &mut TensorProto) {
                tensor.raw_data = Some(elements.iter().flat_map(|element| element.to_le_bytes()).collect());
            }
        })+
    };
}

numeric_elements! { f32 = 1, i32 = 6, i64 = 7, f64 = 11 }

impl Element for bool {
    const DATA_TYPE: i32 = 9;

    fn store(elements: &[Self], tensor: &mut TensorProto) {
        tensor.raw_data = Some(elements.iter().map(|&element| u8::from(element)).collect());
    }
}

impl Element for String {
    const DATA_TYPE: i32 = 8;

    fn store(elements: &[Self], tensor: &mut TensorProto) {
        tensor.string_data = elements.iter().map(|element| element.as_bytes().to_vec()).collect();
    }
}

/// A tensor of a graph: an input, a constant, or what an operator gives.
#[derive(Debug)]
pub struct Value<T> {
    name: Rc<str>,
    element: PhantomData<T>,
}

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), element: PhantomData }
    }
}

impl<T> Value<T> {
    /// Its name, unique in its graph.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The length of an axis of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// One entry a row, however many there are.
    Rows,
    /// As many.
    Length(usize),
}

/// A graph that is being written.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    constants: Vec<TensorProto>,
    /// The names of constants by what they are, name left out.
    known: HashMap<Vec<u8>, Rc<str>>,
    taken: HashSet<String>,
    metadata: Vec<StringStringEntryProto>,
}

impl Graph {
    /// A graph without anything. `reserved` are the names of its inputs to come, which nothing else is to be called.
    pub fn new<'a>(reserved: impl IntoIterator<Item = &'a str>) -> Self {
        Self { taken: reserved.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    /// Adds an input under a name that was reserved.
    pub fn input<T: Element>(&mut self, name: &str, shape: &[Axis]) -> Value<T> {
        self.taken.insert(name.to_owned());
        self.inputs.push(value_info::<T>(name, shape));
        Value { name: name.into(), element: PhantomData }
    }

    /// Makes a value an output under this name, or this name with underscores added where it is taken; answers the name.
    pub fn output<T: Element>(&mut self, value: &Value<T>, name: &str, shape: &[Axis]) -> String {
        let mut name = name.to_owned();
        while self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        let node = NodeProto { output: vec![name.clone()], ..self.unnamed(ONNX, "Identity", &[value.name()]) };
        self.nodes.push(node);
        self.outputs.push(value_info::<T>(&name, shape));
        name
    }

    /// A constant; equal ones are one.
    ///
    /// # Panics
    /// When `elements` are not as many as the shape says.
    pub fn constant<T: Element>(&mut self, dims: &[usize], elements: &[T]) -> Value<T> {
        assert_eq!(dims.iter().product::<usize>(), elements.len(), "as many elements as the shape says");
        let mut tensor = tensor(dims, elements);
        let key = tensor.encode_to_vec();
        let name = match self.known.get(&key) {
            Some(name) => name.clone(),
            None => {
                let name: Rc<str> = self.fresh("constant").into();
                tensor.name = name.to_string();
                self.constants.push(tensor);
                self.known.insert(key, name.clone());
                name
            }
        };
        Value { name, element: PhantomData }
    }

    /// One number, text or truth value.
    pub fn scalar<T: Element>(&mut self, element: T) -> Value<T> {
        self.constant(&[], &[element])
    }

    /// Something to be known of the model.
    pub fn metadata(&mut self, key: &str, value: &str) {
        self.metadata.push(StringStringEntryProto { key: key.to_owned(), value: value.to_owned() });
    }

    /// Adds an operation.
    pub(crate) fn add_node<T>(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Vec<u8>>,
    ) -> Value<T> {
        let name = self.fresh(operator);
        let node = self.unnamed(domain, operator, inputs);
        self.nodes.push(NodeProto { output: vec![name.clone()], attribute: attributes, ..node });
        Value { name: name.into(), element: PhantomData }
    }

    fn unnamed(&self, domain: &str, operator: &str, inputs: &[&str]) -> NodeProto {
        NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            name: format!("{}.{operator}", self.nodes.len()),
            op_type: operator.to_owned(),
            domain: domain.to_owned(),
            ..NodeProto::default()
        }
    }

    /// A name that nothing has.
    fn fresh(&mut self, what: &str) -> String {
        let mut name = format!("{what}.{}", self.nodes.len() + self.constants.len());
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// The model, as a file holds it.
    pub fn to_bytes(self, producer_version: &str) -> Vec<u8> {
        let Self { nodes, inputs, outputs, constants, metadata, .. } = self;
        let used = |domain: &str| domain == ONNX || nodes.iter().any(|node| node.domain == domain);
        let sets = OPERATOR_SETS.iter().filter(|(domain, _)| used(domain));
        let opset_import = sets
            .map(|&(domain, version)| OperatorSetIdProto { domain: domain.to_owned(), version: Some(version) })
            .collect();
        let graph = GraphProto {
            node: nodes,
            name: "trainer".to_owned(),
            initializer: constants,
            input: inputs,
            output: outputs,
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: "trainer".to_owned(),
            producer_version: producer_version.to_owned(),
            graph: Some(graph),
            opset_import,
            metadata_props: metadata,
        };
        model.encode_to_vec()
    }
}

fn value_info<T: Element>(name: &str, shape: &[Axis]) -> ValueInfoProto {
    let dimension = |axis: &Axis| match *axis {
        Axis::Rows => Dimension::Name("N".to_owned()),
        Axis::Length(length) => Dimension::Length(length as i64),
    };
    let dim = shape.iter().map(|axis| DimensionProto { value: Some(dimension(axis)) }).collect();
    let tensor = TensorTypeProto { elem_type: T::DATA_TYPE, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn tensor<T: Element>(dims: &[usize], elements: &[T]) -> TensorProto {
    let dims = dims.iter().map(|&length| length as i64).collect();
    let mut tensor = TensorProto { dims, data_type: T::DATA_TYPE, ..TensorProto::default() };
    T::store(elements, &mut tensor);
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Graph {
        let mut graph = Graph::new(["label", "constant.0"]);
        let x = graph.input::<f64>("label", &[Axis::Rows]);
        let one = graph.scalar(1.0);
        let again = graph.scalar(1.0);
        assert_eq!(one.name(), again.name());
        let sum = graph.add(&x, &one);
        assert_eq!(graph.output(&sum, "label", &[Axis::Rows]), "label_");
        graph
    }

    #[test]
    fn the_same_calls_give_the_same_bytes() {
        assert_eq!(small().to_bytes("1"), small().to_bytes("1"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let model = ModelProto::decode(small().to_bytes("1").as_slice()).unwrap();
        let graph = model.graph.unwrap();
        assert_eq!((model.ir_version, model.producer_name.as_str()), (Some(8), "trainer"));
        assert_eq!(model.opset_import.len(), 1);
        // A name that an input has is not given to a constant.
        assert_eq!(graph.initializer.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["constant.0_"]);
        let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Add", "Identity"]);
        assert_eq!(graph.node[1].input, graph.node[0].output);
        assert_eq!(graph.output[0].name, "label_");
    }
}
