// C = A B^T of 8-bit integers by packed dot products, in registers alone, for software drivers.
//
// 2 M N K OP, eight for each dot4I8Packed: both operands run along K, four elements to a word. The
// lanes of a workgroup (one subgroup) own different rows of C and all of them the same columns, as in
// direct.wgsl. Needs K % 4 == 0. Indices beyond the edge are clamped and their results dropped.
//
// Bindings: 0 a (M x K), 1 b (N x K), 2 c (M x N, i32). Knobs: threads per workgroup; rows of C of each
// lane; cols, columns of C of each workgroup; words of a load, 4 or 1; broadcast, 1 when each lane
// loads its share of B and hands it to the others.

{% set part = ["x", "y", "z", "w"] %}
{% set held = "vec4<u32>" if words == 4 else "u32" %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
// Loads of one row of A or B.
const LOADS: u32 = {{ k // (4 * words) }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

@group(0) @binding(0) var<storage, read> a: array<{{ held }}>;
@group(0) @binding(1) var<storage, read> b: array<{{ held }}>;
@group(0) @binding(2) var<storage, read_write> c: array<i32>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let member = index / (ROW_TILES * COLUMN_TILES);
    if member >= {{ batch }}u {
        return;
    }
    let column = index / ROW_TILES % COLUMN_TILES * {{ cols }}u;
{% for r in range(rows) %}
    let row{{ r }} = (index % ROW_TILES * {{ rows }}u + {{ r }}u) * THREADS + lane;
    let a{{ r }} = (member * M + min(row{{ r }}, M - 1u)) * LOADS;
{% for j in range(cols) %}
    var c{{ r }}_{{ j }} = 0i;
{% endfor %}
{% endfor %}
{% if broadcast %}
{% for g in range(cols // threads) %}
    let b{{ g }} = (member * N + min(column + {{ g * threads }}u + lane, N - 1u)) * LOADS;
{% endfor %}
{% else %}
{% for j in range(cols) %}
    let b{{ j }} = (member * N + min(column + {{ j }}u, N - 1u)) * LOADS;
{% endfor %}
{% endif %}
    for (var p = 0u; p < LOADS; p++) {
{% for r in range(rows) %}
        let x{{ r }} = a[a{{ r }} + p];
{% endfor %}
{% if broadcast %}
{% for g in range(cols // threads) %}
        let own{{ g }} = b[b{{ g }} + p];
{% endfor %}
{% endif %}
{% for j in range(cols) %}
{% if broadcast %}
        let y{{ j }} = subgroupBroadcast(own{{ j // threads }}, {{ j % threads }}u);
{% else %}
        let y{{ j }} = b[b{{ j }} + p];
{% endif %}
{% for r in range(rows) %}
{% for i in range(words) %}
{% set word = "." ~ part[i] if words == 4 else "" %}
        c{{ r }}_{{ j }} += dot4I8Packed(x{{ r }}{{ word }}, y{{ j }}{{ word }});
{% endfor %}
{% endfor %}
{% endfor %}
    }
{% for r in range(rows) %}
    if row{{ r }} < M {
        let to = (member * M + row{{ r }}) * N + column;
{% for j in range(cols) %}
        if column + {{ j }}u < N {
            c[to + {{ j }}u] = c{{ r }}_{{ j }};
        }
{% endfor %}
    }
{% endfor %}
}
