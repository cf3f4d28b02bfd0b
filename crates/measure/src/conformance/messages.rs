//! Checks of messages: handshake, versions, malformed lines, requests that cannot be served, and shutdown.

use super::Finding;
use super::candidate::{Candidate, Refused};
use portamark_executors::FaultKind;
use portamark_executors::protocol::{PROTOCOL, Prepare, Request, Response};
use portamark_model::device::Takes;
use portamark_model::workload::Case;
use std::time::Duration;

/// Maximum time from `bye` to the end of the executor.
const FAREWELL: Duration = Duration::from_secs(5);

/// Checks that the device describes itself completely, and identically when asked again.
pub(super) fn devices(candidate: &mut Candidate) -> Finding {
    const CHECK: &str = "hello";
    let (name, devices) = match candidate.executor.hello(candidate.deadline) {
        Ok(answer) => answer,
        Err(fault) => return Finding::failed(CHECK, fault.reason),
    };
    let device = candidate.device;
    if !devices.contains(device) {
        return Finding::failed(CHECK, format!("{} is not the same when asked again", device.id));
    }
    let ids: std::collections::BTreeSet<&str> = devices.iter().map(|device| device.id.as_str()).collect();
    if ids.len() < devices.len() {
        return Finding::failed(CHECK, "two devices have one id");
    }
    let texts = [&device.id, &device.name, &device.api];
    if texts.iter().any(|text| text.trim().is_empty() || text.chars().any(char::is_control)) {
        return Finding::failed(CHECK, format!("id, name or api of `{}` is empty, or no text", device.id));
    }
    if !device.id.starts_with(&format!("{}/", device.api)) {
        let words = format!("the id `{}` does not begin with the api, `{}/`", device.id, device.api);
        return Finding::failed(CHECK, words);
    }
    let takes = match device.takes {
        Takes::Plans => "plans",
        _ => "cases",
    };
    Finding::passed(CHECK, format!("{name}: {} takes {takes}", device.id))
}

/// Checks that another protocol version is answered with the executor's own or an error, and that unknown
/// fields are ignored.
pub(super) fn versions(candidate: &mut Candidate) -> Vec<Finding> {
    const CHECK: &str = "versions";
    let other = match candidate.executor.call(&Request::Hello { protocol: 999 }, candidate.deadline) {
        Ok(Response::Hello { protocol: PROTOCOL, .. }) => Ok("protocol 999 is answered with 1".to_string()),
        Ok(Response::Hello { protocol, .. }) => {
            Err(format!("protocol 999 is answered with {protocol}, and this one is {PROTOCOL}"))
        }
        Ok(Response::Error { reason, .. }) => Ok(format!("protocol 999 is refused: {reason}")),
        Ok(_) => Err("hello is answered with something else".into()),
        Err(fault) => Err(format!("protocol 999 makes the executor exit: {fault}")),
    };
    let mut findings = vec![Finding::of(CHECK, other)];
    let line = r#"{"request":"hello","protocol":1,"of a later version":{"deep":[1,2]}}"#;
    if let Some(answer) = candidate.executor.line(line, candidate.deadline) {
        findings.push(Finding::of(
            "unknown",
            match answer {
                Ok(Response::Hello { protocol: PROTOCOL, .. }) => {
                    Ok("fields of later versions are ignored".into())
                }
                Ok(other) => Err(format!("a field of a later version is answered with {}", short(&other))),
                Err(fault) => Err(format!("a field of a later version makes the executor exit: {fault}")),
            },
        ));
    }
    findings
}

/// Checks that each malformed line is answered with an error and has no other effect. Returns `None` if the
/// executor does not read lines.
pub(super) fn lines(candidate: &mut Candidate) -> Option<Finding> {
    const CHECK: &str = "lines";
    let lines = [
        "this is no JSON",
        "[1,2,3]",
        r#"{"request":"dance"}"#,
        r#"{"request":"sample","handle":"x","k":1,"first_set":0}"#,
        r#"{"request":"sample","handle":1}"#,
        "{}",
    ];
    for line in lines {
        match candidate.executor.line(line, candidate.deadline)? {
            Ok(Response::Error { reason, .. }) if !reason.trim().is_empty() => {}
            Ok(other) => {
                return Some(Finding::failed(CHECK, format!("`{line}` is answered with {}", short(&other))));
            }
            Err(fault) => {
                return Some(Finding::failed(CHECK, format!("`{line}` makes the executor exit: {fault}")));
            }
        }
    }
    Some(Finding::of(
        CHECK,
        still_there(candidate).map(|()| format!("{} of them refused, one by one", lines.len())),
    ))
}

/// Checks that the executor still answers `hello`.
fn still_there(candidate: &mut Candidate) -> Result<(), String> {
    candidate.executor.hello(candidate.deadline).map(|_| ()).map_err(|fault| format!("afterwards: {fault}"))
}

