//! The papers are kept true: ARCHITECTURE.md, docs/dependencies.md and SECURITY.md say nothing that the tree does not.
//!
//! Each check is a function that returns its findings, so that a second test can plant a fault and see it found.
//! Reads files of the source tree only.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES: usize = 500;
const CELLS_OF_A_DEPENDENCY: usize = 5;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn read(path: &Path) -> String {
    let shown = path.file_name().unwrap_or_default().display();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown} must be there: {error}"))
}

/// Every file below `folder`, without build output, tools and hidden folders.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                found.extend(files_below(&path));
            }
        } else {
            found.push(path);
        }
    }
    found
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    files_below(root)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn is_test_file(shown: &str) -> bool {
    shown
        .split('/')
        .any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

/// What stands between backticks on lines outside code fences.
fn backticked(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// Whether `source` declares an item or a method of this name.
fn declares(source: &str, name: &str) -> bool {
    const KINDS: [&str; 10] = [
        "fn",
        "struct",
        "enum",
        "trait",
        "const",
        "static",
        "type",
        "mod",
        "union",
        "macro_rules!",
    ];
    let words: Vec<&str> = source
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '!'))
        .filter(|w| !w.is_empty())
        .collect();
    words
        .windows(2)
        .any(|pair| KINDS.contains(&pair[0]) && pair[1] == name)
}

/// The files that a name like `crates/vault/src/token.rs` or `token.rs` can mean.
fn meant_by(root: &Path, name: &str) -> Vec<PathBuf> {
    if name.contains('/') {
        let path = root.join(name);
        return if path.is_file() {
            vec![path]
        } else {
            Vec::new()
        };
    }
    rust_files(root)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|file| file == name))
        .collect()
}

/// What is wrong with one backticked name, if it is the name of a place in the tree.
///
/// A place is `file.rs::item`, a path that ends in `.rs`, or a path whose first part is a folder of the project.
fn fault_of(root: &Path, name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains([' ', '*', '<', '{', '…', '$']) {
        return None;
    }
    if let Some((file, item)) = name.split_once(".rs::") {
        let file = format!("{file}.rs");
        let item = item
            .rsplit("::")
            .next()
            .unwrap_or_default()
            .trim_end_matches("()");
        let found = meant_by(root, &file)
            .iter()
            .any(|path| declares(&read(path), item));
        return (!found).then(|| format!("`{name}` names nothing"));
    }
    let first = name.split('/').next().unwrap_or_default();
    let is_rust = Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "rs");
    let is_place = name.contains('/') && (is_rust || root.join(first).is_dir());
    (is_place && !root.join(name).exists()).then(|| format!("`{name}` does not exist"))
}

fn faults_of_map(root: &Path, text: &str) -> Vec<String> {
    backticked(text)
        .into_iter()
        .filter_map(|name| fault_of(root, name))
        .collect()
}

fn too_long(shown: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES && !is_test_file(shown)).then(|| format!("{shown} has {lines} lines"))
}

fn lacks_header(shown: &str, text: &str) -> Option<String> {
    let has_one = text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with("//! ") && line.len() > 8);
    (!has_one).then(|| format!("{shown} has no `//!` header"))
}

/// The names under `[workspace.dependencies]`, without our own rooms.
fn direct_dependencies(manifest: &str) -> BTreeSet<String> {
    let (_, table) = manifest
        .split_once("[workspace.dependencies]")
        .expect("the root manifest lists them");
    table
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.starts_with('#') && name != "mirk" && !name.starts_with("mirk-"))
        .collect()
}

/// Rows of the table whose first cell is a backticked name, as cells.
fn dependency_rows(page: &str) -> Vec<Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.trim()
                .trim_matches('|')
                .split('|')
                .map(str::trim)
                .collect()
        })
        .collect()
}

fn faults_of_dependencies(manifest: &str, page: &str) -> Vec<String> {
    let used = direct_dependencies(manifest);
    let rows = dependency_rows(page);
    let explained: BTreeSet<String> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let mut faults: Vec<String> = used
        .difference(&explained)
        .map(|name| format!("{name} is used and has no line"))
        .collect();
    faults.extend(
        explained
            .difference(&used)
            .map(|name| format!("{name} has a line and is not used")),
    );
    let partial = rows
        .iter()
        .filter(|row| row.len() != CELLS_OF_A_DEPENDENCY || row.contains(&""));
    faults.extend(partial.map(|row| format!("the line of {} is not whole", row[0])));
    faults
}

/// Words that no page may use, and marks of approval that may stand only beside a "no" or a "not".
fn boasts(shown: &str, text: &str) -> Vec<String> {
    const NEVER: [&str; 6] = [
        "military-grade",
        "bank-grade",
        "unhackable",
        "unbreakable",
        "100% secure",
        "bulletproof",
    ];
    const ONLY_DENIED: [&str; 5] = ["soc 2", "iso 27001", "certified", "hipaa", "pci dss"];
    let mut found = Vec::new();
    for sentence in text
        .to_lowercase()
        .replace('\n', " ")
        .split_inclusive(['.', '|', ';'])
    {
        let denied = sentence
            .split_whitespace()
            .any(|word| ["no", "not", "never", "nor"].contains(&word));
        for word in NEVER.iter().chain(ONLY_DENIED.iter().filter(|_| !denied)) {
            if sentence.contains(word) {
                found.push(format!("{shown} says \"{word}\""));
            }
        }
    }
    found
}

