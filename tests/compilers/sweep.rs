//! All that the gate compiles, once for all its tests: the default variants of the suites, and a part of the tuning
//! spaces.

use crate::chips::{CHIPS, cells, compilers, kept, open};
use crate::part::Part;
use crate::table::Table;
use portamark_executors::Compilers;
use portamark_inspect::Cell;
use portamark_kernels::{KernelSource, space};
use portamark_model::suite::Suite;
use portamark_model::variant::Variant;
use portamark_runner::Wanted;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Instant;

/// What the compilers made of the kernels.
#[derive(Default)]
pub struct Sweep {
    /// Default variants of the suite of each chip.
    pub defaults: Vec<Cell>,
    /// The part of the tuning spaces.
    pub space: Vec<Cell>,
}

/// Returns what was compiled; `None` where no compilers are.
pub fn sweep() -> Option<&'static Sweep> {
    static SWEEP: OnceLock<Option<Sweep>> = OnceLock::new();
    SWEEP.get_or_init(|| compilers().map(|compilers| all(&compilers))).as_ref()
}

/// Compiles for all chips, one on each core.
fn all(compilers: &Compilers) -> Sweep {
    let part = Part::of_this_run();
    eprintln!("tuning spaces: {part}");
    let table = Table::here();
    let next = AtomicUsize::new(0);
    let done: Mutex<Sweep> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, usize::from).min(CHIPS.len());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((chip, suite)) = CHIPS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let mut of_chip = one(compilers, chip, suite, &part, &table);
                    let mut done = done.lock().expect("no chip panicked");
                    done.defaults.append(&mut of_chip.defaults);
                    done.space.append(&mut of_chip.space);
                }
            });
        }
    });
    done.into_inner().expect("no chip panicked")
}

fn one(compilers: &Compilers, chip: &str, suite: &str, part: &Part, table: &Table) -> Sweep {
    let started = Instant::now();
    let has_spaces = suite == "full";
    let suite = Suite::resolve(suite).expect("it is built in");
    let mut target = open(compilers, chip);
    let mut kept = kept(&target);
    let source = KernelSource::embedded();
    let defaults = cells(&suite, &mut target, &Wanted::Default, &source, &mut kept);
    // A run that is stopped has not compiled in vain.
    kept.write();
    let mut of_space = Vec::new();
    // Those with a smaller suite have the compiler of another chip, which has its part of the spaces.
    let cases = if has_spaces { part.cases(table, &suite) } else { Vec::new() };
    for case in &cases {
        let Ok(variants) = space(case, &target.device) else { continue };
        let variants = variants.into_iter().map(|(_, variant)| variant);
        let wanted: Vec<Variant> =
            variants.filter(|variant| part.has(chip, case, &variant.to_string())).collect();
        let suite = Suite::new("one", [case.clone()]);
        of_space.append(&mut cells(&suite, &mut target, &Wanted::Among(wanted), &source, &mut kept));
    }
    kept.write();
    let seconds = started.elapsed().as_secs();
    eprintln!(
        "{chip}: {} default variants, {} of tuning spaces, {seconds} s",
        defaults.len(),
        of_space.len()
    );
    Sweep { defaults, space: of_space }
}
