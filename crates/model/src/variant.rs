//! Kernel variants: one kernel with values for its tuning parameters (knobs).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Implementation path of a kernel: the kind of instructions or library it computes with. Every result row
/// names it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Path {
    /// Scalar code, one element per operation.
    Scalar,
    /// vec2 or vec4 loads and arithmetic.
    Vector,
    /// Subgroup operations.
    Subgroup,
    /// Cooperative matrices.
    Coopmat,
    /// Packed integer dot products.
    Dot4,
    /// A vendor's library, called by a foreign executor.
    Library,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Path::Scalar => "scalar",
            Path::Vector => "vector",
            Path::Subgroup => "subgroup",
            Path::Coopmat => "coopmat",
            Path::Dot4 => "dot4",
            Path::Library => "library",
        })
    }
}

/// Prefix of the names of user-supplied kernels.
pub const OWN_PREFIX: &str = "own/";

/// Kernel variant: one kernel with the values of its knobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Variant {
    /// Name of the kernel within its family, e.g. `tiled`.
    pub kernel: String,
    /// Implementation path of the kernel.
    pub path: Path,
    /// Values of the knobs by name, e.g. `bm` → 64.
    pub knobs: BTreeMap<String, u32>,
    /// Whether naga's run-time checks (bounds, loop bounds, integer division) are kept.
    pub checks: bool,
}

impl Variant {
    /// Returns the variant modified by `change`.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Creates a variant without run-time checks and without knobs.
    pub fn new(kernel: &str, path: Path) -> Self {
        Variant { kernel: kernel.into(), path, knobs: BTreeMap::new(), checks: false }
    }

    /// Whether the kernel is user-supplied: its name begins with [`OWN_PREFIX`].
    pub fn is_own(&self) -> bool {
        self.kernel.starts_with(OWN_PREFIX)
    }

    /// Returns the variant with the knob `knob` set to `value`.
    pub fn with(mut self, knob: &str, value: u32) -> Self {
        self.knobs.insert(knob.into(), value);
        self
    }

    /// Returns the value of the knob `name`.
    ///
    /// # Panics
    /// Panics if the kernel has no such knob, which is an error in the kernel's entry.
    pub fn knob(&self, name: &str) -> u32 {
        *self.knobs.get(name).unwrap_or_else(|| panic!("kernel {} has no knob {name}", self.kernel))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kernel)?;
        for (knob, value) in &self.knobs {
            write!(f, " {knob}{value}")?;
        }
        if self.checks { f.write_str(" checked") } else { Ok(()) }
    }
}
