//! Chips and devices to compile for.

use super::super::output::{note, quoted};
use super::super::places::built_in;
use super::super::talk::Talk;
use super::arguments::Arguments;
use crate::error::{Error, Result};
use portamark_executors::Compilers;
use portamark_inspect::{Chip, chip, chips};
use portamark_runner::{Place, Target};
use std::path::PathBuf;

/// A chip that a stand-in opens, or a device of this machine.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Chip that is not here.
    Chip(&'static Chip),
    /// Device that is here.
    Place(Box<Place>),
}

impl Wish {
    /// Returns the name for people.
    pub fn title(&self) -> &str {
        match self {
            Wish::Chip(chip) => chip.title,
            Wish::Place(place) => &place.device.name,
        }
    }
}

/// Opens what was wished for.
pub struct Opener {
    compilers: Option<Compilers>,
    program: PathBuf,
}

impl Opener {
    /// Opens one target.
    ///
    /// # Errors
    /// Says why the driver cannot be opened.
    pub fn open(&self, wish: &Wish) -> Result<Target, String> {
        match (wish, &self.compilers) {
            (Wish::Place(place), _) => Ok(Target::of(place)),
            (Wish::Chip(chip), Some(compilers)) => {
                Target::stand_in(compilers, &self.program, chip).map_err(|fault| fault.to_string())
            }
            (Wish::Chip(_), None) => Err("no compiler was found".into()),
        }
    }
}

/// Returns the chips and devices that the flags name, all chips without any.
///
/// # Errors
/// Fails if a name is none, or if no compiler is here.
pub fn wishes(arguments: &Arguments) -> Result<(Vec<Wish>, Opener)> {
    let mut executors = built_in()?;
    executors.command.clone_from(&arguments.executor);
    let devices = match (&arguments.device[..], &arguments.executor) {
        ([], Some(_)) => vec!["0".to_string()],
        (devices, _) => devices.to_vec(),
    };
    let program = std::env::current_exe()
        .map_err(|error| Error::usage(format!("cannot find this program: {error}")))?;
    let mut wishes: Vec<Wish> = Vec::new();
    if !devices.is_empty() {
        let found = executors.find(&devices, &Talk)?;
        wishes.extend(found.chosen.iter().map(|place| Wish::Place(Box::new(place.clone()))));
    }
    let all =
        arguments.target.iter().any(|name| name == "all") || arguments.target.is_empty() && wishes.is_empty();
    if all {
        wishes.extend(chips().iter().map(Wish::Chip));
    } else {
        let named = arguments.target.iter().map(|name| named(name)).collect::<Result<Vec<_>>>()?;
        wishes.extend(named.into_iter().map(Wish::Chip));
    }
    let needed = wishes.iter().any(|wish| matches!(wish, Wish::Chip(_)));
    let compilers = match Compilers::find() {
        Ok(compilers) => Some(compilers),
        Err(reason) if needed => {
            return Err(Error::usage_hint(
                reason,
                "on Debian and Ubuntu, `scripts/drivers.sh compilers` fetches them; -d compiles for a device that is here",
            ));
        }
        Err(_) => None,
    };
    Ok((wishes, Opener { compilers, program }))
}

/// Returns the chip called `name`.
pub fn named(name: &str) -> Result<&'static Chip> {
    chip(name).ok_or_else(|| {
        let names = quoted(chips().iter().map(|chip| chip.name));
        Error::usage_hint(format!("no chip is called `{name}`"), format!("there are {names}"))
    })
}

/// Prints the list of chips.
pub fn list() -> String {
    let mut text = String::new();
    for chip in chips() {
        text += &format!("{:<12} {:<34} {}\n", chip.name, chip.title, chip.aliases.join(", "));
    }
    text
}

/// Tells that a target is left out.
pub fn left_out(wish: &Wish, reason: &str) {
    note(&format!("note: {} is left out: {reason}", wish.title()));
}
