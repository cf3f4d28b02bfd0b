//! The lines of kernel texts, for those who ask how much of them several devices share.

use crate::device::Capabilities;
use crate::variant::Variant;
use crate::workload::Case;
use std::collections::BTreeSet;

/// A line of a kernel text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceLine {
    /// Name of the text, e.g. `gemm/tiled.wgsl`.
    pub file: String,
    /// Number of the line, from 1.
    pub line: u32,
}

/// Who knows kernel texts: `portamark_kernels::EmbeddedTexts`, or [`NoTexts`].
pub trait KernelTexts {
    /// The lines that `variant` of `case` on `device` uses.
    ///
    /// # Errors
    /// A sentence on why, where the text whose hash with the dispatches is `sha256` is not at hand.
    fn lines(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        sha256: &str,
    ) -> Result<BTreeSet<SourceLine>, String>;

    /// The lines of the text `file` that hold code, with the SHA-256 of the text in hexadecimal.
    fn code_lines(&self, file: &str) -> Option<(String, BTreeSet<u32>)>;
}

/// No kernel text is at hand: convergence stays unknown, with that reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTexts;

impl KernelTexts for NoTexts {
    fn lines(
        &self,
        _: &Case,
        _: &Capabilities,
        _: &Variant,
        _: &str,
    ) -> Result<BTreeSet<SourceLine>, String> {
        Err("the kernel texts are not at hand".into())
    }

    fn code_lines(&self, _: &str) -> Option<(String, BTreeSet<u32>)> {
        None
    }
}
