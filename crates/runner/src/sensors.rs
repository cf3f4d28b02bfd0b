//! The sensors of one device during a run, or why it has none.

use crate::telemetry::{Sampler, sensor_of};
use portamark_model::device::Capabilities;
use portamark_results as results;
use portamark_results::{Energy, Telemetry};
use std::path::Path;

/// The sensors of one device.
pub(crate) struct Sensors(Result<Sampler, String>);

impl Sensors {
    /// Starts to read those of `device`, at the PCI address `slot` if that is known.
    pub(crate) fn of(device: &Capabilities, slot: Option<&str>) -> Self {
        let sensor = sensor_of(device, slot, Path::new("/"));
        Sensors(sensor.map(Sampler::start).map_err(|reason| results::redact(&reason)))
    }

    /// Their source, or the reason, for the header.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Ok(sampler) => sampler.source().to_string(),
            Err(reason) => format!("not available: {reason}"),
        }
    }

    /// What was read since this was last called.
    pub(crate) fn take(&self) -> Option<Telemetry> {
        self.0.as_ref().ok()?.take()
    }

    /// The energy since the start.
    pub(crate) fn energy(&self) -> Option<Energy> {
        self.0.as_ref().ok()?.energy()
    }
}
