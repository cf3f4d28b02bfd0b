// Reads an array of f32 and sums each block of 1024: y[j] = sum of a over block j.
// 4 B and 1 FLOP an element, and one word written for each block.
//
// One workgroup sums `blocks` blocks side by side, its invocations taking vectors `threads` apart, and
// adds the partial sums through workgroup memory, or by a subgroup addition where the workgroup is
// exactly one subgroup. Blocks side by side and several sums of one block both keep more loads in
// flight, for memory that is far away and for additions that wait for the last.
// Bindings: 0 a, 1 y. Knobs: threads, a power of two up to 256; words, those of one load; blocks; sums,
// the loads of one turn of the loop from one block, each with its own sum: 1024 is a multiple of
// threads * words * sums.

const BLOCKS: u32 = {{ total }}u;
const THREADS: u32 = {{ threads }}u;
const VECTORS_PER_BLOCK: u32 = {{ 1024 // words }}u;

@group(0) @binding(0) var<storage, read> a: array<vec{{ words }}<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{% if not single %}
var<workgroup> partial: array<f32, {{ threads * blocks }}>;
{% endif %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = (group.y * groups.x + group.x) * {{ blocks }}u;
{% for b in range(blocks) %}
    // Blocks beyond the end read the last one again: control flow stays uniform for the barriers.
    let first{{ b }} = min(block + {{ b }}u, BLOCKS - 1u) * VECTORS_PER_BLOCK;
{% for s in range(sums) %}
    var sum{{ b }}_{{ s }} = vec{{ words }}<f32>(0.0);
{% endfor %}
{% endfor %}
    for (var j = lane; j < VECTORS_PER_BLOCK; j += THREADS * {{ sums }}u) {
{% for s in range(sums) %}
{% for b in range(blocks) %}
        sum{{ b }}_{{ s }} += a[first{{ b }} + j + {{ s }}u * THREADS];
{% endfor %}
{% endfor %}
    }
{% for b in range(blocks) %}
    let sum{{ b }} = sum{{ b }}_0{% for s in range(1, sums) %} + sum{{ b }}_{{ s }}{% endfor %};
    var total{{ b }} = {% if words == 4 %}(sum{{ b }}.x + sum{{ b }}.y) + (sum{{ b }}.z + sum{{ b }}.w){% else %}sum{{ b }}.x + sum{{ b }}.y{% endif %};
{% endfor %}
{% if single %}
    // The workgroup is one subgroup of known size.
{% for b in range(blocks) %}
    total{{ b }} = subgroupAdd(total{{ b }});
{% endfor %}
{% else %}
{% for b in range(blocks) %}
    partial[lane * {{ blocks }}u + {{ b }}u] = total{{ b }};
{% endfor %}
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if lane < half {
{% for b in range(blocks) %}
            partial[lane * {{ blocks }}u + {{ b }}u] += partial[(lane + half) * {{ blocks }}u + {{ b }}u];
{% endfor %}
        }
        workgroupBarrier();
    }
{% for b in range(blocks) %}
    total{{ b }} = partial[{{ b }}u];
{% endfor %}
{% endif %}
    if lane == 0u {
{% for b in range(blocks) %}
        if block + {{ b }}u < BLOCKS {
            y[block + {{ b }}u] = total{{ b }};
        }
{% endfor %}
    }
}
