{# How elements of each format are read and written: macros that declare a binding and functions.
   A kernel that reads and writes through them serves every format.

   A tensor t is {name, format, binding, packed} with {scales, group} where groups have a scale; see
   kernels/src/operand.rs. packed says that 16-bit floats lie in words, for devices without f16.
   `value` is the scalar type to compute in: f32, f16 or i32.

   Formats: "f32", "i32"; "f16"; "bf16" (the upper half of an f32); "e4m3" (OCP OFP8: the bits moved
   into an f16 are the value divided by 256); "i8"; 4-bit integers v + 8, byte j of a word with
   element j below and element j + 4 above. q8_0 is i8 with a scale, the others are 4 bits. #}

{% macro storage(t) -%}
{% if t.format in ["f32", "i32"] or t.format == "f16" and not t.packed %}native
{%- elif t.format in ["f16", "bf16"] %}half
{%- elif t.format in ["e4m3", "i8", "q8_0"] %}byte
{%- else %}nibble{% endif %}
{%- endmacro %}

{% macro helpers(t) %}
{% if t.format == "bf16" %}
fn halves_{{ t.name }}(w: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2<u32>(w << 16u, w & 0xffff0000u));
}
{% elif t.format == "f16" and t.packed %}
fn halves_{{ t.name }}(w: u32) -> vec2<f32> {
    return unpack2x16float(w);
}
{% elif t.format == "e4m3" %}
fn bytes_{{ t.name }}(w: u32) -> vec4<f32> {
    let even = unpack2x16float(((w & 0x00800080u) << 8u) | ((w & 0x007f007fu) << 7u));
    let odd = unpack2x16float((w & 0x80008000u) | ((w & 0x7f007f00u) >> 1u));
    return 256.0 * vec4<f32>(even.x, odd.x, even.y, odd.y);
}
{% elif t.format in ["i8", "q8_0"] %}
fn bytes_{{ t.name }}(w: u32) -> vec4<i32> {
    return unpack4xI8(w);
}
{% endif %}
{% if t.scales %}
@group(0) @binding({{ t.scales }}) var<storage, read> {{ t.name }}_scales: array<u32>;
// The scale of group i.
fn scale_{{ t.name }}(i: u32) -> f32 {
    return unpack2x16float({{ t.name }}_scales[i / 2u] >> (16u * (i % 2u))).x;
}
{% endif %}
{% endmacro %}

