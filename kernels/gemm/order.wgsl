{# Which tile of C, of which member of the batch and over which part of k, a workgroup computes.

   Tiles follow one another down ORDER rows of tiles before they go on to the next column, so that
   workgroups which run at the same time share tiles of A and of B in the cache (as CUTLASS and Triton
   do). Needs ROW_TILES, COLUMN_TILES; bm, bn; order, groups, parts, part_k. Leaves first_row,
   first_column, from_a, from_b, to_c, and first_k to end_k. #}
    // Workgroups beyond the end repeat the last one: control flow stays uniform.
    let index = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
    let tile = index % (ROW_TILES * COLUMN_TILES);
    let band = tile / ({{ order }}u * COLUMN_TILES) * {{ order }}u;
    let band_rows = min({{ order }}u, ROW_TILES - band);
    let within = tile % ({{ order }}u * COLUMN_TILES);
    let first_row = (band + within % band_rows) * {{ bm }}u;
    let first_column = within / band_rows * {{ bn }}u;
{% if batch > 1 %}
    let member = index / (ROW_TILES * COLUMN_TILES){% if parts > 1 %} % {{ batch }}u{% endif %};
{% endif %}
{% include "gemm/offsets.wgsl" %}
{% if parts > 1 %}
    let part_of_k = index / (ROW_TILES * COLUMN_TILES * {{ batch }}u);
    let first_k = part_of_k * {{ part_k }}u;
    let end_k = min(first_k + {{ part_k }}u, K);
    // Each part has a C of its own.
    let to_c = part_of_k * {{ batch * m * n }}u + from_c;
{% else %}
    const first_k = 0u;
    const end_k = K;
    let to_c = from_c;
{% endif %}
