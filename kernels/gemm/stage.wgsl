{# How a workgroup brings tiles of A and B into registers, on their way to workgroup memory: macros.

   A tile lies in storage as `outer` runs of `inner` elements. The lanes share its units, `run` vec4s
   that follow one another, in turns of all lanes, the last of which may be short. Turn t of tile x
   keeps its vec4s in the variables x<t>_0, x<t>_1, …: they can wait there while the tiles before them
   are multiplied.

   How a tile is loaded: 1 or 2 vec4s a unit (`run`); "wide", eight halves by one load of 16 bytes, kept
   in x<t>_0 as a structure Eight (which this file declares as `eight`); or "turned", four vec4s of four runs that follow one another, to be written with
   both extents exchanged; or "wide_turned", the same with eight halves of each of four runs. #}

{# edge_<name>(from_element, outer, inner): elements inner to inner + 3 of run `outer`, with zeros
   beyond the ends; wide_<name> has inner to inner + 7. `vector`: four elements lie in one load; `whole`: all tiles lie within. Needs
   alias Vec, and load4_<name> or load1_<name> of format.wgsl. #}
{% macro edge_load(name, vector, whole, outer, inner) %}
// Elements inner to inner + 3 of run `outer` of {{ name }}; zeros beyond the edge.
fn edge_{{ name }}(from_element: u32, outer: u32, inner: u32) -> Vec {
{% if whole %}
    return load4_{{ name }}((from_element + outer * {{ inner }} + inner) / 4u);
{% else %}
    var value = Vec();
{% if vector %}
    if outer < {{ outer }} && inner < {{ inner }} {
        value = load4_{{ name }}((from_element + outer * {{ inner }} + inner) / 4u);
    }
{% else %}
    if outer < {{ outer }} {
        let first = from_element + outer * {{ inner }} + inner;
{% for s in ["x", "y", "z", "w"] %}
        if inner + {{ loop.index0 }}u < {{ inner }} {
            value.{{ s }} = load1_{{ name }}(first + {{ loop.index0 }}u);
        }
{% endfor %}
    }
{% endif %}
    return value;
{% endif %}
}
{% endmacro %}

{% macro eight() %}
struct Eight {
    @align(16) low: vec4<f16>,
    high: vec4<f16>,
}
{% endmacro %}

{% macro wide_load(name, whole, outer, inner) %}
// Elements inner to inner + 7 of run `outer` of {{ name }}; zeros beyond the edge.
fn wide_{{ name }}(from_element: u32, outer: u32, inner: u32) -> Eight {
{% if whole %}
    return {{ name }}[(from_element + outer * {{ inner }} + inner) / 8u];
{% else %}
    var value = Eight();
    if outer < {{ outer }} && inner < {{ inner }} {
        value = {{ name }}[(from_element + outer * {{ inner }} + inner) / 8u];
    }
    return value;
{% endif %}
}
{% endmacro %}

{# Elements of a unit, and vec4s that its variables hold. #}
{% macro held(run) %}{{ 16 if run == "turned" else 32 if run == "wide_turned" else 8 if run == "wide" else 4 * run }}{% endmacro %}
{% macro kept(run) %}{{ 4 if run in ["turned", "wide_turned"] else 1 if run == "wide" else run }}{% endmacro %}

{% macro turns(outer, inner, threads, run) %}{{ (outer * inner // held(run)|int + threads - 1) // threads }}{% endmacro %}

{% macro declare(name, outer, inner, threads, run) %}
{% for t in range(turns(outer, inner, threads, run)|int) %}
{% for r in range(kept(run)|int) %}
    var {{ name }}{{ t }}_{{ r }} = {% if run in ["wide", "wide_turned"] %}Eight(){% else %}Vec(){% endif %};
{% endfor %}
{% endfor %}
{% endmacro %}

{# Loads the tile whose first run and element are first_outer and first_inner. The lanes take turned units
   along the runs last: their writes then follow one another. #}
{% macro fetch(name, outer, inner, threads, run, first_outer, first_inner) %}
{% set units = outer * inner // held(run)|int %}
{% for t in range(turns(outer, inner, threads, run)|int) %}
        {
            let unit = {% if (t + 1) * threads > units %}min(lane + {{ t * threads }}u, {{ units - 1 }}u){% else %}lane + {{ t * threads }}u{% endif %};
{% if run in ["turned", "wide_turned"] %}
            let outer = {{ first_outer }} + unit % {{ outer // 4 }}u * 4u;
            let inner = {{ first_inner }} + unit / {{ outer // 4 }}u * {{ 4 if run == "turned" else 8 }}u;
{% for r in range(4) %}
            {{ name }}{{ t }}_{{ r }} = {{ "edge" if run == "turned" else "wide" }}_{{ name }}(from_{{ name }}, outer{% if r > 0 %} + {{ r }}u{% endif %}, inner);
{% endfor %}
{% else %}
{% set length = held(run)|int %}
            let outer = {{ first_outer }} + unit / {{ inner // length }}u;
            let inner = {{ first_inner }} + unit % {{ inner // length }}u * {{ length }}u;
{% if run == "wide" %}
            {{ name }}{{ t }}_0 = wide_{{ name }}(from_{{ name }}, outer, inner);
{% else %}
{% for r in range(run) %}
            {{ name }}{{ t }}_{{ r }} = edge_{{ name }}(from_{{ name }}, outer, inner{% if r > 0 %} + {{ 4 * r }}u{% endif %});
{% endfor %}
{% endif %}
{% endif %}
        }
{% endfor %}
{% endmacro %}

{# Opens the block that stores turn t, and names its unit. #}
{% macro open(t, outer, inner, threads, run) %}
{% set units = outer * inner // held(run)|int %}
        {% if (t + 1) * threads > units %}if lane + {{ t * threads }}u < {{ units }}u {% endif %}{
            let unit = lane + {{ t * threads }}u;
{% endmacro %}
