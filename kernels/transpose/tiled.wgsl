// Y = transpose of X (m x n) by tiles of T x T in workgroup memory, so that both matrices are touched
// along their rows (Ruetsch and Micikevicius, "Optimizing matrix transpose in CUDA", 2009).
//
// No FLOP; each matrix once. Rows of the tile are one element longer than needed, which spreads a
// column over the memory's banks.
// Bindings: 0 x, 1 y. Knobs: threads per workgroup; edge, T, a multiple of 4 that the threads divide
// into whole turns: T T / 4 is a multiple of threads.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const M4: u32 = {{ m // 4 }}u;
const N4: u32 = {{ n // 4 }}u;
const THREADS: u32 = {{ threads }}u;
// Vec4s of a row of a tile, and elements between two rows in workgroup memory.
const QUADS: u32 = {{ edge // 4 }}u;
const STRIDE: u32 = {{ edge + 1 }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

{{ format.input(x, true, value) }}
{{ format.output(y, true, value) }}
var<workgroup> tile: array<f32, {{ edge * (edge + 1) }}>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group.y * groups.x + group.x;
    // Tiles beyond the end lie below the matrix: nothing of them is read or written.
    let down = number / COLUMN_TILES * QUADS;
    let right = number % COLUMN_TILES * QUADS;
{% for j in range(edge * edge // 4 // threads) %}
    {
        let row = (lane + {{ j * threads }}u) / QUADS;
        let quad = (lane + {{ j * threads }}u) % QUADS;
        if down * 4u + row < M4 * 4u && right + quad < N4 {
            let v = load4_x((down * 4u + row) * N4 + right + quad);
            let to = row * STRIDE + 4u * quad;
            tile[to] = v.x;
            tile[to + 1u] = v.y;
            tile[to + 2u] = v.z;
            tile[to + 3u] = v.w;
        }
    }
{% endfor %}
    workgroupBarrier();
{% for j in range(edge * edge // 4 // threads) %}
    {
        let row = (lane + {{ j * threads }}u) / QUADS;
        let quad = (lane + {{ j * threads }}u) % QUADS;
        if right * 4u + row < N4 * 4u && down + quad < M4 {
            let at = 4u * quad * STRIDE + row;
            let v = vec4<f32>(tile[at], tile[at + STRIDE], tile[at + 2u * STRIDE], tile[at + 3u * STRIDE]);
            store4_y((right * 4u + row) * M4 + down + quad, v);
        }
    }
{% endfor %}
}
