//! Makers of GPUs, as far as kernels differ by them.

use crate::device::Capabilities;

/// Maker of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vendor {
    /// AMD.
    Amd,
    /// Apple.
    Apple,
    /// Intel.
    Intel,
    /// NVIDIA.
    Nvidia,
    /// Qualcomm.
    Qualcomm,
    /// Any other, and unknown ones.
    Other,
}

impl Vendor {
    /// Returns the maker of `device`, by its PCI vendor id (pcisig.com). Apple's GPUs are known by name: Metal has no ids,
    /// and Mesa's driver for them has its own.
    pub fn of(device: &Capabilities) -> Self {
        match device.vendor_id {
            0x1002 | 0x1022 => Vendor::Amd,
            0x106b => Vendor::Apple,
            0x8086 => Vendor::Intel,
            0x10de => Vendor::Nvidia,
            0x5143 => Vendor::Qualcomm,
            _ if device.name.starts_with("Apple") => Vendor::Apple,
            _ => Vendor::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_is_known_by_id_or_on_metal_by_name() {
        let of = |id: u32, api: &str, name: &str| {
            let device = Capabilities::example();
            Vendor::of(&device.but(|it| (it.vendor_id, it.api, it.name) = (id, api.into(), name.into())))
        };
        assert_eq!(of(0x10de, "vulkan", "NVIDIA H20"), Vendor::Nvidia);
        assert_eq!(of(0x1002, "vulkan", "AMD Radeon RX 7900 XTX"), Vendor::Amd);
        assert_eq!(of(0, "metal", "Apple M4"), Vendor::Apple);
        assert_eq!(of(0x10005, "vulkan", "Apple M1 (G13G B1)"), Vendor::Apple);
        assert_eq!(of(0, "metal", "AMD Radeon Pro 5500M"), Vendor::Other);
        assert_eq!(of(0x10005, "vulkan", "llvmpipe"), Vendor::Other);
    }
}
