// C = op(A) op(B) from the definition: one element of C per invocation, or the two of a word.
//
// 2 M N K FLOP for each member of the batch; A, B and C once each are the least traffic, but every
// operand is read again for each row or column here. Serves every format, layout and size; the
// other kernels are checked against the same oracle and fall back to this one.
//
// Bindings: a, b (and its scales), c. Knob: threads per workgroup.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const ELEMENTS: u32 = {{ batch * m * n }}u;
const THREADS: u32 = {{ threads }}u;

{{ format.input(a, false, value) }}
{{ format.input(b, false, value) }}
{{ format.output(c, false, value) }}
// Element `at` of C; zero beyond the end.
fn product(at: u32) -> {{ value }} {
    var sum = {{ value }}(0);
    if at < ELEMENTS {
        let member = at / (M * N);
        let i = at / N % M;
        let j = at % N;
        for (var p = 0u; p < K; p++) {
            let x = load1_a(member * M * K + {{ "p * M + i" if a_transposed else "i * K + p" }});
            let y = load1_b(member * K * N + {{ "j * K + p" if b_transposed else "p * N + j" }});
            sum += x * y;
        }
    }
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.y * groups.x + group.x) * THREADS + lane;
    if at * {{ per }}u < ELEMENTS {
{% if per == 2 %}
        store2_c(at, vec2<{{ value }}>(product(2u * at), product(2u * at + 1u)));
{% else %}
        store1_c(at, product(at));
{% endif %}
    }
}
