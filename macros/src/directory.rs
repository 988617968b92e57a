//! `collectors!("dir", …)`: directories of definition files become items.

use std::path::{Path, PathBuf};

use pg_exporter_schema::{Severity, Source, Strictness, compile, read_dir, write};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{LitStr, Token};

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
    let mut sources = Vec::new();
    for (rank, directory) in directories.iter().enumerate() {
        sources.extend(read(&root, directory, rank)?);
    }
    let outcome = compile(&sources, Strictness::Strict);
    let tracked = sources.iter().map(tracked);
    let errors = outcome
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    let errors = errors.map(|found| {
        let message = found.to_string();
        let literal = directories
            .iter()
            .find(|literal| is_of(&found.file, literal))
            .unwrap_or(first);
        quote_spanned!(literal.span()=> ::core::compile_error!(#message);)
    });
    let body = if outcome.has_errors() {
        stub()
    } else {
        write(&outcome.collectors)
    };
    Ok(quote!(#(#tracked)* #(#errors)* #body))
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
