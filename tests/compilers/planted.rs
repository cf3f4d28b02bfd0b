//! Faults that are planted into kernels, each of which the gate has to catch. Beside each stands the kernel without
//! it, which passes.

use crate::chips::{DEADLINE, cells, compilers, open};
use crate::judge::worse;
use crate::table::Table;
use portamark_inspect::{Cell, Outcome, facts};
use portamark_kernels::{KernelSource, candidates};
use portamark_model::suite::Suite;
use portamark_model::workload::Case;
use portamark_runner::{Kept, Target, Wanted, compiled};
use std::fs;
use std::path::Path;

/// A product that arithmetic bounds.
const PRODUCT: &str = "gemm f32 m4096 n4096 k4096 nn";

/// A chip, opened for one test; `None` where no compilers are.
fn chip(name: &str) -> Option<Target> {
    Some(open(&compilers()?, name))
}

/// The only cell of `key`: of the default variant, or of one whose name contains `variant`.
fn cell(target: &mut Target, key: &str, variant: &str, source: &KernelSource) -> Cell {
    let suite = Suite::new("one", [key.parse::<Case>().unwrap()]);
    let wanted = if variant.is_empty() { Wanted::Default } else { Wanted::Named(variant.into()) };
    cells(&suite, target, &wanted, source, &mut Kept::default()).remove(0)
}

/// What the gate says of `cell`.
fn said(cell: Cell) -> String {
    worse(&Table::here(), &[cell]).join("\n")
}

/// What the gate says of the default variant of `key`.
fn said_of_default(target: &mut Target, key: &str) -> String {
    said(cell(target, key, "", &KernelSource::embedded()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.extension().is_some_and(|extension| extension == "wgsl") {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The kernels with `fault` in the place of `text`, which has to be there.
fn kernels_with(file: &str, text: &str, fault: &str) -> (tempfile::TempDir, KernelSource) {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels"), folder.path());
    let path = folder.path().join(file);
    let whole = fs::read_to_string(&path).unwrap();
    assert!(whole.contains(text), "{file} no longer contains {text}: plant the fault elsewhere");
    fs::write(&path, whole.replace(text, fault)).unwrap();
    let source = KernelSource::folder(folder.path()).trusted();
    (folder, source)
}

#[test]
fn a_tile_that_is_too_large_for_the_registers_is_caught_as_spills() {
    let Some(mut target) = chip("navi21") else { return };
    assert_eq!(said_of_default(&mut target, PRODUCT), "");
    let case: Case = PRODUCT.parse().unwrap();
    let all = candidates(&case, &target.device).unwrap();
    let (kernel, variant) = all.into_iter().find(|(kernel, _)| kernel.name == "tiled").unwrap();
    // 16 x 16 sums and 32 operands for each invocation, of 256 registers.
    let tile = [("bm", 256), ("bn", 256), ("bk", 8), ("tm", 16), ("tn", 16)];
    let variant = tile.into_iter().fold(variant, |variant, (knob, value)| variant.with(knob, value));
    let plan = (kernel.plan)(&case, &target.device, &variant, &KernelSource::embedded()).unwrap();
    let steps = compiled(&mut target, plan, DEADLINE).unwrap();
    let steps = steps.iter().map(|step| facts(target.compiler(), step, target.chip)).collect();
    let mut large = cell(&mut target, PRODUCT, "", &KernelSource::embedded());
    large.outcome = Outcome::Compiled { steps };
    large.variant = Some(variant.to_string());
    let said = said(large);
    assert!(said.contains("navi21: gemm f32 m4096 n4096 k4096 nn: tiled bk8 bm256"), "{said}");
    assert!(said.contains("registers spilled; floors.toml allows none"), "{said}");
}

#[test]
fn a_subgroup_size_that_the_chip_does_not_have_is_caught_as_a_kernel_that_fails() {
    let key = "attention f16.f32 b1 hq32 hkv8 q1 kv8192 d128";
    let Some(mut target) = chip("navi21") else { return };
    assert_eq!(said_of_default(&mut target, key), "");
    // The chip has 32 and 64.
    (target.device.subgroup_min, target.device.subgroup_max) = (16, 16);
    let said = said_of_default(&mut target, key);
    assert!(said.contains("does not compile"), "{said}");
    assert!(said.contains("subgroups of 64, and the kernel was made for 16 to 16"), "{said}");
}

#[test]
fn a_matrix_unit_that_is_left_unused_is_caught() {
    let key = "gemm f16.f32 m1024 n1024 k1024 nt";
    let Some(mut target) = chip("turing") else { return };
    assert_eq!(said_of_default(&mut target, key), "");
    let said = said(cell(&mut target, key, "tiled", &KernelSource::embedded()));
    assert!(said.contains("does not use the matrix unit; floors.toml allows none"), "{said}");
}

#[test]
fn a_load_that_is_narrowed_is_caught_by_the_floor_of_its_width() {
    let Some(mut target) = chip("navi21") else { return };
    assert_eq!(said_of_default(&mut target, PRODUCT), "");
    // Both operands element by element.
    let fault = "{% set a_vector, b_vector, whole_a, whole_b = (false, false, false, false) %}\n{% set tx";
    let (_folder, source) = kernels_with("gemm/tiled.wgsl", "{% set tx", fault);
    let said = said(cell(&mut target, PRODUCT, "", &source));
    assert!(said.contains("global_load 4, below the floor 15.5 of `gemm f32 large nn`"), "{said}");
}

#[test]
fn twice_the_workgroup_memory_is_caught_by_the_floor_of_resident_subgroups() {
    let key = "moe f16xq4_0.f32 e8 k2 t512 n14336 d4096 uniform";
    let Some(mut target) = chip("navi21") else { return };
    assert_eq!(said_of_default(&mut target, key), "");
    let (_folder, source) = kernels_with("moe/tiled.wgsl", "* (bk // 4 + 1) }}>", "* 2 * (bk // 4 + 1) }}>");
    let said = said(cell(&mut target, key, "", &source));
    assert!(said.contains("below the floor 6 of `moe f16xq4_0.f32 many tokens`"), "{said}");
}
