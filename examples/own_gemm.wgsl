// C = A B from the definition, one element of C per invocation: an example of a kernel of one's own.
//
// portamark: case = ["gemm f32 m512 n512 k512 nn", "gemm f32 * nn"]
// portamark: workgroups = "ceil(n / 8), ceil(m / 8)"
// portamark: tile = "8x8"
// portamark: path = "scalar"

const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= N || id.y >= M {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < K; p++) {
        sum += a[id.y * K + p] * b[p * N + id.x];
    }
    c[id.y * N + id.x] = sum;
}
