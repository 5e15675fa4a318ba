//! The operators in use, each as a method that takes and gives what the standard says.

use crate::attribute::{integer, integers, texts};
use crate::graph::{Element, Graph, MICROSOFT, ML, ONNX, Value};

/// What can be counted with.
pub trait Number: Element + Copy {
    /// Adds its bytes, as ONNX has them.
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Number for $number {
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        })+
    };
}

numbers! { f32, f64, i32, i64 }

impl Graph {
    fn binary<A, B, C>(&mut self, operator: &str, a: &Value<A>, b: &Value<B>) -> Value<C> {
        self.add_node(ONNX, operator, &[a.name(), b.name()], vec![])
    }

    /// `a + b`.
    pub fn add<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<T> {
        self.binary("Add", a, b)
    }

    /// `a - b`.
    pub fn sub<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<T> {
        self.binary("Sub", a, b)
    }

    /// `a * b`.
    pub fn mul<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<T> {
        self.binary("Mul", a, b)
    }

    /// `a / b`.
    pub fn div<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<T> {
        self.binary("Div", a, b)
    }

    /// The rest of `a / b`.
    pub fn modulo(&mut self, a: &Value<i64>, b: &Value<i64>) -> Value<i64> {
        self.binary("Mod", a, b)
    }

    /// `a = b`; `NaN` equals nothing.
    pub fn equal<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<bool> {
        self.binary("Equal", a, b)
    }

    /// `a < b`.
    pub fn less<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<bool> {
        self.binary("Less", a, b)
    }

    /// `a <= b`.
    pub fn less_or_equal<T: Number>(&mut self, a: &Value<T>, b: &Value<T>) -> Value<bool> {
        self.binary("LessOrEqual", a, b)
    }

    /// Whether both hold.
    pub fn and(&mut self, a: &Value<bool>, b: &Value<bool>) -> Value<bool> {
        self.binary("And", a, b)
    }

    /// `a` where `condition` holds, else `b`.
    pub fn choose<T: Element>(&mut self, condition: &Value<bool>, a: &Value<T>, b: &Value<T>) -> Value<T> {
        self.add_node(ONNX, "Where", &[condition.name(), a.name(), b.name()], vec![])
    }

    /// Whether a number is missing.
    pub fn is_nan(&mut self, x: &Value<f64>) -> Value<bool> {
        self.add_node(ONNX, "IsNaN", &[x.name()], vec![])
    }

    /// The size of a number.
    pub fn abs<T: Number>(&mut self, x: &Value<T>) -> Value<T> {
        self.add_node(ONNX, "Abs", &[x.name()], vec![])
    }

    /// The greatest whole number that is not above.
    pub fn floor(&mut self, x: &Value<f64>) -> Value<f64> {
        self.add_node(ONNX, "Floor", &[x.name()], vec![])
    }

    /// The natural logarithm.
    pub fn log(&mut self, x: &Value<f64>) -> Value<f64> {
        self.add_node(ONNX, "Log", &[x.name()], vec![])
    }

    /// `e` to this power.
    pub fn exp(&mut self, x: &Value<f64>) -> Value<f64> {
        self.add_node(ONNX, "Exp", &[x.name()], vec![])
    }

    /// Of each row the exponentials, divided by their sum.
    pub fn softmax(&mut self, x: &Value<f64>) -> Value<f64> {
        self.add_node(ONNX, "Softmax", &[x.name()], vec![integer("axis", 1)])
    }

    /// The same numbers in another type.
    pub fn cast<A: Element, B: Element>(&mut self, x: &Value<A>) -> Value<B> {
        self.add_node(ONNX, "Cast", &[x.name()], vec![integer("to", B::DATA_TYPE.into())])
    }

    /// A row of numbers as a column.
    pub fn as_column<T: Element>(&mut self, x: &Value<T>) -> Value<T> {
        let axes = self.constant(&[1], &[1i64]);
        self.add_node(ONNX, "Unsqueeze", &[x.name(), axes.name()], vec![])
    }

    /// A column of numbers as a row.
    pub fn as_row<T: Element>(&mut self, x: &Value<T>) -> Value<T> {
        let axes = self.constant(&[1], &[1i64]);
        self.add_node(ONNX, "Squeeze", &[x.name(), axes.name()], vec![])
    }

    /// Columns side by side.
    pub fn beside<T: Element>(&mut self, columns: &[Value<T>]) -> Value<T> {
        let names: Vec<&str> = columns.iter().map(Value::name).collect();
        self.add_node(ONNX, "Concat", &names, vec![integer("axis", 1)])
    }

    /// The entries of `table` at the places `at`, along one axis.
    pub fn gather<T: Element>(&mut self, table: &Value<T>, at: &Value<i64>, axis: i64) -> Value<T> {
        self.add_node(ONNX, "Gather", &[table.name(), at.name()], vec![integer("axis", axis)])
    }

    /// The place of the greatest number of each row; of equals, the first.
    pub fn arg_max(&mut self, x: &Value<f32>) -> Value<i64> {
        self.add_node(ONNX, "ArgMax", &[x.name()], vec![integer("axis", 1), integer("keepdims", 0)])
    }

    /// `values[i]` where the text is the `i`-th key, and `default` where it is none.
    pub fn look_up<'a>(
        &mut self,
        x: &Value<String>,
        keys: impl IntoIterator<Item = &'a str>,
        values: Vec<i64>,
        default: i64,
    ) -> Value<i64> {
        let attributes = vec![
            texts("keys_strings", &keys.into_iter().collect()),
            integers("values_int64s", &values.into_iter().collect()),
            integer("default_int64", default),
        ];
        self.add_node(ML, "LabelEncoder", &[x.name()], attributes)
    }

    /// The signed 32-bit MurmurHash3 of each text's UTF-8 bytes, seed 0.
    pub fn murmur3(&mut self, x: &Value<String>) -> Value<i32> {
        self.add_node(MICROSOFT, "MurmurHash3", &[x.name()], vec![integer("positive", 0), integer("seed", 0)])
    }
}
