//! What a run would do, and how long each execution would take, without running anything.

use crate::events::Silent;
use crate::options::Options;
use crate::places::Place;
use crate::track::learn;
use portamark_measure::{METHOD, Predictor};
use portamark_model::error::Result;
use portamark_model::workload::Case;
use portamark_results as results;

/// One row that a run would make.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastRow {
    /// The case.
    pub case: Case,
    /// Seconds of one execution, where rows of earlier runs of this device tell.
    pub predicted_s: Option<f64>,
    /// The kernel with its knobs, or why none can run.
    pub kernel: String,
}

/// The rows that a run of `options` would make on the device of `place`, in the order of the suite.
///
/// # Errors
/// When a table of tuned variants cannot be read.
pub fn forecast(options: &Options, place: &Place) -> Result<Vec<ForecastRow>> {
    let device = &place.device;
    let earlier = results::load_readable(std::slice::from_ref(&options.output))
        .map(|(runs, _)| runs)
        .unwrap_or_default();
    let mut predictor = Predictor::default();
    for run in earlier.iter().filter(|run| run.header.device.id == device.id && run.header.method == METHOD) {
        learn(&mut predictor, &run.rows);
    }
    let chooser = options.choice.chooser(device, &options.output, &options.source, &Silent)?;
    let mut rows = Vec::new();
    for case in &options.suite.cases {
        for job in chooser.jobs(case, device) {
            let tuned = if job.tuned() { ", tuned" } else { "" };
            let kernel = match chooser.plan(&job, case, device, &options.source) {
                Ok(Some(plan)) => format!("{}{tuned}", plan.variant),
                Ok(None) => "the executor's own".into(),
                Err(error) => error.to_string(),
            };
            rows.push(ForecastRow { case: case.clone(), predicted_s: predictor.predict(case), kernel });
        }
    }
    Ok(rows)
}
