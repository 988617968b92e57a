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

/// The language of definitions, for editors.
const SCHEMA: &str = "collectors.schema.json";

/// Tells an editor which schema a definition file has.
const MODELINE: &str = "# yaml-language-server: $schema=../collectors.schema.json\n";

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

/// Where the crate takes the exporter's library from. Never from a registry: there the name is another project's.
pub(crate) enum Library {
    /// A source tree.
    Path(PathBuf),
    /// A repository, and what of it.
    Git { url: String, rev: Option<String> },
}

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
pub(crate) fn run(directory: &Path, library: &Library) -> Result<ExitCode, Stop> {
    let names = Names::of(directory)?;
    let library = library.dependency()?;
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
    let own = [
        ("Cargo.toml".to_owned(), manifest),
        (SCHEMA.to_owned(), pg_exporter_schema::json_schema()),
    ];
    for (path, text) in own.into_iter().chain(files) {
        let text = if path.ends_with(".yml") {
            MODELINE.to_owned() + &text
        } else {
            text
        };
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    let next = format!(
        "Wrote {0}. Put definitions into {0}/collectors, then: cargo run --manifest-path {0}/Cargo.toml\n\
         Ask a server once what it says to their statements (in {0}, and again after an edit): cargo run -- check --record --url URL\n\
         Let no difference through, in CI without a server: PG_EXPORTER_LOCK=require cargo build\n",
        directory.display()
    );
    write_stdout(next.as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

impl Library {
    /// What the command line says.
    pub(crate) fn of(path: Option<PathBuf>, git: Option<String>, rev: Option<String>) -> Result<Self, Stop> {
        match (path, git) {
            (Some(path), _) => Ok(Self::Path(path)),
            (None, Some(url)) => Ok(Self::Git { url, rev }),
            (None, None) => Err(Stop::usage(
                "say where the library is: --library PATH of a source tree of this exporter, or --git URL of its repository, with \
                 --rev REV; no registry has it",
            )),
        }
    }

    /// As a manifest has it.
    fn dependency(&self) -> Result<String, Stop> {
        match self {
            Self::Path(path) => path_dependency(path),
            Self::Git { url, rev } => {
                let url = literal("--git", url)?;
                let rev = rev.as_deref().map(|rev| literal("--rev", rev)).transpose()?;
                let rev = rev.map_or_else(String::new, |rev| format!(", rev = {rev}"));
                Ok(format!("{{ git = {url}{rev} }}"))
            }
        }
    }
}

/// A source tree of this exporter, by its whole path.
fn path_dependency(path: &Path) -> Result<String, Stop> {
    let failed =
        |error: &dyn std::fmt::Display| Stop::usage(format!("--library: {}: {error}", path.display()));
    let whole = fs::canonicalize(path).map_err(|error| failed(&error))?;
    let manifest = fs::read_to_string(whole.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|line| line == r#"name = "pg_exporter""#) {
        return Err(failed(
            &"this is no source tree of pg_exporter: its Cargo.toml is not that package's",
        ));
    }
    let text = whole
        .to_str()
        .ok_or_else(|| failed(&"Cargo cannot take a path that is not Unicode"))?;
    Ok(format!("{{ path = {} }}", literal("--library", text)?))
}

/// A literal string of TOML.
fn literal(flag: &str, text: &str) -> Result<String, Stop> {
    if text.contains(|c: char| c == '\'' || c.is_control()) {
        return Err(Stop::usage(format!(
            "{flag}: a quote or a control character cannot stand in a manifest"
        )));
    }
    Ok(format!("'{text}'"))
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
