//! The sensors of one device during a run, or why it has none.

use crate::kernel::Capabilities;
use crate::record;
use crate::telemetry::{Energy, Sampler, Telemetry, sensor_of};
use std::path::Path;

/// The sensors of one device.
pub(super) struct Sensors(Result<Sampler, String>);

impl Sensors {
    /// Starts to read those of `device`, at the PCI address `slot` if that is known.
    pub(super) fn of(device: &Capabilities, slot: Option<&str>) -> Self {
        let sensor = sensor_of(device, slot, Path::new("/"));
        Sensors(sensor.map(Sampler::start).map_err(|reason| record::redact(&reason)))
    }

    /// Their source, or the reason, for the header.
    pub(super) fn describe(&self) -> String {
        match &self.0 {
            Ok(sampler) => sampler.source().to_string(),
            Err(reason) => format!("not available: {reason}"),
        }
    }

    /// What was read since this was last called.
    pub(super) fn take(&self) -> Option<Telemetry> {
        self.0.as_ref().ok()?.take()
    }

    /// The energy since the start.
    pub(super) fn energy(&self) -> Option<Energy> {
        self.0.as_ref().ok()?.energy()
    }
}
