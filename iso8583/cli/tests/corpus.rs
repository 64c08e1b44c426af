//! The corpus of the fuzz target `capture`, through the same function.

#[path = "../../fuzz/src/capture.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod capture;

#[test]
fn capture_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/capture");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 2, "{} files in {folder}", files.len());
    for file in files {
        println!("{}", file.display());
        capture::capture(&std::fs::read(file).unwrap());
    }
}
