{# Workgroup memory that cooperative matrices are loaded from and stored to: macros.

   It holds vec4s, or scalars where matrices come through pointers to elements (`flat`, Metal). Indices and strides
   are counted in vec4s in both cases. #}

{# The index or stride of a matrix operation, from that in vec4s. #}
{% macro at(index, flat) %}{% if flat %}4u * ({{ index }}){% else %}{{ index }}{% endif %}{% endmacro %}

{# Declares `vectors` vec4s of `held`, with put_<name>(at, value) and get_<name>(at). #}
{% macro declare(name, held, vectors, flat) %}
{% if flat %}
var<workgroup> {{ name }}: array<{{ held }}, {{ 4 * vectors }}>;
fn put_{{ name }}(at: u32, value: vec4<{{ held }}>) {
    {{ name }}[4u * at] = value.x;
    {{ name }}[4u * at + 1u] = value.y;
    {{ name }}[4u * at + 2u] = value.z;
    {{ name }}[4u * at + 3u] = value.w;
}
fn get_{{ name }}(at: u32) -> vec4<{{ held }}> {
    return vec4<{{ held }}>({{ name }}[4u * at], {{ name }}[4u * at + 1u], {{ name }}[4u * at + 2u], {{ name }}[4u * at + 3u]);
}
{% else %}
var<workgroup> {{ name }}: array<vec4<{{ held }}>, {{ vectors }}>;
fn put_{{ name }}(at: u32, value: vec4<{{ held }}>) {
    {{ name }}[at] = value;
}
fn get_{{ name }}(at: u32) -> vec4<{{ held }}> {
    return {{ name }}[at];
}
{% endif %}
{% endmacro %}

{# Writes turn t of a tile that stage.wgsl loaded as `run`, whose variables begin with `held`, into `name`; `stride`:
   vec4s between its rows. To be placed within stage.open. #}
{% macro write(name, held, outer, inner, run, stride) %}
{% if run == "turned" %}
            let at = unit / {{ outer // 4 }}u * 4u * {{ stride }} + unit % {{ outer // 4 }}u;
{% for s in ["x", "y", "z", "w"] %}
            put_{{ name }}(at{% if loop.index0 %} + {{ loop.index0 }}u * {{ stride }}{% endif %}, Vec({{ held }}0.{{ s }}, {{ held }}1.{{ s }}, {{ held }}2.{{ s }}, {{ held }}3.{{ s }}));
{% endfor %}
{% elif run == "wide_turned" %}
            let at = unit / {{ outer // 4 }}u * 8u * {{ stride }} + unit % {{ outer // 4 }}u;
{% for s in ["low.x", "low.y", "low.z", "low.w", "high.x", "high.y", "high.z", "high.w"] %}
            put_{{ name }}(at{% if loop.index0 %} + {{ loop.index0 }}u * {{ stride }}{% endif %}, Vec({{ held }}0.{{ s }}, {{ held }}1.{{ s }}, {{ held }}2.{{ s }}, {{ held }}3.{{ s }}));
{% endfor %}
{% else %}
            let at = unit / {{ inner // 8 }}u * {{ stride }} + unit % {{ inner // 8 }}u * 2u;
{% if run == "wide" %}
            put_{{ name }}(at, {{ held }}0.low);
            put_{{ name }}(at + 1u, {{ held }}0.high);
{% else %}
            put_{{ name }}(at, {{ held }}0);
            put_{{ name }}(at + 1u, {{ held }}1);
{% endif %}
{% endif %}
{% endmacro %}
