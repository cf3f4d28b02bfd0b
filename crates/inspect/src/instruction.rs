//! Instructions of a listing, by what they do.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What an instruction does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Class {
    /// Product of small matrices on a matrix unit.
    Matrix,
    /// Multiply-add or dot product of the vector unit, in floating point or of packed integers.
    MultiplyAdd,
    /// Conversion between number formats.
    Conversion,
    /// Other arithmetic of the vector unit.
    Arithmetic,
    /// Exchange between the invocations of a subgroup.
    Shuffle,
    /// Scalar or uniform work, beside the vector unit: once for the subgroup.
    Scalar,
    /// Load from workgroup memory.
    WorkgroupLoad,
    /// Store to workgroup memory.
    WorkgroupStore,
    /// Load from global memory.
    GlobalLoad,
    /// Store to global memory.
    GlobalStore,
    /// Load of a constant or uniform, once for the subgroup.
    ConstantLoad,
    /// Access to scratch memory, where spilled registers and indexed private arrays are.
    Scratch,
    /// Barrier or fence.
    Barrier,
    /// Wait, no operation, or hint to the scheduler.
    Wait,
    /// Branch.
    Branch,
    /// Anything else.
    Other,
}

impl Class {
    /// All classes, in the order of tables.
    pub const ALL: &[Class] = &[
        Class::Matrix,
        Class::MultiplyAdd,
        Class::Conversion,
        Class::Arithmetic,
        Class::Shuffle,
        Class::Scalar,
        Class::WorkgroupLoad,
        Class::WorkgroupStore,
        Class::GlobalLoad,
        Class::GlobalStore,
        Class::ConstantLoad,
        Class::Scratch,
        Class::Barrier,
        Class::Wait,
        Class::Branch,
        Class::Other,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Matrix => "matrix",
            Class::MultiplyAdd => "multiply-add",
            Class::Conversion => "conversion",
            Class::Arithmetic => "arithmetic",
            Class::Shuffle => "shuffle",
            Class::Scalar => "scalar",
            Class::WorkgroupLoad => "workgroup load",
            Class::WorkgroupStore => "workgroup store",
            Class::GlobalLoad => "global load",
            Class::GlobalStore => "global store",
            Class::ConstantLoad => "constant load",
            Class::Scratch => "scratch",
            Class::Barrier => "barrier",
            Class::Wait => "wait",
            Class::Branch => "branch",
            Class::Other => "other",
        })
    }
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instruction {
    /// Name in the words of the driver, e.g. `v_fmac_f32_e32`.
    pub name: String,
    /// What it does.
    pub class: Class,
    /// Number of times that it is issued: more than 1 where one line stands for a row of equal instructions.
    pub repeat: u32,
    /// Bytes that one invocation loads or stores; 0 for all that is no access to memory.
    pub bytes: u32,
    /// Floating-point or integer operations of a matrix instruction, for the whole subgroup; 0 for all others.
    pub matrix_flop: u32,
    /// Line in the listing, from 0.
    pub line: usize,
}

impl Instruction {
    /// Creates an instruction that stands on `line`, without memory access.
    pub fn new(name: &str, class: Class, line: usize) -> Self {
        Instruction { name: name.into(), class, repeat: 1, bytes: 0, matrix_flop: 0, line }
    }

    /// Returns the instruction as an access to `bytes` bytes for each invocation.
    pub fn of_bytes(mut self, bytes: u32) -> Self {
        self.bytes = bytes;
        self
    }

    /// Returns the instruction as a product of matrices with `flop` operations.
    pub fn of_flop(mut self, flop: u32) -> Self {
        self.matrix_flop = flop;
        self
    }

    /// Returns the instruction issued `repeat` times.
    pub fn times(mut self, repeat: u32) -> Self {
        self.repeat = repeat;
        self
    }
}

/// Numbers of instructions by class, and of memory accesses by their width.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Mix {
    /// Number of instructions of each class that occurs.
    pub classes: BTreeMap<Class, u32>,
    /// Number of accesses of each class that accesses memory, by the bytes of one invocation.
    #[serde(deserialize_with = "widths")]
    pub widths: BTreeMap<Class, BTreeMap<u32, u32>>,
}

/// Reads the widths. JSON has only texts as names, and inside a tagged value serde does not read numbers from them.
fn widths<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Class, BTreeMap<u32, u32>>, D::Error> {
    let told = BTreeMap::<Class, BTreeMap<String, u32>>::deserialize(from)?;
    let number = |(width, count): (String, u32)| {
        width.parse().map(|width| (width, count)).map_err(|_| D::Error::custom(format!("no width: {width}")))
    };
    told.into_iter()
        .map(|(class, of)| Ok((class, of.into_iter().map(number).collect::<Result<_, D::Error>>()?)))
        .collect()
}

impl Mix {
    /// Counts `instructions`.
    pub fn of<'a>(instructions: impl IntoIterator<Item = &'a Instruction>) -> Self {
        let mut mix = Mix::default();
        for one in instructions {
            *mix.classes.entry(one.class).or_default() += one.repeat;
            if one.bytes > 0 {
                *mix.widths.entry(one.class).or_default().entry(one.bytes).or_default() += one.repeat;
            }
        }
        mix
    }

    /// Returns the number of instructions of `class`.
    pub fn count(&self, class: Class) -> u32 {
        self.classes.get(&class).copied().unwrap_or(0)
    }

    /// Returns the number of all instructions.
    pub fn total(&self) -> u32 {
        self.classes.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns the mean bytes of one access of `class`; `None` if there is none.
    pub fn mean_width(&self, class: Class) -> Option<f64> {
        let widths = self.widths.get(&class)?;
        let count: u64 = widths.values().map(|count| u64::from(*count)).sum();
        let bytes: f64 = widths.iter().map(|(width, count)| f64::from(*width) * f64::from(*count)).sum();
        (count > 0).then(|| bytes / count as f64)
    }
}

impl fmt::Display for Mix {
    /// Writes e.g. `1024 multiply-add, 128 workgroup load (8 B), 17 wait`: the most frequent first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut classes: Vec<(Class, u32)> =
            self.classes.iter().map(|(class, count)| (*class, *count)).collect();
        classes.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
        for (at, (class, count)) in classes.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{count} {class}")?;
            if let Some(widths) = self.widths.get(class) {
                let widths: Vec<String> = widths.keys().rev().map(u32::to_string).collect();
                write!(f, " ({} B)", widths.join("/"))?;
            }
        }
        Ok(())
    }
}
