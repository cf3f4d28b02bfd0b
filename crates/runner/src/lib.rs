//! Runs benchmark suites on devices and writes result rows. Opens devices, chooses kernels, orders cases and
//! repeats, isolates drivers that hang or crash, keeps time budgets, resumes earlier runs, and measures the
//! two sides of a comparison.
//!
//! To measure one case on one device:
//!
//! ```
//! # #[cfg(feature = "host")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use portamark_model::suite::Suite;
//! use portamark_runner::{Executors, Found, Options, Silent, run};
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//!
//! let case = "stream f32 copy n65536".parse()?;
//! let folder = tempfile::tempdir()?;
//! let mut options = Options::new(Suite::new("one", vec![case]), folder.path());
//! options.settings.max_time = Duration::from_millis(50);
//!
//! // The CPU, in this process; `gpus()` lists the devices of GPU drivers.
//! let place = Executors::default().host()?.remove(0);
//! let finished = run(&options, &Found::one(place), &AtomicBool::new(false), &Silent)?;
//! let row = &portamark_results::load(&finished.paths[0])?.rows[0];
//! println!("{}: {:.1} GB/s", row.case, row.byte_rate().unwrap() * 1e-9);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "host"))]
//! # fn main() {}
//! ```
//!
//! A driver can hang, and an out-of-bounds access can end the process. With [`BuiltIn::Program`], the
//! executors run in child processes, started from a portamark program, so that this costs only one case.
//!
//! Features: `wgpu`, `host` and `browser` enable the executors of those names; `nvml` reads the sensors of
//! NVIDIA GPUs.

mod case;
mod choice;
mod conditions;
mod done;
mod events;
mod forecast;
mod host;
mod inspection;
mod options;
mod order;
mod places;
mod proving;
mod renderer;
mod run;
mod sensors;
mod sides;
pub mod telemetry;
mod track;
mod tuned;
mod tuning;

pub use choice::{Checks, KernelChoice, OwnFile, Variants};
pub use events::{Events, Silent};
pub use forecast::{ForecastRow, forecast};
pub use host::this_host;
pub use inspection::{Foreign, Kept, Target, Wanted, compiled, inspect, inspect_foreign};
pub use options::{Earlier, Isolation, Options, Settings};
pub use places::{BROWSER, BuiltIn, Executors, Found, Place, command_words};
pub use proving::{Proof, ProofOutcome, verify};
pub use renderer::{ChildRenderer, RENDERER_MEMORY};
pub use run::{Finished, run};
pub use sides::{Side, run_sides};
pub use tuned::tuned_path;
pub use tuning::{TunedLine, Tuning, TuningOptions, tune_suite};
