{# Which tile of C a workgroup computes: up to bm rows of one expert, by the table, and bn columns. As gemm/order.wgsl,
   whose place this takes in gemm/coopmat.wgsl; leaves end_row besides, the end of the rows of the expert. #}
    // Workgroups beyond the end repeat the last one: control flow stays uniform.
    let index = min(group.y * groups.x + group.x, ROW_TILES * COLUMN_TILES - 1u);
    // Tiles of rows follow one another: those of one expert read the same weights.
    let tile = index % ROW_TILES;
    let first_row = tiles[3u * tile + 1u];
    let end_row = tiles[3u * tile + 2u];
    let first_column = index / ROW_TILES * {{ bn }}u;
    const from_a = 0u;
    let from_b = tiles[3u * tile] * {{ n * k }}u;
    const first_k = 0u;
    const end_k = K;
    const to_c = 0u;
