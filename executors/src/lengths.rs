//! Limits on what an executor may send: what it says of its devices stands in every result file, which is read back
//! line by line, each of limited length.

use super::protocol::Response;
use portamark_model::compiled::Executable;
use portamark_model::device::Capabilities;
use serde_json::Value;

/// Maximum number of devices of one executor.
const MOST_DEVICES: usize = 1024;
/// Maximum length of a name, in bytes.
const LONGEST_NAME: usize = 1024;
/// Maximum length of a list in the description of a device.
const LONGEST_LIST: usize = 1024;
/// Maximum length of a reason, in bytes. What is longer is shortened: it is for people, and identifies nothing.
const LONGEST_REASON: usize = 16 << 10;

/// Returns `response` with a reason of bounded length.
///
/// # Errors
/// Returns a message if it lists too many devices, or if a name or list in it is too long.
pub(super) fn bounded(mut response: Response) -> Result<Response, String> {
    match &mut response {
        Response::Hello { executor, devices, .. } => {
            short("the name of the executor", executor)?;
            if devices.len() > MOST_DEVICES {
                return Err(format!("lists {} devices; at most {MOST_DEVICES} are allowed", devices.len()));
            }
            devices.iter().try_for_each(device)?;
        }
        Response::Prepared(prepared) => {
            prepared.kernel.as_deref().map_or(Ok(()), |name| short("the name of a kernel", name))?;
        }
        Response::Inspected { steps } => {
            steps.iter().flat_map(|step| &step.executables).try_for_each(program)?
        }
        Response::Error { reason, .. } if reason.len() > LONGEST_REASON => {
            let end = (0..=LONGEST_REASON).rev().find(|at| reason.is_char_boundary(*at));
            reason.truncate(end.unwrap_or(0));
            reason.push('…');
        }
        _ => {}
    }
    Ok(response)
}

/// Checks the names in what a compiler tells. Its texts may be as long as a response.
fn program(program: &Executable) -> Result<(), String> {
    if program.statistics.len() > LONGEST_LIST {
        let count = program.statistics.len();
        return Err(format!("a program has {count} statistics; at most {LONGEST_LIST} are allowed"));
    }
    let statistics = program.statistics.iter().map(|statistic| &statistic.name);
    let listings = program.listings.iter().map(|listing| &listing.name);
    let mut names = statistics.chain(listings).chain([&program.name]);
    names.try_for_each(|name| short("a name of the compiler", name))
}

/// Checks every field of a device, also those that are added later.
fn device(device: &Capabilities) -> Result<(), String> {
    match serde_json::to_value(device) {
        Ok(Value::Object(fields)) => fields
            .iter()
            .try_for_each(|(name, value)| part(&format!("the field `{name}` of a device"), value)),
        _ => Ok(()),
    }
}

fn part(what: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => short(what, text),
        Value::Array(list) if list.len() > LONGEST_LIST => {
            Err(format!("{what} has {} entries; at most {LONGEST_LIST} are allowed", list.len()))
        }
        Value::Array(list) => list.iter().try_for_each(|value| part(what, value)),
        Value::Object(fields) => fields.values().try_for_each(|value| part(what, value)),
        _ => Ok(()),
    }
}

fn short(what: &str, text: &str) -> Result<(), String> {
    if text.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(format!("{what} has {} bytes; at most {LONGEST_NAME} are allowed", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Failure, Prepared};

    fn hello(devices: Vec<Capabilities>) -> Response {
        Response::Hello { protocol: 1, executor: "x 1".into(), devices }
    }

    #[test]
    fn names_and_lists_of_a_device_are_bounded_whatever_their_field() {
        let device = Capabilities::example();
        assert!(bounded(hello(vec![device.clone(); MOST_DEVICES])).is_ok());
        let error = bounded(hello(vec![device.clone(); MOST_DEVICES + 1])).unwrap_err();
        assert_eq!(error, "lists 1025 devices; at most 1024 are allowed");
        let name = |bytes: usize| device.clone().but(|it| it.name = "A".repeat(bytes));
        assert!(bounded(hello(vec![name(1024)])).is_ok());
        let error = bounded(hello(vec![name(1025)])).unwrap_err();
        assert_eq!(error, "the field `name` of a device has 1025 bytes; at most 1024 are allowed");
        let driver = device.clone().but(|it| it.driver_version = "ä".repeat(513));
        assert!(bounded(hello(vec![driver])).unwrap_err().contains("`driver_version`"));
        let bus = device.clone().but(|it| it.pci_bus_id = Some("0".repeat(2000)));
        assert!(bounded(hello(vec![bus])).unwrap_err().contains("`pci_bus_id`"));
        let shapes = device.clone().but(|it| {
            it.features = vec![portamark_model::device::Feature::ShaderF16; 1025];
        });
        assert!(
            bounded(hello(vec![shapes])).unwrap_err().contains("`features` of a device has 1025 entries")
        );
    }

    #[test]
    fn a_kernel_has_a_short_name_and_a_long_reason_is_shortened() {
        let kernel = |bytes: usize| {
            let kernel = Some("k".repeat(bytes));
            Response::Prepared(Prepared { handle: 1, compile_ns: 0, held_bytes: 0, kernel })
        };
        assert!(bounded(kernel(1024)).is_ok() && bounded(kernel(1025)).is_err());
        // 16384 bytes are kept; the last ä would be cut in two by an odd number of bytes before it.
        let reason = format!("x{}", "ä".repeat(10_000));
        let long = Response::Error { status: Failure::Failed, reason };
        let Ok(Response::Error { reason, .. }) = bounded(long) else { panic!("a reason is no error") };
        assert_eq!(reason, format!("x{}…", "ä".repeat(8191)));
    }
}
