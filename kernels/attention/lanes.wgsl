// First step of a decode step of attention for drivers that run on a processor: partial results
// over parts of the keys (Flash-Decoding, Dao et al. 2023).
//
// 2 (d + dv) FLOP for each (query row, key) pair. Reads K and V once for each PACK query rows that
// share a kv head (K alone where V is its head); writes dv + 2 words of partial result for each row
// and part.
//
// A workgroup is one subgroup and takes one part. Its lanes share each key: they read neighbouring
// units of 16 bytes, which is what such drivers load fastest, and multiply them by the same columns
// of all query rows. Lanes exchange nothing but shuffles: the sums of THREADS (key, row) pairs at a
// time are transposed and added in log2(THREADS) steps, so that each lane ends up with one score.
// The part has one maximum, so nothing is rescaled. Scores wait in workgroup memory, where every
// lane reads only what it wrote itself: no barrier. With `gather`, what the lanes have of the scores of
// the whole part waits there too, and two barriers stand before each other's is read: a turn of the
// loops then is as short as one key, which matters where loads are long texts.
//
// Bindings: q, k, its scales, v, its scales, the table of pages, as far as the case has them; then
// partial sums (f32, not divided by l) and pairs (m, l), or o where one part is all.
// Knobs: threads, the subgroup; pack, the query rows of a workgroup; span, the keys of a part; block,
// the keys of one turn of a loop; resident, 1 where the query rows stay in registers, 0 where each
// block of keys reads them anew; gather; passes over V, each of which sums a part of the columns.

