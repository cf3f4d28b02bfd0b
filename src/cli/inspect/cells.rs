//! Cells of all targets, side by side.

use super::targets::{Opener, Wish, left_out};
use portamark_inspect::Cell;
use portamark_kernels::KernelSource;
use portamark_model::suite::Suite;
use portamark_runner::{Foreign, Kept, Target, Wanted, inspect, inspect_foreign};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
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
    beside(wishes, opener, &|target| {
        let mut kept = Kept::read(sweep.kept.as_deref(), &target.name, &target.device);
        let mut cells = Vec::new();
        inspect(sweep.suite, target, sweep.wanted, sweep.source, &mut kept, sweep.timeout, &mut |cell| {
            cells.push(cell);
            true
        });
        kept.write();
        cells
    })
}

/// Returns the cells of SPIR-V of other programs on all targets, as [`cells`] does.
pub fn foreign_cells(wishes: &[Wish], opener: &Opener, files: &[Foreign], timeout: Duration) -> Vec<Cell> {
    beside(wishes, opener, &|target| {
        files.iter().map(|file| inspect_foreign(target, file, timeout)).collect()
    })
}

fn beside(wishes: &[Wish], opener: &Opener, work: &(dyn Fn(&mut Target) -> Vec<Cell> + Sync)) -> Vec<Cell> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<Cell>)>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(wishes.len());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(wish) = wishes.get(number) else { break };
                    let cells = match opener.open(wish) {
                        Ok(mut target) => work(&mut target),
                        Err(reason) => {
                            left_out(wish, &reason);
                            Vec::new()
                        }
                    };
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, cells));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, cells)| cells).collect()
}
