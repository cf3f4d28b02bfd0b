// The grouped product of a mixture of experts in tiles, for GPUs: a workgroup takes up to BM rows of
// one expert and BN of its columns, and copies BM x BK of A and BN x BK of the weights to workgroup
// memory, from where each invocation accumulates 4 x 4 elements of C.
//
// 2 N D FLOP a row; weights are read once for each tile of rows of their expert. A table says which
// rows a tile has, so that no row is multiplied for nothing but at the end of an expert's rows, and
// experts without rows cost nothing (as in MegaBlocks, Gale et al. 2022).
//
// Both tiles lie as in memory, along D, in rows of BK / 4 + 1 vec4s, which spreads them over the
// banks; column 4 x + j of the weights has place j BN / 4 + x, so that neighbouring invocations read
// neighbouring rows. Needs D % 4 == 0 and N % 4 == 0; beyond the edges there are zeros.
//
// Bindings: a, b (and its scales), c, then `tiles`: expert, first row and end of each tile of rows.
// Knobs: bm, bn, bk.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
{% set threads = bm * bn // 16 %}
const N: u32 = {{ n }}u;
const D4: u32 = {{ dim // 4 }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;
// Vec4s of a row of a tile, and between two rows.
const DEPTH: u32 = {{ bk // 4 }}u;
const STRIDE: u32 = {{ bk // 4 + 1 }}u;
const ACROSS: u32 = {{ bn // 4 }}u;

alias Vec = vec4<{{ value }}>;

{{ format.input(a, true, value) }}
{{ format.input(b, true, value) }}
{{ format.output(c, true, value) }}
@group(0) @binding({{ table }}) var<storage, read> tiles: array<u32>;

var<workgroup> tile_a: array<Vec, {{ bm * (bk // 4 + 1) }}>;
var<workgroup> tile_b: array<Vec, {{ bn * (bk // 4 + 1) }}>;

fn product(x: Vec, y: Vec, sum: {{ value }}) -> {{ value }} {
    return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum))));
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    // Workgroups beyond the end do the last tile again, without writing it: control flow stays
    // uniform for the barriers.
    let tile = min(index / COLUMN_TILES, ROW_TILES - 1u);
    let expert = tiles[3u * tile];
    let first = tiles[3u * tile + 1u];
    let end = tiles[3u * tile + 2u];
    let column = index % COLUMN_TILES * {{ bn }}u;
    let x = lane % ACROSS;
    let y = lane / ACROSS;
{% for i in range(4) %}
    var c{{ i }} = Vec();
{% endfor %}
    for (var p = 0u; p < D4; p += DEPTH) {
        workgroupBarrier();
        for (var i = lane; i < {{ bm * bk // 4 }}u; i += THREADS) {
            let row = i / DEPTH;
            let at = p + i % DEPTH;
            var v = Vec();
            if first + row < end && at < D4 {
                v = load4_a((first + row) * D4 + at);
            }
            tile_a[row * STRIDE + i % DEPTH] = v;
        }
        for (var i = lane; i < {{ bn * bk // 4 }}u; i += THREADS) {
            let row = i / DEPTH;
            let at = p + i % DEPTH;
            var v = Vec();
            if column + row < N && at < D4 {
                v = load4_b((expert * N + column + row) * D4 + at);
            }
            tile_b[(row % 4u * ACROSS + row / 4u) * STRIDE + i % DEPTH] = v;
        }
        workgroupBarrier();
        for (var q = 0u; q < DEPTH; q++) {
{% for i in range(4) %}
            let a{{ i }} = tile_a[(4u * y + {{ i }}u) * STRIDE + q];
{% endfor %}
{% for j in range(4) %}
            let b{{ j }} = tile_b[({{ j }}u * ACROSS + x) * STRIDE + q];
{% endfor %}
{% for i in range(4) %}
{% for j in range(4) %}
            c{{ i }}.{{ part[j] }} = product(a{{ i }}, b{{ j }}, c{{ i }}.{{ part[j] }});
{% endfor %}
{% endfor %}
        }
    }
    if index < ROW_TILES * COLUMN_TILES && column + 4u * x < N {
{% for i in range(4) %}
        if first + 4u * y + {{ i }}u < end {
            store4_c(((first + 4u * y + {{ i }}u) * N + column) / 4u + x, c{{ i }});
        }
{% endfor %}
    }
}
