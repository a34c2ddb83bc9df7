//! HCL 1 and its JSON form, with positions.
