// First step of a decode step of attention for GPUs: partial results over parts of the keys
// (Flash-Decoding, Dao et al. 2023).
//
// 2 (d + dv) FLOP for each (query row, key) pair. Reads K and V once for each PACK query rows that
// share a kv head (a latent V is read again from the caches); writes dv + 2 words of partial result
// for each row and part.
//
// A workgroup takes one part. For the scores, LANES invocations share a key, each with every LANES-th
// unit of 16 bytes of it; further invocations take further query rows and keys. An invocation has the
// scores of KEYS_EACH keys with `rows_each` rows at a time: their units are loaded together, and a
// vector of a query serves all keys. The lanes of a key add and transpose their sums by shuffles, so
// that each ends up with another share of the scores, or add them through workgroup memory. The whole
// part has one maximum, so nothing is rescaled. For the weighted sum of V each invocation owns columns
// of `v_rows` rows; what invocations that own the same found over different keys is added at the end,
// one row at a time.
//
// Few registers are worth more here than few loads from a cache: while one subgroup waits for memory,
// others have to run. So queries stay in registers only where they are short.
//
// Bindings: q, k, its scales, v, its scales, the table of pages, as far as the case has them; then
// partial sums (f32, not divided by l) and pairs (m, l), or o where one part is all.
// Knobs: threads; span, the keys of a part; pack, the query rows of a workgroup; lanes of a key; rows_each
// and keys_each; held, 1 where the queries stay in registers, 0 where in workgroup memory; columns, the
// invocations that share a row of V; v_rows and v_keys, rows and keys of an invocation there; block, keys to
// whose multiples parts and pages are aligned; shuffle, 1 where a subgroup surely holds the lanes of a key.

