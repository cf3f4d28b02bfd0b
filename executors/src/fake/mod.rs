//! A simulated executor for tests: correct values, modelled times, and scripted failures, without a device.

mod outputs;
mod process;
mod script;
mod service;

pub use script::{Act, On, Rule, Script, Timer};
pub use service::Fake;
