//! Finds the lines of the kernel sources that a plan consists of.
//!
//! A plan is rendered twice: as it ran, and from templates in which every line of WGSL carries a mark with
//! its file name and line number, enclosed in characters that no kernel contains. Removing the marks from
//! the second result must give the first, to the byte. The marks then show which lines of which file the
//! variant uses, as a coverage tool does for code behind a preprocessor.

use super::entry::Kernel;
use super::marks::{mark, take_marks};
use super::registry::{candidates, space};
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::kernel_text::{KernelTexts, SourceLine};
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::collections::BTreeSet;

/// Source lines of the kernels that are embedded in the binary.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedTexts;

impl KernelTexts for EmbeddedTexts {
    fn lines(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        sha256: &str,
    ) -> Result<BTreeSet<SourceLine>, String> {
        source_lines(case, device, variant, sha256)
    }

    fn code_lines(&self, file: &str) -> Option<(String, BTreeSet<u32>)> {
        code_lines(file)
    }
}

/// Returns the lines of the embedded sources that `variant` of `case` on `device` uses: those that contain
/// WGSL and are part of the rendered kernels. Comments, empty lines and lines with only template language
/// don't count.
///
/// # Errors
/// Returns a message if this version cannot render the plan, or if the hash of its plan differs from
/// `sha256`, the hash of the plan that ran.
fn source_lines(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    sha256: &str,
) -> Result<BTreeSet<SourceLine>, String> {
    if let Some(reason) = case.too_large() {
        return Err(reason);
    }
    let limits = &device.limits;
    if [limits.dispatch, limits.workgroup_memory, limits.binding_bytes, limits.buffer_bytes].contains(&0) {
        return Err("the limits of the device are not known".into());
    }
    if let Some(fault) = device.impossible() {
        return Err(format!("the device cannot exist: it {fault}"));
    }
    // A variant given by its name alone could lack a knob, so only one that this version would run is rendered.
    // The untuned variants are few and are tried first.
    let is_it = |found: &(&Kernel, Variant)| found.1.clone().but(|it| it.checks = variant.checks) == *variant;
    let untuned = candidates(case, device).ok().and_then(|list| list.into_iter().find(is_it));
    let Some((kernel, _)) = untuned.or_else(|| space(case, device).ok()?.into_iter().find(is_it)) else {
        return Err(format!("this version has no variant `{variant}` of the case"));
    };
    let plan =
        |source: &KernelSource| kernel.plan(case, device, variant, source).map_err(|error| error.to_string());
    let ran = plan(&KernelSource::embedded())?;
    if ran.hash() != sha256 {
        return Err("the kernel source that ran is not that of this version".into());
    }
    let marked = plan(&KernelSource::marked())?;
    let mut used = BTreeSet::new();
    for (step, marked) in ran.steps.iter().zip(&marked.steps) {
        if take_marks(&marked.wgsl, &mut used) != step.wgsl {
            return Err("the lines of the kernel source cannot be determined".into());
        }
    }
    if ran.steps.len() == marked.steps.len() {
        Ok(used)
    } else {
        Err("the steps cannot be determined".into())
    }
}

