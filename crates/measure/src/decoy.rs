//! A buffer that is poisoned in place of outputs: caches and clocks are disturbed as by poisoning those, and the outputs
//! stay computed.

use super::config::Config;
use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::plan::{Buffer, Content, Plan};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType, Tile};

/// Bytes of an element of the decoy.
const ELEMENT: u64 = 4;

/// The request that makes the decoy of a case, whose one buffer is an output that no kernel writes.
#[derive(Debug)]
pub(super) struct Decoy(Option<Prepare>);

impl Decoy {
    /// Creates the decoy of `case` on `device`, as large as the outputs of `sets` buffer sets. Twice the last-level cache
    /// is enough, since more disturbs no more.
    pub(super) fn new(case: &Case, device: &Capabilities, sets: u32, config: &Config) -> Self {
        let outputs = Buffer::all(case).into_iter().filter(|buffer| buffer.content == Content::Output);
        let outputs: Vec<Buffer> = outputs.collect();
        let all = outputs.iter().map(Buffer::bytes).fold(0, u64::saturating_add);
        let bytes = all
            .saturating_mul(sets.into())
            .min(config.cache_bytes.saturating_mul(2))
            .min(device.limits.buffer_bytes)
            .min(u64::from(u32::MAX));
        let buffer = outputs.into_iter().next().filter(|_| device.takes == Takes::Plans && bytes >= ELEMENT);
        Decoy(buffer.map(|mut buffer| {
            (buffer.dtype, buffer.len) = (DType::F32, bytes / ELEMENT);
            let variant = Variant::new("decoy", Path::Vector);
            let plan = Plan::new(vec![buffer], Vec::new(), &variant, Tile::ONE);
            Prepare::new(device, case, Some(plan)).but(|it| it.memory_limit = config.memory_limit)
        }))
    }

    /// Poisons the decoy, does `work`, and frees the decoy. An executor that has no memory for it, or does not take it,
    /// only does the work, and is not asked again.
    pub(super) fn poisoned<T>(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        work: impl FnOnce(&mut dyn Executor) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(request) = &self.0 else { return work(executor) };
        let handle = match executor.prepare(request.clone(), config.timeout) {
            Ok(prepared) => prepared.handle,
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(_) => {
                self.0 = None;
                return work(executor);
            }
        };
        let done = executor.poison(handle, config.timeout).and_then(|()| work(executor));
        if done.as_ref().err().is_none_or(|fault| !fault.is_fatal()) {
            executor.release(handle, config.timeout)?;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::{Fake, Script};

    fn decoy(config: &Config, sets: u32) -> (Decoy, Fake) {
        let case = "stream f32 copy n4096".parse().unwrap();
        (Decoy::new(&case, &Script::device(), sets, config), Fake::from_script(Script::default()))
    }

    #[test]
    fn a_decoy_is_as_large_as_all_outputs_but_for_twice_the_cache_and_is_freed() {
        let size = |config: &Config, sets| decoy(config, sets).0.0.unwrap().plan.unwrap().bytes();
        // 4096 elements of 4 bytes, three times; twice a cache of 10 kB.
        assert_eq!(size(&Config::default(), 3), 49_152);
        assert_eq!(size(&Config { cache_bytes: 10_000, ..Config::default() }, 3), 20_000);
        let (mut decoy, mut fake) = decoy(&Config::default(), 3);
        let work = |executor: &mut dyn Executor| {
            // Its own poison came before.
            executor.read(1, 0, &[], Config::default().timeout)
        };
        let (_, poisoned) = decoy.poisoned(&mut fake, &Config::default(), work).unwrap();
        assert_eq!((poisoned, fake.held()), (4096, 0));
    }

    #[test]
    fn without_memory_for_it_only_the_work_is_done() {
        let config = Config { memory_limit: 1000, ..Config::default() };
        let (mut decoy, mut fake) = decoy(&config, 3);
        for _ in 0..2 {
            assert_eq!(decoy.poisoned(&mut fake, &config, |_| Ok(7)), Ok(7));
        }
        assert_eq!((fake.requests(), fake.held()), (1, 0));
    }
}
