//! Rebuilds the program when a file appears in, or disappears from, the folders that it carries: `include_dir!`
//! tells Cargo only of the files it found.

fn main() {
    println!("cargo::rerun-if-changed=envs");
    println!("cargo::rerun-if-changed=manifests");
}
