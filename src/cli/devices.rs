//! `portamark devices`: what can be measured here, and the choice of devices by `-d`.

use crate::error::{Error, Result};
use crate::executor::{ChildExecutor, Executor, Program};
use crate::kernel::Capabilities;
use crate::units;
use std::time::Duration;

/// A driver may load for seconds at its first use.
const HELLO: Duration = Duration::from_secs(60);

/// Lists the devices, one for each chip, API and driver.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Print all that is known of each device as JSON.
    #[arg(long)]
    json: bool,
    /// Command of an external executor, instead of the built-in one.
    #[arg(long, value_name = "COMMAND")]
    executor: Option<String>,
}

/// How to start the executor: the built-in one, or `command` split at spaces.
pub fn program(command: Option<&str>) -> Result<Program> {
    let own = |error| Error::Executor {
        name: "wgpu".into(),
        message: format!("cannot find this program: {error}"),
    };
    let (program, arguments) = match command {
        None => (std::env::current_exe().map_err(own)?, vec!["executor".to_string(), "wgpu".to_string()]),
        Some(command) => {
            let mut words = command.split_whitespace().map(str::to_owned);
            let program = words.next().ok_or_else(|| Error::usage("--executor needs a command"))?;
            (program.into(), words.collect())
        }
    };
    Ok(Program { program, arguments, environment: Vec::new() })
}

/// Asks an executor for its devices.
pub fn discover(program: &Program) -> Result<(String, Vec<Capabilities>)> {
    let name = program.arguments.last().cloned().unwrap_or_else(|| program.program.display().to_string());
    ChildExecutor::new(program.clone())
        .hello(HELLO)
        .map_err(|fault| Error::Executor { name, message: fault.reason })
}

/// Devices that `wanted` names: indices, `all`, or parts of the id.
pub fn choose(devices: &[Capabilities], wanted: &[String]) -> Result<Vec<Capabilities>> {
    if devices.is_empty() {
        return Err(Error::NoDevice { message: "no device was found".into(), explained: false });
    }
    let mut chosen: Vec<Capabilities> = Vec::new();
    for want in wanted {
        let found: Vec<&Capabilities> = if want == "all" {
            devices.iter().collect()
        } else if let Ok(index) = want.parse::<usize>() {
            let found = devices.get(index).ok_or_else(|| {
                Error::usage_hint(
                    format!("there is no device {index}; there are {}", devices.len()),
                    "`portamark devices` lists them with their numbers",
                )
            })?;
            vec![found]
        } else {
            let part = want.to_lowercase();
            let exact: Vec<_> = devices.iter().filter(|d| d.id == *want).collect();
            if exact.is_empty() {
                devices.iter().filter(|d| d.id.to_lowercase().contains(&part)).collect()
            } else {
                exact
            }
        };
        match found.as_slice() {
            [] => {
                let known: Vec<_> = devices.iter().map(|d| d.id.as_str()).collect();
                return Err(Error::usage_hint(
                    format!("no device matches `{want}`"),
                    format!("there is {}", known.join("; ")),
                ));
            }
            [_, _, ..] if want != "all" => {
                let matches: Vec<_> = found.iter().map(|d| d.id.as_str()).collect();
                return Err(Error::usage_hint(
                    format!("`{want}` matches {} devices: {}", found.len(), matches.join("; ")),
                    "give more of the name, or its number",
                ));
            }
            _ => {}
        }
        for device in found {
            if !chosen.iter().any(|c| c.id == device.id) {
                chosen.push(device.clone());
            }
        }
    }
    Ok(chosen)
}

/// The same without the PCI addresses, which a list that is passed on need not tell.
fn without_slots(devices: &[Capabilities]) -> Vec<Capabilities> {
    devices.iter().map(|device| Capabilities { pci_bus_id: None, ..device.clone() }).collect()
}

/// Prints the list.
pub fn run(arguments: &Arguments) -> Result<()> {
    let (_, devices) = discover(&program(arguments.executor.as_deref())?)?;
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&without_slots(&devices)).expect("capabilities are plain data");
        super::print(&format!("{text}\n"));
    }
    if devices.is_empty() {
        return Err(Error::NoDevice { message: "no device was found".into(), explained: false });
    }
    if !arguments.json {
        super::print(&table(&devices));
    }
    Ok(())
}

