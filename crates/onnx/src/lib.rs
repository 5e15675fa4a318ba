//! ONNX graphs: the messages, and a builder that knows the operators in use.
