//! Matrix units that no driver here has: a text's cooperative matrices replaced by plain arithmetic.
//!
//! The lanes of a subgroup of any size share the elements of each sum, and read the operands where
//! they lie in workgroup memory only when they multiply. So any driver proves what surrounds the
//! matrices for edges and subgroups that only GPUs have: addresses, the shares of lanes, barriers and
//! masks. Exchanges between neighbouring lanes must stay within a real subgroup, and operands must not
//! be overwritten between load and multiplication, which leaves out texts that hold them in registers.

use crate::device::{as_gpu, case, start};
use crate::proofs::proven;
use crate::shares::Shares;
use portamark_kernels::{Kernel, KernelSource, space};
use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape};
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::DType;
use std::time::Instant;

/// A matrix unit to emulate.
#[derive(Clone, Copy)]
struct Unit {
    edge: u32,
    element: DType,
    subgroup: u32,
}

impl Unit {
    /// `device` as a GPU with this unit.
    fn on(&self, device: &Capabilities) -> Capabilities {
        let shape = MatrixShape::new(self.edge, self.element, DType::F32);
        let mut gpu = device.clone().but(|it| {
            it.device_type = DeviceType::Discrete;
            it.subgroup_min = self.subgroup;
            it.subgroup_max = self.subgroup;
            it.matrix_shapes = vec![shape];
        });
        gpu.features.push(Feature::CooperativeMatrix);
        gpu
    }

    /// `plan` of attention without cooperative matrices.
    fn emulate(&self, mut plan: Plan) -> Plan {
        // A last step that combines the sums of parts has none.
        for step in plan.steps.iter_mut().filter(|step| step.wgsl.contains("coop_mat")) {
            step.wgsl = self.plain(&step.wgsl);
        }
        plan.features = Plan::features(&plan.steps);
        plan
    }

    fn plain(&self, text: &str) -> String {
        let Unit { edge, element, subgroup } = self;
        let mut plain = text.to_owned();
        let mut turn = |what: &str, into: &str| {
            assert!(plain.contains(what), "no {what} in\n{text}");
            plain = plain.replace(what, into);
        };
        turn("enable wgpu_cooperative_matrix;", "");
        let (e, f) = (edge, element.name());
        turn(&format!("alias Left = coop_mat{e}x{e}<{f}, A>;"), "alias Left = Operand;");
        turn(&format!("alias Right = coop_mat{e}x{e}<{f}, B>;"), "alias Right = Operand;");
        turn(&format!("alias Sum = coop_mat{e}x{e}<f32, C>;"), &self.arithmetic());
        turn("    @builtin(subgroup_invocation_id) sub_lane: u32,\n", "");
        turn("    @builtin(subgroup_id) number_of_subgroup: u32,\n", "");
        let lanes = format!(
            "let sub_lane = lane % {subgroup}u; let number_of_subgroup = lane / {subgroup}u; own_lane = sub_lane;"
        );
        turn("    let own = number_of_subgroup", &format!("{lanes}\n    let own = number_of_subgroup"));
        turn("coopLoadT<Left>(&q_tile[", "Operand(0u, (");
        turn("coopLoadT<Left>(&weights[", "Operand(1u, (");
        turn("coopLoad<Right>(&kv_tile[", "Operand(2u, (");
        // V along its columns; along the keys, it is loaded as K is.
        if text.contains("coopLoadT<Right>") {
            turn("coopLoadT<Right>(&kv_tile[", "Operand(3u, (");
        }
        turn("coopLoadT<Sum>(&strips[", "load_sum((");
        turn("coopStoreT(", "store_sum(");
        turn(", &strips[", ", (");
        turn("coopMultiplyAdd(", "multiply_add_matrices(");
        for stride in ["K_STRIDE", "V_STRIDE", "Q_STRIDE", "WEIGHT_STRIDE", "STRIP_STRIDE", "stride"] {
            turn(&format!("], {stride}"), &format!("), {stride}"));
        }
        assert!(!plain.contains("coop"), "{plain}");
        plain
    }

    /// What takes the place of the unit.
    fn arithmetic(&self) -> String {
        let Unit { edge, subgroup, .. } = self;
        let count = edge * edge / subgroup;
        // Of each element of a sum that a lane has.
        let each = |statement: &str| -> String {
            let of = |p: u32| {
                let element = format!("let i = (own_lane + {}u) / {edge}u;", p * subgroup);
                let element = element + &format!("let j = (own_lane + {}u) % {edge}u;", p * subgroup);
                format!("    {{ {element} {} }}\n", statement.replace('#', &p.to_string()))
            };
            (0..count).map(of).collect()
        };
        let place = "at + i * stride + j / 4u";
        let multiply = format!(
            "for (var k = 0u; k < {edge}u; k++) {{ c[#] += element_of(left, i, k) * element_of(right, k, j); }}"
        );
        format!(
            "// Which array, where in it, and how far apart its rows are.
struct Operand {{ array: u32, at: u32, stride: u32 }}
alias Sum = array<f32, {count}>;
var<private> own_lane: u32;
fn element_of(m: Operand, row: u32, column: u32) -> f32 {{
    switch m.array {{
        case 0u: {{ return f32(q_tile[m.at + row * m.stride + column / 4u][column % 4u]); }}
        case 1u: {{ return f32(weights[m.at + row * m.stride + column / 4u][column % 4u]); }}
        case 2u: {{ return f32(kv_tile[m.at + column * m.stride + row / 4u][row % 4u]); }}
        default: {{ return f32(kv_tile[m.at + row * m.stride + column / 4u][column % 4u]); }}
    }}
}}
fn multiply_add_matrices(left: Operand, right: Operand, sum: Sum) -> Sum {{
    var c = sum;
{}    return c;
}}
fn load_sum(at: u32, stride: u32) -> Sum {{
    var c = Sum();
{}    return c;
}}
fn store_sum(sum: Sum, at: u32, stride: u32) {{
    var c = sum;
{}}}
",
            each(&multiply),
            each(&format!("c[#] = strips[{place}][j % 4u];")),
            each(&format!("strips[{place}][j % 4u] = c[#];")),
        )
    }
}

