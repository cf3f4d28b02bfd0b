{# Joining one value of each invocation of a workgroup.

   `way` is "single": the workgroup is exactly one subgroup, and a subgroup operation does it;
   "hop": a subgroup operation, then the subgroups' results through workgroup memory; any size of
   subgroup; "tree": halving in workgroup memory, for a power of two of threads.

   parameters(way) are builtins that main must take, place(way) makes the argument `place` of
   <name>(v, place). Control flow must be uniform. #}

{% macro parameters(way) %}
{% if way == "hop" %}
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) in_subgroup: u32,
{% endif %}
{% endmacro %}

{% macro place(way) %}
{% if way == "hop" %}
    let place = Place(subgroup, subgroups, in_subgroup == 0u);
{% else %}
    let place = lane;
{% endif %}
{% endmacro %}

{% macro memory(way, value) %}
{% if way == "hop" %}
struct Place { wave: u32, waves: u32, first: bool }
{% else %}
alias Place = u32;
{% endif %}
{% if way != "single" %}
var<workgroup> partial: array<{{ value }}, THREADS>;
{% endif %}
{% endmacro %}

{# operation: the subgroup's; join: how two values a and b become one. #}
{% macro reduce(name, way, value, operation, join) %}
fn join_{{ name }}(a: {{ value }}, b: {{ value }}) -> {{ value }} {
    return {{ join }};
}

fn {{ name }}(v: {{ value }}, place: Place) -> {{ value }} {
{% if way == "single" %}
    return {{ operation }}(v);
{% elif way == "hop" %}
    let own = {{ operation }}(v);
    // Whoever still reads the result of an earlier reduction comes first.
    workgroupBarrier();
    if place.first {
        partial[place.wave] = own;
    }
    workgroupBarrier();
    var all = partial[0];
    for (var i = 1u; i < place.waves; i++) {
        all = join_{{ name }}(all, partial[i]);
    }
    return all;
{% else %}
    workgroupBarrier();
    partial[place] = v;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if place < half {
            partial[place] = join_{{ name }}(partial[place], partial[place + half]);
        }
        workgroupBarrier();
    }
    return partial[0];
{% endif %}
}
{% endmacro %}
