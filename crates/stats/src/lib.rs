//! Statistics of benchmark times. The crate uses no clock, no device and no files.
//!
//! Every function is deterministic: its result depends only on its arguments. Times are in seconds
//! unless a parameter says otherwise, but nothing here depends on the unit. Inputs must be finite. A
//! statistic that is undefined for its input (too few samples, a zero denominator) is `None`, never NaN
//! or infinity, because results are stored as JSON, which has neither.
//!
//! ```
//! use portamark_stats::{median, rank_interval, sorted_finite};
//!
//! let times = [1.02, 1.00, 1.01, 1.00, 1.03, 1.01, 1.00, 1.02, 1.01, 1.50];
//! let sorted = sorted_finite(&times).unwrap();
//! assert_eq!(median(&sorted), Some(1.01));
//! // Ranks 2 and 9 of ten samples bracket the median with 97.9 % confidence; the spike moves neither.
//! let interval = rank_interval(&sorted, 0.95).unwrap();
//! assert_eq!((interval.lo, interval.hi), (1.00, 1.03));
//! ```

mod affine;
mod autocorrelation;
mod bca;
mod binomial;
mod bootstrap;
mod change_points;
mod code_divergence;
mod convergence;
#[cfg(test)]
mod criterion_example;
mod hierarchical;
mod means;
mod multiple_comparisons;
mod nested;
mod noise;
mod order_confidence;
mod permutation;
mod plateaus;
mod portability;
mod portability_interval;
mod quantile;
mod rank_interval;
mod ratio;
mod resampled_median;
mod spread;
mod stopping;
mod student;
mod summary;
mod trend;
mod tukey;

pub use affine::{AffineFit, Coefficient, Noise, StraightLine, TInterval, least_squares, theil_sen};
pub use autocorrelation::effective_samples;
pub use binomial::clopper_pearson;
pub use bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod};
pub use change_points::{ChangePoint, ChangePointRule, change_points};
pub use code_divergence::code_divergence;
pub use convergence::agrees;
pub use means::{geometric_mean, harmonic_mean};
pub use multiple_comparisons::{benjamini_hochberg, holm};
pub use nested::Nested;
pub use noise::StableNoise;
pub use order_confidence::{OrderConfidence, Spreading, Term, UncertainSum, order_confidence};
pub use permutation::permutation;
pub use plateaus::{Knee, Plateau, last_knee, plateaus};
pub use portability::{Better, Cascade, Portability, application_efficiency, harmonic_deviation};
pub use portability_interval::{Best, Sampled};
pub use quantile::{QUANTILE_DEFINITION, Quartiles, median, median_of_unsorted, sorted_finite};
pub use rank_interval::{RankInterval, median_interval, rank_interval};
pub use ratio::{MedianRatio, RatioEvidence};
pub use stopping::{StopReason, StoppingConfig, StoppingRule};
pub use student::geometric_mean_interval;
pub use summary::Summary;
pub use trend::is_drifting;
pub use tukey::{Label, OutlierCounts};
