//! A plan: what an executor runs. A pure function of (case, capabilities, variant), made
//! by the crate of the kernels; only data, which executors, methods and the protocol share.

use crate::device::{Capabilities, Feature};
use crate::variant::Variant;
use crate::workload::{Case, DType, Grid, Role, Tensor, Tile};
use serde::{Deserialize, Serialize};

/// Where the contents of a plan's buffer come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "content")]
#[non_exhaustive]
pub enum Content {
    /// Made by the generator from this tensor number.
    Generated {
        /// The generator's tensor number.
        number: u32,
        /// The values it is drawn from.
        grid: Grid,
        /// Multiplied by 2^scale.
        scale: i8,
    },
    /// Poisoned, then written by the plan, then verified.
    Output,
    /// These words, e.g. the table of pages of a cache.
    Table {
        /// One for each element.
        words: Vec<u32>,
    },
    /// Partial results between steps.
    Scratch,
}

/// A buffer of a plan. Elements are stored dense; the buffer is rounded up to 16 bytes so that
/// kernels may read the last element with a vector load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Buffer {
    /// Name, for messages and `read`.
    pub name: String,
    /// Format of an element.
    pub dtype: DType,
    /// Number of elements.
    pub len: u64,
    /// What it holds.
    #[serde(flatten)]
    pub content: Content,
}

impl Buffer {
    /// Bytes of the buffer as allocated.
    pub fn bytes(&self) -> u64 {
        self.dtype.bytes(self.len).next_multiple_of(16)
    }

    /// The buffers of a logical tensor: its elements, and the scales of its groups.
    pub fn of(tensor: &Tensor) -> impl Iterator<Item = Buffer> + '_ {
        tensor.parts().into_iter().map(|part| {
            let content = match (&tensor.table, tensor.role) {
                (Some(words), _) => Content::Table { words: words.clone() },
                (None, Role::Input) => {
                    Content::Generated { number: part.number, grid: part.grid, scale: part.scale }
                }
                (None, Role::Output) => Content::Output,
            };
            Buffer { name: part.name, dtype: part.dtype, len: part.len, content }
        })
    }

    /// The buffers of all tensors of `case` in their order.
    pub fn all(case: &Case) -> Vec<Buffer> {
        case.tensors().iter().flat_map(Buffer::of).collect()
    }

    /// `words`, one for each element.
    pub fn table(name: &str, words: Vec<u32>) -> Self {
        let len = words.len() as u64;
        Buffer { name: name.into(), dtype: DType::I32, len, content: Content::Table { words } }
    }

    /// Partial results: `len` elements of f32.
    pub fn scratch(name: &str, len: u64) -> Self {
        Buffer { name: name.into(), dtype: DType::F32, len, content: Content::Scratch }
    }
}

/// Bytes of an output that are read back at a time.
pub const READ_BACK: u64 = 64 << 20;

/// Parameters of one dispatch that fills a buffer lie this far apart, which satisfies every device's
/// alignment.
pub const PARAMETER_STRIDE: u64 = 256;

/// A part of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct ByteRange {
    /// Where it begins, a multiple of 256.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
}

/// One binding of a step: buffer number and access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Binding {
    /// Index into [`Plan::buffers`]; bound as `@group(0) @binding(position in the step)`.
    pub buffer: usize,
    /// Whether the kernel writes it (`var<storage, read_write>`).
    pub writes: bool,
    /// The part of the buffer that is bound; all of it when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ByteRange>,
}

/// One dispatch of a plan. Steps run in order, each seeing what the one before wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Step {
    /// Complete WGSL text with an entry point `main`.
    pub wgsl: String,
    /// Bindings in order.
    pub bindings: Vec<Binding>,
    /// Workgroups in x, y, z.
    pub workgroups: [u32; 3],
}

/// What an executor runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Plan {
    /// Buffers; one set of them is made for each rotation.
    pub buffers: Vec<Buffer>,
    /// Dispatches of one execution.
    pub steps: Vec<Step>,
    /// Features the device must be opened with.
    pub features: Vec<Feature>,
    /// Which kernel, with which knobs.
    pub variant: Variant,
    /// The part of the output that one workgroup writes.
    pub tile: Tile,
}

impl Binding {
    /// All of buffer number `buffer`, read by the kernel.
    pub fn read(buffer: usize) -> Self {
        Binding { buffer, writes: false, range: None }
    }

    /// All of buffer number `buffer`, written by the kernel.
    pub fn write(buffer: usize) -> Self {
        Binding { buffer, writes: true, range: None }
    }
}

