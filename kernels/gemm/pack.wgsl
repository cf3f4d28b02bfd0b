// Packs an operand: P[b][r][e] = X[b][r][e], or X[b][e][r] with `turn`, in the type of the arithmetic,
// with zeros beyond the edge. Runs of P are whole vec4s, whatever the format and the runs of X are, as
// in the packing of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
//
// No FLOP; X is read and P written once. An item is one vec4 of P.
// Bindings: 0 x (1 its scales), then p. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if x.format == "f16" and not x.packed %}
enable f16;

{% endif %}
// Runs of X and their length, runs of P of one member and the vec4s of each.
const RUNS: u32 = {{ runs }}u;
const RUN: u32 = {{ run }}u;
const P_RUNS: u32 = {{ p_runs }}u;
const P_RUN4: u32 = {{ p_run // 4 }}u;

{% set whole = not turn and run % 4 == 0 and runs == p_runs %}
{{ format.input(x, whole, value) }}
{{ format.output(p, true, value) }}
fn item(i: u32) {
{% if whole %}
    store4_p(i, load4_x(i));
{% else %}
    let row = i / P_RUN4;
    let member = row / P_RUNS * (RUNS * RUN);
    let r = row % P_RUNS;
    let e = i % P_RUN4 * 4u;
    var v = vec4<{{ value }}>();
{% for s in ["x", "y", "z", "w"] %}
{% if turn %}
    if e + {{ loop.index0 }}u < RUNS && r < RUN {
        v.{{ s }} = load1_x(member + (e + {{ loop.index0 }}u) * RUN + r);
    }
{% else %}
    if r < RUNS && e + {{ loop.index0 }}u < RUN {
        v.{{ s }} = load1_x(member + r * RUN + e + {{ loop.index0 }}u);
    }
{% endif %}
{% endfor %}
    store4_p(i, v);
{% endif %}
}

{% include "elements/each.wgsl" %}
