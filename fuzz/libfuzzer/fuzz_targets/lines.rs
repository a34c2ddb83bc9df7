//! libFuzzer over [`onrecord_fuzz::lines`]. Never in it: what it does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onrecord_fuzz::lines(data));
