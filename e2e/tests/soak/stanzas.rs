//! The audit stanzas of the configuration, which change while the server runs. Never in it: when they do.

use std::path::Path;

/// Stanzas, as the plan's number says: none, or up to two devices at paths and with options that change.
pub fn of(detail: u64, logs: &Path) -> String {
    let one = |name: &str, bits: u64| {
        let (format, mode) = (["json", "jsonx"], ["0600", "0640"]);
        let pick = |of: [&'static str; 2], bit: u64| of[usize::from(bits & bit != 0)];
        let path = logs.join(format!("{name}-{}-{}.log", bits & 1, pick(format, 2)));
        format!(
            "\naudit \"file\" \"{name}\" {{\n  options {{\n    file_path = \"{}\"\n    format = \"{}\"\n    \
             mode = \"{}\"\n    durability = \"{}\"\n  }}\n}}",
            path.display(),
            pick(format, 2),
            pick(mode, 4),
            pick(["os", "fsync"], 8)
        )
    };
    let mut stanzas = String::new();
    if !(detail >> 8).is_multiple_of(4) {
        stanzas += &one("declared", detail);
    }
    if (detail >> 10).is_multiple_of(2) {
        stanzas += &one("another", detail >> 4);
    }
    stanzas
}

/// What a number makes wrong stanzas of: one in eight.
pub fn wrong(detail: u64) -> Option<&'static str> {
    (detail >> 12)
        .is_multiple_of(8)
        .then_some("\naudit \"file\" \"bad\" {\n  options {\n    mode = \"abc\"\n  }\n}")
}
