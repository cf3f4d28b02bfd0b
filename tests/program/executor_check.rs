//! The conformance test: it passes for the host executor, and each executor made wrong on purpose is
//! caught by the check that is meant for it.

use portamark_executors::protocol::{Request, Response, decode_values, encode_values};
use portamark_executors::{ChildExecutor, Executor, Fault, Program};
use portamark_measure::conformance::{CheckOutcome, Finding, check};
use portamark_model::device::Capabilities;
use std::collections::BTreeMap;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

fn host() -> ChildExecutor {
    let arguments = ["executor", "host", "--threads", "1"].map(String::from);
    ChildExecutor::new(Program::new(env!("CARGO_BIN_EXE_portamark"), arguments.into()))
}

/// A host executor whose requests and answers pass through `wrong`.
struct Wrong<F> {
    inner: ChildExecutor,
    wrong: F,
}

impl<F: FnMut(&mut ChildExecutor, Request) -> Result<Response, Fault>> Executor for Wrong<F> {
    fn call(&mut self, request: &Request, _: Duration) -> Result<Response, Fault> {
        (self.wrong)(&mut self.inner, request.clone())
    }

    fn generation(&self) -> u32 {
        self.inner.generation()
    }

    fn end(&mut self) {
        self.inner.end();
    }
}

fn findings(mut executor: impl Executor) -> Vec<Finding> {
    let (_, devices) = executor.hello(DEADLINE).unwrap();
    let device: Capabilities = devices[0].clone();
    check(&mut executor, &device, DEADLINE)
}

/// The checks that fail for a host executor with `wrong` between it and the runner.
fn caught(wrong: impl FnMut(&mut ChildExecutor, Request) -> Result<Response, Fault>) -> Vec<&'static str> {
    let found = findings(Wrong { inner: host(), wrong });
    of_outcome(&found, CheckOutcome::Failed)
}

fn of_outcome(found: &[Finding], outcome: CheckOutcome) -> Vec<&'static str> {
    found.iter().filter(|finding| finding.outcome == outcome).map(|finding| finding.check).collect()
}

/// Asserts that `check`, which looks at clocks, catches `wrong`, and that no other one does. On a busy machine it may not
/// be sure, and so may others that look at clocks: then it only must not pass.
fn only_caught_by(check: &str, wrong: impl FnMut(&mut ChildExecutor, Request) -> Result<Response, Fault>) {
    let found = findings(Wrong { inner: host(), wrong });
    let (failed, unsure) =
        (of_outcome(&found, CheckOutcome::Failed), of_outcome(&found, CheckOutcome::Inconclusive));
    assert!(failed.iter().all(|other| *other == check), "{found:#?}");
    assert!(failed.contains(&check) || unsure.contains(&check), "{found:#?}");
}

fn pass(inner: &mut ChildExecutor, request: Request) -> Result<Response, Fault> {
    inner.call(&request, DEADLINE)
}

