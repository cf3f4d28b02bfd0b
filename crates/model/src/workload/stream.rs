//! Memory bandwidth: the STREAM kernels (McCalpin 1995) and plain reads and writes.

use super::dtype::{DType, Precision};
use super::family::Workload;
use super::parameters::{Parameters, Words};
use super::tensor::{Expected, Inputs, Tensor};

/// Number of elements of the blocks that `read` sums, fixed so that its result does not depend on the
/// kernel.
pub const READ_BLOCK: u64 = 1024;

/// Access pattern of a stream case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamOp {
    /// Copy, y\[i\] = a\[i\].
    Copy,
    /// Scale, y\[i\] = s·a\[i\].
    Scale,
    /// Sum, y\[i\] = a\[i\] + b\[i\].
    Add,
    /// Scaled sum, y\[i\] = a\[i\] + s·b\[i\].
    Triad,
    /// Sums of blocks, y\[j\] = Σ a\[i\] over block j of [`READ_BLOCK`] elements.
    Read,
    /// Constant, y\[i\] = s.
    Write,
}

impl StreamOp {
    /// All six access patterns.
    pub const ALL: [StreamOp; 6] = [Self::Copy, Self::Scale, Self::Add, Self::Triad, Self::Read, Self::Write];

    /// Returns the word used in the key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Scale => "scale",
            Self::Add => "add",
            Self::Triad => "triad",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// Returns the number of arrays of n elements that are read.
    pub fn arrays_read(self) -> u64 {
        match self {
            Self::Copy | Self::Scale | Self::Read => 1,
            Self::Add | Self::Triad => 2,
            Self::Write => 0,
        }
    }

    /// Whether the scalar s is used.
    pub fn uses_scalar(self) -> bool {
        matches!(self, Self::Scale | Self::Triad | Self::Write)
    }
}

/// One pass over arrays of n f32 elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Access pattern that is measured.
    pub op: StreamOp,
    /// Number of elements of each array; a multiple of [`READ_BLOCK`].
    pub n: u64,
}

impl Workload for Stream {
    const FAMILY: &'static str = "stream";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.first("the format, f32")?;
        if precision != "f32" {
            return Err(format!("`{precision}`: stream moves f32"));
        }
        let op = StreamOp::ALL.into_iter().find(|op| words.flag(op.name()));
        let n = words.number("n")?;
        words.finish()?;
        let op = op.ok_or("the pattern is missing: copy, scale, add, triad, read or write")?;
        if !n.is_multiple_of(READ_BLOCK) {
            return Err(format!("n{n} is not a multiple of {READ_BLOCK}"));
        }
        Ok(Stream { op, n })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(Precision::F32).word(self.op.name()).size("n", self.n)
    }

    fn precision(&self) -> Precision {
        Precision::F32
    }

    fn flop(&self) -> u128 {
        let each = match self.op {
            StreamOp::Copy | StreamOp::Write => 0,
            StreamOp::Scale | StreamOp::Add | StreamOp::Read => 1,
            StreamOp::Triad => 2,
        };
        each * u128::from(self.n)
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let names = ["a", "b"];
        let mut tensors: Vec<Tensor> = (0..self.op.arrays_read())
            .map(|i| Tensor::input(names[i as usize], i as u32 + 1, DType::F32, self.n))
            .collect();
        if self.op.uses_scalar() {
            tensors.push(Tensor::input("s", 3, DType::F32, 1));
        }
        let outputs = if self.op == StreamOp::Read { self.n / READ_BLOCK } else { self.n };
        tensors.push(Tensor::output("y", DType::F32, outputs));
        tensors
    }

    fn output_shape(&self) -> (u64, u64) {
        (1, self.output_len())
    }

    fn bound_factor(&self) -> f64 {
        4.0
    }

    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let by_name = |name: &str| tensors.iter().find(|t| t.name == name).map(|t| inputs.reader(t));
        let (a, b) = (by_name("a"), by_name("b"));
        let a = |i| a.as_ref().map_or(0.0, |read| read(i));
        let b = |i| b.as_ref().map_or(0.0, |read| read(i));
        let s = by_name("s").map_or(0.0, |read| read(0));
        let u = DType::F32.unit_roundoff();
        // There are at most two roundings: of the product and of the sum.
        let rounded = |value: f64, size: f64| Expected { value, bound: 2.0 * u * size };
        points
            .iter()
            .map(|&i| match self.op {
                StreamOp::Copy => Expected { value: a(i), bound: 0.0 },
                StreamOp::Write => Expected { value: s, bound: 0.0 },
                StreamOp::Scale => rounded(s * a(i), (s * a(i)).abs()),
                StreamOp::Add => rounded(a(i) + b(i), a(i).abs() + b(i).abs()),
                StreamOp::Triad => rounded(a(i) + s * b(i), a(i).abs() + (s * b(i)).abs()),
                StreamOp::Read => {
                    let block = (i * READ_BLOCK..(i + 1) * READ_BLOCK).map(a);
                    let (value, size) = block.fold((0.0, 0.0), |(v, z), x| (v + x, z + x.abs()));
                    Expected { value, bound: self.bound_factor() * (READ_BLOCK as f64).sqrt() * u * size }
                }
            })
            .collect()
    }
}

impl Stream {
    fn output_len(&self) -> u64 {
        if self.op == StreamOp::Read { self.n / READ_BLOCK } else { self.n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_follow_the_stream_convention() {
        // 1024 f32 = 4096 B an array; the scalar adds 4 B, the block sum 4 B.
        for (op, bytes) in [
            ("copy", 8192),
            ("scale", 8196),
            ("add", 12288),
            ("triad", 12292),
            ("read", 4100),
            ("write", 4100),
        ] {
            let stream = Stream::parse(&format!("f32 {op} n1024")).unwrap();
            assert_eq!(stream.bytes(), bytes, "{op}");
        }
    }

    #[test]
    fn triad_is_a_plus_s_times_b() {
        let stream = Stream::parse("f32 triad n1024").unwrap();
        let inputs = Inputs::new(3, 1);
        let t = stream.tensors();
        let (a, b, s) = (inputs.reader(&t[0]), inputs.reader(&t[1]), inputs.reader(&t[2]));
        let e = stream.expected(inputs, &[7])[0];
        assert_eq!(e.value, a(7) + s(0) * b(7));
        assert!(e.bound > 0.0 && e.bound < 1e-6);
    }
}
