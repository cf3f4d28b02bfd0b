//! Detection of kernels that skip work which is done already: outputs are poisoned again before randomly
//! chosen batches, and the times of these batches are compared with those of others.
//!
//! An execution on poisoned output has to compute it. A kernel that looks at its output first, and does
//! nothing where it finds a result, passes every comparison with the oracle, but takes much longer there.
//!
//! Poisoning disturbs the caches, and an execution of any kernel may take longer then. So each batch is preceded by a
//! poisoning: of the outputs, or of a [`Decoy`] of their size. Which of the two comes first is drawn for each pair.

use super::batch_time::chosen_s;
use super::config::Config;
use super::decoy::Decoy;
use super::rotating::Rotating;
use super::verify::Oracle;
use portamark_executors::protocol::Sampled;
use portamark_executors::{Executor, Fault};
use portamark_model::units;
use portamark_model::workload::generator::mix;
use portamark_model::workload::{Case, Inputs, Tile};
use portamark_results::TimerChoice;
use portamark_stats::median_of_unsorted;

/// Minimum number of pairs of batches, one with and one without poison before it.
const LEAST_PAIRS: usize = 5;
/// Number of pairs on which a kernel is accused if all of them speak against it: at 37 % each by chance, a
/// probability of 5e-5.
const CLEAR_PAIRS: usize = 10;
/// Number of pairs on which a kernel is accused if most of them speak against it; honest kernels have so many
/// only on a busy machine.
const MOST_PAIRS: usize = 24;
/// Time ratio above which a pair speaks against a kernel.
const SUSPICIOUS: f64 = 1.25;
/// Share of the pairs that may speak against a kernel without more pairs.
const FEW: f64 = 0.125;
/// Median time ratio of a pair above which a kernel is accused. Honest kernels are near 1: what poisoning disturbs it
/// disturbs for both batches.
const GROSS: f64 = 1.5;
/// Share of [`MOST_PAIRS`] that have to speak against a kernel.
const MOST: f64 = 0.75;
/// The same for a kernel whose undisturbed batches differ by [`CLEARLY`]. Load lengthens single batches by more
/// than a short execution takes, so fewer pairs speak against it.
const MANY: f64 = 0.5;
/// Ratio of undisturbed batches with which [`MANY`] pairs suffice.
const CLEARLY: f64 = 2.0;
/// Places, among the fastest of [`MOST_PAIRS`] batches of either kind, of those that are compared as undisturbed
/// and nearly so. In simulations of honest kernels with log-normal noise of 48 %, and with batches of which 70 %
/// wait four times as long as they compute, fewer than one in 1000 is accused; of kernels that skip four fifths of
/// their work 99 and 84 % are.
const UNDISTURBED: usize = 2;
const HARDLY: usize = 6;
/// Memory rate in B/s of the slowest device, to tell whether caches can matter to a kernel.
const SLOWEST: f64 = 2e9;
/// Seconds that computing all sets may always take.
const CHEAP_S: f64 = 0.1;
/// Number of batches of which one, chosen at random, has a pair after it, until there are [`LEAST_PAIRS`].
const BLOCK: u32 = 5;

/// Pairs of batches on computed and on poisoned outputs of one prepared case.
#[derive(Debug)]
pub(super) struct Freshness<'a> {
    case: &'a Case,
    tile: Tile,
    choice: TimerChoice,
    /// What is poisoned before batches on computed outputs.
    decoy: Decoy,
    /// Seconds of the batches on computed and on poisoned outputs.
    pairs: Vec<(f64, f64)>,
    /// What is wrong with an output; `None` if nothing is.
    stale: Option<String>,
    random: u32,
    /// Number of batches until the next pair, and from there until the end of the block.
    due: (u32, u32),
}

impl<'a> Freshness<'a> {
    /// Creates an examination of a kernel that computes `case` in tiles of `tile`. Times are by the clock
    /// `choice`, and batches are chosen from the seed of `config`.
    pub(super) fn new(
        case: &'a Case,
        tile: Tile,
        choice: TimerChoice,
        decoy: Decoy,
        config: &Config,
    ) -> Self {
        let random = mix(config.seed ^ 0x5eed_f00d);
        let (pairs, stale, due) = (Vec::new(), None, (0, 0));
        let mut freshness = Freshness { case, tile, choice, decoy, pairs, stale, random, due };
        freshness.draw();
        freshness
    }

    /// Draws the batch of the next block that has a pair after it.
    fn draw(&mut self) {
        self.random = mix(self.random.wrapping_add(0x9e37_79b9));
        let place = self.random % BLOCK;
        self.due = (self.due.1 + place + 1, BLOCK - place - 1);
    }

