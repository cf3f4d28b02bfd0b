{# How the decode kernels read K and V: in units of 16 bytes, or of one vector where rows are no whole
   number of those. `vectors` counts the vectors of 4 elements of a unit. #}
{% import "format.wgsl" as format %}

{% macro declare(t, wide) %}
{% if wide %}
@group(0) @binding({{ t.binding }}) var<storage, read> {{ t.name }}: array<{{ format.wide_type(t) }}>;
{{ format.helpers(t) }}
{% else %}
{{ format.input(t, true, "f32") }}
{% endif %}
{% endmacro %}

{# Unit i. #}
{% macro load(t, wide, i) %}{% if wide %}{{ t.name }}[{{ i }}]{% else %}load4_{{ t.name }}({{ i }}){% endif %}{% endmacro %}

{# Vector j of the unit `u`, without its scale. #}
{% macro part(t, wide, u, j) %}{% if wide %}{{ format.wide_part(t, u, j) }}{% else %}{{ u }}{% endif %}{% endmacro %}

{# The scale of unit i, for formats that have one. #}
{% macro scale(t, vectors, i) %}scale_{{ t.name }}(({{ i }}) / {{ t.group // (4 * vectors) }}u){% endmacro %}
