//! What the host executor leaves of the speed of the `gemm` crate: the crate called alone, as its own
//! benchmark does (one matrix of each, all threads), and the executor answering `sample`, in turns.
//! `cargo run --release --example host_products [threads]`

use portamark_executors::protocol::{Prepare, Request, Response};
use portamark_executors::{HostService, Service};
use portamark_model::device::Capabilities;
use portamark_model::workload::Case;
use std::time::Instant;

const TURNS: usize = 31;

fn main() {
    let threads = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let mut host = HostService::new(threads);
    let Response::Hello { devices, .. } = host.handle(Request::Hello { protocol: 1 }) else {
        panic!("no hello")
    };
    println!("{}", devices[0].id);
    println!("{:<32} {:>12} {:>12} {:>8}", "case", "crate", "executor", "part");
    for size in [256usize, 512, 1024, 2048] {
        for layout in ["nn", "nt", "tn"] {
            compare(&mut host, &devices[0], size, layout);
        }
    }
}

fn compare(host: &mut HostService, device: &Capabilities, size: usize, layout: &str) {
    let case: Case = format!("gemm f32 m{size} n{size} k{size} {layout}").parse().expect("a key");
    let request = Request::Prepare(Box::new(Prepare::new(device, &case, None)));
    let Response::Prepared(prepared) = host.handle(request) else { panic!("not prepared") };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let (a, b) = (vec![0.5f32; size * size], vec![0.25f32; size * size]);
    let mut c = vec![0f32; size * size];
    let row = size as isize;
    let strides = |transposed: bool| if transposed { (1, row) } else { (row, 1) };
    let (of_a, of_b) = (strides(layout.starts_with('t')), strides(layout.ends_with('t')));
    let mut alone = || {
        let started = Instant::now();
        // SAFETY: three matrices of size², row-major or column-major.
        unsafe {
            gemm::gemm(
                size,
                size,
                size,
                c.as_mut_ptr(),
                1,
                row,
                false,
                a.as_ptr(),
                of_a.1,
                of_a.0,
                b.as_ptr(),
                of_b.1,
                of_b.0,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::Rayon(threads),
            );
        }
        started.elapsed().as_secs_f64()
    };
    let mut served = || match host.handle(Request::Sample { handle: prepared.handle, k: 1, first_set: 0 }) {
        Response::Sampled(sampled) => sampled.host_ns as f64 * 1e-9,
        other => panic!("{other:?}"),
    };
    let (mut crate_s, mut executor_s) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        if turn % 2 == 0 {
            crate_s.push(alone());
            executor_s.push(served());
        } else {
            executor_s.push(served());
            crate_s.push(alone());
        }
    }
    let middle = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        case.flop() as f64 / seconds[seconds.len() / 2] * 1e-9
    };
    let (crate_rate, executor_rate) = (middle(&mut crate_s), middle(&mut executor_s));
    println!(
        "{:<32} {crate_rate:>7.1} GF/s {executor_rate:>7.1} GF/s {:>8.3}",
        case.key(),
        executor_rate / crate_rate
    );
    host.handle(Request::Release { handle: prepared.handle });
}
