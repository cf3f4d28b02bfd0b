//! Routing of a mixture of experts: how many rows each expert has.
//!
//! Rows are sorted by expert, so these numbers are all that a kernel, the oracle and the byte count need. They
//! follow from the key alone, never from the seed of a run: one key is the same work in every run, and the
//! weights that count are those of the experts that really have rows.

use super::generator::Keys;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Distribution of the tokens over the experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Routing {
    /// Each token goes to k different experts, drawn at random with equal probability, as a router does whose
    /// load is balanced over many tokens. In a small batch some experts have no row.
    Uniform,
    /// As even as whole rows allow: min(E, t·k) experts have rows. No router does this; it is the best case of
    /// load and the worst of weights to read.
    Balanced,
    /// Zipf's law: expert i is chosen in proportion to 1 / (i + 1).
    Skewed,
}

/// Largest number of draws among which the typical one is searched. For the case with the widest spread (4096
/// experts, 20 experts of standard deviation) one draw in 50 fits.
const MOST_DRAWS: u32 = 1000;

/// Largest number of routings that are remembered.
const MOST_REMEMBERED: usize = 64;

/// Routing, experts, experts per token and tokens.
type Request = (Routing, u64, u64, u64);

/// Routings that were asked for before: a report asks for the same ones again and again.
static REMEMBERED: LazyLock<Mutex<BTreeMap<Request, Arc<[u64]>>>> = LazyLock::new(Mutex::default);

impl Routing {
    /// All routings.
    pub const ALL: [Routing; 3] = [Routing::Uniform, Routing::Balanced, Routing::Skewed];

