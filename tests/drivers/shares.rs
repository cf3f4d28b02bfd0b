//! Which driver proves which variant, where `./test` goes through several.
//!
//! For a few cases of each family one variant of each kernel is proven on every driver, and all of those in
//! which drivers differ: subgroup operations and matrix units. The other variants are texts of plain
//! arithmetic that differ in the sizes of their tiles, and the many formats, layouts and ragged shapes are
//! index arithmetic: each is proven on one driver. PORTAMARK_TEST_DRIVERS names the drivers of this run;
//! without it everything is proven here.

use portamark_kernels::needs_f16;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::Case;
use sha2::{Digest, Sha256};

/// The drivers that prove many variants; whether f16 is a type of theirs. Mesa 25 and 26 compile for up to
/// ten times as long.
const DRIVERS: [(&str, bool); 2] = [("lavapipe", true), ("swiftshader", false)];

/// The drivers of this run that share variants, and which of them this is.
pub struct Shares {
    drivers: Vec<(&'static str, bool)>,
    own: String,
}

impl Shares {
    /// As the environment says.
    pub fn of_this_run() -> Self {
        let read = |name: &str| std::env::var(name).unwrap_or_default();
        Shares::new(&read("PORTAMARK_TEST_DRIVERS"), &read("PORTAMARK_TEST_DRIVER"))
    }

    fn new(all: &str, own: &str) -> Self {
        let named = |name: &str| all.split_whitespace().any(|one| one == name);
        let drivers = DRIVERS.into_iter().filter(|(name, _)| named(name)).collect();
        Shares { drivers, own: own.into() }
    }

    /// Whether `variant` of `case` is proven on `device`.
    pub fn has(&self, case: &Case, device: &Capabilities, variant: &Variant) -> bool {
        let differs = matches!(variant.path, Path::Subgroup | Path::Coopmat);
        differs || self.draws(case, device, &format!("{case} {variant}"))
    }

    /// Whether `case`, one of many of its kind, is proven on `device`.
    pub fn has_case(&self, case: &Case, device: &Capabilities) -> bool {
        self.draws(case, device, &case.key())
    }

    /// Whether what `words` name falls to this driver.
    fn draws(&self, case: &Case, device: &Capabilities, words: &str) -> bool {
        let packs = !device.has(Feature::ShaderF16) && self.needs_f16_elsewhere(case, device);
        let native = needs_f16(case, device);
        // The words of packed halves are of those without f16.
        let can: Vec<&str> = match () {
            () if packs => return true,
            () if native => self.drivers.iter().filter(|(_, f16)| *f16).map(|(name, _)| *name).collect(),
            () => self.drivers.iter().map(|(name, _)| *name).collect(),
        };
        let hash = Sha256::digest(words);
        can.is_empty() || can[usize::from(hash[0]) % can.len()] == self.own
    }

    /// How many of `count` draws are made here: every driver draws others.
    pub fn part(&self, count: usize) -> usize {
        count.div_ceil(self.drivers.len().max(1)).max(1)
    }

    /// Whether this driver shows what is the program's doing and not a driver's: one does.
    pub fn is_first(&self) -> bool {
        self.drivers.first().is_none_or(|(name, _)| *name == self.own)
    }

    /// Whether this driver proves its part of what is shared.
    pub fn takes_part(&self) -> bool {
        self.is_alone() || self.drivers.iter().any(|(name, _)| *name == self.own)
    }

    /// Whether no other driver is tested in this run.
    pub fn is_alone(&self) -> bool {
        self.drivers.is_empty()
    }

    /// Which of the drivers this is, from 0 on.
    pub fn place(&self) -> usize {
        self.drivers.iter().position(|(name, _)| *name == self.own).unwrap_or(0)
    }

    fn needs_f16_elsewhere(&self, case: &Case, device: &Capabilities) -> bool {
        needs_f16(case, &device.clone().but(|it| it.features.push(Feature::ShaderF16)))
    }
}

#[test]
fn each_plain_variant_is_proven_on_one_driver_and_what_differs_on_all() {
    use portamark_kernels::candidates;

    let lavapipe = Capabilities::example().but(|it| {
        it.features = vec![Feature::ShaderF16, Feature::Subgroup];
        (it.subgroup_min, it.subgroup_max) = (8, 8);
    });
    let swiftshader = lavapipe.clone().but(|it| it.features = vec![Feature::Subgroup]);
    let all = "lavapipe lavapipe-25 swiftshader lavapipe-26";
    let times = |key: &str, variant: &Variant| {
        let case = crate::device::case(key);
        let devices = [("lavapipe", &lavapipe), ("swiftshader", &swiftshader), ("lavapipe-26", &lavapipe)];
        let has = |(name, device): &(&str, &Capabilities)| {
            let can = candidates(&case, device).is_ok_and(|list| list.iter().any(|(_, one)| one == variant));
            can && Shares::new(all, name).has(&case, device, variant)
        };
        devices.iter().filter(|device| has(device)).count()
    };
    for (key, shared) in [("gemm f32 m132 n136 k72 nn", 1), ("gemm f16 m132 n136 k72 nn", 1)] {
        let case = crate::device::case(key);
        let variants = candidates(&case, &lavapipe).unwrap();
        assert!(variants.len() > 3);
        for (_, variant) in variants.iter().filter(|(_, variant)| variant.path != Path::Subgroup) {
            assert_eq!(times(key, variant), shared, "{key} {variant}");
        }
    }
    let decode = "attention f32 b1 hq8 hkv2 q1 kv1000 d128";
    let (_, variant) = &candidates(&crate::device::case(decode), &lavapipe).unwrap()[0];
    assert_eq!((variant.path, times(decode, variant)), (Path::Subgroup, 3));
    let ragged: Vec<Case> = (1..40).map(|m| crate::device::case(&format!("softmax f32 r{m} c7"))).collect();
    for case in &ragged {
        let has = |name| usize::from(Shares::new(all, name).has_case(case, &lavapipe));
        let drivers = ["lavapipe", "swiftshader", "lavapipe-25", "lavapipe-26"].map(has);
        assert_eq!((drivers.iter().sum::<usize>(), drivers[3]), (1, 0), "{case}");
        assert_eq!(drivers[2], 0, "{case}");
    }
    // A driver alone has all.
    let alone = Shares::new("", "lavapipe");
    assert!(candidates(&crate::device::case("gemm f32 m132 n136 k72 nn"), &lavapipe).unwrap().iter().all(
        |(_, variant)| alone.has(&crate::device::case("gemm f32 m132 n136 k72 nn"), &lavapipe, variant)
    ));
    assert_eq!((alone.part(30), Shares::new(all, "lavapipe").part(30)), (30, 15));
    let first = ["lavapipe", "lavapipe-25", "swiftshader"].map(|name| Shares::new(all, name).is_first());
    assert_eq!((first, alone.is_first()), ([true, false, false], true));
    assert_eq!(Shares::new(all, "swiftshader").place(), 1);
}
