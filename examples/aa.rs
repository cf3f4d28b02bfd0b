//! Whether verdicts can be believed: A/A, a case compared with itself many times, and A/B, with work
//! that is 5 % more.
//!
//! `cargo build --release && cargo run --release --example aa`, with VK_DRIVER_FILES for a driver of
//! one's choice. Every comparison is what `portamark run --ab` does by default: seven processes a side,
//! A B B A. For speed all of an experiment are one run, whose repeats are taken seven by seven.
//!
//! The slower kernel is the same one on 5 % more rows: 21 tiles of 64 for 20, so that it does 5 % more
//! of the very same work; its rows are then taken for rows of the shorter case.
//!
//! Lavapipe gets one thread: with as many as there are cores another program puts two of them on one
//! core, in one process and not in the next, for as long as a process lasts.

use portamark_analysis::{VerdictRule, verdicts};
use portamark_model::suite::Suite;
use portamark_results::{AbSide, RunFile, load_all};
use portamark_runner::{BuiltIn, Earlier, Events, Executors, Options, Side, Variants, run_sides};
use portamark_stats::{clopper_pearson, geometric_mean};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const CASE: &str = "gemm f32 m1280 n128 k128 nn";
const LONGER: &str = "gemm f32 m1344 n128 k128 nn";
/// Processes of each side in a comparison, and what each case may take: the defaults of `run --ab`.
const PROCESSES: u32 = 7;
const MAX_TIME: Duration = Duration::from_secs(5);

/// What a run says, on stderr.
struct Told;

impl Events for Told {
    fn note(&self, text: &str) {
        eprintln!("{text}");
    }
}

struct Experiment {
    comparisons: u32,
    trials: u32,
    seed: u32,
    device: String,
    cache: String,
    folder: PathBuf,
}

fn options() -> Result<Experiment, String> {
    let mut options = Experiment {
        comparisons: 200,
        trials: 50,
        seed: 1,
        device: "0".into(),
        cache: "rotated".into(),
        folder: "target/aa".into(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|error| format!("{word} {value}: {error}"));
        match word.as_str() {
            "--comparisons" => options.comparisons = number()?,
            "--trials" => options.trials = number()?,
            "--seed" => options.seed = number()?,
            "--device" => options.device = value,
            "--cache" => options.cache = value,
            "--folder" => options.folder = value.into(),
            _ => {
                return Err(format!(
                    "{word}: there is --comparisons N, --trials N, --seed N, --device NAME, --cache STATE, --folder DIR"
                ));
            }
        }
    }
    Ok(options)
}

/// The files of A and of B in `folder`.
fn sides(folder: &Path) -> Result<[RunFile; 2], String> {
    let mut files = load_all(&[folder.to_path_buf()]).map_err(|error| error.to_string())?;
    files.sort_by_key(|file| file.header.ab.as_ref().map(|ab| ab.side.clone()));
    files.try_into().map_err(|files: Vec<RunFile>| format!("{} files for two sides", files.len()))
}

/// Runs `count` comparisons of `other` (B) with [`CASE`] (A); gives the files of A and of B. A run that
/// was interrupted goes on, and one that is finished is only judged again.
fn measure(options: &Experiment, name: &str, other: &str, count: u32) -> Result<[RunFile; 2], String> {
    let folder = options.folder.join(format!("{name}-{}", options.seed));
    let repeats = PROCESSES * count;
    let finished = |file: &RunFile| !file.is_interrupted() && file.rows.len() == repeats as usize;
    if let Some(files) = sides(&folder).ok().filter(|files| files.iter().all(finished)) {
        return Ok(files);
    }
    let example = std::env::current_exe().map_err(|error| error.to_string())?;
    let binary = example.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("portamark");
    let mut executors = Executors::default();
    executors.built_in = BuiltIn::Program(binary.clone());
    executors.environment = vec![("LP_NUM_THREADS".into(), "1".into())];
    let found = executors
        .find(std::slice::from_ref(&options.device), &Told)
        .map_err(|error| format!("{}: {error}; build it first", binary.display()))?;
    let [place] = &found.chosen[..] else {
        return Err(format!("--device {} is {} devices", options.device, found.chosen.len()));
    };
    let side = |side: &str, key: &str| -> Result<Side, String> {
        let case = key.parse().map_err(|error| format!("{key}: {error}"))?;
        let mut run = Options::new(Suite::new("quick", vec![case]), &folder);
        run.settings.seed = options.seed;
        // Times of a case are divided by its repeats.
        run.settings.max_time = MAX_TIME * count;
        run.settings.rotate = options.cache == "rotated";
        run.choice.variants = Variants::Untuned;
        run.repeats = repeats;
        run.earlier = Earlier::Resume;
        let words = format!("device={},case={key}", options.device);
        let ab = AbSide::new(side, words);
        Ok(Side { options: run, place: place.clone(), present: found.present.clone(), ab })
    };
    let (a, b) = (side("A", CASE)?, side("B", other)?);
    let finished = run_sides([&a, &b], &AtomicBool::new(false), &Told).map_err(|error| error.to_string())?;
    if finished.defects > 0 {
        return Err(format!("{name}: {} rows did not end well", finished.defects));
    }
    sides(&folder)
}

