//! A device whose compiler is asked: one that is here, or one that a stand-in opens.

use crate::places::Place;
use portamark_executors::{ChildExecutor, Compilers, Executor, Fault, FaultKind};
use portamark_inspect::{Chip, Compiler, of_device};
use portamark_model::device::Capabilities;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Timeout of the first message: a driver may take seconds to load.
const HELLO: Duration = Duration::from_secs(60);

/// A device whose compiler is asked.
pub struct Target {
    /// Short name: that of the chip, or the id of the device as a folder name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What is known of the chip; `None` for a device that is not in the list.
    pub chip: Option<&'static Chip>,
    /// Capabilities of the device.
    pub device: Capabilities,
    /// Connection to its executor.
    pub(super) executor: Box<dyn Executor>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Target {
    /// Opens `chip`, which is not here, in a child process of the program `portamark`.
    ///
    /// # Errors
    /// Fails if the driver or its stand-in is missing, or cannot be opened.
    pub fn stand_in(compilers: &Compilers, portamark: &Path, chip: &'static Chip) -> Result<Self, Fault> {
        let failed = |reason: String| Fault::new(FaultKind::Failed, reason);
        let program = compilers.start(portamark, &["executor", "wgpu"], &chip.stand_in).map_err(failed)?;
        let mut executor: Box<dyn Executor> = Box::new(ChildExecutor::new(program));
        let (_, devices) = executor.hello(HELLO)?;
        let device = devices.into_iter().next();
        let device = device.ok_or_else(|| failed(format!("the driver does not open {}", chip.title)))?;
        Ok(Target { name: chip.name.into(), title: chip.title.into(), chip: Some(chip), device, executor })
    }

    /// Asks the device at `place`.
    pub fn of(place: &Place) -> Self {
        let device = place.device.clone();
        Target {
            name: device.slug(),
            title: device.spoken(),
            chip: of_device(&device),
            executor: place.start(),
            device,
        }
    }

    /// Returns the compiler of the device.
    pub fn compiler(&self) -> Compiler {
        Compiler::of(&self.device)
    }

    /// Returns name and version of the driver.
    pub fn driver(&self) -> String {
        format!("{} {}", self.device.driver, self.device.driver_version).trim().into()
    }
}
