//! A definition file that is added or removed rebuilds the crate, and so does what servers said to the statements.
#![allow(clippy::print_stdout, reason = "Cargo reads what a build script prints")]

fn main() {
    println!("cargo::rerun-if-changed=collectors");
    // For a struct in Rust that lies beside it, as statements.lock.
    println!("cargo::rerun-if-changed=src");
}
