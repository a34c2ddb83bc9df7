//! Writes the pages of the manual into a folder: `cargo run -p onrecord-cli --example man_pages -- FOLDER`.
//! Never in it: what is on a page (`onrecord_cli::man_pages`).

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("which folder? man_pages FOLDER"));
    };
    std::fs::create_dir_all(&folder)?;
    for (name, page) in onrecord_cli::man_pages() {
        std::fs::write(folder.join(name), page)?;
    }
    Ok(())
}
