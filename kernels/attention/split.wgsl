// First step of a decode step of attention for GPUs: partial results over parts of the keys
// (Flash-Decoding, Dao et al. 2023).
//
// 4 d FLOP for each (query row, key) pair. Reads K and V once for each PACK query rows that share a
// kv head; writes d + 2 words of partial result for each row and part.
// One workgroup takes one part of SPAN keys. Eight invocations share a key, each with every eighth
// vector of it, so that a key is read in runs of 8 vectors. Scores are summed through workgroup
// memory; the whole part has one maximum, so nothing is rescaled; the accumulators of the THREADS/8
// keys in flight are summed at the end, one row at a time.
// Bindings: 0 q, 1 k, 2 v, 3 partial sums (f32, not divided by l), 4 pairs (m, l).
// Knobs: threads; span, the keys of a part; pack, the query rows of a workgroup.

{% include "attention/sizes.wgsl" %}
const SPAN: u32 = {{ span }}u;
const PARTS: u32 = {{ parts }}u;
const PACK: u32 = {{ pack }}u;
const PACKS: u32 = {{ packs }}u;
const IN_FLIGHT: u32 = THREADS / 8u;
{% set columns = d4 // 8 %}

@group(0) @binding(0) var<storage, read> q: array<Stored>;
@group(0) @binding(1) var<storage, read> k: array<Stored>;
@group(0) @binding(2) var<storage, read> v: array<Stored>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> states: array<vec2<f32>>;

// Eight partial products of each score, then the score, then its weight.
var<workgroup> products: array<vec4<f32>, {{ pack * span * 2 }}u>;
var<workgroup> weights: array<f32, {{ pack * span }}u>;
var<workgroup> tops: array<f32, {{ pack * 8 }}u>;
var<workgroup> gathered: array<vec4<f32>, {{ threads // 8 * d4 }}u>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one: control flow stays uniform for the barriers.
    let number = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
    let part = number % PARTS;
    let pack = (number / PARTS) % PACKS;
    let kv_head = number / (PARTS * PACKS);
    let row = kv_head * GROUP + pack * PACK;
    let first = part * SPAN;
    let slot = lane / 8u;
    let x = lane % 8u;
{% for r in range(pack) %}
{% for c in range(columns) %}
    let q{{ r }}_{{ c }} = SCALE * vec4<f32>(q[(row + {{ r }}u) * D4 + x + {{ 8 * c }}u]);
    var o{{ r }}_{{ c }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
    for (var j = slot; j < SPAN; j += IN_FLIGHT) {
        let at = (kv_head * KEYS + min(first + j, KEYS - 1u)) * D4 + x;
{% for r in range(pack) %}
        var s{{ r }} = vec4<f32>(0.0);
{% endfor %}
{% for c in range(columns) %}
        let k{{ c }} = vec4<f32>(k[at + {{ 8 * c }}u]);
{% for r in range(pack) %}
        s{{ r }} += q{{ r }}_{{ c }} * k{{ c }};
{% endfor %}
{% endfor %}
{% for r in range(pack) %}
        products[({{ r }}u * SPAN + j) * 2u + x / 4u][x % 4u] = (s{{ r }}.x + s{{ r }}.y) + (s{{ r }}.z + s{{ r }}.w);
{% endfor %}
    }
    workgroupBarrier();
    for (var i = lane; i < PACK * SPAN; i += THREADS) {
        let sum = products[2u * i] + products[2u * i + 1u];
        weights[i] = select(LOWEST, (sum.x + sum.y) + (sum.z + sum.w), first + i % SPAN < KEYS);
    }
    workgroupBarrier();
    for (var i = lane; i < PACK * 8u; i += THREADS) {
        var top = LOWEST;
        for (var j = i % 8u; j < SPAN; j += 8u) {
            top = max(top, weights[(i / 8u) * SPAN + j]);
        }
        tops[i] = top;
    }
    workgroupBarrier();
{% for r in range(pack) %}
    var top{{ r }} = tops[{{ 8 * r }}u];
{% for j in range(1, 8) %}
    top{{ r }} = max(top{{ r }}, tops[{{ 8 * r + j }}u]);
{% endfor %}
    var l{{ r }} = 0.0;
{% endfor %}
    for (var j = slot; j < SPAN; j += IN_FLIGHT) {
        let at = (kv_head * KEYS + min(first + j, KEYS - 1u)) * D4 + x;
{% for r in range(pack) %}
        let p{{ r }} = select(0.0, exp2(weights[{{ r }}u * SPAN + j] - top{{ r }}), first + j < KEYS);
        l{{ r }} += p{{ r }};
{% endfor %}
{% for c in range(columns) %}
        let v{{ c }} = vec4<f32>(v[at + {{ 8 * c }}u]);
{% for r in range(pack) %}
        o{{ r }}_{{ c }} += p{{ r }} * v{{ c }};
{% endfor %}
{% endfor %}
    }
{% for r in range(pack) %}
    // Also closes the reading of the row before and, at the first row, of `tops` and `weights`.
    workgroupBarrier();
{% for c in range(columns) %}
    gathered[slot * D4 + x + {{ 8 * c }}u] = o{{ r }}_{{ c }};
{% endfor %}
    if x == 0u {
        weights[slot] = l{{ r }};
    }
    workgroupBarrier();
    for (var column = lane; column < D4; column += THREADS) {
        var sum = vec4<f32>(0.0);
        for (var i = 0u; i < IN_FLIGHT; i++) {
            sum += gathered[i * D4 + column];
        }
        sums[((row + {{ r }}u) * PARTS + part) * D4 + column] = sum;
    }
    if lane == 0u {
        var total = 0.0;
        for (var i = 0u; i < IN_FLIGHT; i++) {
            total += weights[i];
        }
        states[(row + {{ r }}u) * PARTS + part] = vec2<f32>(top{{ r }}, total);
    }
{% endfor %}
}
