//! Sensors of NVIDIA GPUs, read through NVML, which comes with the driver and is loaded only if present.

use super::sensor::Sensor;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use portamark_results::Reading;

/// A GPU as NVML lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// PCI address, e.g. `00000000:65:00.0`.
    pub slot: String,
    /// Product name, e.g. `H20`.
    pub name: String,
}

/// NVML, or a scripted replacement.
pub enum Library {
    /// The library that comes with the driver.
    Real(Box<Nvml>),
    /// GPUs with fixed readings, for tests.
    Scripted(Vec<(Card, Reading)>),
}

impl Library {
    fn cards(&self) -> Vec<Card> {
        match self {
            Library::Scripted(cards) => cards.iter().map(|(card, _)| card.clone()).collect(),
            Library::Real(nvml) => {
                let card = |index| {
                    let device = nvml.device_by_index(index).ok()?;
                    Some(Card {
                        slot: device.pci_info().map(|pci| pci.bus_id).unwrap_or_default(),
                        name: device.name().unwrap_or_default(),
                    })
                };
                // A GPU that cannot be queried keeps its index.
                let unknown = || Card { slot: String::new(), name: String::new() };
                (0..nvml.device_count().unwrap_or(0)).map(|i| card(i).unwrap_or_else(unknown)).collect()
            }
        }
    }

    fn read(&self, index: usize) -> Reading {
        let nvml = match self {
            Library::Scripted(cards) => return cards[index].1,
            Library::Real(nvml) => nvml,
        };
        let Ok(device) = nvml.device_by_index(index as u32) else { return Reading::default() };
        let clock = |kind| device.clock_info(kind).ok().map(|mhz| f64::from(mhz) * 1e6);
        Reading {
            clock_hz: clock(Clock::SM),
            memory_clock_hz: clock(Clock::Memory),
            power_w: device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) * 1e-3),
            temperature_c: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
            energy_j: device.total_energy_consumption().ok().map(|millijoules| millijoules as f64 * 1e-3),
        }
    }
}

/// Sensors of one GPU.
pub struct NvmlSensor {
    library: Library,
    index: usize,
}

impl NvmlSensor {
    /// Finds the GPU at the PCI address `slot`, or else the only one called `name`.
    ///
    /// # Errors
    /// Fails if no GPU or several match: readings of another GPU would be worse than none.
    pub fn find(library: Library, slot: Option<&str>, name: &str) -> Result<Self, String> {
        let cards = library.cards();
        let at_slot = slot.and_then(|slot| cards.iter().position(|card| same_slot(&card.slot, slot)));
        if let Some(index) = at_slot {
            return Ok(NvmlSensor { library, index });
        }
        let named: Vec<usize> = (0..cards.len()).filter(|index| cards[*index].name == name).collect();
        match named.as_slice() {
            [index] => Ok(NvmlSensor { library, index: *index }),
            [] => Err(format!("NVML lists no card called {name}")),
            many => Err(format!("NVML lists {} cards called {name}", many.len())),
        }
    }
}

/// Whether two PCI addresses are equal. Domains may have four or eight digits, and letters either case.
fn same_slot(a: &str, b: &str) -> bool {
    let short = |slot: &str| slot.to_lowercase().trim_start_matches('0').to_string();
    !a.is_empty() && short(a) == short(b)
}

impl Sensor for NvmlSensor {
    fn source(&self) -> &'static str {
        "NVML"
    }

    fn read(&mut self) -> Reading {
        self.library.read(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(cards: &[(&str, &str)]) -> Library {
        let card = |(number, (slot, name)): (usize, &(&str, &str))| {
            let reading = Reading { temperature_c: Some(number as f64), ..Reading::default() };
            (Card { slot: slot.to_string(), name: name.to_string() }, reading)
        };
        Library::Scripted(cards.iter().enumerate().map(card).collect())
    }

    /// Returns the index of the GPU that is found.
    fn found(cards: &[(&str, &str)], slot: Option<&str>, name: &str) -> Result<f64, String> {
        NvmlSensor::find(library(cards), slot, name).map(|mut sensor| sensor.read().temperature_c.unwrap())
    }

    const TWINS: [(&str, &str); 2] = [("00000000:65:00.0", "H20"), ("00000000:A6:00.0", "H20")];

    #[test]
    fn the_pci_address_decides_between_twins() {
        assert_eq!(found(&TWINS, Some("0000:a6:00.0"), "H20"), Ok(1.0));
        assert_eq!(found(&TWINS, Some("0000:65:00.0"), "H20"), Ok(0.0));
    }

    #[test]
    fn without_an_address_the_name_must_be_of_one_card() {
        assert_eq!(found(&TWINS, None, "H20"), Err("NVML lists 2 cards called H20".into()));
        assert_eq!(found(&TWINS, Some(""), "H20"), Err("NVML lists 2 cards called H20".into()));
        assert_eq!(found(&[TWINS[0], ("00000000:17:00.0", "L4")], None, "L4"), Ok(1.0));
        assert_eq!(found(&TWINS, None, "L4"), Err("NVML lists no card called L4".into()));
    }
}
