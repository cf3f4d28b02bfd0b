//! Only one folder names wgpu, in whatever way.

use super::sources::{Named, root};
use super::table::{CRATES, all_sources};
use std::fs;

/// Whether the text of a file names the crate wgpu. What the house itself calls so has another word before it.
fn names_wgpu(text: &str) -> bool {
    let named = Named::read(text);
    let is_it = |word: &String| word.starts_with("wgpu");
    // A single word can be a variable or a field.
    let mut paths = named.paths.iter().filter(|path| path.len() > 1);
    let in_path = paths.any(|path| path.first().is_some_and(is_it));
    !named.modules.contains("wgpu") && (in_path || named.imports.iter().any(is_it))
}

#[test]
fn only_one_folder_names_wgpu() {
    let mut inside = 0;
    for path in all_sources() {
        let names = names_wgpu(&fs::read_to_string(&path).unwrap());
        let is_room = path.starts_with(root().join("executors/src/wgpu"));
        assert!(is_room || !names, "{} names wgpu", path.display());
        inside += usize::from(names);
    }
    assert!(inside > 2, "only {inside} files name wgpu: the reader is broken");
}

#[test]
fn only_one_manifest_names_wgpu_and_under_its_own_name() {
    let manifests = CRATES.iter().map(|(_, folder, _)| root().join(folder)).chain([root().to_path_buf()]);
    for folder in manifests {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("package = \"wgpu"), "{}", folder.display());
        let names = manifest.lines().any(|line| line.starts_with("wgpu = {") || line.starts_with("wgpu."));
        let may = folder.ends_with("executors") || folder == root();
        assert!(may || !names, "{}", folder.display());
    }
}

#[test]
fn wgpu_is_seen_however_it_is_named() {
    for text in [
        "use wgpu::Device;",
        "use wgpu as gpu;",
        "use {std::fmt, wgpu::{Device, Queue}};",
        "pub use wgpu::Limits;",
        "extern crate wgpu;",
        "fn made(device: ::wgpu::Device) {}",
        "fn told() { println!(\"{:?}\", wgpu::Backends::all()); }",
        "type Bits = <wgpu::Features as Flags>::Bits;",
    ] {
        assert!(names_wgpu(text), "{text}");
    }
    for text in
        ["use crate::wgpu::Gpu;", "pub mod wgpu; pub use wgpu::WgpuService;", "fn f() { say(\"wgpu\") }"]
    {
        assert!(!names_wgpu(text), "{text}");
    }
}