fn short(response: &Response) -> String {
    serde_json::to_string(response).unwrap_or_default().chars().take(80).collect()
}

/// Checks that impossible requests are refused with the right status and that the executor keeps running.
pub(super) fn refusals(candidate: &mut Candidate) -> Finding {
    Finding::of("refusals", refused(candidate))
}

fn refused(candidate: &mut Candidate) -> Result<String, String> {
    let generation = candidate.executor.generation();
    let (case, handle) = candidate.first_of(&["gemm f32 m48 n40 k64 nn", "stream f32 scale n4096"], 2)?;
    let len = case.output().len;
    let request =
        |candidate: &Candidate| candidate.request(&case, 1).map_err(|_| "it was prepared before".to_string());
    let base = request(candidate)?;
    let mut said = Vec::new();
    let mut expect =
        |what: &str, found: Result<(), portamark_executors::Fault>, kinds: &[FaultKind]| match found {
            Ok(()) => Err(format!("{what} is accepted")),
            Err(fault) if !kinds.contains(&fault.kind) => {
                Err(format!("{what} is {:?}: {fault}; it should be {:?}", fault.kind, kinds[0]))
            }
            Err(fault) if fault.reason.trim().is_empty() => {
                Err(format!("{what} is refused without a reason"))
            }
            Err(_) => {
                said.push(what.to_string());
                Ok(())
            }
        };
    let (executor, deadline) = (&mut *candidate.executor, candidate.deadline);
    let failed = [FaultKind::Failed];
    let mut prepare = |prepare: Prepare| executor.prepare(prepare, deadline).map(|_| ());
    let other = base.clone().but(|it| it.device = "no/such device".into());
    expect("an unknown device", prepare(other), &failed)?;
    let path = base.clone().but(|it| it.device = "../../../etc/passwd".into());
    expect("a device like a path", prepare(path), &failed)?;
    let small = base.clone().but(|it| it.memory_limit = 1);
    expect("a memory limit of one byte", prepare(small), &[FaultKind::OutOfMemory])?;
    expect("no buffer set", prepare(base.clone().but(|it| it.sets = 0)), &failed)?;
    if candidate.device.takes == Takes::Cases {
        let unknown = base.but(|it| it.case = "frobnicate f32 n4".into());
        expect("an unknown family", prepare(unknown), &[FaultKind::Unsupported, FaultKind::Failed])?;
    }
    let none = u32::MAX;
    expect("sampling an unknown handle", executor.sample(none, 1, 0, deadline).map(|_| ()), &failed)?;
    expect("reading an unknown handle", executor.read(none, 0, &[0], deadline).map(|_| ()), &failed)?;
    expect("poisoning an unknown handle", executor.poison(none, deadline), &failed)?;
    expect("releasing an unknown handle", executor.release(none, deadline), &failed)?;
    expect("reading beyond the output", executor.read(handle, 0, &[len], deadline).map(|_| ()), &failed)?;
    expect("reading a set that is none", executor.read(handle, 2, &[0], deadline).map(|_| ()), &failed)?;
    executor.release(handle, deadline).map_err(|fault| format!("release: {fault}"))?;
    expect("sampling what was released", executor.sample(handle, 1, 0, deadline).map(|_| ()), &failed)?;
    expect("releasing what was released", executor.release(handle, deadline), &failed)?;
    if executor.generation() != generation {
        return Err("one of the requests ended the executor".into());
    }
    let count = said.len();
    still_works(candidate, &case).map(|()| format!("{count} kinds refused with status and reason"))
}

/// Checks that a case can still be prepared and run.
fn still_works(candidate: &mut Candidate, case: &Case) -> Result<(), String> {
    let after = |words: String| format!("afterwards: {words}");
    let handle =
        candidate.request(case, 1).and_then(|request| candidate.prepare(request)).map_err(|refused| {
            after(match refused {
                Refused::Unsupported(reason) => reason,
                Refused::Fault(fault) => fault.reason,
            })
        })?;
    candidate.sample(handle, 1, 0).map_err(after)?;
    candidate.release(handle).map_err(after)
}

/// Checks that the executor ends by itself after `bye`.
pub(super) fn farewell(candidate: &mut Candidate) -> Finding {
    const CHECK: &str = "bye";
    match candidate.executor.leave(FAREWELL) {
        Some(true) => Finding::passed(CHECK, "it ends by itself after `bye`"),
        Some(false) => {
            let words = format!(
                "it runs on for {} after `bye`",
                portamark_model::units::seconds(FAREWELL.as_secs_f64())
            );
            Finding::failed(CHECK, words)
        }
        None => Finding::left_out(CHECK, "it is no process of its own"),
    }
}
