//! An executor without a device, for tests: right values, model times, and scripted mishaps.

mod outputs;
mod script;
mod service;

pub use script::{Act, On, Rule, Script, Timer};
pub use service::Fake;
