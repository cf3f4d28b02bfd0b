//! Cells of all targets, side by side.

use super::targets::{Opener, Wish, left_out};
use portamark_inspect::Cell;
use portamark_kernels::KernelSource;
use portamark_model::suite::Suite;
use portamark_runner::{Kept, Wanted, inspect};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is compiled, and how.
pub struct Sweep<'a> {
    /// Cases.
    pub suite: &'a Suite,
    /// Variants.
    pub wanted: &'a Wanted,
    /// Kernel texts.
    pub source: &'a KernelSource,
    /// Folder of earlier facts; `None` keeps nothing.
    pub kept: Option<PathBuf>,
    /// Time of one compilation.
    pub timeout: Duration,
}

/// Returns the cells of all targets, in the order of `wishes`. Compilers run beside each other, one on each core. A
/// target that cannot be opened is left out with a note.
pub fn cells(wishes: &[Wish], opener: &Opener, sweep: &Sweep) -> Vec<Cell> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<Cell>)>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(wishes.len());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((number, wish)) = {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    wishes.get(number).map(|wish| (number, wish))
                } {
                    let cells = of_one(wish, opener, sweep);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, cells));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, cells)| cells).collect()
}

fn of_one(wish: &Wish, opener: &Opener, sweep: &Sweep) -> Vec<Cell> {
    let mut target = match opener.open(wish) {
        Ok(target) => target,
        Err(reason) => {
            left_out(wish, &reason);
            return Vec::new();
        }
    };
    let mut kept = Kept::read(sweep.kept.as_deref(), &target.name, &target.device);
    let mut cells = Vec::new();
    inspect(sweep.suite, &mut target, sweep.wanted, sweep.source, &mut kept, sweep.timeout, &mut |cell| {
        cells.push(cell);
        true
    });
    kept.write();
    cells
}
