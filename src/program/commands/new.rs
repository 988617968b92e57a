//! `new`: the crate of a distribution of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::program::cli::write_stdout;
use crate::program::stop::Stop;

/// The crate that the tests build and run, under the name that is replaced.
const FILES: [(&str, &str); 5] = [
    ("build.rs", include_str!("../../../tests/site/build.rs")),
    (
        "collectors/shop.yml",
        include_str!("../../../tests/site/collectors/shop.yml"),
    ),
    ("src/lib.rs", include_str!("../../../tests/site/src/lib.rs")),
    ("src/main.rs", include_str!("../../../tests/site/src/main.rs")),
    ("src/tables.rs", include_str!("../../../tests/site/src/tables.rs")),
];

const MANIFEST: &str = r#"[package]
name = "{name}"
description = "An exporter with the collectors of one site"
version = "0.1.0"
edition = "2024"
publish = false

# Of no other workspace.
[workspace]

[dependencies]
# The exporter as a library.
pg_exporter = {library}

[profile.release]
lto = "fat"
codegen-units = 1
strip = "symbols"
"#;

/// Names that are made of the directory's.
struct Names {
    /// Of the package: `acme-exporter`.
    package: String,
    /// Of the crate in Rust: `acme_exporter`.
    krate: String,
    /// Of the collectors: `acme`.
    prefix: String,
}

/// Writes the crate into a directory that is not there or empty.
pub(crate) fn run(directory: &Path, library: Option<PathBuf>) -> Result<ExitCode, Stop> {
    let names = Names::of(directory)?;
    let library = match library {
        Some(path) => path_dependency(&path)?,
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    };
    let failed = |path: &Path, error: std::io::Error| Stop::failure(format!("{}: {error}", path.display()));
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Stop::usage(format!(
            "{}: the directory is not empty; name a new one",
            directory.display()
        )));
    }
    let manifest = MANIFEST
        .replace("{name}", &names.package)
        .replace("{library}", &library);
    let files = FILES
        .iter()
        .map(|(path, text)| (names.applied(path), names.applied(text)));
    for (path, text) in std::iter::once(("Cargo.toml".to_owned(), manifest)).chain(files) {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    let next = format!(
        "Wrote {0}. Put definitions into {0}/collectors, then: cargo run --manifest-path {0}/Cargo.toml\n",
        directory.display()
    );
    write_stdout(next.as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

fn path_dependency(path: &Path) -> Result<String, Stop> {
    let whole = fs::canonicalize(path)
        .map_err(|error| Stop::usage(format!("--library: {}: {error}", path.display())))?;
    match whole.to_str().filter(|text| !text.contains('\'')) {
        Some(text) => Ok(format!("{{ path = '{text}' }}")),
        None => Err(Stop::usage(
            "--library: Cargo cannot take a path that is not Unicode or holds a quote",
        )),
    }
}

impl Names {
    fn of(directory: &Path) -> Result<Self, Stop> {
        let package = directory
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_name = package.starts_with(|c: char| c.is_ascii_lowercase())
            && package
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        if !is_name {
            let advice = "its last part becomes a package's name: lower-case letters, digits, `-`, `_`";
            return Err(Stop::usage(format!("{}: {advice}", directory.display())));
        }
        let krate = package.replace('-', "_");
        let prefix = krate
            .strip_suffix("_exporter")
            .unwrap_or(&krate)
            .trim_end_matches('_')
            .to_owned();
        Ok(Self {
            package: package.to_owned(),
            krate,
            prefix,
        })
    }

    fn applied(&self, text: &str) -> String {
        let words = self.prefix.split('_').map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        });
        let camel: String = words.collect();
        let text = text.replace("shop_exporter", "\0");
        text.replace("Shop", &camel)
            .replace("shop", &self.prefix)
            .replace('\0', &self.krate)
    }
}
