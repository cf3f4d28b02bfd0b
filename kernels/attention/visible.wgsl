{# Which keys a query sees, for attention kernels that include sizes.wgsl before. #}
// One past the last key that query i of a head sees.
fn end_key(i: u32) -> u32 {
    return {% if causal %}KEYS - QUERIES + i + 1u{% else %}KEYS{% endif %};
}

// The first key that query i of a head sees.
fn first_key(i: u32) -> u32 {
{% if window %}
    let end = end_key(i);
    return end - min(end, {{ window }}u);
{% else %}
    return 0u;
{% endif %}
}

// The first and last query among rows first to first + count - 1 of a kv head. Its query heads lie
// one after the other: rows that run into the next one may hold any query.
fn tile_queries(first: u32, count: u32) -> vec2<u32> {
    let from_query = first % QUERIES;
    let within = from_query + count <= QUERIES;
    return select(vec2<u32>(0u, QUERIES - 1u), vec2<u32>(from_query, from_query + count - 1u), within);
}
