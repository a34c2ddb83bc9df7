//! libFuzzer over [`onrecord_fuzz::hcl`]. Never in it: what it does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onrecord_fuzz::hcl(data));
