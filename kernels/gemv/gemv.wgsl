// Y = X W^T for a few vectors: y[j][i] = sum over p of x[j][p] w[i][p], M vectors, N rows of W.
//
// 2 M N K FLOP; W is read once and binds, X is read by every workgroup and stays in a cache. Sums are
// kept in f32 (i32 for integers), whatever the accumulator of the case: arithmetic does not bind.
//
// Each invocation takes `rows` rows of W, so that a load of X serves as many loads of W, and keeps M
// sums for each. Either invocations own whole rows (finish 0), or those of a workgroup lie along K
// and add their sums at the end. A load is of `words` words; with words 0, where a row of W is no
// whole number of words, elements are loaded one by one. A load of W is unpacked in chunks as long as a
// load of X, and the vectors are read one after another against a chunk: so few registers hold unpacked
// elements. Integers with a scale are q = w + zero when unpacked. Scale and zero are applied to the sum of a
// load (sum of w x = sum of q x - zero sum of x) where there are fewer vectors than rows, otherwise to each
// weight of a chunk.
//
// Bindings: 0 a (X, M x K), 1 b (W, N x K) and its scales, then c (Y, M x N). Knobs: threads; rows;
// words; unroll, the loads of W that are issued before the first is used; finish, how sums of a
// workgroup are added: 0 not at all, 1 by one subgroup, 2 by subgroups and then workgroup memory, 3 by
// a tree in workgroup memory; sums, independent sums for each output; dot4, 1 for packed products.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const THREADS: u32 = {{ threads }}u;
// Elements of one load of W, loads of a row, and the distance of two loads of an invocation.
const LOADS: u32 = {{ k // elements }}u;
const STEP: u32 = {{ 1 if finish == 0 else threads }}u;

{% if words == 0 %}
{{ format.input(a, false, value) }}
{{ format.input(b, false, value) }}
{% else %}
{{ format.word_input(a, a_words) }}
{{ format.word_input(b, words) }}
{% endif %}
{{ format.output(c, false, value) }}
{% if finish == 2 %}
var<workgroup> partial: array<{{ value }}, {{ rows * m * slots }}>;
{% elif finish == 3 %}
var<workgroup> partial: array<{{ value }}, {{ rows * m * threads }}>;
{% endif %}
{% set per_a = format.per_word(a) | int %}
{% set per_b = format.per_word(b) | int %}
{% set grouped = b.scales is not none %}
{# What is to be subtracted from the unpacked integers of a format with scales, and whether that is done for the sum
   of a load, with the sum of X, or for each weight: whichever is less work. #}
{% set zero = 8 if per_b == 8 else 128 %}
{% set folded = grouped and m < rows %}
{# A load of W is processed in chunks, each of whole words and of whole loads of X. #}
{% set chunk_words = [words // a_loads, 1] | max if words > 0 else 1 %}
{% set chunk_loads = [a_loads // words, 1] | max if words > 0 else 1 %}
{# The next sum: float products are fused, integer ones are exact anyway. #}
{% macro add(w, x, sum) -%}
{% if value == "i32" %}{{ sum }} += {{ w }} * {{ x }};{% else %}{{ sum }} = fma({{ w }}, {{ x }}, {{ sum }});{% endif %}
{%- endmacro %}
{# Products of chunk `chunk` of load `u` of all rows with all vectors: the weights are unpacked once, and
   the vectors read one after another. #}
{% macro multiply(u, chunk) %}
{% if not dot4 %}
{% for r in range(rows) %}
{% for i in range(chunk_words) %}
                {{ format.unpack(b, "w" ~ r ~ "_" ~ i ~ "v", format.word_of("w" ~ u ~ "_" ~ r, chunk * chunk_words + i, words), value) }}
{% if grouped and not folded %}
{% for part in (["l", "h"] if per_b == 8 else [""]) %}
                let s{{ r }}_{{ i }}v{{ part }} = fma(w{{ r }}_{{ i }}v{{ part }}, vec4<f32>(scale{{ u }}_{{ r }}), vec4<f32>(-{{ zero }}.0 * scale{{ u }}_{{ r }}));
{% endfor %}
{% endif %}
{% endfor %}
{% endfor %}
{% endif %}
{% for j in range(m) %}
{% for g in range(chunk_loads) %}
                let x{{ j }}_{{ g }} = a[{{ j }}u * {{ k // (a_words * per_a) }}u + p{{ u }} * {{ a_loads }}u + {{ chunk * chunk_loads + g }}u];
{% if not dot4 %}
{% for i in range(a_words) %}
                {{ format.unpack(a, "x" ~ j ~ "_" ~ (g * a_words + i) ~ "w", format.word_of("x" ~ j ~ "_" ~ g, i, a_words), value) }}
{% endfor %}
{% endif %}
{% endfor %}
{% if dot4 %}
{% for r in range(rows) %}
{% for i in range(words) %}
                sum{{ r }}_{{ j }}_{{ i % sums }} += dot4I8Packed({{ format.word_of("w" ~ u ~ "_" ~ r, i, words) }}, {{ format.word_of("x" ~ j ~ "_" ~ (i // a_words), i % a_words, a_words) }});
{% endfor %}
{% endfor %}
{% else %}
{% if folded %}
{% for e in range(chunk_words * per_b) %}
                all{{ j }} += {{ format.element(a, "x" ~ j ~ "_" ~ (e // per_a) ~ "w", e % per_a) }};
{% endfor %}
{% endif %}
{% for r in range(rows) %}
{% for e in range(chunk_words * per_b) %}
                {{ add(format.element(b, ("s" if grouped and not folded else "w") ~ r ~ "_" ~ (e // per_b) ~ "v", e % per_b), format.element(a, "x" ~ j ~ "_" ~ (e // per_a) ~ "w", e % per_a), ("part" if folded else "sum") ~ r ~ "_" ~ j ~ "_" ~ (e % sums)) }}
{% endfor %}
{% endfor %}
{% endif %}
{% endfor %}
{% endmacro %}
{# Loads and products from load `p` of each row on, `count` of them STEP apart. #}
{% macro turn(p, count) %}
{% for u in range(count) %}
{% for r in range(rows) %}
{% set from = "row" ~ r ~ " + " ~ p ~ ((" + " ~ u ~ "u * STEP") if u > 0 else "") %}
{% if words == 0 %}
        let w{{ u }}_{{ r }} = load1_b({{ from }});
{% else %}
        let w{{ u }}_{{ r }} = b[{{ from }}];
{% if grouped %}
        let scale{{ u }}_{{ r }} = scale_b(({{ from }}) / {{ b.group // elements }}u);
{% endif %}
{% endif %}
{% endfor %}
{% endfor %}
{% for u in range(count) %}
        {
            let p{{ u }} = {{ p }} + {{ u }}u * STEP;
{% if words == 0 %}
{% for j in range(m) %}
            let x{{ j }} = load1_a({{ j }}u * K + p{{ u }});
{% for r in range(rows) %}
            {{ add("w" ~ u ~ "_" ~ r, "x" ~ j, "sum" ~ r ~ "_" ~ j ~ "_0") }}
{% endfor %}
{% endfor %}
{% else %}
{% if folded %}
{% for j in range(m) %}
            var all{{ j }} = 0.0;
{% for r in range(rows) %}
{% for s in range(sums) %}
            var part{{ r }}_{{ j }}_{{ s }} = 0.0;
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
{% for chunk in range(words // chunk_words) %}
            {
{{ multiply(u, chunk) -}}
            }
{% endfor %}
{% if folded %}
{% for r in range(rows) %}
{% for j in range(m) %}
{% for s in range(sums) %}
            sum{{ r }}_{{ j }}_{{ s }} = fma(scale{{ u }}_{{ r }}, part{{ r }}_{{ j }}_{{ s }}{% if s == 0 %} - {{ zero }}.0 * all{{ j }}{% endif %}, sum{{ r }}_{{ j }}_{{ s }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
{% endif %}
        }
{% endfor %}
{% endmacro %}
{# Stores the sums `total<r>_<j>` of one invocation. #}
{% macro store(first) %}
{% for j in range(m) %}
{% for r in range(0, rows, per) %}
    if {{ first }} + {{ r }}u < N {
{% if per == 2 %}
        store2_c(({{ j }}u * N + {{ first }} + {{ r }}u) / 2u, vec2<{{ value }}>(total{{ r }}_{{ j }}, total{{ r + 1 }}_{{ j }}));
{% else %}
        store1_c({{ j }}u * N + {{ first }} + {{ r }}u, total{{ r }}_{{ j }});
{% endif %}
    }
{% endfor %}
{% endfor %}
{% endmacro %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
{% if finish == 2 %}
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(num_subgroups) subgroups: u32,
{% endif %}
) {
    // Rows beyond the end repeat the last one and are not stored: control flow stays uniform.
    let index = group.y * groups.x + group.x;
{% if finish == 0 %}
    let first_row = (index * THREADS + lane) * {{ rows }}u;
    let from_load = 0u;
{% else %}
    let first_row = index * {{ rows }}u;
    let from_load = lane;
{% endif %}
{% for r in range(rows) %}
    let row{{ r }} = min(first_row + {{ r }}u, N - 1u) * LOADS;
{% for j in range(m) %}
{% for s in range(sums) %}
    var sum{{ r }}_{{ j }}_{{ s }} = {{ value }}(0);
{% endfor %}
{% endfor %}
{% endfor %}
{% if unroll > 1 %}
    var p = from_load;
    for (; p + {{ unroll - 1 }}u * STEP < LOADS; p += {{ unroll }}u * STEP) {
{{ turn("p", unroll) -}}
    }
    for (; p < LOADS; p += STEP) {
{{ turn("p", 1) -}}
    }
{% else %}
    for (var p = from_load; p < LOADS; p += STEP) {
{{ turn("p", 1) -}}
    }
{% endif %}
{% for r in range(rows) %}
{% for j in range(m) %}
    {{ "let" if finish == 0 else "var" }} total{{ r }}_{{ j }} = {% for s in range(sums) %}{{ " + " if s > 0 }}sum{{ r }}_{{ j }}_{{ s }}{% endfor %};
{% endfor %}
{% endfor %}
{% if finish == 0 %}
{{ store("first_row") -}}
{% elif finish == 1 %}
    // The workgroup is one subgroup of known size.
{% for r in range(rows) %}
{% for j in range(m) %}
    total{{ r }}_{{ j }} = subgroupAdd(total{{ r }}_{{ j }});
{% endfor %}
{% endfor %}
    if lane == 0u {
{{ store("first_row") -}}
    }
{% else %}
{% set stride = slots if finish == 2 else threads %}
{% for r in range(rows) %}
{% for j in range(m) %}
{% if finish == 2 %}
    total{{ r }}_{{ j }} = subgroupAdd(total{{ r }}_{{ j }});
    if subgroup_lane == 0u {
        partial[{{ (j * rows + r) * slots }}u + subgroup] = total{{ r }}_{{ j }};
    }
{% else %}
    partial[{{ (j * rows + r) * threads }}u + lane] = total{{ r }}_{{ j }};
{% endif %}
{% endfor %}
{% endfor %}
    workgroupBarrier();
{% if finish == 2 %}
    let parts = subgroups;
{% else %}
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if lane < half {
{% for o in range(rows * m) %}
            partial[{{ o * threads }}u + lane] += partial[{{ o * threads }}u + lane + half];
{% endfor %}
        }
        workgroupBarrier();
    }
    const parts = 1u;
{% endif %}
    // Output o is row o % rows of vector o / rows.
    for (var o = lane * {{ per }}u; o < {{ rows * m }}u; o += {{ per }}u * THREADS) {
        let row = first_row + o % {{ rows }}u;
        if row < N {
{% if per == 2 %}
            var total = vec2<{{ value }}>();
            for (var s = 0u; s < parts; s++) {
                total += vec2<{{ value }}>(partial[o * {{ stride }}u + s], partial[(o + 1u) * {{ stride }}u + s]);
            }
            store2_c((o / {{ rows }}u * N + row) / 2u, total);
{% else %}
            var total = {{ value }}(0);
            for (var s = 0u; s < parts; s++) {
                total += partial[o * {{ stride }}u + s];
            }
            store1_c(o / {{ rows }}u * N + row, total);
{% endif %}
        }
    }
{% endif %}
}
