// Attention forward, O = softmax(Q K^T / sqrt(d)) V, on the matrix unit: FlashAttention-2 (Dao 2023)
// with online softmax (Milakov and Gimelshein 2018).
//
// 2 (d + dv) FLOP for each visible (query, key) pair. Reads Q once, K and V once for each workgroup,
// and writes O once; no buffer of scores. A workgroup takes TILE = SG / ACROSS RM EDGE query rows of
// one kv head and walks over the keys BC at a time; ACROSS of its SG subgroups own RM rows of matrices:
// each computes the scores of its share of the keys and the weights of its share of the rows, and keeps
// its share of the columns of O as accumulators. K and V take turns in one block of workgroup memory, in the
// element format of the unit whatever format they have in storage; V lies there along its columns,
// or `turned` along the keys, as units want it that take the elements of a lane from there.
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
// `parts`: a workgroup takes the keys of one of several parts and leaves partial sums and pairs (m, l) for
// attention/combine.wgsl (split-KV; Flash-Decoding, Dao et al. 2023); null where it takes all keys.
// `latent`: V is the head of the rows of K, read where K lies.
//
// Bindings: q, k (and its scales), v (and its scales) unless latent, all dense; then o, or partial sums (f32, not
// divided by l) and pairs (m, l).
// Knobs: edge; sg; across, where it has more subgroups than a block of keys has matrices, several share a matrix of
// scores, each with a part of the head; rm; bc, a multiple of edge; threads; slack; hold, 1 when the matrices of Q stay in
// registers and the products are written out, 0 when they stay in workgroup memory; prefetch, 1 when
// the next K and V wait in registers while the present ones are multiplied; turn, 1 when V lies along
// the keys. `flat`: workgroup memory holds scalars (Metal).

