// C = op(A) op(B) without workgroup memory or barriers, for drivers that compute on a processor:
// there a barrier suspends every subgroup, workgroup memory is ordinary memory, a load at a uniform
// address is one scalar load and a broadcast, and a divergent load is a loop over the lanes.
//
// 2 M N K FLOP. The lanes of a workgroup (one subgroup) own different rows of C, and all of them
// the same columns: B is read at uniform addresses, A as one vec4 a lane. Register blocking as in
// Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
//
// The sums of a large tile do not fit the processor's registers, but a large tile is what makes the
// divergent loads of A rare. So the four values of k that one turn holds are worked off for one vec4
// column of C after another: a sum is fetched and put back once a turn, not once for each k.
//
// nn, nt: A is read along K, in whole vec4s. tn: A is read along M, each lane owning groups of four
// rows. nn, tn: B is read along N. An operand whose runs are not whole vec4s, or that lies the wrong
// way (tt), is packed first; see gemm/pack.wgsl. Indices beyond the edge are clamped and their results
// dropped.
//
// Bindings: 0 a, 1 b, 2 c, or what is packed of a and b. Knobs: threads per workgroup; rows of C of
// each lane; cols, the vec4 columns of C of each workgroup; broadcast, 1 when each lane loads its share
// of B and hands it to the others, for drivers that do not see that an address is uniform; pack, the
// operands packed first: 1 a, 2 b, 3 both.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
// Elements from one run of A or B to the next.
const A_RUN: u32 = {{ a_run }}u;
const B_RUN: u32 = {{ b_run }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

alias Vec = vec4<{{ value }}>;

{{ format.input(a, true, value) }}
{{ format.input(b, true, value) }}
{{ format.output(c, c_vector, value) }}
{{ format.multiply_add(value) }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let row_tile = index % ROW_TILES;
    let column_tile = index / ROW_TILES % COLUMN_TILES;
    let member = index / (ROW_TILES * COLUMN_TILES);
    if member >= {{ batch }}u {
        return;
    }
{% include "gemm/offsets.wgsl" %}
{% for r in range(rows) %}
{% if a_transposed %}
    let row{{ r }} = ((row_tile * {{ rows // 4 }}u + {{ r // 4 }}u) * THREADS + lane) * 4u + {{ r % 4 }}u;
{% else %}
    let row{{ r }} = (row_tile * {{ rows }}u + {{ r }}u) * THREADS + lane;
    let a{{ r }} = from_a / 4u + min(row{{ r }}, M - 1u) * (A_RUN / 4u);
{% endif %}
{% endfor %}
{% if a_transposed %}
{% for p in range(rows // 4) %}
    let a{{ p }} = from_a / 4u + min(row{{ 4 * p }} / 4u, A_RUN / 4u - 1u);
{% endfor %}
{% endif %}
    let column = column_tile * {{ 4 * cols }}u;
{% if b_transposed %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
    let b{{ g }} = from_b / 4u + min(column + {{ g * threads }}u + lane, N - 1u) * (B_RUN / 4u);
{% endfor %}
{% else %}
{% for j in range(4 * cols) %}
    let b{{ j }} = from_b / 4u + min(column + {{ j }}u, N - 1u) * (B_RUN / 4u);
{% endfor %}
{% endif %}
{% elif broadcast and a_transposed %}
{% for g in range(cols // threads) %}
    let b{{ g }} = from_b / 4u + min(column / 4u + {{ g * threads }}u + lane, B_RUN / 4u - 1u);
{% endfor %}
{% elif broadcast %}
{% for g in range(4 * cols // threads) %}
    let f{{ g }} = {{ g * threads }}u + lane;
    let b{{ g }} = from_b / 4u + f{{ g }} / {{ cols }}u * (B_RUN / 4u) + min(column / 4u + f{{ g }} % {{ cols }}u, B_RUN / 4u - 1u);
{% endfor %}
{% else %}
{% for q in range(cols) %}
    let b{{ q }} = from_b / 4u + min(column / 4u + {{ q }}u, B_RUN / 4u - 1u);
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
        let x{{ p }} = load4_a(p * (A_RUN / 4u) + a{{ p }});
{% endfor %}
{% if broadcast %}
{% for g in range(cols // threads) %}
        let own{{ g }} = load4_b(p * (B_RUN / 4u) + b{{ g }});
{% endfor %}
{% endif %}
{% for q in range(cols) %}
{% if broadcast %}
        let y{{ q }} = subgroupBroadcast(own{{ q // threads }}, {{ q % threads }}u);
{% else %}
        let y{{ q }} = load4_b(p * (B_RUN / 4u) + b{{ q }});
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r // 4 }}.{{ part[r % 4] }}, y{{ q }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
    }
{% else %}
    for (var p = 0u; p < K / 4u; p++) {
{% for r in range(rows) %}
        let x{{ r }} = load4_a(a{{ r }} + p);
{% endfor %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
        let own{{ g }} = load4_b(b{{ g }} + {{ "p" if b_transposed else "p * B_RUN" }});
{% endfor %}
{% endif %}
{% if b_transposed %}
{% for q in range(cols) %}
{% for j in range(4) %}
{% if broadcast %}
        let y{{ 4 * q + j }} = subgroupBroadcast(own{{ (4 * q + j) // threads }}, {{ (4 * q + j) % threads }}u);
{% else %}
        let y{{ 4 * q + j }} = load4_b(b{{ 4 * q + j }} + p);
{% endif %}
{% endfor %}
{% for s in part %}
        let z{{ q }}{{ s }} = Vec(y{{ 4 * q }}.{{ s }}, y{{ 4 * q + 1 }}.{{ s }}, y{{ 4 * q + 2 }}.{{ s }}, y{{ 4 * q + 3 }}.{{ s }});
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r }}.{{ s }}, z{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% else %}
{% for s in part %}
        let at{{ s }} = (4u * p + {{ loop.index0 }}u) * (B_RUN / 4u);
{% endfor %}
{% for q in range(cols) %}
{% for s in part %}
{% set place = loop.index0 * cols + q %}
{% if broadcast %}
        let y{{ q }}{{ s }} = subgroupBroadcast(own{{ place // threads }}, {{ place % threads }}u);
{% else %}
        let y{{ q }}{{ s }} = load4_b(at{{ s }} + b{{ q }});
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r }}.{{ s }}, y{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
    }
{% endif %}
{% for r in range(rows) %}
    if row{{ r }} < M {
        let to = from_c + row{{ r }} * N + column;
{% for q in range(cols) %}
{% if c_vector %}
        if column + {{ 4 * q }}u < N {
            store4_c(to / 4u + {{ q }}u, c{{ r }}_{{ q }});
        }
{% else %}
{% for s in part %}
        if column + {{ 4 * q + loop.index0 }}u < N {
            store1_c(to + {{ 4 * q + loop.index0 }}u, c{{ r }}_{{ q }}.{{ s }});
        }
{% endfor %}
{% endif %}
{% endfor %}
    }
{% endfor %}
}
