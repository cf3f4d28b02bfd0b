// Attention forward, O = softmax(Q K^T / sqrt(d)) V, on the matrix unit: FlashAttention-2 (Dao 2023)
// with online softmax (Milakov and Gimelshein 2018).
//
// 2 (d + dv) FLOP for each visible (query, key) pair. Reads Q once, K and V once for each workgroup,
// and writes O once; no buffer of scores. A workgroup takes TILE = SG RM EDGE query rows of one kv
// head and walks over the keys BC at a time; each of its SG subgroups owns RM rows of matrices and
// keeps O for them as accumulators. K and V take turns in one block of workgroup memory, in the
// element format of the unit whatever format they have in storage.
//
// The elements of a matrix cannot be touched, so scores go through a strip of workgroup memory (f32),
// from which lanes compute the weights; these lie in workgroup memory in the format of the unit. Rows
// are 16 bytes longer than needed, which spreads them over the banks and keeps them aligned.
// A row's weights are 2^(score - m), and m follows the largest score only when that has outgrown it
// by SLACK (as in FlashAttention-4): weights stay below 2^SLACK, and sums in f32 are
// as good relative to any m. Only then the accumulators go through the strips to be multiplied,
// a decision that the whole workgroup takes, since barriers need uniform control flow. The sum of a
// row is that of the weights as the unit sees them: a driver that rounds them one way does no harm.
//
// Keys beyond the end repeat the last one with weight 0, rows beyond the end the last row. Blocks of
// keys that no row of the tile sees are not visited, only blocks at an edge are masked, and tiles
// with most work come first.
// Bindings: q, k (and its scales), v (and its scales), o, all dense.
// Knobs: edge; sg; rm; bc, a multiple of edge; threads; slack; hold, 1 when the matrices of Q stay in
// registers and the products are written out, 0 when they stay in workgroup memory; prefetch, 1 when
// the next K and V wait in registers while the present ones are multiplied.

