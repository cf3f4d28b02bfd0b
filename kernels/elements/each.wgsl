{# Calls item(i) for every i below `items`. An invocation takes `per` of them, which lie `threads`
   apart so that neighbouring invocations touch neighbouring addresses. With `scalar`, item(i) is
   made from element(i): one element of the output, or the two of a word where `pair` says so. #}
const ITEMS: u32 = {{ items }}u;
const THREADS: u32 = {{ threads }}u;
const PER: u32 = {{ per }}u;

{% if scalar and pair %}
fn item(i: u32) {
    store2_{{ output }}(i, vec2<{{ value }}>(element(2u * i), element(min(2u * i + 1u, {{ elements - 1 }}u))));
}
{% elif scalar %}
fn item(i: u32) {
    store1_{{ output }}(i, element(i));
}
{% endif %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * THREADS * PER + lane;
    for (var j = 0u; j < PER; j++) {
        let i = first + j * THREADS;
        if i < ITEMS {
            item(i);
        }
    }
}