{% include "attention/cache.wgsl" %}
{% import "attention/unit.wgsl" as unit %}
{% set v = k if latent else v %}
{% set k_chunks = (k_units + lanes - 1) // lanes %}
{% set v_chunks = (v_units + columns - 1) // columns %}
{% set row_groups = pack // rows_each %}
{% set slots = threads // (lanes * row_groups) %}
{% set v_groups = pack // v_rows %}
{% set v_slots = threads // (columns * v_groups) %}
{% set scores_each = keys_each * rows_each %}
{# Queries in workgroup memory: two vectors in four words where that loses nothing. #}
{% set pairs = not held and q.format == "f16" and vectors % 2 == 0 %}
{% set entries = vectors // 2 if pairs else vectors %}
const LANES: u32 = {{ lanes }}u;
const COLUMNS: u32 = {{ columns }}u;
const SLOTS: u32 = {{ slots }}u;
const V_SLOTS: u32 = {{ v_slots }}u;

// The scores, then the weights, of key i lie at PACK i{% if v_slots > 1 %}; then a vector of sums of each invocation{% endif %}.
var<workgroup> scores: array<f32, {{ [pack * span, threads * 4 if v_slots > 1 else 0] | max }}u>;
{% if not held %}
// Entry e of unit c LANES + x of a query row lies at (c ENTRIES + e) LANES + x of its rows here.
var<workgroup> queries: array<{{ "vec4<u32>" if pairs else "vec4<f32>" }}, {{ pack * k_chunks * lanes * entries }}u>;
{% endif %}
{% if not shuffle %}
var<workgroup> products: array<f32, {{ pack * slots * lanes }}u>;
{% endif %}
// Eight parts of the largest score of each row, then of the sum of its weights.
var<workgroup> tops: array<f32, {{ pack * 8 }}u>;
var<workgroup> totals: array<f32, {{ pack * 8 }}u>;

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
{% set turn = [keys_each * slots, v_keys * v_slots] | max %}
    // Whole turns of the loops; keys beyond the end repeat the last one and are hidden.
    let count = (min(SPAN, KEYS - begin) + {{ turn - 1 }}u) / {{ turn }}u * {{ turn }}u;
    let x = lane % LANES;
    let first_row = lane / LANES % {{ row_groups }}u * {{ rows_each }}u;
    let slot = lane / {{ lanes * row_groups }}u;
{% macro k_unit(c) %}{% if (c + 1) * lanes <= k_units %}{{ c * lanes }}u + x{% else %}min({{ c * lanes }}u + x, K_UNITS - 1u){% endif %}{% endmacro %}
{% macro v_unit(c) %}{% if (c + 1) * columns <= v_units %}{{ c * columns }}u + column{% else %}min({{ c * columns }}u + column, V_UNITS - 1u){% endif %}{% endmacro %}
{# The stored rows of the keys of a turn from j on, of `keys` for each of `slots` slots: a page holds a block of keys. #}
{% macro places(name, width, keys_of, slots, slot) %}
{% set together = block % (keys_of * slots) == 0 if page else (keys - first) % turn == 0 %}
{% if together %}
        let at = stored_row(kv_head, begin + j) + {{ slot }};
{% endif %}
{% for e in range(keys_of) %}
{% if together %}
        let {{ name }}{{ e }} = (at + {{ e * slots }}u) * {{ width }};
{% elif page %}
        let {{ name }}{{ e }} = (stored_row(kv_head, begin + j + {{ e * slots }}u) + {{ slot }}) * {{ width }};
{% else %}
        let {{ name }}{{ e }} = (kv_head * KEYS + min(begin + j + {{ e * slots }}u + {{ slot }}, KEYS - 1u)) * {{ width }};
{% endif %}
{% endfor %}
{% endmacro %}
{% if held %}
{% for r in range(rows_each) %}
    // Rows beyond the end repeat the last one and are not written.
    let q_row{{ r }} = kv_head * HEAD_ROWS + min(head_row + first_row + {{ r }}u, HEAD_ROWS - 1u);
{% for c in range(k_chunks) %}
{% for w in range(vectors) %}
    let q{{ r }}_{{ c }}_{{ w }} = {% if (c + 1) * lanes <= k_units %}SCALE{% else %}select(0.0, SCALE, {{ c * lanes }}u + x < K_UNITS){% endif %}
        * load4_q(q_row{{ r }} * D4 + ({{ k_unit(c) }}) * {{ vectors }}u + {{ w }}u);
{% endfor %}
{% endfor %}
{% endfor %}
{% else %}
    // Rows beyond the end repeat the last one and are not written; units beyond the end are 0.
    for (var i = lane; i < {{ pack * k_chunks * lanes * entries }}u; i += THREADS) {
        let row = kv_head * HEAD_ROWS + min(head_row + i / {{ k_chunks * lanes * entries }}u, HEAD_ROWS - 1u);
        let entry = i / LANES % {{ k_chunks * entries }}u;
        let unit = entry / {{ entries }}u * LANES + i % LANES;
        let from_q = row * D4 + min(unit, K_UNITS - 1u) * {{ vectors }}u + entry % {{ entries }}u * {{ 2 if pairs else 1 }}u;
        let factor = select(0.0, 1.0, unit < K_UNITS);
        let low = factor * load4_q(from_q);
{% if pairs %}
        let high = factor * load4_q(from_q + 1u);
        queries[i] = vec4<u32>(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
{% else %}
        queries[i] = low;
{% endif %}
    }
    // Times 1, which compilers do not know: they would unroll the loop and load all of a key at once.
    let last_unit = K_UNITS * groups.z;
    let from_queries = first_row * {{ k_chunks * lanes * entries }}u + x;
    workgroupBarrier();
{% endif %}
{# Products of the vectors of unit `c` of all keys with the queries; `at` is the first entry of the unit. Two elements
   at a time, so that few unpacked ones are alive. Where keys have scales, these multiply the elements, or the sum of a
   unit where that needs few registers. #}
{% set sum_first = k.scales and scores_each <= 4 %}
{% macro multiply(c, at) %}
{% if sum_first %}
{% for e in range(keys_each) %}
{% for r in range(rows_each) %}
            var t{{ e }}_{{ r }} = 0.0;
{% endfor %}
{% endfor %}
{% endif %}
{% set sum = "t" if sum_first else "s" %}
{% for w in range(vectors) %}
{% for half in ["xy", "zw"] %}
            {
{% for e in range(keys_each) %}
                let x{{ e }} = {% if k.scales and not sum_first %}scale{{ e }}_{{ c }} * {% endif %}({{ unit.part(k, wide, "u" ~ e ~ "_" ~ c, w) }}).{{ half }};
{% endfor %}
{% for r in range(rows_each) %}
{% if held %}
                let y{{ r }} = q{{ r }}_{{ c }}_{{ w }}.{{ half }};
{% elif pairs %}
                let y{{ r }} = unpack2x16float(queries[from_queries + {{ r * k_chunks * lanes * entries + w // 2 * lanes }}u + {{ at }}].{{ ["x", "y", "z", "w"][w % 2 * 2 + (0 if half == "xy" else 1)] }});
{% else %}
                let y{{ r }} = queries[from_queries + {{ r * k_chunks * lanes * entries + w * lanes }}u + {{ at }}].{{ half }};
{% endif %}
{% for e in range(keys_each) %}
                {{ sum }}{{ e }}_{{ r }} = fma(x{{ e }}.x, y{{ r }}.x, fma(x{{ e }}.y, y{{ r }}.y, {{ sum }}{{ e }}_{{ r }}));
{% endfor %}
{% endfor %}
            }
{% endfor %}
{% endfor %}
{% if sum_first %}
{% for e in range(keys_each) %}
{% for r in range(rows_each) %}
            s{{ e }}_{{ r }} = fma(scale{{ e }}_{{ c }}, t{{ e }}_{{ r }}, s{{ e }}_{{ r }});
{% endfor %}
{% endfor %}
{% endif %}
{% endmacro %}
{% macro load_units(c, unit_index) %}
{% for e in range(keys_each) %}
            let u{{ e }}_{{ c }} = {{ unit.load(k, wide, "from_k" ~ e ~ " + " ~ unit_index) }};
{% if k.scales %}
            let scale{{ e }}_{{ c }} = {{ unit.scale(k, vectors, "from_k" ~ e ~ " + " ~ unit_index) }};
{% endif %}
{% endfor %}
{% endmacro %}
    for (var j = 0u; j < count; j += {{ keys_each }}u * SLOTS) {
{{ places("from_k", "K_UNITS", keys_each, slots, "slot") -}}
{% for e in range(keys_each) %}
{% for r in range(rows_each) %}
        var s{{ e }}_{{ r }} = 0.0;
{% endfor %}
{% endfor %}
{% if held %}
        {
{% for c in range(k_chunks) %}
{{ load_units(c, k_unit(c)) -}}
{% endfor %}
{% for c in range(k_chunks) %}
{{ multiply(c, "0u") -}}
{% endfor %}
        }
{% else %}
        for (var c = 0u; c < last_unit; c += LANES) {
            let unit = {% if k_units % lanes == 0 %}c + x{% else %}min(c + x, K_UNITS - 1u){% endif %};
{{ load_units("c", "unit") -}}
{{ multiply("c", "c * " ~ entries ~ "u") -}}
        }
{% endif %}
{% if shuffle %}
{# Lane x ends up with the sums of scores `share` x and on, or several with the same one. #}
{% set share = [scores_each // lanes, 1] | max %}
{% for i in range(scores_each) %}
        let z{{ lanes }}_{{ i }} = s{{ i // rows_each }}_{{ i % rows_each }};
{% endfor %}
{% for mask in lane_masks %}
{# Scores that are left before this step. #}
{% set left = scores_each // (lanes // (2 * mask)) %}
{% if left > 1 %}
        let bit{{ mask }} = (x & {{ mask }}u) != 0u;
{% for i in range(left // 2) %}
        let z{{ mask }}_{{ i }} = select(z{{ 2 * mask }}_{{ i }}, z{{ 2 * mask }}_{{ i + left // 2 }}, bit{{ mask }})
            + subgroupShuffleXor(select(z{{ 2 * mask }}_{{ i + left // 2 }}, z{{ 2 * mask }}_{{ i }}, bit{{ mask }}), {{ mask }}u);
{% endfor %}
{% else %}
        let z{{ mask }}_0 = z{{ 2 * mask }}_0 + subgroupShuffleXor(z{{ 2 * mask }}_0, {{ mask }}u);
{% endif %}
{% endfor %}
{% if scores_each < lanes %}
        if x % {{ lanes // scores_each }}u == 0u {
{% else %}
        {
{% endif %}
{% for i in range(share) %}
            let i{{ i }} = {% if scores_each < lanes %}x / {{ lanes // scores_each }}u{% else %}x * {{ share }}u + {{ i }}u{% endif %};
            let key{{ i }} = j + i{{ i }} / {{ rows_each }}u * SLOTS + slot;
            let row{{ i }} = first_row + i{{ i }} % {{ rows_each }}u;
            let seen{{ i }} = sees(min(head_row + row{{ i }}, HEAD_ROWS - 1u), begin + key{{ i }});
            scores[key{{ i }} * PACK + row{{ i }}] = select(LOWEST, {{ "" if held else "SCALE * " }}z1_{{ i }}, seen{{ i }});
{% endfor %}
        }
{% else %}
{% for e in range(keys_each) %}
{% for r in range(rows_each) %}
        products[(slot * PACK + first_row + {{ r }}u) * LANES + x] = s{{ e }}_{{ r }};
{% endfor %}
        workgroupBarrier();
        for (var i = lane; i < SLOTS * PACK; i += THREADS) {
            var sum = 0.0;
            for (var y = 0u; y < LANES; y++) {
                sum += products[i * LANES + y];
            }
            let row = min(head_row + i % PACK, HEAD_ROWS - 1u);
            scores[(j + {{ e }}u * SLOTS) * PACK + i] = select(LOWEST, {{ "" if held else "SCALE * " }}sum, sees(row, begin + j + {{ e }}u * SLOTS + i / PACK));
        }
        workgroupBarrier();
{% endfor %}
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
    let first_v_row = lane / COLUMNS % {{ v_groups }}u * {{ v_rows }}u;
    let v_slot = lane / {{ columns * v_groups }}u;
{% for r in range(v_rows) %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
    var o{{ r }}_{{ c }}_{{ w }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
{% endfor %}
    for (var j = 0u; j < count; j += {{ v_keys }}u * V_SLOTS) {
{{ places("from_v", "V_STRIDE", v_keys, v_slots, "v_slot") -}}
{% for e in range(v_keys) %}
{% for c in range(v_chunks) %}
        let y{{ e }}_{{ c }} = {{ unit.load(v, wide, "from_v" ~ e ~ " + " ~ v_unit(c)) }};
{% if v.scales %}
        let v_scale{{ e }}_{{ c }} = {{ unit.scale(v, vectors, "from_v" ~ e ~ " + " ~ v_unit(c)) }};
{% endif %}
{% endfor %}
{% endfor %}
{% for e in range(v_keys) %}
        {
            let from_p = (j + {{ e }}u * V_SLOTS + v_slot) * PACK + first_v_row;
{% for r in range(v_rows) %}
            let p{{ r }} = scores[from_p + {{ r }}u];
{% endfor %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
            let v{{ c }}_{{ w }} = {% if v.scales %}v_scale{{ e }}_{{ c }} * {% endif %}{{ unit.part(v, wide, "y" ~ e ~ "_" ~ c, w) }};
{% for r in range(v_rows) %}
            o{{ r }}_{{ c }}_{{ w }} = fma(vec4<f32>(p{{ r }}), v{{ c }}_{{ w }}, o{{ r }}_{{ c }}_{{ w }});
{% endfor %}
{% endfor %}
{% endfor %}
        }
{% endfor %}
    }
{% for r in range(v_rows) %}
    let own_row{{ r }} = first_v_row + {{ r }}u;
    var total{{ r }} = 0.0;
{% for y in range(8) %}
    total{{ r }} += totals[{{ y * pack }}u + own_row{{ r }}];
{% endfor %}
{% if v_slots > 1 %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
    workgroupBarrier();
{% for i in range(4) %}
    scores[{{ i * threads }}u + lane] = o{{ r }}_{{ c }}_{{ w }}.{{ ["x", "y", "z", "w"][i] }};
{% endfor %}
    workgroupBarrier();
    if v_slot == 0u {
        for (var y = {{ columns * v_groups }}u + lane; y < THREADS; y += {{ columns * v_groups }}u) {
            o{{ r }}_{{ c }}_{{ w }} += vec4<f32>(scores[y], scores[{{ threads }}u + y], scores[{{ 2 * threads }}u + y], scores[{{ 3 * threads }}u + y]);
        }
    }
{% endfor %}
{% endfor %}
{% endif %}
    if v_slot == 0u && head_row + own_row{{ r }} < HEAD_ROWS {
        let row = kv_head * HEAD_ROWS + head_row + own_row{{ r }};
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
                top = max(top, tops[y * PACK + own_row{{ r }}]);
            }
            states[row * PARTS + part] = vec2<f32>(top, total{{ r }});
        }
{% endif %}
    }
{% endfor %}
}