#[test]
fn attention_on_the_units_of_gpus_is_right() {
    if !Shares::of_this_run().is_first() {
        return;
    }
    let Some((mut executor, devices)) = start() else { return };
    let unit = |edge, element, subgroup| Unit { edge, element, subgroup };
    // Lanes that share a row by two and by four, rows that a lane has alone, and both ways of summing.
    let proofs = [
        ("f16.f32 b1 hq4 hkv2 q50 kv70 d64 causal", unit(16, DType::F16, 32), "rm1 sg4 slack8"),
        ("f16xq8_0.f32 b1 hq3 hkv1 q37 kv71 d96 causal w9", unit(16, DType::F16, 64), "rm1 sg2 slack8"),
        ("f16.f32 b1 hq2 hkv2 q33 kv70 d64", unit(16, DType::F16, 64), "rm1 sg4 slack0"),
        // Subgroups that share rows by two and by four, with V along the keys and along its columns.
        (
            "f16.f32 b1 hq4 hkv2 q50 kv70 d64 causal",
            unit(16, DType::F16, 32),
            "across2 bc32 edge16 hold0 prefetch1 rm1 sg4",
        ),
        (
            "f16.f32 b1 hq2 hkv1 q41 kv90 d128 causal w33",
            unit(16, DType::F16, 64),
            "across2 bc32 edge16 hold0 prefetch0 rm1 sg4",
        ),
        (
            "f16.f32 b1 hq2 hkv1 q33 kv70 d64",
            unit(16, DType::F16, 32),
            "across4 bc64 edge16 hold0 prefetch0 rm1 sg8",
        ),
        ("f16.f32 b1 hq2 hkv2 q33 kv70 d64", unit(16, DType::F16, 32), "slack8 threads128 turn0"),
        ("f32 b1 hq2 hkv1 q21 kv40 d32", unit(8, DType::F32, 32), "rm4 sg2 slack8"),
        ("f32 b1 hq2 hkv1 q21 kv40 d64 causal", unit(8, DType::F32, 32), "rm1 sg4 slack0"),
        // Decode: parts of the keys, subgroups that share matrices of scores by two, four and eight, lanes that share no
        // row, and values that are the head of the keys.
        (
            "f16.f32 b1 hq8 hkv1 q1 kv150 d64",
            unit(16, DType::F16, 32),
            "across4 bc32 edge16 hold0 prefetch0 rm1 sg4",
        ),
        (
            "f16.f32 b2 hq20 hkv1 q1 kv90 d128",
            unit(16, DType::F16, 64),
            "across4 bc16 edge16 hold0 prefetch0 rm1 sg4",
        ),
        (
            "f16xq8_0.f32 b1 hq6 hkv1 q3 kv200 d128 causal w99",
            unit(16, DType::F16, 32),
            "across8 bc16 edge16 hold0",
        ),
        (
            "f16.f32 b1 hq16 hkv1 q1 kv77 d144 dv128 latent",
            unit(16, DType::F16, 32),
            "across8 bc32 edge16 hold0",
        ),
        (
            "f16.f32 b1 hq40 hkv1 q1 kv77 d128 dv64 latent",
            unit(16, DType::F16, 64),
            "across4 bc32 edge16 hold0 prefetch0 rm2",
        ),
        ("f32 b1 hq9 hkv1 q1 kv70 d64", unit(8, DType::F32, 32), "across4 bc16 edge8 hold0 prefetch0 rm2"),
    ];
    let gpus = devices.iter().filter(|device| as_gpu(device).is_some() && device.has(Feature::Subgroup));
    for device in gpus {
        for (key, unit, part) in &proofs {
            if unit.element == DType::F16 && !device.has(Feature::ShaderF16) {
                continue;
            }
            let (case, gpu) = (case(&format!("attention {key}")), unit.on(device));
            let wanted = |(kernel, variant): &(&Kernel, Variant)| {
                ["flash_coopmat", "split_coopmat"].contains(&kernel.name)
                    && variant.to_string().contains(part)
                    && variant.knob("hold") == 0
            };
            let (kernel, variant) = space(&case, &gpu).unwrap().into_iter().find(wanted).expect(part);
            let plan = (kernel.plan)(&case, &gpu, &variant, &KernelSource::embedded()).unwrap();
            let started = Instant::now();
            let proof = proven(&mut executor, device, &case, unit.emulate(plan));
            proof.unwrap_or_else(|reason| panic!("{case} {variant}: {reason}"));
            if started.elapsed().as_secs() >= 5 {
                eprintln!("{case} {variant} took {:?}", started.elapsed());
            }
        }
    }
}
