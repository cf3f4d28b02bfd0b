//! Verdict on two sides: whether one is faster, slower or the same, or whether the data is inconclusive.
//!
//! The five answers are those of nvbench's robust comparison, in this program's words. The rule compares the
//! confidence interval of the ratio of medians with a practical margin. Statistical significance alone is not
//! enough: with enough samples, any two runs differ significantly.

use portamark_stats::{Bootstrap, MedianRatio};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Rule by which a verdict is reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VerdictRule {
    /// Margin δ, above 0: ratios between 1/(1 + δ) and 1 + δ are of no practical interest.
    pub margin: f64,
    /// Minimum number of processes on each side that shows how processes differ from one another; a value below 2
    /// counts as 2. With fewer, only differences beyond `few_factor` are told.
    pub min_processes: usize,
    /// Factor, above 1, by which every process of one side must be slower than every process of the other side if
    /// there are too few of them.
    pub few_factor: f64,
    /// Bootstrap that computes the confidence interval.
    pub bootstrap: Bootstrap,
    /// Standard deviation of ln t between runs that is assumed, worth ten degrees of freedom beside what the runs show;
    /// 0 for none.
    pub run_spread: f64,
}

impl VerdictRule {
    /// Returns the rule of method 1: a margin of 2 %, five processes on each side, and 10 000 resamples at
    /// 95 %.
    ///
    /// Five, because among equal kernels no order of three and three processes is rarer than 5 % (2/C(6, 3) =
    /// 10 %), and that of four and four barely is (2/C(8, 4) = 2.9 %). Whatever the noise, the interval of
    /// equal kernels misses 1 in 5 % of trials. To be called faster or slower it must also miss the margin,
    /// which is rarer: 2 % of trials if processes differ by 10 %, fewer than 1 in 1000 if they differ by 3 %.
    ///
    /// Single comparisons of equal kernels on a machine that compilers kept busy were off by up to a factor of 1.5
    /// (docs/method.md), so that a larger one, as between two devices, needs no five processes.
    ///
    /// Whole runs of equal kernels are assumed to differ by 1 %: clocks, temperature and memory addresses of a day are
    /// common to all processes of a run. Without that, two single runs that differ so are called different in 15 % of
    /// cases, however many processes each has.
    pub fn seeded(seed: u64) -> Self {
        Self {
            margin: 0.02,
            min_processes: 5,
            few_factor: 1.5,
            bootstrap: Bootstrap::seeded(seed),
            run_spread: 0.01,
        }
    }

    /// Returns the significance level α, the accepted rate of false rejections: 0.05 at a confidence level of
    /// 95 %.
    pub fn alpha(&self) -> f64 {
        1.0 - self.bootstrap.level
    }
}

/// One of the two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The side that is judged.
    New,
    /// The baseline that it is judged against.
    Reference,
}

/// Result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval at 1 − α lies wholly below 1/(1 + δ).
    Faster,
    /// The interval at 1 − α lies wholly above 1 + δ.
    Slower,
    /// The interval at 1 − 2α lies within 1/(1 + δ) and 1 + δ: the sides are shown to be equivalent, which is
    /// more than failing to find a difference.
    Same,
    /// The samples are inconclusive.
    Unclear(Doubt),
    /// There is nothing to compare, for this reason.
    Missing(Absence),
}

/// Reason why the samples are inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Too few processes to know how much processes differ from one another.
    FewProcesses {
        /// Number of processes on the new side.
        new: usize,
        /// Number of processes on the reference side.
        reference: usize,
        /// Number that each side needs.
        needed: usize,
    },
    /// The confidence interval crosses an end of the margin.
    WideInterval,
    /// The processes would be conclusive, but whole runs may differ by as much.
    FewRuns {
        /// Number of runs on the new side.
        new: usize,
        /// Number of runs on the reference side.
        reference: usize,
    },
    /// The case would be conclusive by itself, but one of so many cases may look like this by chance.
    AmongMany {
        /// Number of cases judged together.
        cases: usize,
    },
}

/// Reason why there is nothing to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// This side has no samples.
    NoSamples(Side),
    /// The samples are not all positive times, or no samples can satisfy the rule.
    NoRatio,
    /// Status and reason from the row of this side, such as `unsupported: no f16`.
    Row(Side, String),
    /// The sides were measured under different conditions, named here.
    Unlike(String),
}

impl Verdict {
    /// Returns the verdict on sides of too few processes, from the interval (lower, upper) of each process's median;
    /// `None` if there are enough processes. It is clear if all intervals of the sides are further apart than
    /// [`VerdictRule::few_factor`].
    pub(super) fn of_few(new: &[(f64, f64)], reference: &[(f64, f64)], rule: &VerdictRule) -> Option<Self> {
        let needed = rule.min_processes.max(2);
        if new.len().min(reference.len()) >= needed {
            return None;
        }
        let ends = |side: &[(f64, f64)]| {
            side.iter().fold((f64::INFINITY, 0.0), |(lo, hi): (f64, f64), s| (lo.min(s.0), hi.max(s.1)))
        };
        let ((new_lo, new_hi), (reference_lo, reference_hi)) = (ends(new), ends(reference));
        Some(if rule.few_factor * new_hi < reference_lo {
            Self::Faster
        } else if new_lo > rule.few_factor * reference_hi {
            Self::Slower
        } else {
            let (new, reference) = (new.len(), reference.len());
            Self::Unclear(Doubt::FewProcesses { new, reference, needed })
        })
    }

    /// Returns the verdict on sides of enough processes.
    pub(super) fn of(ratio: &MedianRatio, rule: &VerdictRule) -> Self {
        let (lower, upper) = (1.0 / (1.0 + rule.margin), 1.0 + rule.margin);
        if ratio.hi < lower {
            Self::Faster
        } else if ratio.lo > upper {
            Self::Slower
        } else if lower <= ratio.equivalence_lo && ratio.equivalence_hi <= upper {
            Self::Same
        } else {
            Self::Unclear(Doubt::WideInterval)
        }
    }

    /// Returns why the verdict is unclear or missing; `None` for the others.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Unclear(doubt) => Some(doubt.to_string()),
            Self::Missing(absence) => Some(absence.to_string()),
            Self::Faster | Self::Slower | Self::Same => None,
        }
    }

    /// Returns the verdict as one word, e.g. `faster`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same",
            Self::Unclear(_) => "unclear",
            Self::Missing(_) => "missing",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "the new side",
            Self::Reference => "the reference",
        })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewProcesses { new, reference, needed } => {
                write!(
                    f,
                    "{new} new and {reference} reference processes; {needed} on each side are needed for a difference \
                     that is not large"
                )
            }
            Self::WideInterval => f.write_str("the interval crosses the margin"),
            Self::FewRuns { new, reference } => write!(
                f,
                "whole runs may differ by as much: {new} new, {reference} reference; run the sides in turns, or repeat the runs"
            ),
            Self::AmongMany { cases } => write!(f, "not significant after correction for {cases} cases"),
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSamples(side) => write!(f, "{side} has no samples"),
            Self::NoRatio => f.write_str("the samples have no ratio"),
            Self::Row(side, status) => write!(f, "{side} is {status}"),
            Self::Unlike(what) => write!(f, "measured differently: {what}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.reason().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}