#[test]
fn the_host_executor_passes_every_check() {
    let found = findings(host());
    let failed: Vec<String> =
        found.iter().filter(|f| f.outcome != CheckOutcome::Passed).map(|f| f.to_string()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let checks: Vec<&str> = found.iter().map(|finding| finding.check).collect();
    assert_eq!(
        checks,
        [
            "hello",
            "versions",
            "unknown",
            "lines",
            "refusals",
            "inputs",
            "poison",
            "sets",
            "fresh",
            "proof",
            "clock",
            "host-time",
            "k",
            "bye"
        ]
    );
}

#[test]
fn nothing_between_executor_and_runner_is_no_fault() {
    assert_eq!(caught(pass), [""; 0]);
}

#[test]
fn inputs_of_another_seed_are_caught() {
    let found = caught(|inner, request| match request {
        Request::Prepare(mut prepare) => {
            prepare.seed ^= 1;
            pass(inner, Request::Prepare(prepare))
        }
        other => pass(inner, other),
    });
    assert!(found.contains(&"inputs") && found.contains(&"proof"), "{found:?}");
}

#[test]
fn one_distribution_for_all_is_caught_by_the_inputs_alone() {
    let found = caught(|inner, request| match request {
        Request::Prepare(mut prepare) => {
            prepare.dist = Default::default();
            pass(inner, Request::Prepare(prepare))
        }
        other => pass(inner, other),
    });
    assert_eq!(found, ["inputs"]);
}

#[test]
fn stale_output_is_caught() {
    // It computes once, and gives what it has ever after.
    let mut computed = BTreeMap::new();
    let found = caught(move |inner, request| match request {
        Request::Sample { handle, .. } if computed.contains_key(&handle) => {
            std::thread::sleep(Duration::from_micros(50));
            pass(inner, Request::Sample { handle, k: 0, first_set: 0 })
        }
        Request::Sample { handle, .. } => {
            computed.insert(handle, ());
            pass(inner, Request::Sample { handle, k: 3, first_set: 0 })
        }
        Request::Poison { handle } if computed.contains_key(&handle) => Ok(Response::Done),
        other => pass(inner, other),
    });
    assert!(found.contains(&"poison") && found.contains(&"sets"), "{found:?}");
}

#[test]
fn a_count_of_poison_that_is_made_up_is_caught() {
    let found = caught(|inner, request| match pass(inner, request)? {
        Response::Values { values, .. } => Ok(Response::Values { values, poisoned: 0 }),
        other => Ok(other),
    });
    assert!(found.contains(&"poison"), "{found:?}");
}

#[test]
fn one_set_for_all_is_caught() {
    let found = caught(|inner, request| match request {
        Request::Sample { handle, k, .. } => {
            pass(inner, Request::Sample { handle, k: k.min(1), first_set: 0 })
        }
        Request::Read { handle, elements, .. } => pass(inner, Request::Read { handle, set: 0, elements }),
        other => pass(inner, other),
    });
    for check in ["inputs", "sets", "fresh"] {
        assert!(found.contains(&check), "{check} is not in {found:?}");
    }
}

#[test]
fn an_executor_that_ignores_k_is_caught() {
    // Every set is written, and no more than once.
    only_caught_by("k", |inner, request| match request {
        Request::Sample { handle, k, first_set } => {
            pass(inner, Request::Sample { handle, k: k.min(3), first_set })
        }
        other => pass(inner, other),
    });
}

#[test]
fn clocks_that_say_less_or_more_than_passes_are_caught() {
    for factor in [0.5, 1.5] {
        only_caught_by("host-time", |inner, request| match pass(inner, request)? {
            Response::Sampled(mut sampled) => {
                sampled.host_ns = (sampled.host_ns as f64 * factor) as u64;
                Ok(Response::Sampled(sampled))
            }
            other => Ok(other),
        });
    }
}

#[test]
fn a_value_that_is_off_is_caught_by_the_proofs() {
    let found = caught(|inner, request| match (request.clone(), pass(inner, request)?) {
        (Request::Read { .. }, Response::Values { values, poisoned }) => {
            let mut values = decode_values(&values).unwrap();
            if let Some(last) = values.last_mut() {
                *last += 1.0 + last.abs() / 4.0;
            }
            Ok(Response::Values { values: encode_values(&values), poisoned })
        }
        (_, other) => Ok(other),
    });
    for check in ["inputs", "fresh", "proof"] {
        assert!(found.contains(&check), "{check} is not in {found:?}");
    }
}

#[test]
fn what_should_be_refused_and_is_not_is_caught() {
    // Any device will do, and any memory.
    let found = caught(|inner, request| match request {
        Request::Prepare(mut prepare) => {
            prepare.memory_limit = u64::MAX;
            pass(inner, Request::Prepare(prepare))
        }
        other => pass(inner, other),
    });
    assert_eq!(found, ["refusals"]);
}

#[test]
fn an_executor_that_releases_what_it_does_not_have_is_caught() {
    let found = caught(|inner, request| match request {
        Request::Release { .. } => pass(inner, request).map(|_| Response::Done),
        other => pass(inner, other),
    });
    assert_eq!(found, ["refusals"]);
}

#[test]
fn a_case_whose_proof_fails_is_released() {
    // The first case of the proofs, and a handle that is freed of it.
    let (mut held, mut prepared) = (None, 0);
    let mut executor = host();
    let (_, devices) = executor.hello(DEADLINE).unwrap();
    let mut wrong = Wrong {
        inner: executor,
        wrong: |inner: &mut ChildExecutor, request: Request| {
            let is_first = matches!(&request, Request::Prepare(it) if it.case == "gemm f32 m33 n65 k17 nn");
            match (request.clone(), pass(inner, request)?) {
                (_, Response::Prepared(it)) if is_first => {
                    (held, prepared) = (Some(it.handle), prepared + 1);
                    Ok(Response::Prepared(it))
                }
                (Request::Read { handle, .. }, Response::Values { values, .. }) if held == Some(handle) => {
                    Ok(Response::Values { values, poisoned: 1 })
                }
                (Request::Release { handle }, answer) => {
                    held = held.filter(|held| *held != handle);
                    Ok(answer)
                }
                (_, answer) => Ok(answer),
            }
        },
    };
    let found = check(&mut wrong, &devices[0], DEADLINE);
    let proof = found.iter().find(|finding| finding.check == "proof").unwrap();
    assert_eq!(proof.outcome, CheckOutcome::Failed, "{}", proof.words);
    drop(wrong);
    assert_eq!((held, prepared), (None, 1));
}

#[test]
fn an_executor_that_claims_every_version_is_caught() {
    let found = caught(|inner, request| match (request.clone(), pass(inner, request)?) {
        (Request::Hello { protocol }, Response::Hello { executor, devices, .. }) => {
            Ok(Response::Hello { protocol, executor, devices })
        }
        (_, other) => Ok(other),
    });
    assert_eq!(found, ["versions"]);
}

/// The program on the command line, for what is no matter of doubles.
mod program {
    use assert_cmd::Command;
    use predicates::prelude::*;
    use predicates::str::contains;

    fn check(command: &str) -> assert_cmd::assert::Assert {
        Command::new(env!("CARGO_BIN_EXE_portamark")).args(["executor-check", command]).assert()
    }

    #[test]
    fn a_command_that_passes_is_exit_0() {
        check(&format!("{} executor host --threads 2", env!("CARGO_BIN_EXE_portamark")))
            .success()
            .stdout(contains("ok        inputs").and(contains("FAILED").not()));
    }

    #[test]
    fn one_whose_time_is_made_up_is_exit_1_and_one_that_is_none_is_exit_3() {
        // A scripted executor has no real time.
        check(&format!("{} executor fake", env!("CARGO_BIN_EXE_portamark")))
            .code(1)
            .stdout(contains("FAILED    host-time"))
            .stderr(contains("does not conform to the protocol"));
        check("/nonexistent/executor").code(3).stderr(contains("cannot start executor"));
        check("/bin/cat").code(3).stderr(contains("not a response"));
    }
}
