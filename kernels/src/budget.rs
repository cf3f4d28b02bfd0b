//! Registers that kernels may count on, by maker of the GPU.

use portamark_model::device::Capabilities;
use portamark_model::vendor::Vendor;

/// Returns the number of 32-bit registers of an invocation that kernels plan with: what they estimate themselves, beside
/// which compilers take some for addresses.
///
/// Apple's lanes have 128 (Philip Turner, "metal-benchmarks", on-chip memory). Adreno before the 700 series gives a
/// workgroup of 256 invocations no more than 128, of which Mesa's compiler takes about 50 for addresses and what it loads
/// ahead (seen with `portamark inspect`). NVIDIA's lanes have 255 (CUDA C++ Programming Guide, technical specifications),
/// AMD's 256 (RDNA3 Instruction Set Architecture, section 3.3); of others nothing is known, and tuning finds out.
pub(super) fn lane_registers(device: &Capabilities) -> u32 {
    match Vendor::of(device) {
        Vendor::Apple => 120,
        Vendor::Qualcomm if adreno(&device.name).is_some_and(|series| series < 700) => 80,
        _ => 200,
    }
}

/// Returns the number in a name such as `Turnip Adreno (TM) 660`.
fn adreno(name: &str) -> Option<u32> {
    let (_, rest) = name.split_once("Adreno")?;
    let digits = rest.find(|c: char| c.is_ascii_digit())?;
    let rest = &rest[digits..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_depend_on_maker_and_series() {
        let of = |vendor: u32, name: &str| {
            let device = Capabilities::example();
            lane_registers(&device.but(|it| (it.vendor_id, it.name) = (vendor, name.into())))
        };
        assert_eq!((of(0x5143, "Turnip Adreno (TM) 660"), of(0x5143, "Adreno 750")), (80, 200));
        assert_eq!((of(0x106b, "Apple M1"), of(0x10de, "NVIDIA H20")), (120, 200));
    }
}
