//! Which lines of the kernel texts a plan is made of.
//!
//! A plan is rendered twice: as it ran, and from texts in which every line of WGSL carries its name and
//! number in characters that no kernel has. Taking these out again must leave what ran, to the byte;
//! then the marks that came through say which lines of which file the choice of the variant selected,
//! as a coverage tool says it of code behind a preprocessor.

use super::entry::Kernel;
use super::registry::{candidates, space};
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::kernel_text::{KernelTexts, SourceLine};
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::collections::BTreeSet;

/// What stands before and after the name and number of a line: private characters of Unicode.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// The texts that were compiled in.
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

/// The lines of the embedded texts that `variant` of `case` on `device` uses: those that hold WGSL and came
/// through the rendering. Comments, empty lines and lines of nothing but template language are none.
///
/// # Errors
/// In words, where the text whose hash with the dispatches is `sha256` is not one of this version.
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
    // A variant by its name alone could lack a knob, so only what this version would run is rendered. The
    // untuned ones are few and tried first.
    let is_it = |found: &(&Kernel, Variant)| found.1.clone().but(|it| it.checks = variant.checks) == *variant;
    let untuned = candidates(case, device).ok().and_then(|list| list.into_iter().find(is_it));
    let Some((kernel, _)) = untuned.or_else(|| space(case, device).ok()?.into_iter().find(is_it)) else {
        return Err(format!("this version has no variant `{variant}` of the case"));
    };
    let plan =
        |source: &KernelSource| kernel.plan(case, device, variant, source).map_err(|error| error.to_string());
    let ran = plan(&KernelSource::embedded())?;
    if ran.hash() != sha256 {
        return Err("the text that ran is not that of this version".into());
    }
    let marked = plan(&KernelSource::marked())?;
    let mut used = BTreeSet::new();
    for (step, marked) in ran.steps.iter().zip(&marked.steps) {
        if take_marks(&marked.wgsl, &mut used) != step.wgsl {
            return Err("the lines of the text cannot be told".into());
        }
    }
    if ran.steps.len() == marked.steps.len() { Ok(used) } else { Err("the steps cannot be told".into()) }
}

/// The lines of the embedded text `file` that hold WGSL, and the SHA-256 of the text in hexadecimal.
fn code_lines(file: &str) -> Option<(String, BTreeSet<u32>)> {
    use sha2::{Digest, Sha256};
    let text = KernelSource::embedded().read(file).ok()?;
    let mut lines = BTreeSet::new();
    take_marks(&mark(file, &text), &mut lines);
    let id = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    Some((id, lines.into_iter().map(|line| line.line).collect()))
}

/// `text` with name and number behind the last WGSL of each line that has any.
pub(super) fn mark(name: &str, text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    // What ends the tag that a line begins in.
    let mut inside: Option<&str> = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let (end, open) = last_code(line, inside);
        inside = open;
        match end.filter(|_| !line.trim_start().starts_with("//")) {
            Some(end) => {
                out += &line[..end];
                out += &format!("{OPEN}{name}:{}{CLOSE}", number + 1);
                out += &line[end..];
            }
            None => out += line,
        }
    }
    out
}

/// What code has and the result of a macro that others compare has not: such macros give a word or a
/// number, which a mark would change.
const PUNCTUATION: &[char] =
    &['(', ')', '{', '}', '[', ']', ';', ',', '=', '<', '>', '@', ':', '+', '*', '/', '&', '|', '!'];

/// Where the last character outside tags and white space of `line` ends, if there is code, and what ends
/// the tag that the next line begins in.
fn last_code<'t>(line: &str, mut inside: Option<&'t str>) -> (Option<usize>, Option<&'t str>) {
    let (mut end, mut at, mut is_code) = (None, 0, false);
    loop {
        let rest = &line[at..];
        if let Some(close) = inside {
            let Some(found) = rest.find(close) else { return (end.filter(|_| is_code), inside) };
            at += found + close.len();
            inside = None;
            continue;
        }
        let tags = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
        let first = tags.iter().filter_map(|(open, close)| Some((rest.find(open)?, *close))).min();
        let code = &rest[..first.map_or(rest.len(), |(found, _)| found)];
        if !code.trim().is_empty() {
            end = Some(at + code.trim_end().len());
            is_code |= code.contains(PUNCTUATION);
        }
        let Some((found, close)) = first else { return (end.filter(|_| is_code), None) };
        at += found + 2;
        inside = Some(close);
    }
}

/// `text` without its marks, which go to `used`.
fn take_marks(text: &str, used: &mut BTreeSet<SourceLine>) -> String {
    let mut pieces = text.split(OPEN);
    let mut out = pieces.next().unwrap_or("").to_string();
    for piece in pieces {
        let Some((place, rest)) = piece.split_once(CLOSE) else { continue };
        if let Some((file, line)) = place.rsplit_once(':') {
            used.extend(line.parse().ok().map(|line| SourceLine { file: file.into(), line }));
        }
        out += rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::{Feature, MatrixShape};
    use portamark_model::workload::DType;

    #[test]
    fn lines_of_code_are_marked_and_others_are_not() {
        let text = "// note\n\n{% if a %}\nlet x = {{ y }};  {# why #}\n{% set z = [\n  1,\n] %}\n{{ f(x) }}\nfoo(){% endif %}\n{% if b %}half{% endif %}\n";
        let marked = mark("f.wgsl", text);
        let mut used = BTreeSet::new();
        assert_eq!(take_marks(&marked, &mut used), text);
        assert_eq!(used.iter().map(|line| line.line).collect::<Vec<_>>(), [4, 9]);
        assert!(marked.contains(&format!("let x = {{{{ y }}}};{OPEN}f.wgsl:4{CLOSE}  {{#")), "{marked}");
        assert!(marked.contains(&format!("foo(){OPEN}f.wgsl:9{CLOSE}{{% endif %}}")), "{marked}");
    }

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
