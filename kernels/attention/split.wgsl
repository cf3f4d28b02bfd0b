// First step of a decode step of attention for GPUs: partial results over parts of the keys
// (Flash-Decoding, Dao et al. 2023).
//
// 2 (d + dv) FLOP for each (query row, key) pair. Reads K and V once for each PACK query rows that
// share a kv head (a latent V is read again from the caches); writes dv + 2 words of partial result
// for each row and part.
//
// A workgroup takes one part. For the scores, LANES invocations share a key, each with every LANES-th
// unit of 16 bytes of it and with the same columns of some query rows in registers; further
// invocations take further rows and keys. Their sums are added by shuffles or through workgroup
// memory. The whole part has one maximum, so nothing is rescaled. For the weighted sum of V each
// invocation owns columns of all rows, so that a unit of V serves the whole pack; what invocations
// that own the same columns found over different keys is added at the end, one row at a time.
//
// Bindings: q, k, its scales, v, its scales, the table of pages, as far as the case has them; then
// partial sums (f32, not divided by l) and pairs (m, l), or o where one part is all.
// Knobs: threads; span, the keys of a part; pack, the query rows of a workgroup; lanes of a key; rows
// of an invocation; columns, the invocations that share a row of V; block, keys to whose multiples
// parts and pages are aligned; shuffle, 1 where a subgroup surely holds the lanes of a key.

