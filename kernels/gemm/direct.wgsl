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
{% import "gemm/register_tile.wgsl" as tile %}
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
    let column = column_tile * {{ 4 * cols }}u;
{{ tile.begin(rows, cols, threads, a_transposed, b_transposed, broadcast) -}}
{{ tile.multiply(rows, cols, threads, a_transposed, b_transposed, broadcast, "0u", "K" if a_transposed else "K / 4u", false) -}}
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
