//! Python resolves its own symbols when it loads the library: some linkers must be told so.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
