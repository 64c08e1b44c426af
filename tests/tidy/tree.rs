//! The files of the repository, and the modules that its targets lead to.

#![expect(
    clippy::expect_used,
    reason = "test kit: a tree that cannot be read is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::code::{Line, declared, plain, read};
use crate::manifest::Package;

pub(crate) static TREE: LazyLock<Tree> = LazyLock::new(Tree::read);

/// All that is ours to keep in order: every text file, and what the manifests say.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    pub(crate) packages: Vec<Package>,
}

impl Tree {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        walk(&root, &root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let manifests = files
            .iter()
            .filter(|file| file.path.ends_with("Cargo.toml"));
        let packages: Vec<Package> = manifests.filter_map(Package::read).collect();
        let mut tree = Self { files, packages };
        tree.declare();
        tree
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(crate) fn text(&self, path: &str) -> &[Line] {
        let file = self.files.iter().find(|file| file.path == path);
        file.map_or(&[], |file| &*file.lines)
    }

    /// Follows every `mod` from every target, and carries along what is test code only.
    fn declare(&mut self) {
        let places = self
            .files
            .iter()
            .enumerate()
            .map(|(place, file)| (file.path.clone(), place));
        let places: BTreeMap<String, usize> = places.collect();
        let roots = self
            .packages
            .iter()
            .flat_map(|package| package.roots(&places));
        // Programs first: what both a program and a test declare is the program's.
        let (mut tests, mut open): (Vec<_>, Vec<_>) = roots.partition(|module| module.test);
        while let Some(module) = open.pop().or_else(|| tests.pop()) {
            let file = places
                .get(&module.path)
                .and_then(|place| self.files.get_mut(*place));
            let Some(file) = file.filter(|file| !file.declared) else {
                continue;
            };
            file.declared = true;
            for line in &mut file.lines {
                line.test |= module.test;
                let Some(name) = declared(&line.code) else {
                    continue;
                };
                let queue = if line.test { &mut tests } else { &mut open };
                queue.extend(module.children(name, line.test));
            }
        }
    }
}

/// A file of Rust on the way from a target down: where it would stand, and who compiles it.
pub(crate) struct Module {
    pub(crate) path: String,
    pub(crate) test: bool,
    pub(crate) root: bool,
}

impl Module {
    fn children(&self, name: &str, test: bool) -> [Self; 2] {
        let (folder, own) = self.path.rsplit_once('/').unwrap_or_default();
        let beside = self.root || own == "mod.rs";
        let folder = if beside {
            folder
        } else {
            self.path.trim_end_matches(".rs")
        };
        ["", "/mod"].map(|door| Self {
            path: format!("{folder}/{name}{door}.rs"),
            test,
            root: false,
        })
    }
}

/// One text file, by its path from the root of the repository.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
    /// Does a target lead here?
    pub(crate) declared: bool,
}

impl File {
    pub(crate) fn violations(&self, of: impl Fn(&Line) -> Option<String>) -> Vec<String> {
        let lines = self.lines.iter();
        let wrong = lines.filter_map(|line| Some((line.number, of(line)?)));
        wrong
            .map(|(number, says)| format!("{}:{number}: {says}", self.path))
            .collect()
    }
}

/// Reads every text file below `folder`, but for what is built, fetched or git's own.
fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    const NOT_OURS: [&str; 6] = [
        ".git",
        "target",
        "node_modules",
        "__pycache__",
        ".venv",
        "mutants.out",
    ];
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if NOT_OURS.contains(&name) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let local = path.strip_prefix(root).expect("below the root");
            let path = local.to_string_lossy().replace('\\', "/");
            let rust = path.ends_with(".rs");
            let lines = if rust { read(&text) } else { plain(&text) };
            files.push(File {
                path,
                lines,
                declared: false,
            });
        }
    }
}
