//! What a driver's compiler tells of a pipeline that it compiled, in the driver's own words. Plain data, shared by
//! executors, the protocol and the readers of instruction text.

use serde::{Deserialize, Serialize};

/// What the compiler of a driver made of one step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Compiled {
    /// Programs of the pipeline. A compute pipeline has one on most drivers; some compile several for one stage, for
    /// different subgroup sizes.
    pub executables: Vec<Executable>,
    /// Time that the driver took to make the pipeline, in nanoseconds.
    pub compile_ns: u64,
    /// The workgroup of the step. Absent if the executor does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<Workgroup>,
    /// The SPIR-V that the driver was given: little-endian words in base64. Absent unless it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spirv: Option<String>,
}

/// Workgroup of a step, as its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Workgroup {
    /// Number of invocations in x, y and z.
    pub size: [u32; 3],
    /// Workgroup memory in bytes.
    pub memory_bytes: u64,
}

impl Workgroup {
    /// Creates a workgroup.
    pub fn new(size: [u32; 3], memory_bytes: u64) -> Self {
        Workgroup { size, memory_bytes }
    }

    /// Returns the number of invocations.
    pub fn invocations(&self) -> u32 {
        self.size.iter().fold(1, |product: u32, size| product.saturating_mul(*size))
    }
}

/// One program of a pipeline (`VkPipelineExecutablePropertiesKHR`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Executable {
    /// Name that the driver gives it.
    pub name: String,
    /// Number of invocations in a subgroup; 0 if the driver does not tell.
    pub subgroup_size: u32,
    /// Statistics, in the driver's order.
    pub statistics: Vec<Statistic>,
    /// Texts of the compiler, e.g. the instructions. Empty unless they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listings: Vec<Listing>,
}

/// One statistic (`VkPipelineExecutableStatisticKHR`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Statistic {
    /// Name in the driver's words, e.g. `Spilled VGPRs`.
    pub name: String,
    /// Value; 1 and 0 for yes and no.
    pub value: f64,
}

/// One text of the compiler (`VkPipelineExecutableInternalRepresentationKHR`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Listing {
    /// Name in the driver's words, e.g. `Assembly`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Compiled {
    /// Creates what a driver tells of a pipeline that it made of `executables` in `compile_ns` nanoseconds.
    pub fn new(executables: Vec<Executable>, compile_ns: u64) -> Self {
        Compiled { executables, compile_ns, workgroup: None, spirv: None }
    }
}

impl Executable {
    /// Creates a program with subgroups of `subgroup_size`, without statistics and texts.
    pub fn new(name: &str, subgroup_size: u32) -> Self {
        Executable { name: name.into(), subgroup_size, statistics: Vec::new(), listings: Vec::new() }
    }

    /// Returns the value of the statistic `name`, in the driver's words; `None` if there is none.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        self.statistics.iter().find(|statistic| statistic.name == name).map(|statistic| statistic.value)
    }

    /// Returns the text `name`, in the driver's words; `None` if there is none.
    pub fn listing(&self, name: &str) -> Option<&str> {
        self.listings.iter().find(|listing| listing.name == name).map(|listing| listing.text.as_str())
    }
}

impl Statistic {
    /// Creates a statistic.
    pub fn new(name: &str, value: f64) -> Self {
        Statistic { name: name.into(), value }
    }
}

impl Listing {
    /// Creates a text.
    pub fn new(name: &str, text: &str) -> Self {
        Listing { name: name.into(), text: text.into() }
    }
}
