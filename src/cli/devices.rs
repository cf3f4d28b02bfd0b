//! `portamark devices`: the devices of this machine.

use super::output::print;
use super::places::ExecutorFlags;
use super::talk::Talk;
use crate::error::Result;
use portamark_model::device::{Capabilities, Takes};
use portamark_model::error::Error as Library;
use portamark_model::units;

/// Lists the devices of this machine: one per chip, API and driver.
///
/// The first one, number 0, is what `run` measures by default. Discrete GPUs come first, then integrated, virtual
/// and software ones, then the CPU; among these Metal, then Vulkan, then DX12; and among these the one with the
/// most memory.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Print all properties of each device as JSON.
    #[arg(long)]
    json: bool,
    /// Select a device: a number, part of a name, or one of a foreign runtime, e.g. `torch:npu`.
    #[arg(short, long, value_name = "DEVICE")]
    device: Vec<String>,
    #[command(flatten)]
    executors: ExecutorFlags,
}

/// Returns the list without PCI addresses, so that it can be shared.
fn without_slots(devices: &[Capabilities]) -> Vec<Capabilities> {
    devices.iter().map(|device| device.clone().but(|it| it.pci_bus_id = None)).collect()
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let executors = arguments.executors.resolve()?;
    let places = match &arguments.device[..] {
        [] => executors.list(&Talk)?,
        wanted => executors.find(wanted, &Talk)?.chosen,
    };
    let devices: Vec<Capabilities> = places.into_iter().map(|place| place.device).collect();
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&without_slots(&devices)).expect("capabilities are plain data");
        print(&format!("{text}\n"))?;
    }
    if devices.is_empty() {
        return Err(Library::NoDevice { message: "no device was found".into(), explained: false }.into());
    }
    if !arguments.json {
        print(&table(&devices))?;
    }
    Ok(())
}

fn table(devices: &[Capabilities]) -> String {
    let mut text = String::new();
    for (number, device) in devices.iter().enumerate() {
        let kind = match (device.is_software(), device.takes) {
            (true, Takes::Plans) => "software driver: runs on the CPU".to_string(),
            (true, _) => "runs on the CPU".to_string(),
            (false, _) => device.device_type.to_string(),
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
            portamark_model::device::TimerKind::PassTimestamps => "device timestamps",
            _ => "host clock",
        };
        let rows = [
            ("type", kind),
            (
                if device.takes == Takes::Cases { "runtime" } else { "driver" },
                format!("{} {}", device.driver, device.driver_version),
            ),
            ("kernels", if device.takes == Takes::Cases { "its own" } else { "WGSL" }.into()),
            (
                "formats",
                if device.has(portamark_model::device::Feature::ShaderF16) { "f32 f16" } else { "f32" }
                    .into(),
            ),
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
        // What is of WGSL says nothing of who brings kernels of their own.
        let of_plans = ["features", "subgroup", "matrix units", "limits"];
        let shown = |name: &str| device.takes == Takes::Plans || !of_plans.contains(&name);
        for (name, value) in rows.into_iter().filter(|(name, _)| shown(name)) {
            text.push_str(&format!("   {name:<13}{value}\n"));
        }
    }
    text
}
