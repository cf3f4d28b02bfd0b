//! Executions of one prepared case that rotate through its buffer sets, and what is known of its outputs.

use portamark_executors::protocol::Sampled;
use portamark_executors::{Executor, Fault};
use std::time::Duration;

/// A prepared case whose batches continue where the last one ended in the rotation of buffer sets.
#[derive(Debug, Clone)]
pub(super) struct Rotating {
    handle: u32,
    sets: u32,
    next_set: u32,
    last_set: u32,
    /// Executions since the outputs were poisoned, at most `sets`; unless rewound, as many sets hold results.
    since_poison: u32,
}

impl Rotating {
    /// Starts at set 0 of the prepared case `handle`, whose outputs count as poisoned.
    pub(super) fn new(handle: u32, sets: u32) -> Self {
        Rotating { handle, sets, next_set: 0, last_set: 0, since_poison: 0 }
    }

    /// Returns the handle of the prepared case.
    pub(super) fn handle(&self) -> u32 {
        self.handle
    }

    /// Returns the number of buffer sets.
    pub(super) fn sets(&self) -> u32 {
        self.sets
    }

    /// Returns the set that the last execution wrote; 0 before the first one.
    pub(super) fn last_set(&self) -> u32 {
        self.last_set
    }

    /// Returns how many sets have not been computed since the outputs were poisoned.
    pub(super) fn poisoned(&self) -> u32 {
        self.sets - self.since_poison
    }

    /// Runs a batch of `k` executions, at least one, on the next buffer sets.
    pub(super) fn run(
        &mut self,
        executor: &mut dyn Executor,
        k: u32,
        deadline: Duration,
    ) -> Result<Sampled, Fault> {
        let first = self.next_set;
        self.next_set = (first + k) % self.sets;
        self.last_set = (first + k - 1) % self.sets;
        self.since_poison = self.since_poison.saturating_add(k).min(self.sets);
        executor.sample(self.handle, k, first, deadline)
    }

    /// Goes back by `k` executions, at most the number of sets, so that the next batch uses the same sets as
    /// the last one.
    pub(super) fn rewind(&mut self, k: u32) {
        self.next_set = (self.next_set + self.sets - k) % self.sets;
    }

    /// Poisons the outputs of all sets.
    pub(super) fn poison(&mut self, executor: &mut dyn Executor, deadline: Duration) -> Result<(), Fault> {
        self.since_poison = 0;
        executor.poison(self.handle, deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::{Fake, Script};
    use portamark_executors::protocol::Prepare;

    #[test]
    fn batches_follow_one_another_through_the_sets() {
        let soon = Duration::from_secs(60);
        let (mut fake, device) = (Fake::from_script(Script::default()), Script::device());
        let case = "stream f32 copy n4096".parse().unwrap();
        let plan = portamark_kernels::default_plan(&case, &device, &Default::default()).unwrap();
        let prepare = Prepare::new(&device, &case, Some(plan)).but(|it| it.sets = 5);
        let handle = fake.prepare(prepare, soon).unwrap().handle;
        let mut rotating = Rotating::new(handle, 5);
        // Sets 0 to 2, then 3, 4 and 0: four of five sets hold a result after the first batch and one.
        rotating.run(&mut fake, 3, soon).unwrap();
        assert_eq!((rotating.last_set(), rotating.poisoned()), (2, 2));
        rotating.run(&mut fake, 3, soon).unwrap();
        assert_eq!((rotating.last_set(), rotating.poisoned()), (0, 0));
        rotating.poison(&mut fake, soon).unwrap();
        rotating.run(&mut fake, 1, soon).unwrap();
        assert_eq!((rotating.last_set(), rotating.poisoned()), (1, 4));
        rotating.rewind(1);
        rotating.run(&mut fake, 1, soon).unwrap();
        assert_eq!(rotating.last_set(), 1);
        // What it says of the sets is so: set 1 is computed, set 2 is poison.
        assert_eq!(fake.read(handle, 1, &[], soon).unwrap().1, 0);
        assert_eq!(fake.read(handle, 2, &[], soon).unwrap().1, 4096);
    }
}
