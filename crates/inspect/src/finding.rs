//! What may be bad about a compiled kernel.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a case asks of a chip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Demand {
    /// Whether it multiplies matrices in a format that the matrix unit of the chip takes.
    pub matrix: bool,
    /// Whether arithmetic bounds it, and not memory: it does 32 operations or more for each byte.
    pub computes: bool,
}

impl Demand {
    /// Creates a demand.
    pub fn new(matrix: bool, computes: bool) -> Self {
        Demand { matrix, computes }
    }
}

/// What is bad about a compiled kernel, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "finding")]
#[non_exhaustive]
pub enum Finding {
    /// It does not compile, or the driver crashes.
    Fails,
    /// Registers are spilled to memory.
    Spills {
        /// Number of registers.
        registers: u32,
    },
    /// The chip has a matrix unit that takes the operands, and it is not used.
    MatrixUnused,
    /// Fewer than two subgroups are resident on a scheduler: nothing hides a wait.
    LowOccupancy {
        /// Resident subgroups.
        subgroups: u32,
        /// Most that a scheduler keeps.
        limit: u32,
    },
    /// The hot loop can issue less than half of the peak, and arithmetic bounds the case.
    LowCeiling {
        /// Largest share of the peak.
        share: f64,
    },
}

/// Share of the peak below which the ceiling of a case that computes is called low.
pub const LOW_CEILING: f64 = 0.5;
/// Resident subgroups on a scheduler below which occupancy is called low.
pub const LOW_OCCUPANCY: u32 = 2;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Fails => f.write_str("does not compile"),
            Finding::Spills { registers: 1 } => f.write_str("1 register spilled"),
            Finding::Spills { registers } => write!(f, "{registers} registers spilled"),
            Finding::MatrixUnused => f.write_str("matrix unit not used"),
            Finding::LowOccupancy { subgroups, limit } => {
                write!(f, "{subgroups} of {limit} subgroups resident")
            }
            Finding::LowCeiling { share } => {
                write!(f, "can issue at most {:.0} % of the peak", 100.0 * share)
            }
        }
    }
}