{# An input: with `vector` load4_<name>(i), the elements 4i to 4i + 3; otherwise load1_<name>(i). #}
{% macro input(t, vector, value) %}
{% set kind = storage(t) %}
{% if vector %}
{% set held = "vec4<" ~ t.format ~ ">" if kind == "native" else "vec2<u32>" if kind == "half" else "u32" %}
{% else %}
{% set held = t.format if kind == "native" else "u32" %}
{% endif %}
@group(0) @binding({{ t.binding }}) var<storage, read> {{ t.name }}: array<{{ held }}>;
{{ helpers(t) -}}
{% if vector %}
// Elements 4 i to 4 i + 3 of {{ t.name }}.
fn load4_{{ t.name }}(i: u32) -> vec4<{{ value }}> {
{% if kind == "native" %}
    return vec4<{{ value }}>({{ t.name }}[i]);
{% elif kind == "half" %}
    let w = {{ t.name }}[i];
    return vec4<{{ value }}>(vec4<f32>(halves_{{ t.name }}(w.x), halves_{{ t.name }}(w.y)));
{% elif kind == "byte" %}
    return vec4<{{ value }}>(bytes_{{ t.name }}({{ t.name }}[i])){% if t.scales %} * {{ value }}(scale_{{ t.name }}(i / {{ t.group // 4 }}u)){% endif %};
{% else %}
    let w = {{ t.name }}[i / 2u] >> (4u * (i % 2u));
    return (vec4<{{ value }}>(unpack4xU8(w & 0x0f0f0f0fu)) - 8.0){% if t.scales %} * {{ value }}(scale_{{ t.name }}(i / {{ t.group // 4 }}u)){% endif %};
{% endif %}
}
{% else %}
// Element i of {{ t.name }}.
fn load1_{{ t.name }}(i: u32) -> {{ value }} {
{% if kind == "native" %}
    return {{ value }}({{ t.name }}[i]);
{% elif kind == "half" %}
    return {{ value }}(halves_{{ t.name }}({{ t.name }}[i / 2u])[i % 2u]);
{% elif kind == "byte" %}
    return {{ value }}(bytes_{{ t.name }}({{ t.name }}[i / 4u])[i % 4u]){% if t.scales %} * {{ value }}(scale_{{ t.name }}(i / {{ t.group }}u)){% endif %};
{% else %}
    let q = extractBits({{ t.name }}[i / 8u], 8u * (i % 4u) + 4u * (i / 4u % 2u), 4u);
    return ({{ value }}(q) - 8.0){% if t.scales %} * {{ value }}(scale_{{ t.name }}(i / {{ t.group }}u)){% endif %};
{% endif %}
}
{% endif %}
{% endmacro %}

{# An output: with `vector` store4_<name>(i, v) to elements 4i to 4i + 3; otherwise
   store1_<name>(i, v), or store2_<name>(i, v) to elements 2i and 2i + 1 where two share a word. #}
{% macro output(t, vector, value) %}
{% set kind = storage(t) %}
{% if vector %}
{% set held = "vec4<" ~ t.format ~ ">" if kind == "native" else "vec2<u32>" %}
{% else %}
{% set held = t.format if kind == "native" else "u32" %}
{% endif %}
@group(0) @binding({{ t.binding }}) var<storage, read_write> {{ t.name }}: array<{{ held }}>;
{% if kind == "half" %}
// Two values rounded to nearest, the first in the lower half.
fn pack_{{ t.name }}(v: vec2<f32>) -> u32 {
{% if t.format == "bf16" %}
    let bits = bitcast<vec2<u32>>(v);
    let rounded = (bits + 0x7fffu + ((bits >> vec2<u32>(16u)) & vec2<u32>(1u))) >> vec2<u32>(16u);
    return rounded.x | (rounded.y << 16u);
{% else %}
    return pack2x16float(v);
{% endif %}
}
{% endif %}
{% if vector %}
fn store4_{{ t.name }}(i: u32, v: vec4<{{ value }}>) {
{% if kind == "native" %}
    {{ t.name }}[i] = vec4<{{ t.format }}>(v);
{% else %}
    let f = vec4<f32>(v);
    {{ t.name }}[i] = vec2<u32>(pack_{{ t.name }}(f.xy), pack_{{ t.name }}(f.zw));
{% endif %}
}
{% elif kind == "native" %}
fn store1_{{ t.name }}(i: u32, v: {{ value }}) {
    {{ t.name }}[i] = {{ t.format }}(v);
}
{% else %}
fn store2_{{ t.name }}(i: u32, v: vec2<{{ value }}>) {
    {{ t.name }}[i] = pack_{{ t.name }}(vec2<f32>(v));
}
{% endif %}
{% endmacro %}

{# Loads of 16 bytes: the type of such a load, and vector j of four elements of the load `w` as f32,
   without its scale. #}
{% macro wide_type(t) %}{{ "vec4<f32>" if t.format == "f32" else "vec4<u32>" }}{% endmacro %}

{% macro wide_part(t, w, j) -%}
{% set part = ["x", "y", "z", "w"] -%}
{% if t.format == "f32" %}{{ w }}
{%- elif t.format == "f16" %}vec4<f32>(unpack2x16float({{ w }}.{{ part[2 * j] }}), unpack2x16float({{ w }}.{{ part[2 * j + 1] }}))
{%- elif t.format == "bf16" %}vec4<f32>(halves_{{ t.name }}({{ w }}.{{ part[2 * j] }}), halves_{{ t.name }}({{ w }}.{{ part[2 * j + 1] }}))
{%- elif t.format in ["e4m3", "i8", "q8_0"] %}vec4<f32>(bytes_{{ t.name }}({{ w }}.{{ part[j] }}))
{%- elif j % 2 == 0 %}(vec4<f32>(unpack4xU8({{ w }}.{{ part[j // 2] }} & 0x0f0f0f0fu)) - 8.0)
{%- else %}(vec4<f32>(unpack4xU8(({{ w }}.{{ part[j // 2] }} >> 4u) & 0x0f0f0f0fu)) - 8.0){% endif %}
{%- endmacro %}

{# Loads of one, two or four words, for kernels that compute with scalars: per_word(t) elements lie in
   a word. word_input declares the binding, `unpack` the values of a word under `name`, without
   scale and 4-bit integers without the -8, and `element` is the expression of element e of it. #}
{% macro per_word(t) -%}
{% if t.format in ["f32", "i32"] %}1{% elif t.format in ["f16", "bf16"] %}2{% elif t.format in ["e4m3", "i8", "q8_0"] %}4{% else %}8{% endif %}
{%- endmacro %}

{% macro word_input(t, words) %}
{% set word = "f32" if t.format == "f32" else "u32" %}
{% set held = word if words == 1 else "vec" ~ words ~ "<" ~ word ~ ">" %}
@group(0) @binding({{ t.binding }}) var<storage, read> {{ t.name }}: array<{{ held }}>;
{{ helpers(t) -}}
{% endmacro %}

{% macro word_of(load, i, words) %}{{ load }}{% if words > 1 %}.{{ ["x", "y", "z", "w"][i] }}{% endif %}{% endmacro %}

{% macro unpack(t, name, word, value) -%}
{% if t.format == "f32" %}let {{ name }} = {{ word }};
{%- elif t.format == "f16" %}let {{ name }} = unpack2x16float({{ word }});
{%- elif t.format == "bf16" %}let {{ name }} = halves_{{ t.name }}({{ word }});
{%- elif t.format == "q8_0" %}let {{ name }} = vec4<f32>(vec4<i32>(unpack4xU8({{ word }} ^ 0x80808080u)));
{%- elif t.format in ["e4m3", "i8"] %}let {{ name }} = vec4<{{ value }}>(bytes_{{ t.name }}({{ word }}));
{%- else %}let {{ name }}l = vec4<f32>(vec4<i32>(unpack4xU8({{ word }} & 0x0f0f0f0fu)));
            let {{ name }}h = vec4<f32>(vec4<i32>(unpack4xU8(({{ word }} >> 4u) & 0x0f0f0f0fu)));
{%- endif %}
{%- endmacro %}

{% macro element(t, name, e) -%}
{% set part = ["x", "y", "z", "w"] -%}
{% if t.format == "f32" %}{{ name }}
{%- elif t.format in ["f16", "bf16", "e4m3", "i8", "q8_0"] %}{{ name }}.{{ part[e] }}
{%- else %}{{ name }}{{ "l" if e < 4 else "h" }}.{{ part[e % 4] }}{% endif %}
{%- endmacro %}

{# multiply_add(x, y, sum) = x y + sum, with a scalar x and vectors y and sum. #}
{% macro multiply_add(value) %}
fn multiply_add(x: {{ value }}, y: vec4<{{ value }}>, sum: vec4<{{ value }}>) -> vec4<{{ value }}> {
    return {% if value == "i32" %}x * y + sum{% else %}fma(vec4<{{ value }}>(x), y, sum){% endif %};
}
{% endmacro %}