    /// Returns the word used in the key.
    pub fn name(self) -> &'static str {
        match self {
            Routing::Uniform => "uniform",
            Routing::Balanced => "balanced",
            Routing::Skewed => "skewed",
        }
    }

    /// Returns the number of rows of each of `experts` experts if each of `tokens` tokens goes to `top` of
    /// them. They add up to tokens·top, and none is above `tokens`.
    pub(super) fn rows(self, experts: u64, top: u64, tokens: u64) -> Arc<[u64]> {
        let request = (self, experts, top, tokens);
        let remembered = || REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = remembered().get(&request) {
            return rows.clone();
        }
        let rows: Arc<[u64]> = match self {
            Routing::Uniform => typical(experts, top, tokens),
            Routing::Balanced => shared(experts, top, tokens, |_| 1.0),
            Routing::Skewed => shared(experts, top, tokens, |expert| 1.0 / (expert + 1) as f64),
        }
        .into();
        let mut all = remembered();
        if all.len() >= MOST_REMEMBERED {
            all.clear();
        }
        all.insert(request, rows.clone());
        rows
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the expected number of experts with at least one row under uniform routing, E·(1 − (1 − k/E)^t): a
/// token leaves out a given expert with probability 1 − k/E, and tokens are independent.
pub(super) fn expected_used(experts: u64, top: u64, tokens: u64) -> f64 {
    let experts = experts as f64;
    // There are at most 2²² tokens.
    experts * (1.0 - (1.0 - top as f64 / experts).powi(tokens as i32))
}

/// Returns the rows of the typical uniform routing: of draws 0, 1, 2, … the first in which as many experts have
/// rows as is expected, rounded to a whole number, so that a case stands for the mean and not for a lucky draw.
/// If none of the first [`MOST_DRAWS`] fits, it is the first of those that come nearest.
fn typical(experts: u64, top: u64, tokens: u64) -> Vec<u64> {
    let wanted = expected_used(experts, top, tokens).round() as u64;
    let mut nearest: Option<(u64, Vec<u64>)> = None;
    for draw in 0..MOST_DRAWS {
        let rows = drawn(experts, top, tokens, draw);
        let off = used(&rows).abs_diff(wanted);
        if nearest.as_ref().is_none_or(|(least, _)| off < *least) {
            nearest = Some((off, rows));
        }
        if off == 0 {
            break;
        }
    }
    nearest.map_or_else(Vec::new, |(_, rows)| rows)
}

/// Returns the rows of draw number `draw`. Each token gets `top` different experts by Floyd's method (Bentley
/// and Floyd, CACM 30(9) 1987): for j from E − k to E − 1, the expert r = h mod (j + 1), or j if the token has r
/// already. h is the hash of the input generator, with the keys of seed `draw` and tensor 0, of the index
/// token·k + j − (E − k).
fn drawn(experts: u64, top: u64, tokens: u64, draw: u32) -> Vec<u64> {
    let keys = Keys::new(draw, 0);
    let mut rows = vec![0u64; experts as usize];
    // The last token, counted from 1, that went to each expert.
    let mut last = vec![0u64; experts as usize];
    for token in 0..tokens {
        for (place, j) in (experts - top..experts).enumerate() {
            let random = keys.hash((token * top + place as u64) as u32);
            let r = u64::from(random) % (j + 1);
            let expert = if last[r as usize] == token + 1 { j } else { r } as usize;
            last[expert] = token + 1;
            rows[expert] += 1;
        }
    }
    rows
}

/// Returns rows in proportion to `weight`.
///
/// The experts are served in order. Each gets its share by weight, among the remaining experts, of the
/// remaining rows, rounded to the nearest. A token goes to an expert only once, so no expert has more rows than
/// there are tokens; the excess goes to later experts.
fn shared(experts: u64, top: u64, tokens: u64, weight: impl Fn(u64) -> f64) -> Vec<u64> {
    let mut left = tokens * top;
    let mut weights: f64 = (0..experts).map(&weight).sum();
    let mut rows = Vec::with_capacity(experts as usize);
    for expert in 0..experts {
        let others = (experts - expert - 1) * tokens;
        let share = (left as f64 * weight(expert) / weights).round() as u64;
        let share = share.max(left.saturating_sub(others)).min(tokens).min(left);
        rows.push(share);
        left -= share;
        weights -= weight(expert);
    }
    rows
}

/// Returns the number of experts that have at least one row.
pub(super) fn used(rows: &[u64]) -> u64 {
    rows.iter().filter(|rows| **rows > 0).count() as u64
}

/// Returns `key` as it is written today. Until rows named the experts that they read, `uniform` was the name of
/// what is `balanced` now.
pub fn key_of_older_row(key: &str) -> String {
    let part = |part: &str| {
        let is_moe = part.strip_prefix("layer ").unwrap_or(part).starts_with("moe ");
        match part.strip_suffix(" uniform") {
            Some(start) if is_moe => format!("{start} {}", Routing::Balanced),
            _ => part.into(),
        }
    };
    key.split(" + ").map(part).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_routing_spreads_the_remainder() {
        assert_eq!(*Routing::Balanced.rows(4, 2, 4), [2, 2, 2, 2]);
        // 6 rows over 4: 1.5 is rounded up, then 4 over 3, 3 over 2, and what is left.
        assert_eq!(*Routing::Balanced.rows(4, 2, 3), [2, 1, 2, 1]);
        assert_eq!(Routing::Balanced.rows(4, 1, 1).iter().sum::<u64>(), 1);
    }

    #[test]
    fn skewed_routing_follows_zipf_and_gives_no_expert_a_token_twice() {
        // 12 rows, weights 1, 1/2, 1/3, 1/4 of 25/12: shares 5.76, 2.88, 1.92, 1.44.
        assert_eq!(*Routing::Skewed.rows(4, 1, 12), [6, 3, 2, 1]);
        // 12 rows of 6 tokens: expert 0 has all of them, the rest share 6 as 1/2 : 1/3 : 1/4.
        assert_eq!(*Routing::Skewed.rows(4, 2, 6), [6, 3, 2, 1]);
        // As many experts as copies: each expert gets every token.
        assert_eq!(*Routing::Skewed.rows(3, 3, 5), [5, 5, 5]);
        let real = Routing::Skewed.rows(128, 8, 64);
        assert_eq!((real.len(), real.iter().sum::<u64>(), real[0]), (128, 512, 64));
    }

    #[test]
    fn uniform_routing_reaches_the_expected_number_of_experts() {
        // 256·(1 − (31/32)³²) = 256·(1 − 0.36206) = 163.3: what 32 tokens of DeepSeek-V3 read.
        assert!((expected_used(256, 8, 32) - 163.3).abs() < 0.05);
        for (experts, top, tokens, expected) in [
            (256, 8, 32, 163),
            // One token goes to k experts, and k = E to all.
            (256, 8, 1, 8),
            (5, 5, 3, 5),
            // 128·(1 − (15/16)⁶⁴) = 128·(1 − 0.01608) = 125.9.
            (128, 8, 64, 126),
            // 8·(1 − (7/8)³) = 8·(1 − 0.66992) = 2.64.
            (8, 1, 3, 3),
            // 4096·(1 − (4095/4096)⁴⁰⁹⁶) = 4096·(1 − 0.36783) = 2589.4, the widest spread.
            (4096, 1, 4096, 2589),
        ] {
            let rows = Routing::Uniform.rows(experts, top, tokens);
            assert_eq!(used(&rows), expected, "e{experts} k{top} t{tokens}");
            assert_eq!(rows.iter().sum::<u64>(), tokens * top);
            assert!(rows.iter().all(|rows| *rows <= tokens), "an expert has a token twice");
        }
    }

    /// Published with the protocol; computed by another program from its description.
    #[test]
    fn the_test_vector_holds() {
        assert_eq!(*Routing::Uniform.rows(8, 2, 5), [1, 0, 3, 1, 2, 0, 2, 1]);
    }

    #[test]
    fn a_draw_has_the_spread_of_a_multinomial() {
        // 2¹⁶ tokens over 64 experts, one each: 1024 rows an expert, standard deviation √(1024·63/64) = 31.7.
        // χ² = Σ(rows − 1024)²/1024 has 63 degrees of freedom: mean 63, standard deviation 11.2.
        let rows = drawn(64, 1, 1 << 16, 0);
        let square: f64 = rows.iter().map(|rows| (*rows as f64 - 1024.0).powi(2) / 1024.0).sum();
        assert!((63.0 - 4.0 * 11.2..63.0 + 4.0 * 11.2).contains(&square), "{square}");
    }

    #[test]
    fn what_was_uniform_is_balanced_and_nothing_else_changes() {
        for (old, new) in [
            ("moe f16.f32 e8 k2 t4 n8 d8 uniform", "moe f16.f32 e8 k2 t4 n8 d8 balanced"),
            ("moe f16.f32 e8 k2 t4 n8 d8 skewed", "moe f16.f32 e8 k2 t4 n8 d8 skewed"),
            ("other: moe uniform", "other: moe uniform"),
            (
                "layer moe f32 e8 k2 t4 n8 d8 uniform + gemv f32 m1 n8 k8 + moe f32 e4 k2 t4 n8 d8 uniform",
                "layer moe f32 e8 k2 t4 n8 d8 balanced + gemv f32 m1 n8 k8 + moe f32 e4 k2 t4 n8 d8 balanced",
            ),
        ] {
            assert_eq!(key_of_older_row(old), new);
        }
    }
}