fn table(devices: &[Capabilities]) -> String {
    let mut text = String::new();
    for (number, device) in devices.iter().enumerate() {
        let kind = if device.is_software() {
            "software driver: computes on the host's processor".to_string()
        } else {
            device.device_type.to_string()
        };
        let features: Vec<_> = device.features.iter().map(ToString::to_string).collect();
        let shapes: Vec<_> = device.matrix_shapes.iter().map(ToString::to_string).collect();
        let subgroup = match (device.subgroup_min, device.subgroup_max) {
            (0, _) => "none".to_string(),
            (min, max) if min == max => min.to_string(),
            (min, max) => format!("{min} to {max}"),
        };
        let limits = &device.limits;
        let timer = match device.timer {
            crate::kernel::TimerKind::PassTimestamps => "device timestamps",
            crate::kernel::TimerKind::Host => "host clock",
        };
        let rows = [
            ("type", kind),
            ("driver", format!("{} {}", device.driver, device.driver_version)),
            ("formats", if device.has(crate::kernel::Feature::ShaderF16) { "f32 f16" } else { "f32" }.into()),
            ("features", if features.is_empty() { "none".into() } else { features.join(", ") }),
            ("subgroup", subgroup),
            ("matrix units", if shapes.is_empty() { "none".into() } else { shapes.join(", ") }),
            (
                "limits",
                format!(
                    "workgroup {} invocations, {} memory; binding {}",
                    limits.workgroup_size,
                    units::bytes(limits.workgroup_memory),
                    units::bytes(limits.binding_bytes)
                ),
            ),
            ("timer", timer.into()),
        ];
        text.push_str(&format!("{number}  {}\n", device.id));
        for (name, value) in rows {
            text.push_str(&format!("   {name:<13}{value}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Vec<Capabilities> {
        let device: Capabilities = serde_json::from_value(serde_json::json!({
            "id": "vulkan/llvmpipe/Mesa 22.3.6", "name": "llvmpipe", "api": "vulkan", "driver": "llvmpipe",
            "driver_version": "Mesa 22.3.6", "vendor_id": 65541, "device_id": 0, "device_type": "software",
            "takes": "plans", "features": ["shader-f16"], "subgroup_min": 8, "subgroup_max": 8,
            "limits": {"workgroup_memory": 32768, "workgroup_size": 1024, "dispatch": 65535,
                "binding_bytes": 134217728, "buffer_bytes": 2147483647, "storage_buffers": 8},
            "matrix_shapes": [], "timer": "pass-timestamps"
        }))
        .unwrap();
        let other = Capabilities { id: "vulkan/llvmpipe/Mesa 25.0.7".into(), ..device.clone() };
        vec![device, other]
    }

    #[test]
    fn a_device_is_named_by_number_part_or_all() {
        let devices = devices();
        let ids = |wanted: &str| -> Vec<String> {
            choose(&devices, &[wanted.into()]).unwrap().into_iter().map(|d| d.id).collect()
        };
        assert_eq!(ids("1"), ["vulkan/llvmpipe/Mesa 25.0.7"]);
        assert_eq!(ids("mesa 22"), ["vulkan/llvmpipe/Mesa 22.3.6"]);
        assert_eq!(ids("all").len(), 2);
    }

    #[test]
    fn an_ambiguous_or_unknown_name_is_an_error_that_lists_devices() {
        let devices = devices();
        let message = |wanted: &str| {
            let error = choose(&devices, &[wanted.into()]).unwrap_err();
            assert_eq!(error.exit() as u8, 2);
            format!("{error} / {}", error.hint().unwrap_or_default())
        };
        assert!(message("llvmpipe").contains("matches 2 devices: vulkan/llvmpipe/Mesa 22.3.6; vulkan/"));
        assert!(message("nvidia").contains("there is vulkan/llvmpipe/Mesa 22.3.6"));
        assert!(message("7").contains("there are 2"));
        let error = choose(&[], &["all".into()]).unwrap_err();
        assert_eq!(error.exit() as u8, 3);
    }
}