{% include "attention/cache.wgsl" %}
{% import "attention/unit.wgsl" as unit %}
{% set v = k if latent else v %}
{% set k_chunks = (k_units + lanes - 1) // lanes %}
{% set v_chunks = (v_units + columns - 1) // columns %}
{% set row_groups = pack // rows_each %}
{% set slots = threads // (lanes * row_groups) %}
{% set v_slots = threads // columns %}
const LANES: u32 = {{ lanes }}u;
const COLUMNS: u32 = {{ columns }}u;
const SLOTS: u32 = {{ slots }}u;
const V_SLOTS: u32 = {{ v_slots }}u;

// The scores, then the weights, of key i lie at PACK i.
var<workgroup> scores: array<f32, {{ pack * span }}u>;
{% if not shuffle %}
var<workgroup> products: array<f32, {{ pack * slots * lanes }}u>;
{% endif %}
// Eight parts of the largest score of each row, then of the sum of its weights.
var<workgroup> tops: array<f32, {{ pack * 8 }}u>;
var<workgroup> totals: array<f32, {{ pack * 8 }}u>;
{% if v_slots > 1 %}
var<workgroup> gathered: array<vec4<f32>, {{ threads * v_chunks * vectors }}u>;
{% endif %}

fn multiply_sum(x: vec4<f32>, y: vec4<f32>, sum: f32) -> f32 {
    return fma(x.x, y.x, fma(x.y, y.y, fma(x.z, y.z, fma(x.w, y.w, sum))));
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one: control flow stays uniform for the barriers.
    let number = min(group.y * groups.x + group.x, GROUPS - 1u);
    let head_row = (number % PACKS) * PACK;
    let part = (number / PACKS) % PARTS;
    let kv_head = number / (PACKS * PARTS);
    let begin = FIRST + part * SPAN;
    // Whole blocks; keys beyond the end repeat the last one and are hidden.
    let count = (min(SPAN, KEYS - begin) + {{ block - 1 }}u) / {{ block }}u * {{ block }}u;
    let x = lane % LANES;
    let first_row = lane / LANES % {{ row_groups }}u * {{ rows_each }}u;
    let slot = lane / {{ lanes * row_groups }}u;
{% macro k_unit(c) %}{% if (c + 1) * lanes <= k_units %}{{ c * lanes }}u + x{% else %}min({{ c * lanes }}u + x, K_UNITS - 1u){% endif %}{% endmacro %}
{% macro v_unit(c) %}{% if (c + 1) * columns <= v_units %}{{ c * columns }}u + column{% else %}min({{ c * columns }}u + column, V_UNITS - 1u){% endif %}{% endmacro %}
{% macro place(slot) %}{% if page %}at + {{ slot }}{% else %}min(at + {{ slot }}, (kv_head + 1u) * KEYS - 1u){% endif %}{% endmacro %}
{% for r in range(rows_each) %}
    // Rows beyond the end repeat the last one and are not written.
    let row{{ r }} = min(head_row + first_row + {{ r }}u, HEAD_ROWS - 1u);
{% for c in range(k_chunks) %}
{% for w in range(vectors) %}
    let q{{ r }}_{{ c }}_{{ w }} = {% if (c + 1) * lanes <= k_units %}SCALE{% else %}select(0.0, SCALE, {{ c * lanes }}u + x < K_UNITS){% endif %}
        * load4_q((kv_head * HEAD_ROWS + row{{ r }}) * D4 + ({{ k_unit(c) }}) * {{ vectors }}u + {{ w }}u);
{% endfor %}
{% endfor %}
{% endfor %}
    for (var j = 0u; j < count; j += SLOTS) {
        let at = stored_row(kv_head, begin + j);
        let from_k = ({{ place("slot") }}) * K_UNITS;
{% for r in range(rows_each) %}
        var s{{ r }} = 0.0;
{% endfor %}
{% for c in range(k_chunks) %}
        let u{{ c }} = {{ unit.load(k, wide, "from_k + " ~ k_unit(c)) }};
{% endfor %}
{% for c in range(k_chunks) %}
{% for w in range(vectors) %}
        let x{{ c }}_{{ w }} = {{ unit.part(k, wide, "u" ~ c, w) }};
{% endfor %}
{% if k.scales %}
        let scale{{ c }} = {{ unit.scale(k, vectors, "from_k + " ~ k_unit(c)) }};
{% endif %}
{% for r in range(rows_each) %}
        var t{{ r }}_{{ c }} = {{ "0.0" if k.scales else "s" ~ r }};
{% for w in range(vectors) %}
        t{{ r }}_{{ c }} = multiply_sum(q{{ r }}_{{ c }}_{{ w }}, x{{ c }}_{{ w }}, t{{ r }}_{{ c }});
{% endfor %}
        s{{ r }} = {% if k.scales %}fma(scale{{ c }}, t{{ r }}_{{ c }}, s{{ r }}){% else %}t{{ r }}_{{ c }}{% endif %};
{% endfor %}
{% endfor %}
{% if shuffle %}
{% for mask in lane_masks %}
{% for r in range(rows_each) %}
        s{{ r }} += subgroupShuffleXor(s{{ r }}, {{ mask }}u);
{% endfor %}
{% endfor %}
        if x == 0u {
{% for r in range(rows_each) %}
            scores[(j + slot) * PACK + first_row + {{ r }}u] = select(LOWEST, s{{ r }}, sees(row{{ r }}, begin + j + slot));
{% endfor %}
        }
{% else %}
{% for r in range(rows_each) %}
        products[(slot * PACK + first_row + {{ r }}u) * LANES + x] = s{{ r }};
{% endfor %}
        workgroupBarrier();
        for (var i = lane; i < SLOTS * PACK; i += THREADS) {
            var sum = 0.0;
            for (var y = 0u; y < LANES; y++) {
                sum += products[i * LANES + y];
            }
            let row = min(head_row + i % PACK, HEAD_ROWS - 1u);
            scores[j * PACK + i] = select(LOWEST, sum, sees(row, begin + j + i / PACK));
        }
        workgroupBarrier();
{% endif %}
    }
    workgroupBarrier();
    for (var i = lane; i < PACK * 8u; i += THREADS) {
        var top = LOWEST;
        for (var j = i / PACK; j < count; j += 8u) {
            top = max(top, scores[j * PACK + i % PACK]);
        }
        tops[i] = top;
    }
    workgroupBarrier();
    // The invocation that takes an eighth of a row's keys also turns their scores into weights.
    for (var i = lane; i < PACK * 8u; i += THREADS) {
        var top = LOWEST;
        for (var y = i % PACK; y < PACK * 8u; y += PACK) {
            top = max(top, tops[y]);
        }
        var total = 0.0;
        for (var j = i / PACK; j < count; j += 8u) {
            let weight = exp2(scores[j * PACK + i % PACK] - top);
            scores[j * PACK + i % PACK] = weight;
            total += weight;
        }
        totals[i] = total;
    }
    workgroupBarrier();
    let column = lane % COLUMNS;
    let v_slot = lane / COLUMNS;
{% for r in range(pack) %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
    var o{{ r }}_{{ c }}_{{ w }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
{% endfor %}
    for (var j = 0u; j < count; j += V_SLOTS) {
        let at = stored_row(kv_head, begin + j);
        let from_v = ({{ place("v_slot") }}) * V_STRIDE;
{% for r in range(pack) %}
        let p{{ r }} = scores[(j + v_slot) * PACK + {{ r }}u];
{% endfor %}
{% for c in range(v_chunks) %}
        let y{{ c }} = {{ unit.load(v, wide, "from_v + " ~ v_unit(c)) }};
{% if v.scales %}
        let v_scale{{ c }} = {{ unit.scale(v, vectors, "from_v + " ~ v_unit(c)) }};
{% endif %}
{% for w in range(vectors) %}
        let v{{ c }}_{{ w }} = {% if v.scales %}v_scale{{ c }} * {% endif %}{{ unit.part(v, wide, "y" ~ c, w) }};
{% for r in range(pack) %}
        o{{ r }}_{{ c }}_{{ w }} = fma(vec4<f32>(p{{ r }}), v{{ c }}_{{ w }}, o{{ r }}_{{ c }}_{{ w }});
{% endfor %}
{% endfor %}
{% endfor %}
    }
{% for r in range(pack) %}
    var total{{ r }} = 0.0;
{% for y in range(8) %}
    total{{ r }} += totals[{{ y * pack + r }}u];
{% endfor %}
{% if v_slots > 1 %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
    gathered[{{ (c * vectors + w) * threads }}u + lane] = o{{ r }}_{{ c }}_{{ w }};
{% endfor %}
{% endfor %}
    workgroupBarrier();
    if v_slot == 0u {
        for (var y = COLUMNS; y < THREADS; y += COLUMNS) {
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
            o{{ r }}_{{ c }}_{{ w }} += gathered[{{ (c * vectors + w) * threads }}u + y + lane];
{% endfor %}
{% endfor %}
        }
    }
    workgroupBarrier();
{% endif %}
    if v_slot == 0u && head_row + {{ r }}u < HEAD_ROWS {
        let row = kv_head * HEAD_ROWS + head_row + {{ r }}u;
{% for c in range(v_chunks) %}
        if {{ c * columns }}u + column < V_UNITS {
{% for w in range(vectors) %}
{% if parts == 1 %}
            store4_o(row * DV4 + ({{ c * columns }}u + column) * {{ vectors }}u + {{ w }}u, o{{ r }}_{{ c }}_{{ w }} / total{{ r }});
{% else %}
            sums[(row * PARTS + part) * DV4 + ({{ c * columns }}u + column) * {{ vectors }}u + {{ w }}u] = o{{ r }}_{{ c }}_{{ w }};
{% endif %}
{% endfor %}
        }
{% endfor %}
{% if parts > 1 %}
        if column == 0u {
            var top = LOWEST;
            for (var y = 0u; y < 8u; y++) {
                top = max(top, tops[y * PACK + {{ r }}u]);
            }
            states[row * PARTS + part] = vec2<f32>(top, total{{ r }});
        }
{% endif %}
    }
{% endfor %}
}
