//! Lines of kernel source, used to compute how much source several devices share (convergence).

use crate::device::Capabilities;
use crate::variant::Variant;
use crate::workload::Case;
use std::collections::BTreeSet;

/// One line of kernel source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceLine {
    /// Name of the source file, e.g. `gemm/tiled.wgsl`.
    pub file: String,
    /// Line number, starting at 1.
    pub line: u32,
}

/// Access to kernel sources, implemented by `portamark_kernels::EmbeddedTexts` and [`NoTexts`].
pub trait KernelTexts {
    /// Returns the source lines that `variant` of `case` uses on `device`.
    ///
    /// # Errors
    /// Returns a message if no kernel source is available whose hash, together with the dispatch sizes, is
    /// `sha256`.
    fn lines(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        sha256: &str,
    ) -> Result<BTreeSet<SourceLine>, String>;

    /// Returns the SHA-256 of the source file `file` in hexadecimal and the numbers of its lines that
    /// contain code; `None` if the file is not available.
    fn code_lines(&self, file: &str) -> Option<(String, BTreeSet<u32>)>;
}

/// Stand-in without kernel sources: convergence is reported as unknown, with that reason.
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
        Err("the kernel sources are not available".into())
    }

    fn code_lines(&self, _: &str) -> Option<(String, BTreeSet<u32>)> {
        None
    }
}
