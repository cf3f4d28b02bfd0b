//! The chips that the gate compiles for, and how they are opened.

use portamark_executors::Compilers;
use portamark_inspect::{Cell, Chip, Outcome, chip};
use portamark_kernels::KernelSource;
use portamark_model::suite::Suite;
use portamark_runner::{Kept, Target, Wanted, inspect};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One of each architecture that compilers treat in their own way, with the suite whose default variants are compiled;
/// those that compile longest come first. Compilers of NVIDIA's and Qualcomm's chips take ten times as long as others, so
/// of each of these two one has the suite `full`, and with it a part of the tuning spaces.
pub const CHIPS: [(&str, &str); 10] = [
    ("ampere", "full"),
    ("volta", "standard"),
    ("turing", "standard"),
    ("apple-m1", "full"),
    ("adreno-750", "full"),
    ("adreno-660", "standard"),
    ("gfx1201", "full"),
    ("navi31", "full"),
    ("polaris10", "full"),
    ("navi21", "full"),
];

/// Longer than any compilation takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// The compilers; none where they are not here and not required.
pub fn compilers() -> Option<Compilers> {
    match Compilers::find() {
        Ok(compilers) => Some(compilers),
        Err(reason) => {
            let required = std::env::var_os("PORTAMARK_REQUIRE_COMPILERS").is_some();
            assert!(!required, "{reason}, but they are required; scripts/drivers.sh compilers fetches them");
            eprintln!("{reason}: nothing is compiled here");
            None
        }
    }
}

/// Opens the chip called `name`.
pub fn open(compilers: &Compilers, name: &str) -> Target {
    let chip: &'static Chip = chip(name).unwrap_or_else(|| panic!("no chip is called {name}"));
    let program = Path::new(env!("CARGO_BIN_EXE_portamark"));
    Target::stand_in(compilers, program, chip).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

/// Facts of earlier runs, which PORTAMARK_PROOFS=anew leaves out.
pub fn kept(target: &Target) -> Kept {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspect");
    let anew = std::env::var_os("PORTAMARK_PROOFS").is_some_and(|wish| wish == "anew");
    Kept::read((!anew).then_some(folder.as_path()), &target.name, &target.device)
}

/// Compiles the variants that are `wanted` of each case of `suite`.
pub fn cells(
    suite: &Suite,
    target: &mut Target,
    wanted: &Wanted,
    source: &KernelSource,
    kept: &mut Kept,
) -> Vec<Cell> {
    let (least, most) = (target.device.subgroup_min, target.device.subgroup_max);
    let mut cells = Vec::new();
    inspect(suite, target, wanted, source, kept, DEADLINE, &mut |cell| {
        cells.push(of_known_subgroups(cell, least, most));
        true
    });
    cells
}

/// Kernels are made for the subgroups that the device is said to have. One that is compiled for others computes
/// something else.
fn of_known_subgroups(mut cell: Cell, least: u32, most: u32) -> Cell {
    let sizes = cell.steps().iter().filter_map(|facts| facts.statistics.subgroup_size);
    let stranger = sizes.into_iter().find(|size| !(least..=most).contains(size));
    if let Some(size) = stranger.filter(|_| least > 0) {
        let reason =
            format!("it was compiled for subgroups of {size}, and the kernel was made for {least} to {most}");
        cell.outcome = Outcome::Failed { reason };
    }
    cell
}
