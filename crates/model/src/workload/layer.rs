//! Chain of cases that run one after the other, as a layer of a model runs its products and its attention.
//! It shows what the parts take together, compared with the sum of what each takes alone.
//!
//! Each part has its own inputs and an output that is verified, so no part reads the output of another.
//! Devices still run the parts in order, because each execution waits for the dispatches before it.

use super::case::Case;
use super::dtype::Precision;
use super::family::Workload;
use super::parameters::Parameters;
use super::points::Tile;
use super::tensor::{Expected, Inputs, Role, Tensor};

/// Separator between the keys of two parts.
const AND: &str = "+";

/// Largest number of parts in a chain.
const MOST_PARTS: usize = 64;

/// Chain of cases that run one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Parts in the order in which they run: 2 to 64, none of them a layer itself.
    pub parts: Vec<Case>,
}

impl Layer {
    /// Creates the chain of `parts`.
    ///
    /// # Errors
    /// Returns a message if there are fewer than 2 or more than 64 parts, or if a part is a layer itself.
    pub fn new(parts: Vec<Case>) -> Result<Self, String> {
        if !(2..=MOST_PARTS).contains(&parts.len()) {
            return Err(format!("a layer has 2 to {MOST_PARTS} parts, not {}", parts.len()));
        }
        if parts.iter().any(|part| matches!(part, Case::Layer(_))) {
            return Err("a part of a layer cannot itself be a layer".into());
        }
        Ok(Layer { parts })
    }

    /// Returns the prefix of the buffer names of part `part`, counted from 0.
    pub fn prefix(part: usize) -> String {
        format!("{}.", part + 1)
    }
}

impl Workload for Layer {
    const FAMILY: &'static str = "layer";

    fn parse(text: &str) -> Result<Self, String> {
        let part = |key: &str| key.parse::<Case>().map_err(|error| error.to_string());
        Layer::new(text.split(&format!(" {AND} ")).map(part).collect::<Result<_, _>>()?)
    }

    fn parameters(&self) -> Parameters {
        let mut parts = self.parts.iter();
        let own = |part: &Case| Parameters::default().word(part.family()).and(part.parameters());
        let first = parts.next().map(own).unwrap_or_default();
        parts.fold(first, |all, part| all.word(AND).and(own(part)))
    }

    /// Returns the precision of the first part; comparisons treat the whole layer as if it used these
    /// formats.
    fn precision(&self) -> Precision {
        self.parts[0].precision()
    }

    fn flop(&self) -> u128 {
        self.parts.iter().map(Case::flop).sum()
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(Case::bytes).sum()
    }

    fn tensors(&self) -> Vec<Tensor> {
        let named = |part: usize, tensor: Tensor| {
            let name = format!("{}{}", Layer::prefix(part), tensor.name);
            Tensor { name, ..tensor }
        };
        let parts = self.parts.iter().enumerate();
        parts.flat_map(|(at, part)| part.tensors().into_iter().map(move |tensor| named(at, tensor))).collect()
    }

    fn output_shape(&self) -> (u64, u64) {
        (1, self.parts.iter().map(Case::output_len).sum())
    }

    /// Returns the points of each part, the same as it has alone, with indices offset by the outputs before
    /// it.
    fn points(&self, tile: Tile, seed: u32) -> Vec<u64> {
        let mut first = 0;
        let mut points = Vec::new();
        for part in &self.parts {
            points.extend(part.points(tile, seed).into_iter().map(|point| first + point));
            first += part.output_len();
        }
        points
    }

    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let (mut first, mut rest) = (0, points);
        let mut expected = Vec::new();
        for part in &self.parts {
            let end = first + part.output_len();
            let (own, later) = rest.split_at(rest.partition_point(|point| *point < end));
            let own: Vec<u64> = own.iter().map(|point| point - first).collect();
            expected.extend(part.expected(inputs, &own));
            (first, rest) = (end, later);
        }
        expected
    }

    fn bound_factor(&self) -> f64 {
        self.parts.iter().map(Case::bound_factor).fold(0.0, f64::max)
    }
}

/// Outputs of a case, in the order in which their elements are counted.
impl Case {
    /// Returns all output tensors, which are verified; only a layer has more than one.
    pub fn outputs(&self) -> Vec<Tensor> {
        self.tensors().into_iter().filter(|tensor| tensor.role == Role::Output).collect()
    }

    /// Returns the number of elements of all outputs together.
    pub fn output_len(&self) -> u64 {
        self.outputs().iter().map(|tensor| tensor.len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "layer gemm f32 m2 n3 k4 nt + gemv f32 m1 n5 k4";

    #[test]
    fn counts_are_the_sums_of_the_parts() {
        let case: Case = KEY.parse().unwrap();
        assert_eq!(case.key(), KEY);
        // 2·2·3·4 and 2·5·4; A 8, B 12, C 6 and x 4, W 20, y 5 elements of 4 bytes.
        assert_eq!((case.flop(), case.bytes()), (48 + 40, 4 * (26 + 29)));
        let names: Vec<String> = case.tensors().into_iter().map(|tensor| tensor.name).collect();
        assert_eq!(names, ["1.a", "1.b", "1.c", "2.a", "2.b", "2.c"]);
        assert_eq!(case.output_len(), 6 + 5);
    }

    #[test]
    fn every_part_is_held_against_its_own_oracle() {
        let case: Case = KEY.parse().unwrap();
        let inputs = Inputs::new(7, 1);
        let all: Vec<u64> = (0..11).collect();
        let parts: [Case; 2] = ["gemm f32 m2 n3 k4 nt", "gemv f32 m1 n5 k4"].map(|key| key.parse().unwrap());
        let values = |case: &Case, points: &[u64]| -> Vec<f64> {
            case.expected(inputs, points).iter().map(|expected| expected.value).collect()
        };
        let alone = [values(&parts[0], &all[..6]), values(&parts[1], &all[..5])].concat();
        assert_eq!(values(&case, &all), alone);
        // Elements 1 and 5 of the product, 0 and 4 of the other.
        assert_eq!(values(&case, &[1, 5, 6, 10]), [alone[1], alone[5], alone[6], alone[10]]);
        assert_eq!(case.points(Tile::ONE, 1), all);
    }

    #[test]
    fn what_is_no_chain_is_said() {
        for (key, part) in [
            ("layer gemm f32 m2 n3 k4 nt", "2 to 64 parts"),
            ("layer gemm f32 m2 n3 k4 nt + conv f32", "no family `conv`"),
            ("layer layer gemv f32 n5 k4 + gemv f32 n5 k4", "2 to 64 parts"),
        ] {
            let error = key.parse::<Case>().unwrap_err().to_string();
            assert!(error.contains(part), "{key}: {error}");
        }
        let layer: Case = KEY.parse().unwrap();
        assert!(Layer::new(vec![layer.clone(), layer]).unwrap_err().contains("cannot itself be a layer"));
    }
}