{% import "format.wgsl" as format %}
{% import "gemm/matrix_memory.wgsl" as memory %}
{% import "gemm/stage.wgsl" as stage %}
{% macro at(index) %}{{ memory.at(index, flat) }}{% endmacro %}
enable wgpu_cooperative_matrix;
{% include "attention/sizes.wgsl" %}
{% set tile = sg // across * rm * edge %}
{# Vectors of 4 elements by which rows in workgroup memory are longer. #}
{% set pad = 16 // (4 * element_bytes) %}
{# Rows whose weights a subgroup computes; lanes that share one of them, or rows that a lane has; vectors of a row
   that a lane has. #}
{% set share_rows = rm * edge // across %}
{% set lanes_each = [[subgroup // share_rows, 1] | max, bc // 4] | min %}
{% set rows_each = [share_rows // subgroup, 1] | max %}
{% set each = bc // 4 // lanes_each %}
{# Whether lanes are left that share no row. #}
{% set spare = share_rows * lanes_each < subgroup %}
{# Subgroups that share a matrix of scores, matrices of a row of Q, and how many of them each of these subgroups has at
   most: every depth-th one. Where these are not as many for each, the last one multiplies zeros, which follow the rows of
   Q (matrices need uniform control flow). #}
{% set depth = [across * edge // bc, 1] | max %}
{% set head_steps = 4 * d4 // edge %}
{% set steps = (head_steps + depth - 1) // depth %}
{% set zeros = edge // 4 if head_steps % depth else 0 %}
{# Matrices of a row of scores and of O that a subgroup has. #}
{% set score_columns = bc * depth // edge // across %}
{% set columns = 4 * value_d4 // edge // across %}
{# Matrices of a row of Q that are brought to registers at a time. #}
{% set turned = v_run in ["turned", "wide_turned"] %}
{% set part = head_steps // q_parts %}
{% set partial = parts and parts > 1 %}
const EDGE: u32 = {{ edge }}u;
const TILE: u32 = {{ tile }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;
// Rows of the subgroups that share them.
const OWN: u32 = {{ rm * edge }}u;
const BC: u32 = {{ bc }}u;
const SLACK: f32 = {{ slack }}.0;
const D: u32 = {{ 4 * d4 }}u;
const VALUE_D: u32 = {{ 4 * value_d4 }}u;
// Vectors of 4 elements between two rows in workgroup memory.
const K_STRIDE: u32 = {{ d4 + pad }}u;
const V_STRIDE: u32 = {{ (bc // 4 if turned else d4 if latent else value_d4) + pad }}u;
const Q_STRIDE: u32 = {{ part * edge // 4 + zeros + pad }}u;
const STRIP_STRIDE: u32 = {{ depth * bc // 4 + 1 }}u;
const WEIGHT_STRIDE: u32 = {{ bc // 4 + pad }}u;
{% if parts %}
const PARTS: u32 = {{ parts }}u;
// Keys of a part, and the first key of the first one.
const SPAN: u32 = {{ span }}u;
const FIRST: u32 = {{ first }}u;
{% endif %}

alias Vec = vec4<{{ element }}>;
alias Left = coop_mat{{ edge }}x{{ edge }}<{{ element }}, A>;
alias Right = coop_mat{{ edge }}x{{ edge }}<{{ element }}, B>;
alias Sum = coop_mat{{ edge }}x{{ edge }}<f32, C>;

{{ format.input(q, true, element) }}
{% set wide = ["wide", "wide_turned"] %}
{% if k_run in wide or v_run in wide %}
{{ stage.eight() -}}
{% endif %}
{% set caches = [(k, k_run, "D", whole_keys)] if latent else [(k, k_run, "D", whole_keys), (v, v_run, "VALUE_D", whole_keys)] %}
{% for x, run, width, whole in caches %}
{% if run in wide %}
@group(0) @binding({{ x.binding }}) var<storage, read> {{ x.name }}: array<Eight>;
{{ stage.wide_load(x.name, whole, "KEYS", width) -}}
{% else %}
{{ format.input(x, true, element) -}}
{{ stage.edge_load(x.name, true, whole, "KEYS", width) -}}
{% endif %}
{% endfor %}
{% if partial %}
@group(0) @binding({{ o.binding }}) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding({{ o.binding + 1 }}) var<storage, read_write> states: array<vec2<f32>>;
{% else %}
{{ format.output(o, true, "f32") }}
{% endif %}
{% include "attention/visible.wgsl" %}

// BC rows of K, or V{% if hold %}; before that, parts of the rows of Q{% endif %}.
{{ memory.declare("kv_tile", element, kv_vectors, flat) -}}
{% if hold %}
{% set q_tile = "kv_tile" %}
{% else %}
{% set q_tile = "q_tile" %}
{{ memory.declare("q_tile", element, tile * (d4 + zeros + pad), flat) -}}
{% endif %}
{{ memory.declare("strips", "f32", tile * (depth * bc // 4 + 1), flat) -}}
{{ memory.declare("weights", element, tile * (bc // 4 + pad), flat) -}}
// By what each row of the accumulators is to be multiplied, and whether that is not 1 for some row.
var<workgroup> factors: array<f32, {{ tile }}>;
var<workgroup> moved: atomic<u32>;
{# The next block of K or V into registers, and from there into workgroup memory. #}
{% macro fetch(name, width, run, block) %}
{{ stage.fetch(name, bc, 4 * width, threads, run, block, "0u") -}}
{% endmacro %}
{% macro fill(name, width, run, stride) %}
{% for t in range(stage.turns(bc, 4 * width, threads, run)|int) %}
{{ stage.open(t, bc, 4 * width, threads, run) -}}
{{ memory.write("kv_tile", name ~ t ~ "_", bc, 4 * width, run, stride) -}}
        }
{% endfor %}
{% endmacro %}
{# `offset` vec4s into the share of this subgroup, of which each has `each`. #}
{% macro side_at(each, offset) %}{% if across > 1 %}side * {{ each }}u + {% endif %}{{ offset }}u{% endmacro %}
{# The first key of column j of matrices of scores, and the first vec4 of step `step` over the head, of this subgroup. #}
{% macro score_key(j) %}{% if depth > 1 %}score_side * {{ score_columns * edge }}u + {{ j * edge }}u{% else %}{{ side_at(bc // across, j * edge) }}{% endif %}{% endmacro %}
{% macro head_at(step) %}{% if depth > 1 %}head_side * {{ edge // 4 }}u + {% endif %}{{ step * depth * edge // 4 }}u{% endmacro %}
{# The same in a row of Q and in one of K. #}
{% macro at_or(at, last) %}{% if zeros %}min({{ at }}, {{ last }}u){% else %}{{ at }}{% endif %}{% endmacro %}
{% macro in_q(at) %}{{ at_or(at, d4) }}{% endmacro %}
{% macro in_k(at) %}{{ at_or(at, d4 - edge // 4) }}{% endmacro %}
{# Vec4 c of the scores of row r of a lane: the sum of what the parts of the head give. #}
{% macro score(r, c) %}{% for e in range(depth) %}{% if e %} + {% endif %}get_strips(row{{ r }} * STRIP_STRIDE + {{ e * bc // 4 + c * lanes_each }}u + share){% endfor %}{% endmacro %}
{# The accumulators through the strips, as many columns at a time as these hold: lanes find four of them
   in strips[at], to be multiplied by factors[row]. #}
{% macro through_strips(final) %}
{% for from_c in range(0, columns, score_columns) %}
{% set count = [score_columns, columns - from_c] | min %}
{# vec4s of a row in the strips, and those of one subgroup. #}
{% set mine = count * edge // 4 %}
{% if not loop.first %}
        workgroupBarrier();
{% endif %}
        {
{% for i in range(rm) %}
{% for c in range(count) %}
            let to{{ i }}_{{ c }} = {{ at("(own * OWN + " ~ (i * edge) ~ "u) * STRIP_STRIDE + " ~ side_at(mine, c * edge // 4)) }};
            let stride{{ i }}_{{ c }} = {{ at("STRIP_STRIDE") }};
            coopStoreT(o{{ i }}_{{ from_c + c }}, &strips[to{{ i }}_{{ c }}], stride{{ i }}_{{ c }});
{% endfor %}
{% endfor %}
            workgroupBarrier();
            for (var unit = lane; unit < {{ tile * across * mine }}u; unit += THREADS) {
                let row = unit / {{ across * mine }}u;
                let column = unit % {{ across * mine }}u;
                let at = row * STRIP_STRIDE + column;
                let value = {% if not (final and partial) %}factors[row] * {% endif %}get_strips(at);
{% if final %}
                if first + row < HEAD_ROWS {
{% if across > 1 %}
                    let at_o = column / {{ mine }}u * {{ columns * edge // 4 }}u + {{ from_c * edge // 4 }}u + column % {{ mine }}u;
{% else %}
                    let at_o = {{ from_c * edge // 4 }}u + column;
{% endif %}
{% if partial %}
                    sums[((kv_head * HEAD_ROWS + first + row) * PARTS + key_part) * VALUE_D4 + at_o] = value;
{% else %}
                    store4_o((kv_head * HEAD_ROWS + first + row) * VALUE_D4 + at_o, value);
{% endif %}
                }
{% else %}
                put_strips(at, value);
{% endif %}
            }
{% if not final %}
            workgroupBarrier();
{% for i in range(rm) %}
{% for c in range(count) %}
            o{{ i }}_{{ from_c + c }} = coopLoadT<Sum>(&strips[{{ at("(own * OWN + " ~ (i * edge) ~ "u) * STRIP_STRIDE + " ~ side_at(mine, c * edge // 4)) }}], {{ at("STRIP_STRIDE") }});
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
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) sub_lane: u32,
{% if sg > 1 %}
    @builtin(subgroup_id) number_of_subgroup: u32,
{% endif %}
) {
{% if sg == 1 %}
    const own = 0u;
{% else %}
    let own = number_of_subgroup{% if across > 1 %} / {{ across }}u{% endif %};
{% endif %}
{% if across > 1 %}
    let side = number_of_subgroup % {{ across }}u;
{% endif %}
    // Workgroups beyond the end repeat the last one: control flow stays uniform.
    let number = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
{% if parts %}
    // Those that read the same keys follow one another.
    let kv_head = number / (TILES * PARTS);
    let key_part = number / TILES % PARTS;
    let tile = number % TILES;
{% else %}
    let kv_head = number / TILES;
    let tile = {% if causal %}TILES - 1u - {% endif %}number % TILES;
{% endif %}
    let first = tile * TILE;
    let span = tile_queries(first, TILE);
{% if parts %}
    let first_block = FIRST + key_part * SPAN;
    let end = min(end_key(span.y), first_block + SPAN);
{% else %}
    let end = end_key(span.y);
    let first_block = first_key(span.x) / BC * BC;
{% endif %}
    // All rows see the keys from inner_first to inner_end - 1.
    let inner_end = end_key(span.x);
{% if window %}
    let inner_first = first_key(span.y);
{% endif %}
{% if depth > 1 %}
    // The share of this subgroup in the matrices of a block of scores, and in the head.
    let score_side = side % {{ across // depth }}u;
    let head_side = side / {{ across // depth }}u;
{% endif %}
{% if lanes_each > 1 %}
    let share = sub_lane % {{ lanes_each }}u;
{% else %}
    const share = 0u;
{% endif %}
{% for r in range(rows_each) %}
    let row{{ r }} = own * OWN + {% if across > 1 %}side * {{ share_rows }}u + {% endif %}{% if lanes_each > 1 %}sub_lane / {{ lanes_each }}u{% if spare %} % {{ share_rows }}u{% endif %}{% else %}sub_lane + {{ r * subgroup }}u{% endif %};
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
    let from_k = kv_head * KEYS * D;
{% if not latent %}
    let from_v = kv_head * KEYS * VALUE_D;
{% endif %}
{% if prefetch %}
{{ stage.declare("k", bc, 4 * d4, threads, k_run) -}}
{% if not latent %}
{{ stage.declare("v", bc, 4 * value_d4, threads, v_run) -}}
{% endif %}
{{ fetch("k", d4, k_run, "first_block") -}}
{% endif %}
{% for p in range(q_parts) %}
{% if p > 0 %}
    workgroupBarrier();
{% endif %}
    for (var unit = lane; unit < {{ tile * part * edge // 8 }}u; unit += THREADS) {
        let row = unit / {{ part * edge // 8 }}u;
        let column = unit % {{ part * edge // 8 }}u * 2u;
        let origin = (kv_head * HEAD_ROWS + min(first + row, HEAD_ROWS - 1u)) * D4 + {{ p * part * edge // 4 }}u + column;
        let to = row * Q_STRIDE + column;
        put_{{ q_tile }}(to, load4_q(origin));
        put_{{ q_tile }}(to + 1u, load4_q(origin + 1u));
    }
{% if zeros %}
    for (var unit = lane; unit < {{ tile * zeros }}u; unit += THREADS) {
        put_{{ q_tile }}(unit / {{ zeros }}u * Q_STRIDE + D4 + unit % {{ zeros }}u, Vec());
    }
{% endif %}
{% if hold %}
    workgroupBarrier();
{% for i in range(rm) %}
{# With several to a matrix of scores, all parts come at once. #}
{% for step in range([part, steps] | min) %}
    let q{{ i }}_{{ p * part + step }} = coopLoadT<Left>(&kv_tile[{{ at("(own * OWN + " ~ (i * edge) ~ "u) * Q_STRIDE + " ~ in_q(head_at(step))) }}], {{ at("Q_STRIDE") }});
{% endfor %}
{% endfor %}
{% endif %}
{% endfor %}
    for (var key = first_block; key < end; key += BC) {
        // All have read what lay in the tile, and whether a maximum moved.
        workgroupBarrier();
        if lane == 0u {
            atomicStore(&moved, 0u);
        }
{% if not prefetch %}
        {
{{ stage.declare("k", bc, 4 * d4, threads, k_run) -}}
{{ fetch("k", d4, k_run, "key") -}}
{{ fill("k", d4, k_run, "K_STRIDE") -}}
        }
{% else %}
{{ fill("k", d4, k_run, "K_STRIDE") -}}
{% endif %}
        workgroupBarrier();
{% if prefetch and not latent %}
{{ fetch("v", value_d4, v_run, "key") -}}
{% endif %}
        {
{% for i in range(rm) %}
{% for j in range(score_columns) %}
            var s{{ i }}_{{ j }} = Sum();
{% endfor %}
{% endfor %}
{# Part `step` of the head; the matrix of Q in row i of matrices is called left i suffix. #}
{% macro score_step(step, left, suffix) %}
{% for j in range(score_columns) %}
                let y{{ j }} = coopLoad<Right>(&kv_tile[{{ at("(" ~ score_key(j) ~ ") * K_STRIDE + " ~ in_k(step)) }}], {{ at("K_STRIDE") }});
{% for i in range(rm) %}
                s{{ i }}_{{ j }} = coopMultiplyAdd({{ left }}{{ i }}{{ suffix }}, y{{ j }}, s{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
{% endmacro %}
{% if hold %}
{% for step in range(steps) %}
            {
{{ score_step(head_at(step), "q", "_" ~ step) -}}
            }
{% endfor %}
{% else %}
            for (var first_step = 0u; first_step < D4; first_step += {% if depth > 1 %}{{ depth }}u * {% endif %}EDGE / 4u) {
                let step = first_step{% if depth > 1 %} + head_side * {{ edge // 4 }}u{% endif %};
{% for i in range(rm) %}
                let x{{ i }} = coopLoadT<Left>(&q_tile[{{ at("(own * OWN + " ~ (i * edge) ~ "u) * Q_STRIDE + " ~ in_q("step")) }}], {{ at("Q_STRIDE") }});
{% endfor %}
{{ score_step("step", "x", "") -}}
            }
{% endif %}
{% for i in range(rm) %}
{% for j in range(score_columns) %}
            let to{{ i }}_{{ j }} = {{ at("(own * OWN + " ~ (i * edge) ~ "u) * STRIP_STRIDE + " ~ side_at(score_columns * edge // 4, j * edge // 4)) }};
            let stride{{ i }}_{{ j }} = {{ at("STRIP_STRIDE") }};
            coopStoreT(s{{ i }}_{{ j }}, &strips[to{{ i }}_{{ j }}], stride{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
        }
        workgroupBarrier();
{% if latent %}
{% elif not prefetch %}
        {
{{ stage.declare("v", bc, 4 * value_d4, threads, v_run) -}}
{{ fetch("v", value_d4, v_run, "key") -}}
{{ fill("v", value_d4, v_run, "V_STRIDE") -}}
        }
{% else %}
{{ fill("v", value_d4, v_run, "V_STRIDE") -}}
{% endif %}
        let at_edge = key + BC > inner_end{% if window %} || key < inner_first{% endif %};
{% for r in range(rows_each) %}
        {
{% for c in range(each) %}
            var z{{ c }} = SCALE * {% if depth > 1 %}({{ score(r, c) }}){% else %}{{ score(r, c) }}{% endif %};
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
            if share == 0u{% if spare %} && sub_lane < {{ share_rows * lanes_each }}u{% endif %} {
                factors[row{{ r }}] = keep;
            }
{% else %}
            factors[row{{ r }}] = keep;
{% endif %}
            // A row that has seen no key yet has m = LOWEST, and still weights of 0.
            let above = max(next, 0.5 * LOWEST);
{% for c in range(each) %}
            let p{{ c }} = Vec(exp2(z{{ c }} - above));
{% if spare %}
            if sub_lane < {{ share_rows * lanes_each }}u {
                put_weights(row{{ r }} * WEIGHT_STRIDE + {{ c * lanes_each }}u + share, p{{ c }});
            }
{% else %}
            put_weights(row{{ r }} * WEIGHT_STRIDE + {{ c * lanes_each }}u + share, p{{ c }});
{% endif %}
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
{{ fetch("k", d4, k_run, "key + BC") -}}
        }
{% endif %}
{% macro sum_step(key_row, column) %}
{% for i in range(rm) %}
            let w{{ i }} = coopLoadT<Left>(&weights[{{ at("(own * OWN + " ~ (i * edge) ~ "u) * WEIGHT_STRIDE + " ~ column) }}], {{ at("WEIGHT_STRIDE") }});
{% endfor %}
{% for c in range(columns) %}
{% if turned %}
            let y{{ c }} = coopLoad<Right>(&kv_tile[{{ at("(" ~ side_at(columns * edge, c * edge) ~ ") * V_STRIDE + " ~ column) }}], {{ at("V_STRIDE") }});
{% else %}
            let y{{ c }} = coopLoadT<Right>(&kv_tile[{{ at(key_row ~ " * V_STRIDE + " ~ side_at(columns * edge // 4, c * edge // 4)) }}], {{ at("V_STRIDE") }});
{% endif %}
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
{% if partial %}
        if {% if lanes_each > 1 %}share == 0u && {% endif %}{% if spare %}sub_lane < {{ share_rows * lanes_each }}u && {% endif %}first + row{{ r }} < HEAD_ROWS {
            states[(kv_head * HEAD_ROWS + first + row{{ r }}) * PARTS + key_part] = vec2<f32>(m{{ r }}, total);
        }
{% elif lanes_each > 1 %}
        if share == 0u{% if spare %} && sub_lane < {{ share_rows * lanes_each }}u{% endif %} {
            factors[row{{ r }}] = 1.0 / total;
        }
{% else %}
        factors[row{{ r }}] = 1.0 / total;
{% endif %}
    }
{% endfor %}
{{ through_strips(true) -}}
}
