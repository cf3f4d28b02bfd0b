//! Sensors of one device during a run, or the reason why it has none.

use crate::telemetry::{Sampler, sensor_of};
use portamark_model::device::Capabilities;
use portamark_results as results;
use portamark_results::{Energy, Telemetry};
use std::path::Path;

/// Running sensors of one device, or the reason why it has none.
pub(crate) struct Sensors(Result<Sampler, String>);

impl Sensors {
    /// Starts reading the sensors of `device`. `slot` is its PCI address, if known.
    pub(crate) fn of(device: &Capabilities, slot: Option<&str>) -> Self {
        let sensor = sensor_of(device, slot, Path::new("/"));
        Sensors(sensor.map(Sampler::start).map_err(|reason| results::redact(&reason)))
    }

    /// Returns the source of the readings, or the reason why there are none, for the header.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Ok(sampler) => sampler.source().to_string(),
            Err(reason) => format!("not available: {reason}"),
        }
    }

    /// Returns the readings since the last call; `None` if there were none.
    pub(crate) fn take(&self) -> Option<Telemetry> {
        self.0.as_ref().ok()?.take()
    }

    /// Returns the energy since the start; `None` if it is not measured.
    pub(crate) fn energy(&self) -> Option<Energy> {
        self.0.as_ref().ok()?.energy()
    }
}
