//! Analysis of result files: measured ceilings, placement under the roofline, verdicts on two sides,
//! performance-portability scores, projections to whole models, and costs. It needs the files alone and not
//! the machinery that measured them.
//!
//! ```no_run
//! use portamark_analysis::{Matching, VerdictRule, compare};
//!
//! let old = [portamark_results::load("old.jsonl".as_ref())?];
//! let new = [portamark_results::load("new.jsonl".as_ref())?];
//! // A fixed bootstrap seed, so that the same files always give the same verdicts.
//! for device in compare(&new, &old, Matching::default(), &VerdictRule::seeded(1))? {
//!     for verdict in &device.cases {
//!         println!("{:40} {}", verdict.case, verdict.judgement.verdict.word());
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod above_bound;
mod bandwidth_curve;
mod case_verdict;
mod ceiling;
mod chain;
mod changes;
mod chip;
mod compared_case;
mod comparison;
mod compiled_bound;
mod convergence;
mod decoding_cost;
mod device;
mod efficiency;
mod gate;
mod headline;
mod history;
mod imported;
mod judgement;
mod label;
mod lead;
mod levels;
mod matchup;
mod plausibility;
mod portability;
mod portability_table;
mod prediction;
mod projection;
mod projection_curve;
mod published;
mod ranking;
mod rate;
mod repeats;
mod report_model;
mod roofline;
mod running_cost;
mod sensitivity;
mod sides;
mod standing;
mod variants;
mod vendor;
mod verdict;
mod verdicts;

pub use above_bound::{AboveBound, above_bounds};
pub use bandwidth_curve::BandwidthCurve;
pub use case_verdict::{CaseVerdict, Difference};
pub use ceiling::{Ceilings, ComputeCeiling, MemoryCeiling, Unit};
pub use chain::ChainCheck;
pub use changes::Change;
pub use comparison::{CaseLine, Comparison};
pub use compiled_bound::{CompiledBound, compiled_bound};
pub use convergence::{Convergence, Coverage};
pub use decoding_cost::{
    AttentionKind, CacheFormat, Counting, DecodingCosts, DecodingWork, Disaggregated, KindIntensity,
    ModelCost, PricedHardware, decoding_costs, disaggregated, priced_hardware, read_prices,
};
pub use device::{Device, Entry, NotRun};
pub use efficiency::{Cell, Efficiencies, Efficiency};
pub use gate::Gate;
pub use headline::{HEADLINES, Headline, caveats};
pub use history::{HistoryPoint, Series, Shift, histories};
pub use imported::{ImportedRow, published_excess};
pub use judgement::{Judgement, PValues};
pub use lead::Lead;
pub use levels::{Level, levels};
pub use matchup::DevicePair;
pub use plausibility::{Cause, Excess, Roof, figure, published_of};
pub use portability::{CaseScore, FamilyScore, NotCounted, Score, Study, StudyOptions, Zero};
pub use portability_table::{Figures, TableScore, score_table};
pub use portamark_model::plain_text::clean;
pub use portamark_model::plain_text::cut as shorten;
pub use prediction::{EfficiencyRange, EfficiencySource, GivenEfficiencies, KERNEL_CLASSES, predict};
pub use projection::{Basis, PartTime, Projection, project};
pub use published::{Published, accelerator, published_bandwidth, published_peak};
pub use ranking::{Candidate, Criterion, Ranked, Ranking, rank};
pub use rate::{Rate, RateUnit};
pub use report_model::{Crowd, MOST_DEVICES, ReportModel};
pub use roofline::{Placement, Resource, place};
pub use running_cost::{Power, PowerBasis, kwh_per_million, measured_power, price_per_million};
pub use sensitivity::{Sensitivity, sensitivities};
pub use sides::{BEFORE_AND_AFTER, MOST_JUDGED, Sides};
pub use standing::Standing;
pub use variants::{CostOfChecks, OwnAgainstBuiltIn, costs_of_checks, own_kernels};
pub use vendor::{AgainstVendor, Reference, against_vendor};
pub use verdict::{Absence, Doubt, Side, Verdict, VerdictRule};
pub use verdicts::{DeviceVerdicts, Matching, Refusal, compare, verdicts};