/// What the comparisons of an experiment say.
#[derive(Default)]
struct Tally {
    words: BTreeMap<&'static str, u64>,
    ratios: Vec<f64>,
    widths: Vec<f64>,
}

fn judge([a, b]: &[RunFile; 2], count: u32, seed: u32) -> Tally {
    let mut tally = Tally::default();
    for number in 0..count {
        // The processes of a side, as the file of a run of its own would hold them.
        let part = |file: &RunFile| {
            let mut part = RunFile {
                rows: Vec::new(),
                path: file.path.clone(),
                header: file.header.clone(),
                end: None,
                problems: Vec::new(),
            };
            let of = |repeat: u32| (repeat - 1) / PROCESSES == number;
            part.rows.extend(file.rows.iter().filter(|row| of(row.repeat)).cloned());
            part.rows.iter_mut().for_each(|row| row.case = CASE.into());
            part
        };
        let rule = VerdictRule::seeded(u64::from(seed) << 32 | u64::from(number));
        for verdict in verdicts(&[part(b)], &[part(a)], &rule) {
            *tally.words.entry(verdict.judgement.verdict.word()).or_insert(0) += 1;
            if let Some(ratio) = verdict.judgement.ratio {
                tally.ratios.push(ratio.interval.estimate);
                tally.widths.push(ratio.hi / ratio.lo);
            }
        }
    }
    tally
}

/// Prints one experiment and gives it as JSON.
fn tell(name: &str, tally: &Tally, counted: &[&str], seconds: f64) -> serde_json::Value {
    let total: u64 = tally.words.values().sum();
    let hits: u64 = counted.iter().filter_map(|word| tally.words.get(word)).sum();
    let (lo, hi) = clopper_pearson(hits, total, 0.95).unwrap_or((0.0, 1.0));
    let half_width = geometric_mean(&tally.widths).map_or(f64::NAN, |width| 50.0 * width.ln());
    let mut sorted = tally.ratios.clone();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (sorted.first().copied(), sorted.last().copied());
    let words: Vec<String> = tally.words.iter().map(|(word, count)| format!("{count} {word}")).collect();
    println!("{name}: {total} comparisons in {seconds:.0} s: {}", words.join(", "));
    println!(
        "  {}: {hits} of {total} = {:.1} %, 95 % interval {:.1} to {:.1} %",
        counted.join(" or "),
        100.0 * hits as f64 / total.max(1) as f64,
        100.0 * lo,
        100.0 * hi
    );
    println!(
        "  ratio {:.4} (geometric mean), from {:.4} to {:.4}; its interval +-{half_width:.2} %",
        geometric_mean(&tally.ratios).unwrap_or(f64::NAN),
        least.unwrap_or(f64::NAN),
        most.unwrap_or(f64::NAN)
    );
    serde_json::json!({
        "comparisons": total, "verdicts": tally.words, "counted": counted, "hits": hits,
        "interval": [lo, hi], "ratios": tally.ratios, "seconds": seconds
    })
}

fn main() -> Result<(), String> {
    let options = options()?;
    std::fs::create_dir_all(&options.folder).map_err(|error| error.to_string())?;
    let mut json = serde_json::Map::new();
    json.insert("seed".into(), options.seed.into());
    json.insert("case".into(), CASE.into());
    json.insert("longer".into(), LONGER.into());
    let experiments = [
        ("aa", CASE, options.comparisons, &["faster", "slower"][..]),
        ("ab", LONGER, options.trials, &["slower"]),
    ];
    for (name, other, count, counted) in experiments.into_iter().filter(|(_, _, count, _)| *count > 0) {
        let started = Instant::now();
        let files = measure(&options, name, other, count)?;
        let seconds = started.elapsed().as_secs_f64();
        json.insert("device".into(), files[0].header.device.id.clone().into());
        let tally = judge(&files, count, options.seed);
        json.insert(name.into(), tell(name, &tally, counted, seconds));
    }
    let path = options.folder.join(format!("verdicts-{}.json", options.seed));
    let text = serde_json::to_string_pretty(&json).map_err(|error| error.to_string())?;
    std::fs::write(&path, text + "\n").map_err(|error| error.to_string())?;
    println!("{}", path.display());
    Ok(())
}
