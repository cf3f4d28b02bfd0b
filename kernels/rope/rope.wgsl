// Rotary position embedding (Su et al. 2021) with pairs half a head apart:
// y_i = x_i cos - x_(i + d/2) sin, y_(i + d/2) = x_(i + d/2) cos + x_i sin.
//
// 3 FLOP an element; X read once, Y written once, the tables once for each head, which caches serve.
// An item is four pairs, or, with `scalar`, one element, or the two of a word: for every size and
// format.
// Bindings: 0 x, 1 cosines, 2 sines, 3 y. Knobs: threads per workgroup; per, the items of an
// invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const HEADS: u32 = {{ heads }}u;
// Half a head, in elements or vec4s.
const HALF: u32 = {{ dim // 2 if scalar else dim // 8 }}u;

{{ format.input(x, not scalar, value) }}
{{ format.input(cosines, not scalar, value) }}
{{ format.input(sines, not scalar, value) }}
{{ format.output(y, not scalar, value) }}
{% if scalar %}
fn element(at: u32) -> f32 {
    let i = at % (2u * HALF);
    let angle = at / (2u * HALF * HEADS) * HALF + i % HALF;
    let own = load1_x(at) * load1_cosines(angle);
    if i < HALF {
        return own - load1_x(at + HALF) * load1_sines(angle);
    }
    return own + load1_x(at - HALF) * load1_sines(angle);
}
{% else %}
fn item(number: u32) {
    let i = number % HALF;
    let head = number / HALF;
    let at = head * 2u * HALF + i;
    let angle = head / HEADS * HALF + i;
    let lower = load4_x(at);
    let upper = load4_x(at + HALF);
    let c = load4_cosines(angle);
    let s = load4_sines(angle);
    store4_y(at, lower * c - upper * s);
    store4_y(at + HALF, upper * c + lower * s);
}
{% endif %}

{% include "elements/each.wgsl" %}
