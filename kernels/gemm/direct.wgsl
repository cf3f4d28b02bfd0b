// C = op(A) op(B) without workgroup memory or barriers, for drivers that compute on a processor:
// there a barrier suspends every subgroup, workgroup memory is ordinary memory, a load at a uniform
// address is one scalar load and a broadcast, and a divergent load is a loop over the lanes.
//
// 2 M N K FLOP. The lanes of a workgroup (one subgroup) own different rows of C, and all of them
// the same columns: B is read at uniform addresses, A as one vec4 a lane. Register blocking as in
// Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
//
// nn, nt: A is read along K, needs K % 4 == 0. tn: A is read along M, each lane owning groups of
// four rows, needs M % 4 == 0. nn, tn: B is read along N, needs N % 4 == 0. Indices beyond the
// edge are clamped and their results dropped.
//
// Bindings: 0 a, 1 b, 2 c. Knobs: threads per workgroup; rows of C of each lane; cols, the vec4
// columns of C of each workgroup; broadcast, 1 when each lane loads its share of B and hands it to
// the others (nn and nt only), for drivers that do not see that an address is uniform.

{% if half %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
{% set wide = n % 4 == 0 %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

alias Vec = vec4<{{ accumulate }}>;

@group(0) @binding(0) var<storage, read> a: array<vec4<{{ element }}>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<{{ element }}>>;
{% if wide %}
@group(0) @binding(2) var<storage, read_write> c: array<vec4<{{ element }}>>;
{% else %}
@group(0) @binding(2) var<storage, read_write> c: array<{{ element }}>;
{% endif %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let row_tile = index % ROW_TILES;
    let column_tile = index / ROW_TILES;
    if column_tile >= COLUMN_TILES {
        return;
    }
{% for r in range(rows) %}
{% if a_transposed %}
    let row{{ r }} = ((row_tile * {{ rows // 4 }}u + {{ r // 4 }}u) * THREADS + lane) * 4u + {{ r % 4 }}u;
{% else %}
    let row{{ r }} = (row_tile * {{ rows }}u + {{ r }}u) * THREADS + lane;
    let a{{ r }} = min(row{{ r }}, M - 1u) * (K / 4u);
{% endif %}
{% endfor %}
{% if a_transposed %}
{% for p in range(rows // 4) %}
    let a{{ p }} = min(row{{ 4 * p }} / 4u, M / 4u - 1u);
{% endfor %}
{% endif %}
    let column = column_tile * {{ 4 * cols }}u;
{% if b_transposed %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
    let b{{ g }} = min(column + {{ g * threads }}u + lane, N - 1u) * (K / 4u);
{% endfor %}
{% else %}
{% for j in range(4 * cols) %}
    let b{{ j }} = min(column + {{ j }}u, N - 1u) * (K / 4u);
{% endfor %}
{% endif %}
{% elif broadcast and a_transposed %}
{% for g in range(cols // threads) %}
    let b{{ g }} = min(column / 4u + {{ g * threads }}u + lane, N / 4u - 1u);
{% endfor %}
{% elif broadcast %}
{% for g in range(4 * cols // threads) %}
    let f{{ g }} = {{ g * threads }}u + lane;
    let b{{ g }} = f{{ g }} / {{ cols }}u * (N / 4u) + min(column / 4u + f{{ g }} % {{ cols }}u, N / 4u - 1u);
{% endfor %}
{% else %}
{% for q in range(cols) %}
    let b{{ q }} = min(column / 4u + {{ q }}u, N / 4u - 1u);
{% endfor %}
{% endif %}
{% for r in range(rows) %}
{% for q in range(cols) %}
    var c{{ r }}_{{ q }} = Vec();
{% endfor %}
{% endfor %}
{% if a_transposed %}
    for (var p = 0u; p < K; p++) {
{% for p in range(rows // 4) %}
        let x{{ p }} = Vec(a[p * (M / 4u) + a{{ p }}]);
{% endfor %}
{% if broadcast %}
{% for g in range(cols // threads) %}
        let own{{ g }} = Vec(b[p * (N / 4u) + b{{ g }}]);
{% endfor %}
{% endif %}
{% for q in range(cols) %}
{% if broadcast %}
        let y{{ q }} = subgroupBroadcast(own{{ q // threads }}, {{ q % threads }}u);
{% else %}
        let y{{ q }} = Vec(b[p * (N / 4u) + b{{ q }}]);
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = fma(Vec(x{{ r // 4 }}.{{ part[r % 4] }}), y{{ q }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
    }
{% else %}
    for (var p = 0u; p < K / 4u; p++) {
{% for r in range(rows) %}
        let x{{ r }} = Vec(a[a{{ r }} + p]);
{% endfor %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
        let own{{ g }} = Vec(b[b{{ g }} + {{ "p" if b_transposed else "p * N" }}]);
{% endfor %}
{% endif %}
{% if b_transposed %}
{% for q in range(cols) %}
{% for j in range(4) %}
{% if broadcast %}
        let y{{ 4 * q + j }} = subgroupBroadcast(own{{ (4 * q + j) // threads }}, {{ (4 * q + j) % threads }}u);
{% else %}
        let y{{ 4 * q + j }} = Vec(b[b{{ 4 * q + j }} + p]);
{% endif %}
{% endfor %}
{% for s in part %}
        let z{{ q }}{{ s }} = Vec(y{{ 4 * q }}.{{ s }}, y{{ 4 * q + 1 }}.{{ s }}, y{{ 4 * q + 2 }}.{{ s }}, y{{ 4 * q + 3 }}.{{ s }});
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = fma(Vec(x{{ r }}.{{ s }}), z{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% else %}
{% for s in part %}
{% set first = loop.index0 * cols %}
        let at{{ s }} = (4u * p + {{ loop.index0 }}u) * (N / 4u);
{% for q in range(cols) %}
{% if broadcast %}
        let y{{ q }}{{ s }} = subgroupBroadcast(own{{ (first + q) // threads }}, {{ (first + q) % threads }}u);
{% else %}
        let y{{ q }}{{ s }} = Vec(b[at{{ s }} + b{{ q }}]);
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = fma(Vec(x{{ r }}.{{ s }}), y{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
    }
{% endif %}
{% for r in range(rows) %}
    if row{{ r }} < M {
{% for q in range(cols) %}
{% if wide %}
        if column + {{ 4 * q }}u < N {
            c[(row{{ r }} * N + column) / 4u + {{ q }}u] = vec4<{{ element }}>(c{{ r }}_{{ q }});
        }
{% else %}
{% for s in part %}
        if column + {{ 4 * q + loop.index0 }}u < N {
            c[row{{ r }} * N + column + {{ 4 * q + loop.index0 }}u] = {{ element }}(c{{ r }}_{{ q }}.{{ s }});
        }
{% endfor %}
{% endif %}
{% endfor %}
    }
{% endfor %}
}
