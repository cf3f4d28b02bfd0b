//! Operations of a model that are too large for one case: they are computed in pieces of equal size.
//!
//! A product is cut by its columns, so that each piece has a part of the weights, or by its rows; attention by its
//! sequences or its heads. Weights are read once in all if only columns are cut, and once for each piece of rows.

use crate::workload::{Case, Parameters};

/// Largest number of pieces.
const MOST_PIECES: u64 = 1024;

/// Returns the number of equal pieces in which `case` can be computed, and the case of one piece: the fewest
/// pieces with all tensors within the limits of [`Case::too_large`]. If there are none, it returns `case` itself, whose
/// row then says that it is unsupported and why.
pub(super) fn cut(case: Case) -> (Case, u64) {
    if case.too_large().is_none() {
        return (case, 1);
    }
    for pieces in 2..=MOST_PIECES {
        // As many pieces as possible by the first of the two sizes.
        let firsts = (1..=pieces).rev().filter(|first| pieces.is_multiple_of(*first));
        let fitting = firsts.filter_map(|first| piece(&case, first, pieces / first));
        if let Some(piece) = fitting.into_iter().find(|piece| piece.too_large().is_none()) {
            return (piece, pieces);
        }
    }
    (case, 1)
}

/// Returns the case with the sizes that may be cut divided by `first` and by `second`; `None` if they do not
/// divide.
fn piece(case: &Case, first: u64, second: u64) -> Option<Case> {
    let sizes = case.parameters();
    let sizes = match case {
        Case::Gemm(product) if product.batch > 1 => {
            divided(divided(sizes, case, "b", first)?, case, "m", second)?
        }
        Case::Gemm(_) | Case::Gemv(_) => divided(columns(sizes, case, first)?, case, "m", second)?,
        Case::Moe(_) => divided(columns(sizes, case, first)?, case, "t", second)?,
        Case::Attention(_) => {
            let sizes = divided(divided(sizes, case, "b", first)?, case, "hq", second)?;
            divided(sizes, case, "hkv", second)?
        }
        _ => return None,
    };
    case.with_parameters(&sizes).ok()
}

/// Divides the columns of a product. Whole vectors of four elements stay whole, since kernels are slower without.
fn columns(sizes: Parameters, case: &Case, pieces: u64) -> Option<Parameters> {
    let n = case.size("n")?;
    let whole = !n.is_multiple_of(4) || (n / pieces).is_multiple_of(4);
    if pieces == 1 || whole { divided(sizes, case, "n", pieces) } else { None }
}

fn divided(sizes: Parameters, case: &Case, name: &str, pieces: u64) -> Option<Parameters> {
    let size = case.size(name)?;
    size.is_multiple_of(pieces).then(|| sizes.with_size(name, size / pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(key: &str) -> (String, u64) {
        let (case, pieces) = cut(key.parse().unwrap());
        (case.key(), pieces)
    }

    #[test]
    fn an_operation_that_is_too_large_is_cut_into_the_fewest_equal_pieces() {
        for (key, piece, number) in [
            ("gemm f16.f32 m64 n64 k64 nt", "gemm f16.f32 m64 n64 k64 nt", 1),
            // 256·4096·7168 = 7.5e9 weights, half of which are 3.8e9 < 2³².
            ("moe f16.f32 e256 k8 t32 n4096 d7168 uniform", "moe f16.f32 e256 k8 t32 n2048 d7168 uniform", 2),
            // 11.3e9 weights are three times 3.8e9, but 4096 columns do not divide by 3.
            ("moe f16.f32 e384 k8 t32 n4096 d7168 uniform", "moe f16.f32 e384 k8 t32 n1024 d7168 uniform", 4),
            // A has 2²⁰·16384 = 2³⁴ elements: a quarter of its rows still has 2³², an eighth has 2³¹.
            ("gemm f16.f32 m1048576 n4096 k16384 nt", "gemm f16.f32 m131072 n4096 k16384 nt", 8),
            // Q has 64·32·16384·128 = 2³² elements: half of the sequences.
            (
                "attention f16.f32 b64 hq32 hkv8 q16384 kv16384 d128 causal",
                "attention f16.f32 b32 hq32 hkv8 q16384 kv16384 d128 causal",
                2,
            ),
            // One sequence with 2³³ elements: a quarter of its heads.
            (
                "attention f16.f32 b1 hq64 hkv8 q1048576 kv1048576 d128 causal",
                "attention f16.f32 b1 hq16 hkv2 q1048576 kv1048576 d128 causal",
                4,
            ),
        ] {
            assert_eq!(pieces(key), (piece.into(), number), "{key}");
        }
    }

    #[test]
    fn what_cannot_be_cut_stays_and_says_why() {
        // One head of one sequence has 2³³ elements.
        let key = "attention f16.f32 b1 hq1 hkv1 q8388608 kv8388608 d1024";
        assert_eq!(pieces(key), (key.into(), 1));
    }
}
