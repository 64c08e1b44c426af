//! The corpus of the fuzz targets, through the same functions: what was once found stays found.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test kit: a corpus that cannot be read stops the test"
)]

#[path = "../fuzz/src/codec.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod codec;

/// Every file of the target's corpus. A file that fails is named.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 5, "{} files in {folder}", files.len());
    for file in files {
        println!("{}", file.display());
        run(&std::fs::read(file).unwrap());
    }
}

#[test]
fn messages_of_every_dialect() {
    replay("dialects", codec::dialects);
}

#[test]
fn frames_of_every_framing() {
    replay("framing", codec::framing);
}

#[test]
fn icc_data() {
    replay("tlv", codec::tlv);
}

#[test]
fn tracks() {
    replay("track2", codec::track2);
}

/// The functions judge what is a message: enough of the corpus must be.
#[test]
fn the_corpus_holds_messages() {
    let folder = format!("{}/fuzz/corpus/dialects", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap();
    let messages = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .filter(|bytes| {
            let mut dialects = iso8583::Dialect::built_in().iter();
            dialects.any(|dialect| dialect.read(bytes).is_ok())
        });
    assert!(messages.count() > 50);
}
