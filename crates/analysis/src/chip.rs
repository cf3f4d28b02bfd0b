//! Which devices are the same chip: those of one kind and one name, through any API and driver.

use super::published::accelerator;
use portamark_model::device::ChipKind;
use portamark_model::plain_text::clean;
use portamark_results::Header;

/// Identity of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chip {
    /// Part of the machine that computes.
    kind: ChipKind,
    /// Id of its published accelerator, otherwise its name.
    name: String,
}

impl Chip {
    /// Returns the chip of `header`.
    pub(super) fn of(header: &Header) -> Self {
        let name = accelerator(header)
            .map_or_else(|| clean(&header.device.name).to_lowercase(), |found| found.id.to_string());
        Chip { kind: header.device.chip_kind(), name }
    }

    /// Whether both are the same chip as far as their files tell.
    pub(super) fn is(&self, other: &Chip) -> bool {
        self.kind.agrees(other.kind) && self.name == other.name
    }

    /// Returns the indices of those of `chips` that are this one. Where a name fits a CPU and an accelerator and
    /// this kind is not told, it is the accelerator: other programs name a CPU by itself more rarely.
    pub(super) fn places(&self, chips: &[Chip]) -> Vec<usize> {
        let found: Vec<usize> = (0..chips.len()).filter(|place| self.is(&chips[*place])).collect();
        let is_cpu = |place: &usize| chips[*place].kind == ChipKind::Cpu;
        let others: Vec<usize> = found.iter().copied().filter(|place| !is_cpu(place)).collect();
        if self.kind == ChipKind::Cpu || others.is_empty() { found } else { others }
    }
}

/// Returns a number for the chip of each header, equal for those of the same chip.
pub(super) fn numbers<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Vec<usize> {
    let chips: Vec<Chip> = headers.into_iter().map(Chip::of).collect();
    let first = |chip: &Chip| chip.places(&chips).first().copied().unwrap_or(0);
    chips.iter().map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::device::DeviceType;

    fn chip(name: &str, device_type: DeviceType) -> Chip {
        let mut header = fixture::h100_header();
        (header.device.vendor_id, header.device.device_id) = (0, 0);
        header.device.name = name.into();
        header.device.device_type = device_type;
        Chip::of(&header)
    }

    #[test]
    fn a_chip_is_its_kind_and_its_name() {
        let mac = |kind| chip("Apple M2 Ultra", kind);
        assert!(!mac(DeviceType::Software).is(&mac(DeviceType::Integrated)));
        assert!(!mac(DeviceType::Software).is(&mac(DeviceType::Other)));
        assert!(mac(DeviceType::Integrated).is(&mac(DeviceType::Other)));
        let radeon = |kind| chip("AMD Radeon Graphics", kind);
        assert!(!radeon(DeviceType::Integrated).is(&radeon(DeviceType::Discrete)));
        assert!(radeon(DeviceType::Discrete).is(&radeon(DeviceType::Virtual)));
        assert!(!radeon(DeviceType::Discrete).is(&chip("AMD Radeon Pro W7900", DeviceType::Discrete)));
    }

    #[test]
    fn an_untold_kind_is_the_accelerator_where_a_cpu_has_the_same_name() {
        // A made-up name, which the catalogue does not have.
        let of = |kind| chip("Apple M99", kind);
        let both = [of(DeviceType::Software), of(DeviceType::Integrated)];
        assert_eq!(of(DeviceType::Other).places(&both), [1]);
        assert_eq!(of(DeviceType::Other).places(&both[..1]), [0]);
        assert_eq!(of(DeviceType::Software).places(&both), [0]);
    }
}
