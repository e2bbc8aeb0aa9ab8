#![no_main]

#[allow(dead_code)]
#[path = "../../tests/it/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::leaf(bytes));
