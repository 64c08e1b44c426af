//! What the manifest of a crate says, as far as the rules ask.

#![expect(
    clippy::expect_used,
    reason = "test kit: a manifest that cannot be read is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{File, Module};

/// What the manifest of a crate says.
pub(crate) struct Package {
    pub(crate) folder: String,
    pub(crate) name: String,
    text: String,
    pub(crate) dependencies: BTreeSet<String>,
    pub(crate) takes_lints: bool,
    paths: BTreeMap<String, Target>,
    finds_tests: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Program,
    Test,
}

impl Package {
    pub(crate) fn read(file: &File) -> Option<Self> {
        let text: String = file
            .lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect();
        let manifest: toml::Table = toml::from_str(&text).expect(&file.path);
        let package = manifest.get("package")?;
        let folder = file.path.strip_suffix("/Cargo.toml").unwrap_or_default();
        let kit = matches!(folder, "tests" | "benches");
        let mut paths = BTreeMap::new();
        for (kind, list) in ["lib", "bin", "test", "bench", "example"].map(|kind| {
            let value = manifest.get(kind);
            let one = value.filter(|value| value.is_table());
            let many = value
                .and_then(|value| value.as_array())
                .into_iter()
                .flatten();
            (kind, one.into_iter().chain(many).collect::<Vec<_>>())
        }) {
            let test = kit || matches!(kind, "test" | "bench" | "example");
            let target = if test { Target::Test } else { Target::Program };
            let named = list.iter().filter_map(|it| it.get("path")?.as_str());
            paths.extend(named.map(|path| (path.to_owned(), target)));
        }
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        let finds = package.get("autotests").and_then(toml::Value::as_bool);
        Some(Self {
            folder: folder.to_owned(),
            name: package.get("name")?.as_str()?.to_owned(),
            dependencies: dependencies(&manifest),
            takes_lints: lints.and_then(toml::Value::as_bool).unwrap_or_default(),
            finds_tests: finds.unwrap_or(true),
            paths,
            text,
        })
    }

    pub(crate) fn roots(&self, places: &BTreeMap<String, usize>) -> Vec<Module> {
        let base = self.base();
        let rust = places.keys().filter(|path| path.ends_with(".rs"));
        let inside = rust.filter_map(|path| Some((path, path.strip_prefix(&base)?)));
        let roots = inside.filter_map(|(path, local)| Some((path, self.target(local)?)));
        let modules = roots.map(|(path, target)| Module {
            path: path.clone(),
            test: target == Target::Test,
            root: true,
        });
        modules.collect()
    }

    pub(crate) fn manifest(&self) -> String {
        format!("{}Cargo.toml", self.base())
    }

    fn base(&self) -> String {
        if self.folder.is_empty() {
            String::new()
        } else {
            format!("{}/", self.folder)
        }
    }

    pub(crate) fn at(&self, dependency: &str, says: &str) -> String {
        let named = |line: &str| line.trim_start_matches(['[', '"']).starts_with(dependency);
        let line = self.text.lines().position(named).map_or(1, |line| line + 1);
        format!("{}:{line}: {says}", self.manifest())
    }

    /// What cargo builds from this file of the package, if the file is where a target begins.
    fn target(&self, local: &str) -> Option<Target> {
        let kit = matches!(&*self.folder, "tests" | "benches");
        let target = if kit { Target::Test } else { Target::Program };
        if let Some(named) = self.paths.get(local) {
            return Some(*named);
        }
        match local.split('/').collect::<Vec<_>>()[..] {
            ["build.rs"] | ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] => Some(target),
            ["tests", _] | ["tests", _, "main.rs"] if self.finds_tests => Some(Target::Test),
            ["benches" | "examples", _] | ["benches" | "examples", _, "main.rs"] => {
                Some(Target::Test)
            }
            _ => None,
        }
    }
}

/// Every crate that a manifest names, by its real name, in whatever section.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (section, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if section.ends_with("dependencies") {
            found.extend(table.iter().map(|(name, how)| {
                let renamed = how.get("package").and_then(toml::Value::as_str);
                renamed.unwrap_or(name).to_owned()
            }));
        } else if section == "target" {
            let targets = table.values().filter_map(toml::Value::as_table);
            found.extend(targets.flat_map(dependencies));
        }
    }
    found
}
