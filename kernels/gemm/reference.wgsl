// C = op(A) op(B) from the definition: one element of C per invocation.
//
// 2 M N K FLOP; A, B and C once each are the least traffic, but every operand is read again for
// each row or column here. Serves every format, layout and size; the other kernels are checked
// against the same oracle and fall back to this one.
//
// Bindings: 0 a, 1 b, 2 c. Knob: threads per workgroup.

{% if half %}
enable f16;

{% endif %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const THREADS: u32 = {{ threads }}u;

@group(0) @binding(0) var<storage, read> a: array<{{ element }}>;
@group(0) @binding(1) var<storage, read> b: array<{{ element }}>;
@group(0) @binding(2) var<storage, read_write> c: array<{{ element }}>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.y * groups.x + group.x) * THREADS + lane;
    if at < M * N {
        let i = at / N;
        let j = at % N;
        var sum = {{ accumulate }}(0.0);
        for (var p = 0u; p < K; p++) {
            let x = {{ accumulate }}(a[{{ "p * M + i" if a_transposed else "i * K + p" }}]);
            let y = {{ accumulate }}(b[{{ "j * K + p" if b_transposed else "p * N + j" }}]);
            sum += x * y;
        }
        c[at] = {{ element }}(sum);
    }
}
