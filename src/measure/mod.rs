//! WHEN: verification, warm-up, batch size, stopping, rotation, the timer's self-test.

mod budget;
mod cache;
mod config;
mod fixed_work;
mod interleaved;
mod measurement;
mod memory;
mod prove;
mod result;
mod rotation;
mod sampling;
mod self_test;
mod sentinel;
mod session;
mod settle;
mod timer_fault;
mod tune;
mod tuning_order;
mod verify;

pub use budget::{Budget, Predictor};
pub use cache::{CacheReport, CacheSource, CurvePoint, measure_cache};
pub use config::{Config, METHOD};
pub use fixed_work::prepare_fixed_work;
pub use interleaved::{Contestant, measure_interleaved};
pub use measurement::{Ended, Measurement, measure};
pub use memory::{TooLarge, fits, memory_limit};
pub use prove::prove;
pub use result::{Cache, Spent, TimerChoice, TimerReport, Timing, Verification};
pub use self_test::self_test;
pub use sentinel::{SentinelTimes, Sentinels, Slowdown, Slowdowns};
pub use session::Session;
pub use settle::{Settled, settle};
pub use timer_fault::TimerFault;
pub use tune::{Effort, FINAL, Fate, Tuned, Untuned, tune};
pub use tuning_order::Experience;
pub use verify::{Oracle, Verdict};
