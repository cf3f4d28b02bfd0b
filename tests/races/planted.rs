//! Faults that are planted into kernels, and products that have to be right: what interprets wrongly finds nothing.

use crate::judge::{faults_of_step, outputs};
use crate::plans::{Wanted, plans_of};
use portamark_kernels::KernelSource;
use portamark_races::{Finding, Kind};

/// The first plan of `kernel` for the case `key` that contains `text`.
fn plan(key: &str, kernel: &str, text: &str) -> Wanted {
    let all = plans_of(&[key], &KernelSource::embedded());
    let found =
        all.into_iter().find(|wanted| wanted.kernel == kernel && wanted.plan.steps[0].wgsl.contains(text));
    found.unwrap_or_else(|| panic!("no {kernel} of {key} contains {text}: plant the fault elsewhere"))
}

/// What is found in a plan with `fault` in the place of `text`.
fn found(wanted: &Wanted, text: &str, fault: &str) -> Vec<Finding> {
    let whole = &wanted.plan.steps[0].wgsl;
    faults_of_step(&wanted.plan, 0, &whole.replace(text, fault), wanted.subgroup)
}

#[test]
fn an_edge_that_is_not_guarded_is_found_in_the_buffer() {
    let guard = "if down * 4u + row < M4 * 4u && right + quad < N4 {";
    let wanted = plan("transpose f32 m72 n44", "transpose tiled", guard);
    assert_eq!(found(&wanted, guard, guard), []);
    let found = found(&wanted, guard, "if right + quad < N4 {");
    let fault = found.iter().find(|finding| finding.kind == Kind::OutOfBounds).expect("a fault");
    assert_eq!(fault.variable, "x");
    let line = wanted.plan.steps[0].wgsl.lines().nth(fault.line as usize - 1).unwrap();
    assert!(line.contains("x["), "{fault} at {line}");
}

#[test]
fn a_tile_that_is_too_short_is_found_in_workgroup_memory() {
    let stride = "const B_STRIDE: u32 = ";
    let wanted = plan("gemm f32 m33 n17 k29 nn", "gemm tiled", stride);
    let found = found(&wanted, stride, &format!("{stride}8u + "));
    let fault = found.iter().find(|finding| finding.kind == Kind::OutOfBounds).expect("a fault");
    assert_eq!(fault.variable, "tile_b");
}

#[test]
fn a_write_that_is_left_out_is_found_where_it_is_read() {
    let write = "partial[place] = v;";
    let wanted = plan("softmax f32 r3 c68", "softmax rows", write);
    let found = found(&wanted, write, "");
    assert!(found.iter().any(|finding| finding.kind == Kind::Unwritten), "{found:?}");
}

/// Rows of C by hand from what lies in A and B, for a layout of each.
#[test]
fn products_on_the_interpreter_are_right() {
    for (key, kernel, [m, n, k], turned) in [
        ("gemm f32 m33 n17 k29 nn", "gemm tiled", [33, 17, 29], false),
        ("gemm f32 m36 n20 k28 tt", "gemm tiled", [36, 20, 28], true),
        ("gemm f32 m36 n20 k28 tt", "gemm direct", [36, 20, 28], true),
    ] {
        let wanted = plan(key, kernel, "");
        let outputs = outputs(&wanted.plan, wanted.subgroup);
        let number = |buffer: usize, at: usize| {
            let bytes = &outputs[buffer][4 * at..4 * at + 4];
            f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))
        };
        for row in 0..m {
            for column in 0..n {
                let product = |p: usize| {
                    let (a, b) =
                        if turned { (p * m + row, column * k + p) } else { (row * k + p, p * n + column) };
                    number(0, a) * number(1, b)
                };
                let (sum, found) = ((0..k).map(product).sum::<f64>(), number(2, row * n + column));
                assert!((sum - found).abs() < 1e-3, "{key} {kernel}: {found} in row {row}, not {sum}");
            }
        }
    }
}
