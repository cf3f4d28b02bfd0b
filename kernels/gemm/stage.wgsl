{# How a workgroup brings tiles of A and B into registers, on their way to workgroup memory: macros.

   A tile lies in storage as `outer` runs of `inner` elements. The lanes share its units, `run` vec4s
   that follow one another, in turns of all lanes, the last of which may be short. Turn t of tile x
   keeps its vec4s in the variables x<t>_0, x<t>_1, …: they can wait there while the tiles before them
   are multiplied. #}

{# edge_<name>(from_element, outer, inner): elements inner to inner + 3 of run `outer`, with zeros
   beyond the ends. `vector`: four elements lie in one load; `whole`: all tiles lie within. Needs
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

{% macro turns(outer, inner, threads, run) %}{{ (outer * inner // (4 * run) + threads - 1) // threads }}{% endmacro %}

{% macro declare(name, outer, inner, threads, run) %}
{% for t in range(turns(outer, inner, threads, run)|int) %}
{% for r in range(run) %}
    var {{ name }}{{ t }}_{{ r }} = Vec();
{% endfor %}
{% endfor %}
{% endmacro %}

{# Loads the tile whose first run and element are first_outer and first_inner. #}
{% macro fetch(name, outer, inner, threads, run, first_outer, first_inner) %}
{% set units = outer * inner // (4 * run) %}
{% for t in range(turns(outer, inner, threads, run)|int) %}
        {
            let unit = {% if (t + 1) * threads > units %}min(lane + {{ t * threads }}u, {{ units - 1 }}u){% else %}lane + {{ t * threads }}u{% endif %};
            let outer = {{ first_outer }} + unit / {{ inner // (4 * run) }}u;
            let inner = {{ first_inner }} + unit % {{ inner // (4 * run) }}u * {{ 4 * run }}u;
{% for r in range(run) %}
            {{ name }}{{ t }}_{{ r }} = edge_{{ name }}(from_{{ name }}, outer, inner{% if r > 0 %} + {{ 4 * r }}u{% endif %});
{% endfor %}
        }
{% endfor %}
{% endmacro %}

{# Opens the block that stores turn t, and names its unit. #}
{% macro open(t, outer, inner, threads, run) %}
{% set units = outer * inner // (4 * run) %}
        {% if (t + 1) * threads > units %}if lane + {{ t * threads }}u < {{ units }}u {% endif %}{
            let unit = lane + {{ t * threads }}u;
{% endmacro %}
