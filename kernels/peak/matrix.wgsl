// Arithmetic peak of the matrix unit: each tile D starts from zero and takes 16 links
// D <- D + A_r B for every round r.
//
// 2 edge^3 FLOP a link; A_r is loaded once a round and serves 16 links of every tile of the
// subgroup. All tiles end equal, and all links of a round add the same product: a compiler that sees
// it multiplies once. So tiles start from zeros, the links scale A_r and the tiles B by ones, of which
// only the inputs' range says what they are, and no two come from the same element. Scaling A_r is
// edge^2 products beside the 2 edge^3 FLOP of each of the subgroup's tiles. Metal cannot scale a matrix
// (`scaled` is false): its products are instructions that a compiler takes as they are.
//
// One workgroup is one subgroup. Bindings: 0 a (one tile per round), 1 b (one tile), 2 y; all
// tiles row-major. Knobs: threads, the subgroup's size; per, tiles of each subgroup.

enable wgpu_cooperative_matrix;
{% if half %}
enable f16;
{% endif %}

const TILE: u32 = {{ edge * edge }}u;
const GROUPS: u32 = {{ count }}u;
const ROUNDS: u32 = {{ rounds }}u;
const THREADS: u32 = {{ threads }}u;
const PER: u32 = {{ per }}u;

@group(0) @binding(0) var<storage, read> a: array<{{ element }}>;
@group(0) @binding(1) var<storage, read> b: array<{{ element }}>;
@group(0) @binding(2) var<storage, read_write> y: array<{{ accumulate }}>;

var<workgroup> zeros: array<{{ accumulate }}, {{ edge * edge * per }}>;

{% if scaled %}
// One, since inputs lie within [-1, 1]; another unknown for every i below the tile's size.
fn one(i: u32) -> {{ element }} {
    let seen = b[i];
    return select({{ element }}(1.0), seen, seen > {{ element }}(2.0));
}
{% endif %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one: control flow stays uniform.
    let index = min(group.y * groups.x + group.x, GROUPS - 1u);
    for (var i = lane; i < TILE * PER; i += THREADS) {
        // Inputs lie within [-1, 1].
        let seen = {{ accumulate }}(b[i % TILE]) + {{ accumulate }}(i / TILE) / {{ accumulate }}(PER);
        zeros[i] = select({{ accumulate }}(0.0), seen, seen > {{ accumulate }}(4.0));
    }
    workgroupBarrier();
{% for j in range(per) %}
    var d{{ j }} = coopLoadT<coop_mat{{ edge }}x{{ edge }}<{{ accumulate }}, C>>(&zeros[{{ j * edge * edge }}u], {{ edge }}u);
{% endfor %}
    let loaded = coopLoadT<coop_mat{{ edge }}x{{ edge }}<{{ element }}, B>>(&b[0u], {{ edge }}u);
{% if scaled %}
{% for link in range(links) %}
    let one{{ link }} = one({{ link }}u);
{% endfor %}
{% endif %}
{% for j in range(per) %}
    let right{{ j }} = loaded{% if scaled %} * one({{ links + j }}u){% endif %};
{% endfor %}
    for (var round = 0u; round < ROUNDS; round++) {
        let start = round * TILE;
        let left = coopLoadT<coop_mat{{ edge }}x{{ edge }}<{{ element }}, A>>(&a[start], {{ edge }}u);
{% for link in range(links) %}
        let left{{ link }} = left{% if scaled %} * one{{ link }}{% endif %};
{% for j in range(per) %}
        d{{ j }} = coopMultiplyAdd(left{{ link }}, right{{ j }}, d{{ j }});
{% endfor %}
{% endfor %}
    }
{% for j in range(per) %}
    let to{{ j }} = (index * PER + {{ j }}u) * TILE;
    coopStoreT(d{{ j }}, &y[to{{ j }}], {{ edge }}u);
{% endfor %}
}
