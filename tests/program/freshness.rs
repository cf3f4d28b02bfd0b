//! Kernels that skip work which is done already are found, and honest ones are not accused, however noisy the
//! machine.

use super::folder::Folder;
use portamark_executors::fake::{Act, Fake, On, Rule, Script};
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::{Config, Ended, Measurement, Session, measure};
use portamark_model::workload::Case;
use portamark_results::{Status, TimerChoice, TimerReport, load_all};
use predicates::str::contains;
use std::time::Duration;

/// Measures `key` with the default kernel, as if it were the user's own. With a `factor` it skips finished work
/// and is that much faster then. Times vary by ± `noise`.
fn measured(key: &str, factor: Option<f64>, noise: f64, seed: u32, config: Config) -> Measurement {
    measured_with(key, factor, Script { noise, noise_seed: seed, ..Script::default() }, config)
}

fn measured_with(key: &str, factor: Option<f64>, script: Script, config: Config) -> Measurement {
    let seed = script.noise_seed;
    let skip = |factor| Rule { factor, ..Rule::new(key, On::Prepare, Act::Skip) };
    let script = Script { rules: factor.map(skip).into_iter().collect(), ..script };
    let (mut fake, device, source) = (Fake::from_script(script), Script::device(), KernelSource::embedded());
    let warmup = Duration::ZERO;
    let config = Config { repoison: true, max_samples: 60, warmup, ..config };
    let timer = TimerReport::untested(String::new()).but(|it| {
        it.chosen = if seed.is_multiple_of(2) { TimerChoice::Device } else { TimerChoice::Host };
        it.tick_ns = Some(1.0);
        it.empty_host_s = 21e-6;
        it.empty_device_s = Some(1e-6);
    });
    let case: Case = key.parse().unwrap();
    let plan = default_plan(&case, &device, &source).unwrap();
    let mut session = Session::new(&mut fake, &device, &timer);
    let measured = measure(&mut session, &config, &case, Some(&plan), None);
    assert_eq!(fake.held(), 0);
    measured
}

fn is_found(measured: &Measurement) -> bool {
    matches!(&measured.ended, Ended::Wrong(reason) if reason.contains("skips work that is done already"))
}

/// Cases with few and many executions in a batch, and with few and many buffer sets.
const CASES: [&str; 4] = [
    "gemm f32 m64 n64 k64 nn",
    "gemm f32 m64 n64 k4096 nn",
    "stream f32 copy n4096",
    "stream f32 copy n16777216",
];

#[test]
fn a_kernel_that_skips_finished_work_is_wrong_and_has_no_time() {
    for (number, key) in CASES.into_iter().enumerate() {
        for noise in [0.0, 0.1, 0.4] {
            let measured = measured(key, Some(10.0), noise, number as u32, Config::default());
            assert!(is_found(&measured), "{key}, ±{noise}: {:?}", measured.ended);
            assert!(measured.timing.is_none());
        }
    }
}

#[test]
fn it_is_found_among_warm_caches_too_where_a_batch_returns_to_its_only_set() {
    let warm = || Config { rotate: false, ..Config::default() };
    let found = measured("gemm f32 m512 n512 k512 nn", Some(10.0), 0.0, 4, warm());
    assert!(is_found(&found), "{:?}", found.ended);
    // 268 MFLOP at 1 TFLOP/s: 268 µs, and 27 µs where they are done. The first batch after poison takes
    // 1 + 268 µs on the device, the other 1 + 27: 9.7 times as long.
    assert!(
        matches!(&found.ended, Ended::Wrong(reason) if reason.contains("take 9.68 times")),
        "{:?}",
        found.ended
    );
}

#[test]
fn honest_kernels_are_not_accused_on_a_noisy_machine() {
    // ±60 %: a batch may take four times as long as the one before it.
    for noise in [0.0, 0.1, 0.3, 0.6] {
        for seed in 0..2 {
            for key in CASES {
                let measured = measured(key, None, noise, seed, Config::default());
                assert_eq!(measured.ended, Ended::Ok, "{key}, ±{noise}, seed {seed}");
            }
        }
    }
}

#[test]
fn caches_that_poisoning_disturbs_accuse_no_honest_kernel_and_hide_no_other() {
    for (seed, key) in (0..).zip(CASES) {
        for disturbance in [3.0, 10.0] {
            let script = || Script { noise: 0.1, noise_seed: seed, disturbance, ..Script::default() };
            let measured = |factor| measured_with(key, factor, script(), Config::default());
            assert_eq!(measured(None).ended, Ended::Ok, "{key}, {disturbance} times as long");
            assert!(is_found(&measured(Some(10.0))), "{key}, {disturbance} times as long");
        }
    }
}

#[test]
fn an_output_that_stays_poisoned_when_it_is_poisoned_again_is_named() {
    // Proof, warm-up and fit come before: 2 + 3 + 9 batches at least. Batches from the 20th on leave a part
    // unwritten.
    let late = Rule { after: 20, ..Rule::new("*", On::Sample, Act::Unwritten) };
    let mut fake = Fake::from_script(Script { rules: vec![late], ..Script::default() });
    let (device, source) = (Script::device(), KernelSource::embedded());
    let config = Config { repoison: true, warmup: Duration::ZERO, ..Config::default() };
    let timer = TimerReport::untested(String::new());
    let case: Case = CASES[0].parse().unwrap();
    let plan = default_plan(&case, &device, &source).unwrap();
    let ended =
        measure(&mut Session::new(&mut fake, &device, &timer), &config, &case, Some(&plan), None).ended;
    assert!(matches!(&ended, Ended::Wrong(reason) if reason.contains("were not written")), "{ended:?}");
}

#[test]
fn an_own_kernel_is_examined_and_those_of_the_program_are_not() {
    let skip = "[[rules]]\non = 'prepare'\nact = 'skip'\nfactor = 20\n";
    let folder = Folder::with_suite("[[case]]\nkey = \"gemm f32 m64 n64 k64 nn\"\n");
    folder.write(
        "mine.wgsl",
        "// portamark: case = \"gemm f32 m64 n64 k64 nn\"\n// portamark: workgroups = \"1\"\n@compute fn main() {}",
    );
    let executor = folder.executor("skips.toml", skip);
    let run = [
        "run",
        "small.toml",
        "-o",
        "out",
        "--warmup",
        "1ms",
        "--kernel",
        "mine.wgsl",
        "--executor",
        &executor,
    ];
    let run = folder.portamark(&run).assert().code(1);
    run.stderr(contains("own/mine checked: wrong: skips work that is done already"));
    let rows = &load_all(&[folder.path("out")]).unwrap()[0].rows;
    assert_eq!(rows.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Ok, Status::Wrong]);
}
