//! Forecast of a run: its rows and the time of each execution, without running anything.

use crate::events::Silent;
use crate::options::Options;
use crate::places::Place;
use crate::track::learn;
use portamark_kernels::PlanError;
use portamark_measure::{METHOD, Predictor};
use portamark_model::error::Result;
use portamark_model::workload::Case;
use portamark_results as results;

/// One row that a run would make.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastRow {
    /// Case of the row.
    pub case: Case,
    /// Predicted time of one execution in seconds; `None` if earlier runs on this device give no prediction.
    pub predicted_s: Option<f64>,
    /// Name of the kernel variant, or the reason why none can run.
    pub kernel: String,
}

/// Returns the rows that a run with `options` would make on the device of `place`, in the order of the suite.
///
/// # Errors
/// Fails if a tuning table cannot be read.
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
                Err(error @ PlanError::Template(_)) => format!("{error}{}", job.help()),
                Err(error) => error.to_string(),
            };
            rows.push(ForecastRow { case: case.clone(), predicted_s: predictor.predict(case), kernel });
        }
    }
    Ok(rows)
}
