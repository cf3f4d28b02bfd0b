//! WHEN: verification, warm-up, batch size, stopping, rotation, the timer's self-test.

mod budget;
mod config;
mod measurement;
mod prove;
mod result;
mod rotation;
mod sampling;
mod self_test;
mod session;
mod timer_fault;
mod tune;
mod tuning_order;
mod verify;

pub use budget::{Budget, Predictor};
pub use config::{Config, METHOD};
pub use measurement::{Ended, Measurement, measure};
pub use prove::prove;
pub use result::{Cache, Spent, TimerChoice, TimerReport, Timing, Verification};
pub use rotation::last_level_cache;
pub use self_test::self_test;
pub use session::Session;
pub use timer_fault::TimerFault;
pub use tune::{Effort, FINAL, Fate, Tuned, Untuned, tune};
pub use tuning_order::Experience;
pub use verify::{Oracle, Verdict};
