//! libFuzzer over [`onrecord_fuzz::filter`]. Never in it: what it does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onrecord_fuzz::filter(data));
