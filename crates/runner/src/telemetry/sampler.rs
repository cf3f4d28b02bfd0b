//! Background thread that reads the sensors at intervals while the device works.

use super::sensor::Sensor;
use portamark_results::{Energy, Reading, Telemetry};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two readings. Ten per second have no visible cost for the parent, and even the shortest case
/// gets two.
const EVERY: Duration = Duration::from_millis(100);

/// Everything read so far.
#[derive(Default)]
struct Log {
    /// Readings since the last [`Sampler::take`].
    readings: Vec<Reading>,
    energy: Meter,
}

/// Sums up energy in joules: from a counter if there is one, otherwise from power over time.
#[derive(Default)]
struct Meter {
    joules: f64,
    counted: bool,
    last: Option<(Duration, Reading)>,
}

impl Meter {
    /// Adds a reading taken at the time `now` since the start.
    fn add(&mut self, now: Duration, reading: Reading) {
        if let Some((then, before)) = self.last {
            if let (Some(a), Some(b)) = (before.energy_j, reading.energy_j) {
                self.counted = true;
                self.joules += (b - a).max(0.0);
            } else if let (Some(a), Some(b)) = (before.power_w, reading.power_w) {
                // Trapezoidal rule between the two readings.
                self.joules += (a + b) / 2.0 * now.saturating_sub(then).as_secs_f64();
            }
        }
        if reading.energy_j.is_some() || reading.power_w.is_some() {
            self.last = Some((now, reading));
        }
    }
}

/// Reads the sensors of one device in a background thread until it is dropped.
pub struct Sampler {
    source: &'static str,
    log: Arc<Mutex<Log>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts a thread that reads `sensor`.
    pub fn start(mut sensor: Box<dyn Sensor>) -> Self {
        let (stop, stopped) = channel();
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = Arc::clone(&log);
        let source = sensor.source();
        let started = Instant::now();
        let thread = std::thread::spawn(move || {
            loop {
                let reading = sensor.read();
                if let Ok(mut log) = shared.lock() {
                    log.energy.add(started.elapsed(), reading);
                    log.readings.push(reading);
                }
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break,
                }
            }
        });
        Sampler { source, log, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the name of the source, e.g. `NVML`.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Returns the readings since the last call; `None` if there were none.
    pub fn take(&self) -> Option<Telemetry> {
        let readings = std::mem::take(&mut self.log.lock().ok()?.readings);
        Telemetry::of(&readings)
    }

    /// Returns the energy since the start; `None` if no sensor reports energy or power.
    pub fn energy(&self) -> Option<Energy> {
        let log = self.log.lock().ok()?;
        log.energy.last?;
        let how = if log.energy.counted { "energy counter" } else { "power over time" };
        Some(Energy::new(log.energy.joules, format!("{} {how}", self.source)))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn energy_is_the_difference_of_a_counter_or_power_over_time() {
        let mut counter = Meter::default();
        for (n, joules) in [(0, 1000.0), (1, 1050.0), (2, 1250.0)] {
            counter.add(second(n), Reading { energy_j: Some(joules), ..Reading::default() });
        }
        assert_eq!((counter.joules, counter.counted), (250.0, true));
        let mut power = Meter::default();
        // (100 + 200)/2 · 1 s + (200 + 400)/2 · 2 s; empty readings are skipped.
        for (n, watts) in [(0, Some(100.0)), (1, Some(200.0)), (2, None), (3, Some(400.0))] {
            power.add(second(n), Reading { power_w: watts, ..Reading::default() });
        }
        assert_eq!((power.joules, power.counted), (750.0, false));
    }

    /// Reports the number of reads so far as its temperature.
    struct Counting(f64);

    impl Sensor for Counting {
        fn source(&self) -> &'static str {
            "counting"
        }

        fn read(&mut self) -> Reading {
            self.0 += 1.0;
            Reading { temperature_c: Some(self.0), ..Reading::default() }
        }
    }

    #[test]
    fn each_look_belongs_to_one_case_and_the_thread_ends_with_the_sampler() {
        let sampler = Sampler::start(Box::new(Counting(0.0)));
        let mut seen = 0.0;
        let mut cases = 0;
        let started = Instant::now();
        while cases < 2 {
            assert!(started.elapsed() < Duration::from_secs(30), "the sensors are not read");
            let Some(telemetry) = sampler.take() else {
                std::thread::yield_now();
                continue;
            };
            let range = telemetry.temperature_c.unwrap();
            assert_eq!(range.min, seen + 1.0);
            seen = range.max;
            cases += 1;
        }
        assert_eq!(sampler.energy(), None);
        assert_eq!(sampler.source(), "counting");
        let log = Arc::clone(&sampler.log);
        drop(sampler);
        assert_eq!(Arc::strong_count(&log), 1);
    }
}
