//! `collectors!("dir", …)`: directories of definition files become items.

use std::path::{Path, PathBuf};

use pg_exporter_schema::{
    Diagnostic, LOCK_FILE, LockStrictness, Locks, Severity, Source, Strictness, compile, read_dir, read_lock,
    write,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{LitStr, Token};

use crate::lock;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match items(input) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.into_compile_error();
            let stub = stub();
            quote!(#error #stub)
        }
    }
}

fn items(input: TokenStream) -> syn::Result<TokenStream> {
    let usage = "write one or more directories: collectors!(\"collectors\")";
    let span = proc_macro2::Span::call_site();
    let directories = Punctuated::<LitStr, Token![,]>::parse_terminated
        .parse2(input)
        .map_err(|error| syn::Error::new(error.span(), usage))?;
    let first = directories.first().ok_or_else(|| syn::Error::new(span, usage))?;
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root =
        root.ok_or_else(|| syn::Error::new(span, "CARGO_MANIFEST_DIR is not set; build with Cargo"))?;
    let strictness = lock::strictness()?;
    let mut sources = Vec::new();
    let mut locks = Vec::new();
    for (rank, directory) in directories.iter().enumerate() {
        sources.extend(read(&root, directory, rank)?);
        locks.extend(read_lock_of(&root, directory)?);
    }
    let tracked = lock::tracked()
        .into_iter()
        .chain(sources.iter().chain(&locks).flat_map(tracked));
    let tracked: TokenStream = tracked.collect();
    let locks = Locks::read(&locks);
    let mut outcome = compile(&sources, Strictness::Strict);
    let mut found: Vec<Diagnostic> = outcome.diagnostics.clone();
    found.retain(|found| found.severity == Severity::Error);
    // A definition with a mistake has no statement to compare.
    if found.is_empty() {
        found = locks.judge(&outcome, &sources, strictness);
        if strictness != LockStrictness::Off {
            found.extend(locks.leftovers(&outcome));
        }
    }
    let told = found.iter().map(|found| {
        let mut literals = directories.iter();
        let literal = literals
            .find(|literal| is_of(&found.file, literal))
            .unwrap_or(first);
        lock::told(found, literal.span(), &found.to_string())
    });
    let body = if found.iter().any(|found| found.severity == Severity::Error) {
        stub()
    } else {
        locks.attach(&mut outcome.collectors);
        write(&outcome.collectors, &locks)
    };
    Ok(quote!(#tracked #(#told)* #body))
}

/// The lock of a directory. It is read even where no difference is looked for: the types of fields are in it.
fn read_lock_of(root: &Path, directory: &LitStr) -> syn::Result<Option<Source>> {
    let shown = directory.value();
    let shown = shown.trim_end_matches('/');
    read_lock(&root.join(shown), shown, LOCK_FILE).map_err(|cause| {
        let message = format!(
            "cannot read `{shown}/{LOCK_FILE}` under the crate's root: {}",
            cause.kind()
        );
        syn::Error::new(directory.span(), message)
    })
}

fn read(root: &Path, directory: &LitStr, rank: usize) -> syn::Result<Vec<Source>> {
    let shown = directory.value();
    let shown = shown.trim_end_matches('/');
    let error = |message: String| syn::Error::new(directory.span(), message);
    if Path::new(shown).is_absolute() {
        return Err(error("write a path relative to the crate's root".to_owned()));
    }
    let mut sources = read_dir(&root.join(shown), shown).map_err(|cause| {
        error(format!(
            "cannot read `{shown}` under the crate's root: {}",
            reason(&cause)
        ))
    })?;
    if sources.is_empty() {
        return Err(error(format!("no *.yml or *.yaml file in `{shown}`")));
    }
    for source in &mut sources {
        source.directory = rank;
    }
    Ok(sources)
}

/// Whether a file is directly inside the directory that a literal names.
fn is_of(file: &str, literal: &LitStr) -> bool {
    Path::new(file).parent() == Some(Path::new(literal.value().trim_end_matches('/')))
}

/// The reason without the path, which is one of this machine.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such directory".to_owned(),
        kind => kind.to_string(),
    }
}

/// Makes the compiler notice an edit of the file.
fn tracked(source: &Source) -> TokenStream {
    let path = format!("/{}", source.path);
    quote! {
        const _: &[u8] = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path));
    }
}

/// What uses the macro's items adds no errors of its own.
fn stub() -> TokenStream {
    quote! {
        /// Empty: there are mistakes in the definitions.
        pub static COLLECTORS: &[::pg_exporter::schema::Collector] = &[];
    }
}
