//! Attributes of operators, as they are written.
//!
//! Lists are encoded while they grow: a number of a tree takes one to four bytes so, and not the eight of a list of
//! integers beside its encoding.

use prost::Message;
use prost::encoding::{self, WireType};

use crate::graph::Element;
use crate::message::{AttributeProto, TensorProto, attribute};

/// Numbers of the fields of [`AttributeProto`].
mod field {
    pub const NAME: u32 = 1;
    pub const TENSOR: u32 = 5;
    pub const FLOATS: u32 = 7;
    pub const INTS: u32 = 8;
    pub const STRINGS: u32 = 9;
    pub const TYPE: u32 = 20;
}

/// A list of integers, encoded.
#[derive(Debug, Default)]
pub(crate) struct Integers(Vec<u8>);

impl Integers {
    pub fn push(&mut self, value: i64) {
        encoding::encode_varint(value as u64, &mut self.0);
    }
}

impl FromIterator<i64> for Integers {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> Self {
        let mut integers = Self::default();
        values.into_iter().for_each(|value| integers.push(value));
        integers
    }
}

/// A list of texts, encoded.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<u8>);

impl Texts {
    pub fn push(&mut self, text: &str) {
        chunk(field::STRINGS, text.as_bytes(), &mut self.0);
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Self {
        let mut texts = Self::default();
        values.into_iter().for_each(|value| texts.push(value));
        texts
    }
}

/// A field that says its own length.
fn chunk(field: u32, bytes: &[u8], to: &mut Vec<u8>) {
    encoding::encode_key(field, WireType::LengthDelimited, to);
    encoding::encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// An attribute whose value is `size` bytes, which `value` adds.
fn attribute(name: &str, kind: i32, size: usize, value: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    // Twice a key and a length, and the type.
    let mut bytes = Vec::with_capacity(name.len() + size + 24);
    chunk(field::NAME, name.as_bytes(), &mut bytes);
    value(&mut bytes);
    encoding::int32::encode(field::TYPE, &kind, &mut bytes);
    bytes
}

/// An attribute that is an integer.
pub(crate) fn integer(name: &str, value: i64) -> Vec<u8> {
    let plain = AttributeProto { name: name.to_owned(), r#type: attribute::INT, i: Some(value), ..Default::default() };
    plain.encode_to_vec()
}

/// An attribute that is text.
pub(crate) fn text(name: &str, value: &str) -> Vec<u8> {
    let s = Some(value.as_bytes().to_vec());
    AttributeProto { name: name.to_owned(), r#type: attribute::STRING, s, ..Default::default() }.encode_to_vec()
}

/// An attribute that is a list of integers.
pub(crate) fn integers(name: &str, values: &Integers) -> Vec<u8> {
    attribute(name, attribute::INTS, values.0.len(), |bytes| chunk(field::INTS, &values.0, bytes))
}

/// An attribute that is a list of texts.
pub(crate) fn texts(name: &str, values: &Texts) -> Vec<u8> {
    attribute(name, attribute::STRINGS, values.0.len(), |bytes| bytes.extend_from_slice(&values.0))
}

/// An attribute that is a list of 32-bit numbers, given as their bytes.
pub(crate) fn floats(name: &str, values: &[u8]) -> Vec<u8> {
    attribute(name, attribute::FLOATS, values.len(), |bytes| chunk(field::FLOATS, values, bytes))
}

/// An attribute that is a tensor of one axis, given as the bytes of its elements.
pub(crate) fn tensor<T: Element>(name: &str, values: Vec<u8>) -> Vec<u8> {
    let length = values.len() / size_of::<T>();
    let raw_data = Some(values);
    let tensor = TensorProto { dims: vec![length as i64], data_type: T::DATA_TYPE, raw_data, ..Default::default() };
    let tensor = tensor.encode_to_vec();
    attribute(name, attribute::TENSOR, tensor.len(), |bytes| chunk(field::TENSOR, &tensor, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_piece_by_piece_is_the_message() {
        let named = |name: &str, r#type: i32| AttributeProto { name: name.into(), r#type, ..Default::default() };
        let ints = vec![0, 1, -1, 127, 128, i64::MAX, i64::MIN];
        let whole = AttributeProto { ints: ints.clone(), ..named("a", attribute::INTS) };
        assert_eq!(integers("a", &ints.into_iter().collect()), whole.encode_to_vec());
        let strings = ["", "LEAF", "\u{fc}"];
        let whole = strings.iter().map(|text| text.as_bytes().to_vec()).collect();
        let whole = AttributeProto { strings: whole, ..named("b", attribute::STRINGS) };
        assert_eq!(texts("b", &strings.into_iter().collect()), whole.encode_to_vec());
        let numbers = [0f32, 1.5, f32::MAX, -0.0];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let whole = AttributeProto { floats: numbers.to_vec(), ..named("c", attribute::FLOATS) };
        assert_eq!(floats("c", &bytes), whole.encode_to_vec());
        let t = TensorProto { dims: vec![4], data_type: 1, raw_data: Some(bytes.clone()), ..Default::default() };
        let whole = AttributeProto { t: Some(t), ..named("d", attribute::TENSOR) };
        assert_eq!(tensor::<f32>("d", bytes), whole.encode_to_vec());
    }
}