impl ByteRange {
    /// `bytes` bytes from `offset` on, a multiple of 256.
    pub fn new(offset: u64, bytes: u64) -> Self {
        ByteRange { offset, bytes }
    }
}

impl Step {
    /// A dispatch of the entry point `main` of `wgsl` with `workgroups` in x, y, z.
    pub fn new(wgsl: String, bindings: Vec<Binding>, workgroups: [u32; 3]) -> Self {
        Step { wgsl, bindings, workgroups }
    }
}

impl Plan {
    /// `steps` on `buffers`; `tile` is the part of the output that one workgroup writes.
    pub fn new(buffers: Vec<Buffer>, steps: Vec<Step>, variant: &Variant, tile: Tile) -> Self {
        Plan { features: Self::features(&steps), steps, buffers, variant: variant.clone(), tile }
    }

    /// One dispatch that has the buffers of `case` bound in their order. `groups` workgroups are
    /// spread over x and y.
    pub fn single(
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        wgsl: String,
        groups: u64,
        tile: Tile,
    ) -> Self {
        let buffers = Buffer::all(case);
        let bindings = buffers.iter().enumerate();
        let bindings = bindings
            .map(|(buffer, b)| Binding { buffer, writes: b.content == Content::Output, range: None })
            .collect();
        let workgroups = spread(groups, device.limits.dispatch);
        let steps = vec![Step { wgsl, bindings, workgroups }];
        Self::new(buffers, steps, variant, tile)
    }

    /// What a device must be opened with for the texts of `steps`.
    pub fn features(steps: &[Step]) -> Vec<Feature> {
        let code = |step: &Step| -> String {
            let lines = step.wgsl.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let code: String = steps.iter().map(code).collect();
        let mut features = Vec::new();
        for (word, feature) in [
            ("enable f16;", Feature::ShaderF16),
            ("subgroup", Feature::Subgroup),
            ("enable wgpu_cooperative_matrix;", Feature::CooperativeMatrix),
        ] {
            if code.contains(word) {
                features.push(feature);
            }
        }
        features
    }

    /// Bytes of the largest binding of a step, and the name of its buffer.
    pub fn largest_binding(&self) -> Option<(u64, &str)> {
        let bound = |binding: &Binding| {
            let buffer = &self.buffers[binding.buffer];
            (binding.range.map_or(buffer.bytes(), |range| range.bytes), buffer.name.as_str())
        };
        let bindings = self.steps.iter().flat_map(|step| &step.bindings);
        bindings.map(bound).max_by_key(|(bytes, _)| *bytes)
    }

    /// Bytes of one buffer set.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(Buffer::bytes).sum()
    }

    /// Bytes beside the buffer sets: the parameters of what fills them, and a stretch of the output on
    /// its way to the host and there.
    pub fn overhead_bytes(&self, sets: u64) -> u64 {
        let output = self.buffers.iter().filter(|b| b.content == Content::Output).map(Buffer::bytes).max();
        2 * output.unwrap_or(0).min(READ_BACK) + sets * self.buffers.len() as u64 * PARAMETER_STRIDE
    }

    /// Bytes of everything that an executor holds for `sets` buffer sets.
    pub fn held_bytes(&self, sets: u64) -> u64 {
        self.bytes().saturating_mul(sets).saturating_add(self.overhead_bytes(sets))
    }

    /// SHA-256 of the WGSL of all steps with their dispatch sizes, in hexadecimal.
    pub fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        for step in &self.steps {
            digest.update(format!("dispatch {:?}\n", step.workgroups));
            digest.update(&step.wgsl);
            for range in step.bindings.iter().filter_map(|binding| binding.range) {
                digest.update(format!("range {range:?}\n"));
            }
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// `groups` workgroups spread over x and y, since one dimension ends at `limit` (65535 usually).
///
/// Kernels recover the linear number as `id.y * groups.x + id.x` and must guard the overshoot.
pub fn spread(groups: u64, limit: u64) -> [u32; 3] {
    if groups <= limit {
        return [groups as u32, 1, 1];
    }
    let y = groups.div_ceil(limit);
    [groups.div_ceil(y) as u32, y as u32, 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_covers_all_groups_within_the_limit() {
        assert_eq!(spread(10, 65535), [10, 1, 1]);
        for groups in [65_536u64, 1_000_000, 65535 * 7 + 3] {
            let [x, y, z] = spread(groups, 65535);
            assert!(u64::from(x) * u64::from(y) >= groups);
            assert!(u64::from(x) * u64::from(y) < groups + u64::from(y));
            assert!(x <= 65535 && z == 1);
        }
    }
}
