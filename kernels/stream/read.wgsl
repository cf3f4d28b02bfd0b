// Reads an array of f32 and sums each block of 1024: y[j] = sum of a over block j.
// 4 B and 1 FLOP an element, and one word written for each block.
//
// One workgroup sums one block, its invocations taking vectors `threads` apart, and adds the
// partial sums through workgroup memory, or by a subgroup
// addition where the workgroup is exactly one subgroup.
// Bindings: 0 a, 1 y. Knobs: threads, a power of two up to 256; sums, the loads of one turn of the loop, each
// with its own sum: 256 is a multiple of threads * sums.

const BLOCKS: u32 = {{ blocks }}u;
const THREADS: u32 = {{ threads }}u;
const VECTORS_PER_BLOCK: u32 = 256u;

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{% if not single %}
var<workgroup> partial: array<f32, THREADS>;
{% endif %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.y * groups.x + group.x;
    // Blocks beyond the end read the last one again: control flow stays uniform for the barriers.
    let first = min(block, BLOCKS - 1u) * VECTORS_PER_BLOCK;
{% for s in range(sums) %}
    var sum{{ s }} = vec4<f32>(0.0);
{% endfor %}
    for (var j = lane; j < VECTORS_PER_BLOCK; j += THREADS * {{ sums }}u) {
{% for s in range(sums) %}
        sum{{ s }} += a[first + j + {{ s }}u * THREADS];
{% endfor %}
    }
    let sum = sum0{% for s in range(1, sums) %} + sum{{ s }}{% endfor %};
    var total = (sum.x + sum.y) + (sum.z + sum.w);
{% if single %}
    // The workgroup is one subgroup of known size.
    total = subgroupAdd(total);
    if lane == 0u && block < BLOCKS {
        y[block] = total;
    }
{% else %}
    partial[lane] = total;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    if lane == 0u && block < BLOCKS {
        y[block] = partial[0];
    }
{% endif %}
}
