//! A definition file that is added or removed rebuilds the crate.
#![allow(clippy::print_stdout, reason = "Cargo reads what a build script prints")]

fn main() {
    println!("cargo::rerun-if-changed=collectors");
}
