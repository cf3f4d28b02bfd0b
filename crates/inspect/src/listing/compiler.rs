//! The compilers whose text is read.

use super::{adreno, amd, apple, nvidia};
use crate::flow::Program;
use portamark_model::compiled::Executable;
use portamark_model::device::Capabilities;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Compiler of a GPU driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Compiler {
    /// ACO in Mesa's driver for AMD, RADV.
    Radv,
    /// NAK in Mesa's driver for NVIDIA, NVK.
    Nvk,
    /// The compiler of Mesa's driver for Apple, Honeykrisp.
    Honeykrisp,
    /// ir3 in Mesa's driver for Adreno, Turnip.
    Turnip,
    /// Another compiler, of which no text is read.
    Other,
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compiler::Radv => "RADV",
            Compiler::Nvk => "NVK",
            Compiler::Honeykrisp => "Honeykrisp",
            Compiler::Turnip => "Turnip",
            Compiler::Other => "other",
        })
    }
}

impl Compiler {
    /// Returns the compiler behind a device, from the name of its driver (`VkPhysicalDeviceDriverProperties`).
    pub fn of(device: &Capabilities) -> Self {
        match device.driver.to_lowercase().as_str() {
            "radv" => Compiler::Radv,
            "nvk" => Compiler::Nvk,
            "honeykrisp" => Compiler::Honeykrisp,
            name if name.starts_with("turnip") => Compiler::Turnip,
            _ => Compiler::Other,
        }
    }

    /// Returns the text with the instructions of `program`; `None` if the driver handed none over.
    ///
    /// RADV and NVK hand over several texts; the one with the instructions is named `Assembly` and `NAK assembly`, that
    /// of Turnip `IR3 Assembly`. Honeykrisp hands over none, but prints what it compiles if asked to
    /// (`AGX_MESA_DEBUG=shaders`); the executor adds it as `printed`.
    pub fn listing(self, program: &Executable) -> Option<&str> {
        program.listing(match self {
            Compiler::Radv => "Assembly",
            Compiler::Nvk => "NAK assembly",
            Compiler::Honeykrisp => "printed",
            Compiler::Turnip => "IR3 Assembly",
            Compiler::Other => return None,
        })
    }
}

/// Reads the instruction text of `compiler`. What it does not know becomes instructions of the class `Other`; no text
/// is an error.
pub fn instructions(compiler: Compiler, text: &str) -> Program {
    match compiler {
        Compiler::Radv => amd::read(text),
        Compiler::Nvk => nvidia::read(text),
        Compiler::Honeykrisp => apple::read(text),
        Compiler::Turnip => adreno::read(text),
        Compiler::Other => Program::default(),
    }
}