{% include "attention/cache.wgsl" %}
{% import "attention/unit.wgsl" as unit %}
{% set v = k if latent else v %}
{% set k_chunks = (k_units + threads - 1) // threads %}
{% set v_chunks = (v_units + threads * passes - 1) // (threads * passes) %}
{% set gather = gather | default(0) %}
{% set sets = pack * block // threads %}
{% set row_sets = [pack // threads, 1] | max %}

// The scores of key i lie at PACK i.
var<workgroup> scores: array<f32, {{ pack * span }}u>;
{% if gather %}
// What each lane has of the scores.
var<workgroup> shares: array<vec4<f32>, {{ pack * span * threads // 4 }}u>;
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
    // Workgroups beyond the end repeat the last one.
    let number = min(group.y * groups.x + group.x, GROUPS - 1u);
    let head_row = (number % PACKS) * PACK;
    let part = (number / PACKS) % PARTS;
    let kv_head = number / (PACKS * PARTS);
    let begin = FIRST + part * SPAN;
    let count = min(SPAN, KEYS - begin);
{% for r in range(pack) %}
    // Rows beyond the end repeat the last one and are not written.
    let row{{ r }} = kv_head * HEAD_ROWS + min(head_row + {{ r }}u, HEAD_ROWS - 1u);
{% endfor %}
{% for s in range(row_sets) %}
    let row_of_lane{{ s }} = min(head_row + ({{ s * threads }}u + lane) % PACK, HEAD_ROWS - 1u);
    var m{{ s }} = LOWEST;
{% endfor %}
{% for mask in masks %}
    let bit{{ mask }} = (lane & {{ mask }}u) != 0u;
{% endfor %}
{# Where lanes stand beyond the last unit of a row they read the last one and multiply it by zero. #}
{% macro k_unit(c) %}{% if (c + 1) * threads <= k_units %}{{ c * threads }}u + lane{% else %}min({{ c * threads }}u + lane, K_UNITS - 1u){% endif %}{% endmacro %}
{% macro v_unit(c) %}{% if passes * v_chunks * threads == v_units %}{{ c * threads }}u + column{% else %}min({{ c * threads }}u + column, V_UNITS - 1u){% endif %}{% endmacro %}
{% macro key_row(b) %}{% if page %}at + {{ b }}u{% elif (keys - first) % block == 0 %}at + {{ b }}u{% else %}min(at + {{ b }}u, (kv_head + 1u) * KEYS - 1u){% endif %}{% endmacro %}
{% if resident %}
{% for r in range(pack) %}
{% for c in range(k_chunks) %}
{% for w in range(vectors) %}
{% if (c + 1) * threads <= k_units %}
    let q{{ r }}_{{ c }}_{{ w }} = SCALE * load4_q(row{{ r }} * D4 + ({{ k_unit(c) }}) * {{ vectors }}u + {{ w }}u);
{% else %}
    let q{{ r }}_{{ c }}_{{ w }} = select(0.0, SCALE, {{ c * threads }}u + lane < K_UNITS) * load4_q(row{{ r }} * D4 + ({{ k_unit(c) }}) * {{ vectors }}u + {{ w }}u);
{% endif %}
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
    for (var j = 0u; j < count; j += {{ block }}u) {
        let at = stored_row(kv_head, begin + j);
{% for b in range(block) %}
        let k{{ b }} = ({{ key_row(b) }}) * K_UNITS;
{% for r in range(pack) %}
        var z{{ b * pack + r }} = 0.0;
{% endfor %}
{% endfor %}
{% if resident %}
{% for b in range(block) %}
{% for c in range(k_chunks) %}
        let u{{ b }}_{{ c }} = {{ unit.load(k, wide, "k" ~ b ~ " + " ~ k_unit(c)) }};
{% for w in range(vectors) %}
        let x{{ b }}_{{ c }}_{{ w }} = {{ unit.part(k, wide, "u" ~ b ~ "_" ~ c, w) }};
{% endfor %}
{% if k.scales %}
        let scale{{ b }}_{{ c }} = {{ unit.scale(k, vectors, "k" ~ b ~ " + " ~ k_unit(c)) }};
{% endif %}
{% endfor %}
{% for r in range(pack) %}
{% for c in range(k_chunks) %}
{% if k.scales %}
        var t{{ b }}_{{ r }}_{{ c }} = 0.0;
{% for w in range(vectors) %}
        t{{ b }}_{{ r }}_{{ c }} = multiply_sum(q{{ r }}_{{ c }}_{{ w }}, x{{ b }}_{{ c }}_{{ w }}, t{{ b }}_{{ r }}_{{ c }});
{% endfor %}
        z{{ b * pack + r }} = fma(scale{{ b }}_{{ c }}, t{{ b }}_{{ r }}_{{ c }}, z{{ b * pack + r }});
{% else %}
{% for w in range(vectors) %}
        z{{ b * pack + r }} = multiply_sum(q{{ r }}_{{ c }}_{{ w }}, x{{ b }}_{{ c }}_{{ w }}, z{{ b * pack + r }});
{% endfor %}
{% endif %}
{% endfor %}
{% endfor %}
{% endfor %}
{% else %}
        for (var c = 0u; c < K_UNITS; c += THREADS) {
            let unit = min(c + lane, K_UNITS - 1u);
            let scale = select(0.0, SCALE, c + lane < K_UNITS);
{% for r in range(pack) %}
{% for w in range(vectors) %}
            let q{{ r }}_{{ w }} = scale * load4_q(row{{ r }} * D4 + unit * {{ vectors }}u + {{ w }}u);
{% endfor %}
{% endfor %}
{% for b in range(block) %}
            let u{{ b }} = {{ unit.load(k, wide, "k" ~ b ~ " + unit") }};
{% for w in range(vectors) %}
            let x{{ b }}_{{ w }} = {{ unit.part(k, wide, "u" ~ b, w) }};
{% endfor %}
{% if k.scales %}
            let scale{{ b }} = {{ unit.scale(k, vectors, "k" ~ b ~ " + unit") }};
{% endif %}
{% for r in range(pack) %}
{% if k.scales %}
            var t{{ b }}_{{ r }} = 0.0;
{% for w in range(vectors) %}
            t{{ b }}_{{ r }} = multiply_sum(q{{ r }}_{{ w }}, x{{ b }}_{{ w }}, t{{ b }}_{{ r }});
{% endfor %}
            z{{ b * pack + r }} = fma(scale{{ b }}, t{{ b }}_{{ r }}, z{{ b * pack + r }});
{% else %}
{% for w in range(vectors) %}
            z{{ b * pack + r }} = multiply_sum(q{{ r }}_{{ w }}, x{{ b }}_{{ w }}, z{{ b * pack + r }});
{% endfor %}
{% endif %}
{% endfor %}
{% endfor %}
        }
{% endif %}
{% if gather %}
{% for b in range(block) %}
{% for r in range(pack) %}
        shares[((j + {{ b }}u) * PACK + {{ r }}u) * {{ threads // 4 }}u + lane / 4u][lane % 4u] = z{{ b * pack + r }};
{% endfor %}
{% endfor %}
{% else %}
{# Lane l of set s ends up with the sum over all lanes of z(THREADS s + l). #}
{% for s in range(sets) %}
{% for i in range(threads) %}
        let z{{ s }}_{{ threads }}_{{ i }} = z{{ s * threads + i }};
{% endfor %}
{% for mask in masks %}
{% for i in range(mask) %}
        let z{{ s }}_{{ mask }}_{{ i }} = select(z{{ s }}_{{ 2 * mask }}_{{ i }}, z{{ s }}_{{ 2 * mask }}_{{ i + mask }}, bit{{ mask }})
            + subgroupShuffleXor(select(z{{ s }}_{{ 2 * mask }}_{{ i + mask }}, z{{ s }}_{{ 2 * mask }}_{{ i }}, bit{{ mask }}), {{ mask }}u);
{% endfor %}
{% endfor %}
        let score{{ s }} = select(LOWEST, z{{ s }}_1_0, sees(row_of_lane{{ s % row_sets }}, begin + j + ({{ s * threads }}u + lane) / PACK));
        m{{ s % row_sets }} = max(m{{ s % row_sets }}, score{{ s }});
        scores[j * PACK + {{ s * threads }}u + lane] = score{{ s }};
{% endfor %}
{% endif %}
    }
{% if gather %}
    workgroupBarrier();
    // Pairs of a key and a row, to the end of the last block.
    let pairs = (count + {{ block - 1 }}u) / {{ block }}u * {{ block * pack }}u;
    for (var i = lane; i < pairs; i += THREADS) {
        var sum = shares[i * {{ threads // 4 }}u];
{% for part in range(1, threads // 4) %}
        sum += shares[i * {{ threads // 4 }}u + {{ part }}u];
{% endfor %}
        let score = select(LOWEST, (sum.x + sum.y) + (sum.z + sum.w), sees(row_of_lane0, begin + i / PACK));
        m0 = max(m0, score);
        scores[i] = score;
    }
{% endif %}
{% for s in range(row_sets) %}
    var l{{ s }} = 0.0;
{% for mask in masks if mask >= pack %}
    m{{ s }} = max(m{{ s }}, subgroupShuffleXor(m{{ s }}, {{ mask }}u));
{% endfor %}
{% endfor %}
{% if gather %}
    for (var i = lane; i < pairs; i += THREADS) {
        let p = exp2(scores[i] - m0);
        l0 += p;
        scores[i] = p;
    }
    workgroupBarrier();
{% endif %}
{% if passes > 1 %}
    for (var column = lane; column < {{ passes * v_chunks * threads }}u; column += {{ v_chunks * threads }}u) {
{% for s in range(row_sets) if not gather %}
    l{{ s }} = 0.0;
{% endfor %}
{% else %}
    let column = lane;
{% endif %}
{% for r in range(pack) %}
{% for c in range(v_chunks) %}
{% for w in range(vectors) %}
    var o{{ r }}_{{ c }}_{{ w }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
{% endfor %}
    for (var j = 0u; j < count; j += {{ block }}u) {
        let at = stored_row(kv_head, begin + j);
{% for s in range(sets) if not gather %}
        let p{{ s }} = exp2(scores[j * PACK + {{ s * threads }}u + lane] - m{{ s % row_sets }});
        l{{ s % row_sets }} += p{{ s }};
{% endfor %}
{% for b in range(block) %}
        let v{{ b }} = ({{ key_row(b) }}) * V_STRIDE;
{% for r in range(pack) %}
{% if gather %}
        let w{{ b }}_{{ r }} = scores[(j + {{ b }}u) * PACK + {{ r }}u];
{% else %}
        let w{{ b }}_{{ r }} = subgroupBroadcast(p{{ (b * pack + r) // threads }}, {{ (b * pack + r) % threads }}u);
{% endif %}
{% endfor %}
{% for c in range(v_chunks) %}
        let u{{ b }}_{{ c }} = {{ unit.load(v, wide, "v" ~ b ~ " + " ~ v_unit(c)) }};
{% if v.scales %}
        let scale{{ b }}_{{ c }} = {{ unit.scale(v, vectors, "v" ~ b ~ " + " ~ v_unit(c)) }};
{% for r in range(pack) %}
        let w{{ b }}_{{ r }}_{{ c }} = w{{ b }}_{{ r }} * scale{{ b }}_{{ c }};
{% endfor %}
{% endif %}
{% for w in range(vectors) %}
        let x{{ b }}_{{ c }}_{{ w }} = {{ unit.part(v, wide, "u" ~ b ~ "_" ~ c, w) }};
{% for r in range(pack) %}
        o{{ r }}_{{ c }}_{{ w }} = fma(vec4<f32>(w{{ b }}_{{ r }}{% if v.scales %}_{{ c }}{% endif %}), x{{ b }}_{{ c }}_{{ w }}, o{{ r }}_{{ c }}_{{ w }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
    }
{% if parts == 1 %}
{% for s in range(row_sets) %}
{% for mask in masks if mask >= pack %}
    l{{ s }} += subgroupShuffleXor(l{{ s }}, {{ mask }}u);
{% endfor %}
{% endfor %}
{% endif %}
{% for r in range(pack) %}
{% if parts == 1 %}
    let factor{{ r }} = 1.0 / subgroupBroadcast(l{{ r // threads }}, {{ r % threads }}u);
{% endif %}
    if head_row + {{ r }}u < HEAD_ROWS {
{% for c in range(v_chunks) %}
        if {{ c * threads }}u + column < V_UNITS {
{% for w in range(vectors) %}
{% if parts == 1 %}
            store4_o(row{{ r }} * DV4 + ({{ c * threads }}u + column) * {{ vectors }}u + {{ w }}u, factor{{ r }} * o{{ r }}_{{ c }}_{{ w }});
{% else %}
            sums[(row{{ r }} * PARTS + part) * DV4 + ({{ c * threads }}u + column) * {{ vectors }}u + {{ w }}u] = o{{ r }}_{{ c }}_{{ w }};
{% endif %}
{% endfor %}
        }
{% endfor %}
    }
{% endfor %}
{% if passes > 1 %}
    }
{% endif %}
{% if parts > 1 %}
{% for s in range(row_sets) %}
{% for mask in masks if mask >= pack %}
    l{{ s }} += subgroupShuffleXor(l{{ s }}, {{ mask }}u);
{% endfor %}
    if {{ s * threads }}u + lane < PACK && head_row + {{ s * threads }}u + lane < HEAD_ROWS {
        states[(kv_head * HEAD_ROWS + row_of_lane{{ s }}) * PARTS + part] = vec2<f32>(m{{ s }}, l{{ s }});
    }
{% endfor %}
{% endif %}
}
