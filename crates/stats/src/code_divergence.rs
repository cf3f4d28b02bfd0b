//! Code divergence (CD): how much of a program's code differs between the platforms that it runs on.
//!
//! S. L. Harrell, J. Kitson and others, "Effective Performance Portability", P3HPC 2018,
//! doi:10.1109/P3HPC.2018.00006. Code convergence is 1 − CD.

use std::collections::BTreeSet;

/// Returns the Jaccard distance 1 − |a ∩ b|/|a ∪ b| of the lines that two platforms use, from 0 to 1; 0 if
/// neither uses any line.
///
/// A line is identified by its location, such as (content hash of its file, line number), so lines of
/// files with the same name but different content are different lines.
pub fn distance<Line: Ord>(a: &BTreeSet<Line>, b: &BTreeSet<Line>) -> f64 {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { 1.0 - shared as f64 / all as f64 }
}

/// Returns the code divergence CD: the mean `distance` over all pairs of platforms, from 0 to 1. 0 for
/// one platform; `None` if there is no platform.
pub fn code_divergence<Line: Ord>(platforms: &[BTreeSet<Line>]) -> Option<f64> {
    if platforms.is_empty() {
        return None;
    }
    let (mut sum, mut pairs) = (0.0, 0usize);
    for (i, a) in platforms.iter().enumerate() {
        for b in &platforms[i + 1..] {
            sum += distance(a, b);
            pairs += 1;
        }
    }
    Some(if pairs == 0 { 0.0 } else { sum / pairs as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_code_base_investigator_is_met() {
        // The example of its feature documentation: the number of lines that each set of platforms
        // uses. It prints the distances .70, .61 and .12, and a divergence of .55.
        let (fpga, gpu_1, gpu_2, cpu_1, cpu_2) = (0, 1, 2, 3, 4);
        let all = [fpga, gpu_1, gpu_2, cpu_1, cpu_2];
        let mut platforms = vec![BTreeSet::new(); 5];
        let mut line = 0;
        for (users, lines) in [
            (&[gpu_1][..], 1),
            (&[gpu_2], 1),
            (&[cpu_2], 1),
            (&[cpu_1], 1),
            (&[fpga], 14),
            (&[gpu_1, gpu_2], 6),
            (&[cpu_1, cpu_2], 6),
            (&all, 9),
        ] {
            for _ in 0..lines {
                line += 1;
                for user in users {
                    platforms[*user].insert(line);
                }
            }
        }
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(distance(&platforms[fpga], &platforms[gpu_1]), 0.70));
        // 1 − 9/23 and 1 − 15/17.
        assert!(close(distance(&platforms[gpu_1], &platforms[cpu_1]), 14.0 / 23.0));
        assert!(close(distance(&platforms[gpu_1], &platforms[gpu_2]), 2.0 / 17.0));
        assert!(close(code_divergence(&platforms).unwrap(), 0.547008));
    }

    #[test]
    fn the_examples_of_the_p3_library_are_met() {
        // test_divergence.py: ten shared lines and ten more on one platform; files of the same name
        // with other content; one platform.
        let lines = |file: &'static str, n: u32| (0..n).map(|line| (file, line)).collect::<BTreeSet<_>>();
        assert_eq!(code_divergence(&[lines("0", 10), lines("0", 20)]), Some(0.5));
        assert_eq!(code_divergence(&[lines("0", 10), lines("1", 10)]), Some(1.0));
        assert_eq!(code_divergence(&[lines("0", 10)]), Some(0.0));
    }

    #[test]
    fn platforms_without_lines_do_not_differ_and_no_platforms_have_no_divergence() {
        assert_eq!(code_divergence::<u32>(&[BTreeSet::new(), BTreeSet::new()]), Some(0.0));
        assert_eq!(code_divergence::<u32>(&[]), None);
    }

    proptest! {
        #[test]
        fn the_distance_is_a_metric(
            a in prop::collection::btree_set(0..20u8, 0..12),
            b in prop::collection::btree_set(0..20u8, 0..12),
            c in prop::collection::btree_set(0..20u8, 0..12),
        ) {
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0.0, a == b);
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c) + 1e-12);
        }
    }
}
