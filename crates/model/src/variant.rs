//! The knobs of one kernel.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// By which means a kernel computes; every row names it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Path {
    /// One element per operation.
    Scalar,
    /// vec2 or vec4 loads and arithmetic.
    Vector,
    /// Subgroup operations.
    Subgroup,
    /// Cooperative matrices.
    Coopmat,
    /// Packed integer dot products.
    Dot4,
    /// A vendor's library, in a foreign executor.
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

/// What the names of users' kernels begin with.
pub const OWN_PREFIX: &str = "own/";

/// One kernel with its knobs set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Variant {
    /// Name of the kernel within its family, e.g. `tiled`.
    pub kernel: String,
    /// By which means it computes.
    pub path: Path,
    /// Its knobs, e.g. `bm` → 64.
    pub knobs: BTreeMap<String, u32>,
    /// Whether naga's run-time checks (bounds, loop bounds, integer division) are left in.
    pub checks: bool,
}

impl Variant {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A variant without run-time checks and with no knobs set.
    pub fn new(kernel: &str, path: Path) -> Self {
        Variant { kernel: kernel.into(), path, knobs: BTreeMap::new(), checks: false }
    }

    /// Whether it is of a user's kernel: its name begins with [`OWN_PREFIX`].
    pub fn is_own(&self) -> bool {
        self.kernel.starts_with(OWN_PREFIX)
    }

    /// Sets a knob.
    pub fn with(mut self, knob: &str, value: u32) -> Self {
        self.knobs.insert(knob.into(), value);
        self
    }

    /// The value of a knob.
    ///
    /// # Panics
    /// When the kernel has no such knob, which is a mistake in its entry.
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
