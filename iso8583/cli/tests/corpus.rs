//! The corpus of the fuzz targets `capture` and `spec_file`, through the same functions.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test kit: a corpus that cannot be read stops the test"
)]

#[path = "../../fuzz/src/capture.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod capture;
#[path = "../../fuzz/src/spec_file.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod spec_file;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 2, "{} files in {folder}", files.len());
    for file in files {
        println!("{}", file.display());
        run(&std::fs::read(file).unwrap());
    }
}

#[test]
fn capture_files() {
    replay("capture", capture::capture);
}

#[test]
fn files_of_dialects() {
    replay("spec_file", spec_file::spec_file);
}
