//! libFuzzer over [`onrecord_fuzz::storage`]. Its hook ends the process at every panic, even at one of the engine's that the
//! store makes an error of: it is taken out. Never in it: what the target does.
#![no_main]

libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| onrecord_fuzz::storage(data));
