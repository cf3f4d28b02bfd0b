//! What the runner costs: device time through a child process against the same without one, the part of
//! the wall time in which the device idles, and the runner's own memory over the cases of a suite.
//!
//! `cargo run --release --example runner_cost -- time [KEY]`
//! `cargo run --release --example runner_cost -- memory [SUITE | KEY …]` (Linux)

use portamark_executors::protocol::{Prepare, Request, Response};
use portamark_executors::{ChildExecutor, Executor, Fault, Program, Service, WgpuService};
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::Oracle;
use portamark_model::device::Capabilities;
use portamark_model::suite::Suite;
use portamark_model::units;
use portamark_model::workload::{Case, Inputs, Tile};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);
/// Turns of both sides, and samples in each.
const TURNS: usize = 20;
const SAMPLES: usize = 15;

/// The executor within this process: no child, no pipe, no deadline.
struct Direct(WgpuService);

impl Executor for Direct {
    fn call(&mut self, request: &Request, _: Duration) -> Result<Response, Fault> {
        Ok(self.0.handle(request.clone()))
    }
}

/// One side: its executor and its preparation there.
struct Side<'a> {
    executor: &'a mut dyn Executor,
    handle: u32,
    device_s: Vec<f64>,
    busy_s: f64,
    wall_s: f64,
}

impl<'a> Side<'a> {
    fn new(executor: &'a mut dyn Executor, device: &Capabilities, case: &Case) -> Self {
        let plan = default_plan(case, device, &KernelSource::embedded()).unwrap_or_else(|e| panic!("{e}"));
        let prepare = Prepare::new(device, case, Some(plan)).but(|it| {
            it.sets = 2;
            it.memory_limit = 2 << 30;
        });
        let handle = executor.prepare(prepare, DEADLINE).unwrap_or_else(|e| panic!("{e}")).handle;
        for _ in 0..20 {
            executor.sample(handle, 1, 0, DEADLINE).unwrap_or_else(|e| panic!("{e}"));
        }
        Side { executor, handle, device_s: Vec::new(), busy_s: 0.0, wall_s: 0.0 }
    }

    fn turn(&mut self) {
        let started = Instant::now();
        for number in 0..SAMPLES {
            let sampled = self.executor.sample(self.handle, 1, number as u32 % 2, DEADLINE);
            let sampled = sampled.unwrap_or_else(|e| panic!("{e}"));
            let seconds = sampled.device_ns.unwrap_or(sampled.host_ns) as f64 * 1e-9;
            self.device_s.push(seconds);
            self.busy_s += seconds;
        }
        self.wall_s += started.elapsed().as_secs_f64();
    }

    fn median(&mut self) -> f64 {
        self.device_s.sort_by(f64::total_cmp);
        self.device_s[self.device_s.len() / 2]
    }
}

fn time(key: &str) {
    let case: Case = key.parse().unwrap_or_else(|e| panic!("{e}"));
    // An example lies in target/<profile>/examples, the program beside that folder.
    let here = std::env::current_exe().expect("own path");
    let program = here.parent().and_then(|p| p.parent()).expect("target folder").join("portamark");
    let program = Program::new(program, vec!["executor".into(), "wgpu".into()]);
    let mut child = ChildExecutor::new(program);
    let mut direct = Direct(WgpuService::new());
    let (_, devices) = child.hello(DEADLINE).unwrap_or_else(|e| panic!("{e}"));
    direct.hello(DEADLINE).unwrap_or_else(|e| panic!("{e}"));
    let device = devices.first().expect("a device");
    let mut with = Side::new(&mut child, device, &case);
    let mut without = Side::new(&mut direct, device, &case);
    for turn in 0..TURNS {
        // A B, then B A: both see the same disturbances.
        let order: [&mut Side; 2] =
            if turn % 2 == 0 { [&mut with, &mut without] } else { [&mut without, &mut with] };
        order.into_iter().for_each(Side::turn);
    }
    let (through, alone) = (with.median(), without.median());
    println!("{} on {}: {} samples a side", case, device.id, TURNS * SAMPLES);
    println!("  device time of an execution without the runner: {}", units::seconds(alone));
    println!("  through the runner's child process:             {}", units::seconds(through));
    println!("  the runner adds {:+.2} % to it", 100.0 * (through / alone - 1.0));
    let idle = |side: &Side| 100.0 * (1.0 - side.busy_s / side.wall_s);
    println!("  device idle between samples: {:.2} % with, {:.2} % without", idle(&with), idle(&without));
}

/// A field of `/proc/self/status` in bytes.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    line.trim_start_matches(':')
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        << 10
}

fn memory(words: &[String]) {
    let cases: Vec<Case> = match words {
        [] => Suite::resolve("full").unwrap_or_else(|e| panic!("{e}")).cases,
        [suite] if suite.parse::<Case>().is_err() => {
            Suite::resolve(suite).unwrap_or_else(|e| panic!("{e}")).cases
        }
        keys => keys.iter().map(|key| key.parse().unwrap_or_else(|e| panic!("{e}"))).collect(),
    };
    println!("{} cases; before the first {}", cases.len(), units::bytes(status("VmHWM")));
    let mut worst = (0, String::new());
    for case in &cases {
        // Forgets the peak so far.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let started = Instant::now();
        let oracle = Oracle::new(case, Inputs::new(1, 0), Tile::ONE);
        let peak = status("VmHWM");
        if peak > worst.0 {
            worst = (peak, case.key());
            let seconds = units::seconds(started.elapsed().as_secs_f64());
            println!("  {:>8} {seconds:>8} {} points of {case}", units::bytes(peak), oracle.points.len());
        }
    }
    println!("most: {} for {}", units::bytes(worst.0), worst.1);
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, rest)) if word == "time" => {
            time(rest.first().map_or("gemm f32 m512 n512 k512 nn", String::as_str));
        }
        Some((word, rest)) if word == "memory" => memory(rest),
        _ => println!("usage: runner_cost time [KEY] | memory [SUITE | KEY ...]"),
    }
}
