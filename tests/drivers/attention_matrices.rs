//! Attention on the matrix unit of the driver: what it prefers, and some of what tuning may try on a GPU.

use crate::device::{as_gpu, case, start};
use crate::proofs::proven;
use portamark_kernels::{Kernel, KernelSource, PlanError, candidates, space};
use portamark_model::variant::Variant;

/// Proves the preferred variant of `kernel` for each key, and that of the tuning space for GPUs with the knobs that stand
/// beside the key, if any.
fn prove_on_unit(name: &str, keys: &[(&str, &str)]) {
    let Some((mut executor, devices)) = start() else { return };
    for device in &devices {
        let able = !device.matrix_shapes.is_empty() && device.fixed_subgroup().is_some();
        for (key, tuned) in keys {
            let case = case(&format!("attention {key}"));
            let on_unit = |list: Result<Vec<(&'static Kernel, Variant)>, PlanError>| {
                // A device without f16 has no variants at all.
                let list = list.unwrap_or_default().into_iter();
                list.filter(|(kernel, _)| kernel.name == name).collect::<Vec<_>>()
            };
            let mut list = on_unit(candidates(&case, device));
            assert_eq!(list.len(), usize::from(able), "{key} on {}", device.id);
            if let (true, Some(gpu), false) = (able, as_gpu(device), tuned.is_empty()) {
                let space = on_unit(space(&case, &gpu)).into_iter();
                list.extend(space.filter(|(_, variant)| variant.to_string().contains(tuned)));
                assert_eq!(list.len(), 2, "{key} {tuned}");
            }
            for (kernel, variant) in list {
                let plan = (kernel.plan)(&case, device, &variant, &KernelSource::embedded()).unwrap();
                let proof = proven(&mut executor, device, &case, plan);
                proof.unwrap_or_else(|reason| panic!("{case} {variant}: {reason}"));
            }
        }
        eprintln!("{} on {}", if able { "proven" } else { "no matrices" }, device.id);
    }
}

#[test]
fn every_prefill_variant_on_the_matrix_unit_is_right() {
    // Masks, windows that leave rows without a key in a block, GQA with rows over the heads' borders,
    // every head dimension, and caches that are staged as f16; with some of what tuning may try.
    let keys = [
        ("f16.f32 b1 hq4 hkv2 q70 kv70 d64 causal", "across1 bc16 edge8 hold1 prefetch1 rm1 sg2 slack8"),
        ("f16.f32 b1 hq4 hkv2 q70 kv70 d64 causal", "across2 bc16 edge8 hold1 prefetch1 rm2 sg4 slack8"),
        ("f16.f32 b2 hq3 hkv1 q17 kv150 d96", "across2 bc32 edge8 hold0 prefetch0 rm2 sg4 slack8"),
        ("f16.f32 b1 hq6 hkv2 q37 kv71 d64 causal w7", "across1 bc32 edge8 hold0 prefetch1 rm1 sg4 slack0"),
        (
            "f16.f32 b1 hq2 hkv2 q129 kv129 d128 causal w40",
            "across2 bc32 edge8 hold0 prefetch0 rm2 sg4 slack8",
        ),
        ("f16.f32 b1 hq2 hkv1 q19 kv35 d192 dv128 causal", ""),
        ("f16.f32 b1 hq3 hkv1 q9 kv35 d256", ""),
        (
            "f16xq8_0.f32 b1 hq6 hkv2 q33 kv50 d64 causal",
            "across1 bc16 edge8 hold0 prefetch0 rm2 sg4 slack8 threads32 turn0",
        ),
        ("e4m3xint4g64.f32 b1 hq2 hkv2 q33 kv50 d64", ""),
    ];
    prove_on_unit("flash_coopmat", &keys);
}

#[test]
fn decode_kernels_on_the_matrix_unit_are_right() {
    // One part and several, the last of them short; rows that fill half of a tile, one, and one and a bit; several queries
    // with parts that some rows do not see; windows; caches that are staged as f16; values that are the head of the keys.
    let keys = [
        ("f16.f32 b1 hq9 hkv1 q1 kv50 d64", "across1 bc16 edge8 hold0 prefetch0 rm2 sg1 slack8 span64"),
        ("f16.f32 b2 hq16 hkv1 q1 kv333 d64", "across2 bc16 edge8 hold1 prefetch1 rm2 sg2 slack8 span64"),
        // Subgroups that share matrices of scores by two and by four.
        ("f16.f32 b1 hq40 hkv2 q1 kv200 d128", "across4 bc16 edge8 hold1 prefetch0 rm2 sg4 slack8 span64"),
        (
            "f16.f32 b1 hq6 hkv2 q3 kv260 d64 causal",
            "across8 bc16 edge8 hold0 prefetch0 rm2 sg8 slack8 span64",
        ),
        (
            "f16xq8_0.f32 b1 hq20 hkv1 q1 kv515 d96 w100",
            "across4 bc32 edge8 hold1 prefetch0 rm2 sg4 slack8 span64",
        ),
        ("f16.f32 b1 hq20 hkv1 q1 kv150 d576 dv512 latent", ""),
        (
            "f16.f32 b2 hq16 hkv1 q1 kv77 d104 dv64 latent",
            "across4 bc16 edge8 hold1 prefetch1 rm2 sg4 slack8 span64",
        ),
    ];
    prove_on_unit("split_coopmat", &keys);
}
