//! p-values adjusted for multiple comparisons.
//!
//! Among a hundred comparisons of equal kernels, five fall below .05 by chance. A gate, which fails on a
//! single false alarm, should use [`holm`]; a report, whose reader can accept that a stated fraction of
//! the findings is wrong, should use [`benjamini_hochberg`].

/// Returns Holm's adjusted p-values, in the order of the given ones. Compared with α, they keep the
/// probability of any false alarm at or below α, whatever the dependence between the tests.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎: p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1)·p₍ⱼ₎). S. Holm, "A Simple
/// Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6(2), 1979.
///
/// `None` if a p-value is not between 0 and 1.
pub fn holm(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let m = order.len();
    let mut adjusted = vec![0.0; m];
    let mut greatest = 0.0f64;
    for (rank, &place) in order.iter().enumerate() {
        greatest = greatest.max(((m - rank) as f64 * p_values[place]).min(1.0));
        adjusted[place] = greatest;
    }
    Some(adjusted)
}

/// Returns Benjamini and Hochberg's adjusted p-values, in the order of the given ones. Among the
/// comparisons at or below α, the expected fraction of false ones is at most α, for tests that are
/// independent or positively dependent.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎: p̃₍ᵢ₎ = min over j ≥ i of min(1, m·p₍ⱼ₎/j). Y. Benjamini, Y. Hochberg,
/// "Controlling the False Discovery Rate", Journal of the Royal Statistical Society B 57(1), 1995,
/// doi:10.1111/j.2517-6161.1995.tb02031.x.
///
/// `None` if a p-value is not between 0 and 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let m = order.len() as f64;
    let mut adjusted = vec![0.0; order.len()];
    let mut least = 1.0f64;
    for (rank, &place) in order.iter().enumerate().rev() {
        least = least.min(m * p_values[place] / (rank + 1) as f64);
        adjusted[place] = least;
    }
    Some(adjusted)
}

/// Returns the indices of the p-values in ascending order of p; `None` if one is not between 0 and 1.
fn ascending(p_values: &[f64]) -> Option<Vec<usize>> {
    if !p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        return None;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rounded(adjusted: Option<Vec<f64>>) -> Vec<f64> {
        adjusted.unwrap().into_iter().map(|p| (p * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn the_examples_of_the_stdlib_documentation_are_met() {
        // stdlib.io, @stdlib/stats/padjust.
        let p = [0.008, 0.03, 0.123, 0.6, 0.2];
        assert_eq!(rounded(benjamini_hochberg(&p)), [0.04, 0.075, 0.205, 0.6, 0.25]);
        let p = [0.319, 0.201, 0.4, 0.374, 0.113];
        assert_eq!(rounded(benjamini_hochberg(&p)), [0.4; 5]);
        // It prints three digits: .957 .804 .957 .957 .565.
        assert_eq!(rounded(holm(&p)), [0.957, 0.804, 0.957, 0.957, 0.565]);
    }

    #[test]
    fn what_is_no_probability_is_refused_and_none_is_none_adjusted() {
        for p in [-0.1, 1.1, f64::NAN] {
            assert_eq!(holm(&[0.5, p]), None);
            assert_eq!(benjamini_hochberg(&[p]), None);
        }
        assert_eq!(holm(&[]), Some(vec![]));
        assert_eq!(benjamini_hochberg(&[]), Some(vec![]));
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_holm_is_the_stricter(
            p in prop::collection::vec(0.0..=1.0f64, 1..30),
        ) {
            let (strict, mild) = (holm(&p).unwrap(), benjamini_hochberg(&p).unwrap());
            for i in 0..p.len() {
                prop_assert!(p[i] <= mild[i] + 1e-15 && mild[i] <= strict[i] + 1e-15 && strict[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || strict[i] <= strict[j] && mild[i] <= mild[j]);
                }
            }
        }
    }
}