{% import "format.wgsl" as format %}
enable wgpu_cooperative_matrix;
{% include "attention/sizes.wgsl" %}
{% set tile = sg * rm * edge %}
{# Vectors of 4 elements by which rows in workgroup memory are longer. #}
{% set pad = 16 // (4 * element_bytes) %}
{# Lanes that share a row of a subgroup, or rows that a lane has; vectors of a row that a lane has. #}
{% set lanes_each = [subgroup // (rm * edge), 1] | max %}
{% set rows_each = [rm * edge // subgroup, 1] | max %}
{% set each = bc // 4 // lanes_each %}
{% set steps = 4 * d4 // edge %}
{% set columns = 4 * value_d4 // edge %}
{% set part = steps // q_parts %}
const EDGE: u32 = {{ edge }}u;
const TILE: u32 = {{ tile }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;
// Rows of a subgroup.
const OWN: u32 = {{ rm * edge }}u;
const BC: u32 = {{ bc }}u;
const SLACK: f32 = {{ slack }}.0;
// Vectors of 4 elements between two rows in workgroup memory.
const STRIDE: u32 = {{ kv_stride }}u;
const Q_STRIDE: u32 = {{ part * edge // 4 + pad }}u;
const STRIP_STRIDE: u32 = {{ bc // 4 + 1 }}u;
const WEIGHT_STRIDE: u32 = {{ bc // 4 + pad }}u;

alias Vec = vec4<{{ element }}>;
alias Left = coop_mat{{ edge }}x{{ edge }}<{{ element }}, A>;
alias Right = coop_mat{{ edge }}x{{ edge }}<{{ element }}, B>;
alias Sum = coop_mat{{ edge }}x{{ edge }}<f32, C>;

{{ format.input(q, true, element) }}
{{ format.input(k, true, element) }}
{{ format.input(v, true, element) }}
{{ format.output(o, true, "f32") }}
{% include "attention/visible.wgsl" %}

// BC rows of K or of V{% if hold %}; before that, parts of the rows of Q{% endif %}.
var<workgroup> kv_tile: array<Vec, {{ kv_vectors }}>;
{% if hold %}
{% set q_tile = "kv_tile" %}
{% else %}
{% set q_tile = "q_tile" %}
var<workgroup> q_tile: array<Vec, {{ tile * (d4 + pad) }}>;
{% endif %}
var<workgroup> strips: array<vec4<f32>, {{ tile * (bc // 4 + 1) }}>;
var<workgroup> weights: array<Vec, {{ tile * (bc // 4 + pad) }}>;
// By what each row of the accumulators is to be multiplied, and whether that is not 1 for some row.
var<workgroup> factors: array<f32, {{ tile }}>;
var<workgroup> moved: atomic<u32>;
{# Runs of eight elements of a block of keys: turns of all lanes, the last of which may be short. #}
{% macro turns(width) %}{{ (bc * width // 2 + threads - 1) // threads }}{% endmacro %}
{% macro run_of(width, unit) %}
            let row = kv_head * KEYS + min(block + {{ unit }} / {{ width // 2 }}u, KEYS - 1u);
            let origin = row * {{ width }}u + {{ unit }} % {{ width // 2 }}u * 2u;
{% endmacro %}
{% macro fetch(name, width, block) %}
{% if prefetch %}
{% set units = bc * width // 2 %}
{% for t in range(turns(width)|int) %}
        {
            let block = {{ block }};
            let unit = {% if (t + 1) * threads > units %}min(local + {{ t * threads }}u, {{ units - 1 }}u){% else %}local + {{ t * threads }}u{% endif %};
{{ run_of(width, "unit") -}}
            {{ name }}{{ t }}_0 = load4_{{ name }}(origin);
            {{ name }}{{ t }}_1 = load4_{{ name }}(origin + 1u);
        }
{% endfor %}
{% endif %}
{% endmacro %}
{% macro fill(name, width) %}
{% set units = bc * width // 2 %}
{% if prefetch %}
{% for t in range(turns(width)|int) %}
{% if (t + 1) * threads > units %}
        if local + {{ t * threads }}u < {{ units }}u {
{% else %}
        {
{% endif %}
            let unit = local + {{ t * threads }}u;
            let to = unit / {{ width // 2 }}u * STRIDE + unit % {{ width // 2 }}u * 2u;
            kv_tile[to] = {{ name }}{{ t }}_0;
            kv_tile[to + 1u] = {{ name }}{{ t }}_1;
        }
{% endfor %}
{% else %}
        for (var unit = local; unit < {{ units }}u; unit += THREADS) {
            let block = key;
{{ run_of(width, "unit") -}}
            let to = unit / {{ width // 2 }}u * STRIDE + unit % {{ width // 2 }}u * 2u;
            kv_tile[to] = load4_{{ name }}(origin);
            kv_tile[to + 1u] = load4_{{ name }}(origin + 1u);
        }
{% endif %}
{% endmacro %}
{# The accumulators through the strips, as many columns at a time as these hold: lanes find four of them
   in strips[at], to be multiplied by factors[row]. #}
{% macro through_strips(final) %}
{% for from_c in range(0, columns, bc // edge) %}
{% set count = [bc // edge, columns - from_c] | min %}
{% if not loop.first %}
        workgroupBarrier();
{% endif %}
        {
{% for i in range(rm) %}
{% for c in range(count) %}
            let to{{ i }}_{{ c }} = (own * OWN + {{ i * edge }}u) * STRIP_STRIDE + {{ c * edge // 4 }}u;
            let stride{{ i }}_{{ c }} = STRIP_STRIDE;
            coopStoreT(o{{ i }}_{{ from_c + c }}, &strips[to{{ i }}_{{ c }}], stride{{ i }}_{{ c }});
{% endfor %}
{% endfor %}
            workgroupBarrier();
            for (var unit = local; unit < {{ tile * count * edge // 4 }}u; unit += THREADS) {
                let row = unit / {{ count * edge // 4 }}u;
                let column = unit % {{ count * edge // 4 }}u;
                let at = row * STRIP_STRIDE + column;
                let value = factors[row] * strips[at];
{% if final %}
                if first + row < HEAD_ROWS {
                    store4_o((kv_head * HEAD_ROWS + first + row) * VALUE_D4 + {{ from_c * edge // 4 }}u + column, value);
                }
{% else %}
                strips[at] = value;
{% endif %}
            }
{% if not final %}
            workgroupBarrier();
{% for i in range(rm) %}
{% for c in range(count) %}
            o{{ i }}_{{ from_c + c }} = coopLoadT<Sum>(&strips[(own * OWN + {{ i * edge }}u) * STRIP_STRIDE + {{ c * edge // 4 }}u], STRIP_STRIDE);
{% endfor %}
{% endfor %}
{% endif %}
        }
{% endfor %}
{% endmacro %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
{% if sg > 1 %}
    @builtin(subgroup_id) own: u32,
{% endif %}
) {
{% if sg == 1 %}
    const own = 0u;
{% endif %}
    // Workgroups beyond the end repeat the last one: control flow stays uniform.
    let number = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
    let kv_head = number / TILES;
    let tile = {% if causal %}TILES - 1u - {% endif %}number % TILES;
    let first = tile * TILE;
    let span = tile_queries(first, TILE);
    let end = end_key(span.y);
    let first_block = first_key(span.x) / BC * BC;
    // All rows see the keys from inner_first to inner_end - 1.
    let inner_end = end_key(span.x);
{% if window %}
    let inner_first = first_key(span.y);
{% endif %}
{% if lanes_each > 1 %}
    let share = lane % {{ lanes_each }}u;
{% else %}
    const share = 0u;
{% endif %}
{% for r in range(rows_each) %}
    let row{{ r }} = own * OWN + {% if lanes_each > 1 %}lane / {{ lanes_each }}u{% else %}lane + {{ r * subgroup }}u{% endif %};
    let query{{ r }} = min(first + row{{ r }}, HEAD_ROWS - 1u) % QUERIES;
    let end{{ r }} = end_key(query{{ r }});
{% if window %}
    let first{{ r }} = first_key(query{{ r }});
{% endif %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = vec4<f32>(0.0);
{% endfor %}
{% for i in range(rm) %}
{% for c in range(columns) %}
    var o{{ i }}_{{ c }} = Sum();
{% endfor %}
{% endfor %}
{% if prefetch %}
{% for name, width in [("k", d4), ("v", value_d4)] %}
{% for t in range(turns(width)|int) %}
    var {{ name }}{{ t }}_0 = Vec();
    var {{ name }}{{ t }}_1 = Vec();
{% endfor %}
{% endfor %}
{{ fetch("k", d4, "first_block") -}}
{% endif %}
{% for p in range(q_parts) %}
{% if p > 0 %}
    workgroupBarrier();
{% endif %}
    for (var unit = local; unit < {{ tile * part * edge // 8 }}u; unit += THREADS) {
        let row = unit / {{ part * edge // 8 }}u;
        let column = unit % {{ part * edge // 8 }}u * 2u;
        let origin = (kv_head * HEAD_ROWS + min(first + row, HEAD_ROWS - 1u)) * D4 + {{ p * part * edge // 4 }}u + column;
        let to = row * Q_STRIDE + column;
        {{ q_tile }}[to] = load4_q(origin);
        {{ q_tile }}[to + 1u] = load4_q(origin + 1u);
    }
{% if hold %}
    workgroupBarrier();
{% for i in range(rm) %}
{% for step in range(part) %}
    let q{{ i }}_{{ p * part + step }} = coopLoadT<Left>(&kv_tile[(own * OWN + {{ i * edge }}u) * Q_STRIDE + {{ step * edge // 4 }}u], Q_STRIDE);
{% endfor %}
{% endfor %}
{% endif %}
{% endfor %}
    for (var key = first_block; key < end; key += BC) {
        // All have read what lay in the tile, and whether a maximum moved.
        workgroupBarrier();
        if local == 0u {
            atomicStore(&moved, 0u);
        }
{{ fill("k", d4) }}
        workgroupBarrier();
{{ fetch("v", value_d4, "key") -}}
        {
{% for i in range(rm) %}
{% for j in range(bc // edge) %}
            var s{{ i }}_{{ j }} = Sum();
{% endfor %}
{% endfor %}
{# Part `step` of the head; the matrix of Q in row i of matrices is called left i suffix. #}
{% macro score_step(step, left, suffix) %}
{% for j in range(bc // edge) %}
                let y{{ j }} = coopLoad<Right>(&kv_tile[{{ j * edge }}u * STRIDE + {{ step }}], STRIDE);
{% for i in range(rm) %}
                s{{ i }}_{{ j }} = coopMultiplyAdd({{ left }}{{ i }}{{ suffix }}, y{{ j }}, s{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
{% endmacro %}
{% if hold %}
{% for step in range(steps) %}
            {
{{ score_step((step * edge // 4) ~ "u", "q", "_" ~ step) -}}
            }
{% endfor %}
{% else %}
            for (var step = 0u; step < D4; step += EDGE / 4u) {
{% for i in range(rm) %}
                let x{{ i }} = coopLoadT<Left>(&q_tile[(own * OWN + {{ i * edge }}u) * Q_STRIDE + step], Q_STRIDE);
{% endfor %}
{{ score_step("step", "x", "") -}}
            }
{% endif %}
{% for i in range(rm) %}
{% for j in range(bc // edge) %}
            let to{{ i }}_{{ j }} = (own * OWN + {{ i * edge }}u) * STRIP_STRIDE + {{ j * edge // 4 }}u;
            let stride{{ i }}_{{ j }} = STRIP_STRIDE;
            coopStoreT(s{{ i }}_{{ j }}, &strips[to{{ i }}_{{ j }}], stride{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
        }
        workgroupBarrier();
{{ fill("v", value_d4) -}}
        let at_edge = key + BC > inner_end{% if window %} || key < inner_first{% endif %};
{% for r in range(rows_each) %}
        {
{% for c in range(each) %}
            var z{{ c }} = SCALE * strips[row{{ r }} * STRIP_STRIDE + {{ c * lanes_each }}u + share];
{% endfor %}
            if at_edge {
                let from_key = vec4<u32>(key + 4u * share) + vec4<u32>(0u, 1u, 2u, 3u);
{% for c in range(each) %}
{% set keys_of = "from_key + " ~ (4 * c * lanes_each) ~ "u" %}
                z{{ c }} = select(vec4<f32>(LOWEST), z{{ c }}, {{ keys_of }} < vec4<u32>(end{{ r }}));
{% if window %}
                z{{ c }} = select(vec4<f32>(LOWEST), z{{ c }}, {{ keys_of }} >= vec4<u32>(first{{ r }}));
{% endif %}
{% endfor %}
            }
            var tops = z0;
{% for c in range(1, each) %}
            tops = max(tops, z{{ c }});
{% endfor %}
            var top = max(max(tops.x, tops.y), max(tops.z, tops.w));
{% for mask in masks %}
            top = max(top, subgroupShuffleXor(top, {{ mask }}u));
{% endfor %}
            let outgrown = top > m{{ r }} + SLACK;
            let next = select(m{{ r }}, top, outgrown);
            let keep = exp2(m{{ r }} - next);
            // Before the first key that it sees, the accumulators of a row are 0 whatever its factor.
            if outgrown && m{{ r }} > LOWEST {
                atomicStore(&moved, 1u);
            }
            m{{ r }} = next;
            l{{ r }} *= keep;
{% if lanes_each > 1 %}
            if share == 0u {
                factors[row{{ r }}] = keep;
            }
{% else %}
            factors[row{{ r }}] = keep;
{% endif %}
            // A row that has seen no key yet has m = LOWEST, and still weights of 0.
            let above = max(next, 0.5 * LOWEST);
{% for c in range(each) %}
            let p{{ c }} = Vec(exp2(z{{ c }} - above));
            weights[row{{ r }} * WEIGHT_STRIDE + {{ c * lanes_each }}u + share] = p{{ c }};
            l{{ r }} += vec4<f32>(p{{ c }});
{% endfor %}
        }
{% endfor %}
        // Two barriers: V and the weights have been written, and all take the same way.
        if workgroupUniformLoad(&moved) != 0u {
{{ through_strips(false) -}}
        }
{% if prefetch %}
        if key + BC < end {
{{ fetch("k", d4, "key + BC") -}}
        }
{% endif %}
{% macro sum_step(key_row, column) %}
{% for i in range(rm) %}
            let w{{ i }} = coopLoadT<Left>(&weights[(own * OWN + {{ i * edge }}u) * WEIGHT_STRIDE + {{ column }}], WEIGHT_STRIDE);
{% endfor %}
{% for c in range(columns) %}
            let y{{ c }} = coopLoadT<Right>(&kv_tile[{{ key_row }} * STRIDE + {{ c * edge // 4 }}u], STRIDE);
{% for i in range(rm) %}
            o{{ i }}_{{ c }} = coopMultiplyAdd(w{{ i }}, y{{ c }}, o{{ i }}_{{ c }});
{% endfor %}
{% endfor %}
{% endmacro %}
{% if hold %}
{% for step in range(bc // edge) %}
        {
{{ sum_step(step * edge ~ "u", (step * edge // 4) ~ "u") -}}
        }
{% endfor %}
{% else %}
        for (var step = 0u; step < BC; step += EDGE) {
{{ sum_step("step", "step / 4u") -}}
        }
{% endif %}
    }
    // The strips are free.
    workgroupBarrier();
{% for r in range(rows_each) %}
    {
        var total = (l{{ r }}.x + l{{ r }}.y) + (l{{ r }}.z + l{{ r }}.w);
{% for mask in masks %}
        total += subgroupShuffleXor(total, {{ mask }}u);
{% endfor %}
{% if lanes_each > 1 %}
        if share == 0u {
            factors[row{{ r }}] = 1.0 / total;
        }
{% else %}
        factors[row{{ r }}] = 1.0 / total;
{% endif %}
    }
{% endfor %}
{{ through_strips(true) -}}
}