#[test]
fn architecture_names_only_places_that_exist() {
    let root = root();
    let faults = faults_of_map(&root, &read(&root.join("ARCHITECTURE.md")));
    assert!(faults.is_empty(), "ARCHITECTURE.md: {faults:#?}");
}

#[test]
fn a_wrong_place_in_the_map_is_found() {
    let root = root();
    let right = "`crates/mirk/tests/it/map.rs`, `map.rs::fault_of`, `crates/mirk`, `docs/`, `/v1/messages`, `text/plain`\n\
                 ```\n`crates/in-a-fence.rs`\n```\n";
    assert_eq!(faults_of_map(&root, right), Vec::<String>::new());
    let wrong = [
        "crates/gone/src/lib.rs",
        "gone/file.rs",
        "map.rs::gone_item",
        "gone.rs::root",
        "crates/gone/",
        "docs/gone.md",
    ];
    for name in wrong {
        assert_eq!(
            faults_of_map(&root, &format!("see `{name}`")).len(),
            1,
            "{name} was not found"
        );
    }
}

#[test]
fn no_source_file_passes_500_lines() {
    let root = root();
    let faults: Vec<String> = rust_files(&root)
        .iter()
        .filter_map(|path| too_long(&below(&root, path), &read(path)))
        .collect();
    assert!(faults.is_empty(), "cut along a noun: {faults:#?}");
}

#[test]
fn every_source_file_begins_with_a_header() {
    let root = root();
    let sources: Vec<PathBuf> = rust_files(&root)
        .into_iter()
        .filter(|path| below(&root, path).contains("/src/"))
        .collect();
    assert!(!sources.is_empty());
    let faults: Vec<String> = sources
        .iter()
        .filter_map(|path| lacks_header(&below(&root, path), &read(path)))
        .collect();
    assert!(faults.is_empty(), "say what the file is for: {faults:#?}");
}

#[test]
fn a_long_file_and_a_bare_file_are_found() {
    let long = "x\n".repeat(MOST_LINES + 1);
    assert!(too_long("crates/a/src/b.rs", &long).is_some());
    assert!(too_long("crates/a/src/b.rs", &"x\n".repeat(MOST_LINES)).is_none());
    assert!(too_long("crates/a/src/tests.rs", &long).is_none());
    assert!(lacks_header("a.rs", "use std::fs;\n").is_some());
    assert!(lacks_header("a.rs", "").is_some());
    assert!(lacks_header("a.rs", "//! What it is for.\n").is_none());
}

#[test]
fn every_direct_dependency_is_explained() {
    let root = root();
    let manifest = read(&root.join("Cargo.toml"));
    assert!(direct_dependencies(&manifest).contains("serde"));
    let faults = faults_of_dependencies(&manifest, &read(&root.join("docs/dependencies.md")));
    assert!(faults.is_empty(), "docs/dependencies.md: {faults:#?}");
}

#[test]
fn an_unexplained_and_a_gone_dependency_are_found() {
    let manifest = "[workspace.dependencies]\nmirk-model = { path = \"x\" }\none = \"1\"\ntwo = { version = \"2\" }\n[profile.dev]\nthree = 3\n";
    let page =
        "| `one` | a | b | c | no |\n| `gone` | a | b | c | no |\n| `two` | a |  | c | no |\n";
    let faults = faults_of_dependencies(manifest, page);
    assert_eq!(
        faults,
        [
            "gone has a line and is not used",
            "the line of `two` is not whole"
        ]
    );
    assert_eq!(
        faults_of_dependencies(manifest, "| `one` | a | b | c | no |\n"),
        ["two is used and has no line"]
    );
}

#[test]
fn no_page_boasts_or_claims_a_mark_it_lacks() {
    let root = root();
    let pages = files_below(&root)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "md"));
    let found: Vec<String> = pages
        .flat_map(|page| boasts(&below(&root, &page), &read(&page)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(
        boasts("a.md", "Mirk is SOC 2 audited. We hold no ISO 27001 mark.").len(),
        1
    );
    assert_eq!(boasts("a.md", "It is not\nunhackable.").len(), 1);
}

#[test]
fn the_security_policy_keeps_its_times() {
    let policy = read(&root().join("SECURITY.md")).to_lowercase();
    for promise in [
        "48 hours",
        "5 business days",
        "30 days",
        "7 days",
        "safe harbour",
        "credit",
        "soc 2",
    ] {
        assert!(
            policy.contains(promise),
            "SECURITY.md no longer says \"{promise}\""
        );
    }
}