/// Returns the SHA-256 of the embedded source `file` in hexadecimal and the numbers of its lines that
/// contain WGSL; `None` if there is no such file.
fn code_lines(file: &str) -> Option<(String, BTreeSet<u32>)> {
    use sha2::{Digest, Sha256};
    let text = KernelSource::embedded().read(file).ok()?;
    let mut lines = BTreeSet::new();
    take_marks(&mark(file, &text), &mut lines);
    let id = hex::encode(Sha256::digest(&text));
    Some((id, lines.into_iter().map(|line| line.line).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::{Feature, MatrixShape};
    use portamark_model::workload::DType;

    #[test]
    fn every_kernel_can_be_traced_to_its_lines() {
        let plain = Capabilities::example();
        let rich = plain.clone().but(|it| {
            it.features = vec![Feature::ShaderF16, Feature::Subgroup, Feature::CooperativeMatrix];
            it.matrix_shapes = [8, 16].map(|edge| MatrixShape::new(edge, DType::F16, DType::F32)).to_vec();
        });
        let mut kernels = BTreeSet::new();
        for key in [
            "stream f32 triad n1048576",
            "stream f32 read n1048576",
            "peak f32 fma c4096 s1024",
            "peak f16.f32 matrix e16 t64 s128",
            "peak i8.i32 dot4 c4096 s1024",
            "latency i32 n16384 s16384",
            "launch i32 d4",
            "gemm f32 m512 n512 k512 nn",
            "gemm f16.f32 m512 n512 k512 nt",
            "gemm f16xq4_0.f32 m512 n512 k512 nt",
            "gemm i8.i32 m512 n512 k512 nt",
            "gemm f32 m64 n64 k65536 tn",
            "gemv f16xq4_0.f32 m1 n4096 k4096",
            "gemv f32 m4 n1024 k1024",
            "attention f32 b1 hq8 hkv2 q128 kv128 d64 causal",
            "attention f16.f32 b1 hq8 hkv2 q256 kv256 d128",
            "attention f32 b1 hq8 hkv2 q1 kv4096 d128",
        ] {
            let case: Case = key.parse().unwrap();
            for device in [&plain, &rich] {
                for (kernel, variant) in candidates(&case, device).unwrap_or_default() {
                    let plan = kernel.plan(&case, device, &variant, &KernelSource::embedded());
                    let Ok(plan) = plan else { continue };
                    let used = source_lines(&case, device, &variant, &plan.hash());
                    let used = used.unwrap_or_else(|error| panic!("{case} by {variant}: {error}"));
                    assert!(used.len() > 3, "{case} by {variant}: {used:?}");
                    kernels.insert((kernel.family, kernel.name));
                }
            }
        }
        assert!(kernels.len() > 12, "{kernels:?}");
    }

    #[test]
    fn another_size_uses_the_same_lines_and_another_kernel_others() {
        let device = Capabilities::example();
        let lines = |key: &str, kernel: &str| {
            let case: Case = key.parse().unwrap();
            let list = candidates(&case, &device).unwrap();
            let (kernel, variant) = list.into_iter().find(|(found, _)| found.name == kernel).unwrap();
            let plan = kernel.plan(&case, &device, &variant, &KernelSource::embedded()).unwrap();
            source_lines(&case, &device, &variant, &plan.hash()).unwrap()
        };
        let tiled = lines("gemm f32 m256 n256 k256 nn", "tiled");
        assert_eq!(tiled, lines("gemm f32 m512 n256 k1024 nn", "tiled"));
        let reference = lines("gemm f32 m256 n256 k256 nn", "reference");
        assert!(tiled.iter().any(|line| line.file == "gemm/tiled.wgsl"));
        assert!(tiled != reference && reference.iter().any(|line| line.file == "gemm/reference.wgsl"));
        let (id, all) = code_lines("gemm/tiled.wgsl").unwrap();
        assert!(
            id.len() == 64
                && tiled.iter().filter(|l| l.file == "gemm/tiled.wgsl").all(|l| all.contains(&l.line))
        );
        assert_eq!(code_lines("no/such.wgsl"), None);
    }

    #[test]
    fn a_text_of_another_version_and_an_unknown_variant_are_told() {
        let (device, case) = (Capabilities::example(), "gemm f32 m256 n256 k256 nn".parse().unwrap());
        let (_, variant) = candidates(&case, &device).unwrap().remove(0);
        let said = source_lines(&case, &device, &variant, "0").unwrap_err();
        assert!(said.contains("not that of this version"), "{said}");
        let bare = variant.but(|it| it.knobs = Default::default());
        let said = source_lines(&case, &device, &bare, "0").unwrap_err();
        assert!(said.contains("no variant"), "{said}");
    }
}
