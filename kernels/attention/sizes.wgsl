{# Sizes shared by the attention kernels; D4 and VALUE_D4 count vectors of 4 elements. #}
{% if enable_f16 %}enable f16;
{% endif %}
const QUERIES: u32 = {{ queries }}u;
const KEYS: u32 = {{ keys }}u;
const HEADS: u32 = {{ heads }}u;
const KV_HEADS: u32 = {{ kv_heads }}u;
const GROUP: u32 = {{ group }}u;
const ROWS: u32 = {{ rows }}u;
const D4: u32 = {{ d4 }}u;
const VALUE_D4: u32 = {{ value_d4 }}u;
// log2(e) / sqrt(d): scores are kept in base 2.
const SCALE: f32 = {{ scale }};
const LOWEST: f32 = -3.0e38;
const THREADS: u32 = {{ threads }}u;
