#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nbhoist_tests::targets::script(bytes));
