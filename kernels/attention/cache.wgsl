{# What the first steps of decode kernels share: sizes, bindings, where a row of the cache lies, and
   which keys a query row sees. #}
{% import "format.wgsl" as format %}
{% import "attention/unit.wgsl" as unit %}
{% if enable_f16 %}
enable f16;

{% endif %}
const KEYS: u32 = {{ keys }}u;
const KV_HEADS: u32 = {{ kv_heads }}u;
// Query rows that share a kv head: its query heads, each with all of its queries.
const HEAD_ROWS: u32 = {{ head_rows }}u;
const D4: u32 = {{ dim // 4 }}u;
const DV4: u32 = {{ value_dim // 4 }}u;
// Units of a row of K and of a row of V; a latent V is the head of a row of K.
const K_UNITS: u32 = {{ k_units }}u;
const V_UNITS: u32 = {{ v_units }}u;
const V_STRIDE: u32 = {{ k_units if latent else v_units }}u;
const THREADS: u32 = {{ threads }}u;
const PACK: u32 = {{ pack }}u;
const PACKS: u32 = {{ packs }}u;
const SPAN: u32 = {{ span }}u;
const PARTS: u32 = {{ parts }}u;
const GROUPS: u32 = {{ groups }}u;
// The first key that any row sees, or a little less: blocks of keys begin at multiples of their size.
const FIRST: u32 = {{ first }}u;
// log2(e) / sqrt(d): scores are kept in base 2.
const SCALE: f32 = {{ scale }};
const LOWEST: f32 = -3.0e38;

{{ format.input(q, true, "f32") }}
{{ unit.declare(k, wide) }}
{% if not latent %}
{{ unit.declare(v, wide) }}
{% endif %}
{% if page %}
@group(0) @binding({{ pages.binding }}) var<storage, read> pages: array<u32>;
{% endif %}
{% if parts == 1 %}
{{ format.output(o, true, "f32") }}
{% else %}
@group(0) @binding({{ sums }}) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding({{ sums + 1 }}) var<storage, read_write> states: array<vec2<f32>>;
{% endif %}

// The stored row of a block of keys that begins at `key`, of a kv head counted over all sequences.
// The rows of a block follow each other: a page holds whole blocks.
fn stored_row(kv_head: u32, key: u32) -> u32 {
{% if page %}
    let entry = (kv_head / KV_HEADS) * {{ pages_each }}u + min(key / {{ page }}u, {{ pages_each - 1 }}u);
    return (pages[entry] * KV_HEADS + kv_head % KV_HEADS) * {{ page }}u + key % {{ page }}u;
{% else %}
    return kv_head * KEYS + key;
{% endif %}
}

// Whether a row of a kv head sees `key`.
fn sees(row: u32, key: u32) -> bool {
{% if causal and queries > 1 %}
    let end = KEYS - {{ queries - 1 }}u + row % {{ queries }}u;
{% else %}
    const end = KEYS;
{% endif %}
{% if window %}
    return key < end && key + {{ window }}u >= end;
{% else %}
    return key < end;
{% endif %}
}
