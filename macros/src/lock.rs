//! What `statements.lock` says of a definition, as errors and warnings of the compiler.

use std::path::Path;

use pg_exporter_schema::{Diagnostic, LOCK_FILE, LockStrictness, Locks, Severity, Source, read_lock};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

/// How strict the build is: the variable `PG_EXPORTER_LOCK`.
pub(crate) fn strictness() -> syn::Result<LockStrictness> {
    let value = std::env::var("PG_EXPORTER_LOCK").ok();
    LockStrictness::parse(value.as_deref(), LockStrictness::Warn)
        .map_err(|message| syn::Error::new(Span::call_site(), message))
}

/// Makes the compiler notice another strictness.
pub(crate) fn tracked() -> TokenStream {
    quote!(
        const _: ::core::option::Option<&str> = ::core::option_env!("PG_EXPORTER_LOCK");
    )
}

/// The finding where it was made.
pub(crate) fn told(found: &Diagnostic, span: Span, message: &str) -> TokenStream {
    if found.severity == Severity::Error {
        return quote_spanned!(span=> ::core::compile_error!(#message););
    }
    // Macros have no warnings of their own: what is deprecated and used is one.
    quote_spanned! {span=>
        const _: () = {
            #[deprecated(note = #message)]
            const LOCK: () = ();
            LOCK
        };
    }
}

/// The lock in the folder of the file that a struct stands in; its path is the compiler's matter alone.
pub(crate) fn beside(span: Span) -> syn::Result<Option<(Locks, TokenStream)>> {
    let Some(file) = span.unwrap().local_file() else {
        return Ok(None);
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let lock = read_lock(folder, "", LOCK_FILE)
        .map_err(|error| syn::Error::new(span, format!("{LOCK_FILE}: {}", error.kind())))?;
    Ok(lock.map(|source: Source| {
        let tracked = quote_spanned!(span=> const _: &[u8] = ::core::include_bytes!(#LOCK_FILE););
        (Locks::read(&[source]), tracked)
    }))
}