    /// Runs a pair if the batch that has just ended was chosen for it. `k` is the number of executions of each
    /// batch.
    pub(super) fn after_batch(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<(), Fault> {
        self.due.0 -= 1;
        if self.due.0 > 0 {
            return Ok(());
        }
        self.draw();
        if self.pairs.len() < LEAST_PAIRS { self.pair(executor, config, rotating, k) } else { Ok(()) }
    }

    /// Runs the pairs that are missing, and more of them as long as they look suspicious. Returns what is wrong
    /// with the kernel; `None` if nothing is.
    pub(super) fn conclude(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<Option<String>, Fault> {
        while self.stale.is_none() && (self.pairs.len() < LEAST_PAIRS || self.is_open()) {
            self.pair(executor, config, rotating, k)?;
        }
        Ok(self.accusation())
    }

    /// Runs one pair and returns whether the second batch took suspiciously long, or its output is wrong.
    pub(super) fn looks_wrong(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<bool, Fault> {
        self.pair(executor, config, rotating, k)?;
        Ok(self.stale.is_some() || self.against() > 0)
    }

    /// Times a batch on outputs that are computed and one on outputs that were poisoned, in an order that is drawn, and
    /// checks an output of the latter.
    ///
    /// No batch has more executions than there are sets: each would find a result after the first round
    /// through the sets. Both batches continue the rotation and follow a poisoning, so that caches serve neither better
    /// than the other, unless that would take long and caches hardly matter to the kernel.
    fn pair(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<(), Fault> {
        let k = k.min(rotating.sets());
        let is_reversed = mix(self.random ^ self.pairs.len() as u32) & 1 == 1;
        let (computed_s, poisoned_s) = if is_reversed {
            let poisoned_s = self.on_poisoned(executor, config, rotating, k)?;
            (self.on_computed(executor, config, rotating, k)?, poisoned_s)
        } else {
            let computed_s = self.on_computed(executor, config, rotating, k)?;
            (computed_s, self.on_poisoned(executor, config, rotating, k)?)
        };
        self.pairs.push((computed_s, poisoned_s));
        Ok(())
    }

    /// Returns the seconds of a batch on computed outputs, after the decoy was poisoned.
    fn on_computed(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<f64, Fault> {
        self.compute(executor, config, rotating, k)?;
        let run = |executor: &mut dyn Executor| rotating.run(executor, k, config.timeout);
        let sampled = self.decoy.poisoned(executor, config, run)?;
        Ok(self.seconds(&sampled))
    }

    /// Returns the seconds of a batch on outputs that were poisoned, of which it checks the last.
    fn on_poisoned(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<f64, Fault> {
        rotating.poison(executor, config.timeout)?;
        let sampled = rotating.run(executor, k, config.timeout)?;
        let inputs = Inputs::new(config.seed, rotating.last_set()).of(config.dist);
        let oracle = Oracle::new(self.case, inputs, self.tile);
        let proof = oracle.check(executor, rotating.handle(), config.timeout)?;
        self.stale = self.stale.take().or(proof.reason());
        Ok(self.seconds(&sampled))
    }

    fn seconds(&self, sampled: &Sampled) -> f64 {
        chosen_s(sampled, self.choice).unwrap_or(sampled.host_ns as f64 * 1e-9).max(1e-9)
    }

    /// Computes the outputs that the next `k` executions write, if they are poisoned: those of all sets, because
    /// the next sets in the rotation are those that caches have forgotten. If that would take long for a kernel
    /// that spends less than a tenth of its time on memory, computes only `k` sets and goes back to them.
    fn compute(
        &mut self,
        executor: &mut dyn Executor,
        config: &Config,
        rotating: &mut Rotating,
        k: u32,
    ) -> Result<(), Fault> {
        let memory_s = self.case.tensors().iter().map(|tensor| tensor.bytes()).sum::<u64>() as f64 / SLOWEST;
        while rotating.poisoned() > 0 {
            let sampled = rotating.run(executor, k, config.timeout)?;
            let each_s = sampled.host_ns as f64 * 1e-9 / f64::from(k);
            if each_s > 10.0 * memory_s && each_s * f64::from(rotating.poisoned()) > CHEAP_S {
                rotating.rewind(k);
                break;
            }
        }
        Ok(())
    }

    /// Whether more pairs may still show that the kernel skips work.
    fn is_open(&self) -> bool {
        let count = self.pairs.len();
        count < MOST_PAIRS && self.against() as f64 > FEW * count as f64 && !self.is_grossly_slower()
    }

    fn is_grossly_slower(&self) -> bool {
        let (count, share) = (self.pairs.len(), self.against() as f64 / self.pairs.len() as f64);
        let is_gross = self.median().is_some_and(|ratio| ratio > GROSS);
        if count < MOST_PAIRS {
            return count >= CLEAR_PAIRS && share >= 1.0 && is_gross;
        }
        let (undisturbed, hardly) = (self.of_fastest(UNDISTURBED), self.of_fastest(HARDLY));
        undisturbed > GROSS && share >= MOST && is_gross
            || undisturbed > CLEARLY && share >= MANY && hardly > GROSS
    }

    /// Returns the number of pairs that speak against the kernel.
    fn against(&self) -> usize {
        self.pairs.iter().filter(|(computed_s, poisoned_s)| *poisoned_s > SUSPICIOUS * computed_s).count()
    }

    fn median(&self) -> Option<f64> {
        let ratio = |(computed_s, poisoned_s): &(f64, f64)| poisoned_s / computed_s;
        median_of_unsorted(&mut self.pairs.iter().map(ratio).collect::<Vec<_>>())
    }

    /// Returns the ratio of the batches at `place` among the fastest on poisoned and on computed outputs.
    fn of_fastest(&self, place: usize) -> f64 {
        let at = |of: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = self.pairs.iter().map(of).collect();
            *all.select_nth_unstable_by(place, f64::total_cmp).1
        };
        at(|pair| pair.1) / at(|pair| pair.0)
    }

    fn accusation(&self) -> Option<String> {
        if let Some(reason) = &self.stale {
            return Some(format!("after outputs were poisoned again: {reason}"));
        }
        let (median, count) = (self.median()?, self.pairs.len());
        self.is_grossly_slower().then(|| {
            format!(
                "skips work that is done already: batches on outputs that were poisoned again take {} times as \
                 long as those on computed outputs (median of {count} pairs)",
                units::significant(median)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::Capabilities;

    fn examined(case: &Case) -> Freshness<'_> {
        let config = Config::default();
        let decoy = Decoy::new(case, &Capabilities::example(), 1, &config);
        Freshness::new(case, Tile::ONE, TimerChoice::Host, decoy, &config)
    }

    /// The accusation of pairs with these ratios: where it is below 1, the batch on computed outputs waited.
    fn with(ratios: Vec<f64>) -> Option<String> {
        let pair = |ratio: f64| if ratio < 1.0 { (4.0 / ratio, 4.0) } else { (1.0, ratio) };
        with_pairs(ratios.into_iter().map(pair).collect())
    }

    fn with_pairs(pairs: Vec<(f64, f64)>) -> Option<String> {
        let case = "stream f32 copy n4096".parse().unwrap();
        let new = examined(&case);
        Freshness { pairs, ..new }.accusation()
    }

    #[test]
    fn pairs_are_accused_if_they_differ_grossly_and_nearly_all() {
        let words = with([vec![0.9; 6], vec![4.0; 18]].concat()).unwrap();
        assert!(words.contains("4.00 times as long") && words.contains("24 pairs"), "{words}");
        assert!(with(vec![4.0; 10]).unwrap().contains("10 pairs"));
        // 17 of 24 are less than three quarters; 1.4 is not gross; nine pairs are too few, and of ten all must
        // differ.
        assert_eq!(with([vec![0.9; 1], vec![4.0; 9]].concat()), None);
        assert_eq!(with([vec![0.9; 7], vec![1.9; 17]].concat()), None);
        assert_eq!(with(vec![1.4; 24]), None);
        assert_eq!(with(vec![4.0; 9]), None);
    }

    #[test]
    fn load_that_lengthens_single_batches_hides_no_skipped_work() {
        // Executions of 1 s, and of 0.1 s where they are skipped; every third batch of the latter waits 5 s. Two
        // thirds of the pairs speak against it, and undisturbed batches are ten times as long.
        let pair = |i: usize| (if i.is_multiple_of(3) { 5.1 } else { 0.1 }, 1.0);
        assert!(with_pairs((0..24).map(pair).collect()).is_some());
        // Of an honest kernel a third of either kind waits: as many pairs speak for it as against it.
        let wait = |i: usize| if i.is_multiple_of(3) { 6.0 } else { 1.0 };
        assert_eq!(with_pairs((0..24).map(|i| (wait(i), wait(i + 1))).collect()), None);
        // Both are looked at further, and one slow batch in ten is no reason to.
        let case = "stream f32 copy n4096".parse().unwrap();
        let new = || examined(&case);
        assert!(Freshness { pairs: (0..5).map(pair).collect(), ..new() }.is_open());
        let one = |i: usize| (1.0, if i == 7 { 6.0 } else { 1.0 });
        assert!(!Freshness { pairs: (0..10).map(one).collect(), ..new() }.is_open());
    }

    #[test]
    fn one_batch_of_each_five_is_chosen_and_not_always_the_same() {
        let case = "stream f32 copy n4096".parse().unwrap();
        let mut freshness = examined(&case);
        let (mut at, mut places) = (0, Vec::new());
        for block in 0..20 {
            at += freshness.due.0;
            // Batches are counted from 1.
            assert_eq!((at - 1) / BLOCK, block);
            places.push((at - 1) % BLOCK);
            freshness.draw();
        }
        assert!((0..BLOCK).all(|place| places.contains(&place)), "{places:?}");
    }
}
