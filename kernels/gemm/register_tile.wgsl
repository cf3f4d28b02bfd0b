{# The register tile of kernels that run on a processor: what gemm/direct.wgsl says of it holds for every
   product that is made of these two macros. They use M, N, A_RUN, B_RUN and THREADS, the functions
   load4_a, load4_b and multiply_add, the type Vec, and from the surrounding function lane, row_tile,
   column, from_a and from_b. #}
{% set part = ["x", "y", "z", "w"] %}

{# Where the operands of a workgroup begin, and its sums: c<r>_<q> is vec4 column q of row r. #}
{% macro begin(rows, cols, threads, a_transposed, b_transposed, broadcast) %}
{% for r in range(rows) %}
{% if a_transposed %}
    let row{{ r }} = ((row_tile * {{ rows // 4 }}u + {{ r // 4 }}u) * THREADS + lane) * 4u + {{ r % 4 }}u;
{% else %}
    let row{{ r }} = (row_tile * {{ rows }}u + {{ r }}u) * THREADS + lane;
    let a{{ r }} = from_a / 4u + min(row{{ r }}, M - 1u) * (A_RUN / 4u);
{% endif %}
{% endfor %}
{% if a_transposed %}
{% for p in range(rows // 4) %}
    let a{{ p }} = from_a / 4u + min(row{{ 4 * p }} / 4u, A_RUN / 4u - 1u);
{% endfor %}
{% endif %}
{% if b_transposed %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
    let b{{ g }} = from_b / 4u + min(column + {{ g * threads }}u + lane, N - 1u) * (B_RUN / 4u);
{% endfor %}
{% else %}
{% for j in range(4 * cols) %}
    let b{{ j }} = from_b / 4u + min(column + {{ j }}u, N - 1u) * (B_RUN / 4u);
{% endfor %}
{% endif %}
{% elif broadcast and a_transposed %}
{% for g in range(cols // threads) %}
    let b{{ g }} = from_b / 4u + min(column / 4u + {{ g * threads }}u + lane, B_RUN / 4u - 1u);
{% endfor %}
{% elif broadcast %}
{% for g in range(4 * cols // threads) %}
    let f{{ g }} = {{ g * threads }}u + lane;
    let b{{ g }} = from_b / 4u + f{{ g }} / {{ cols }}u * (B_RUN / 4u) + min(column / 4u + f{{ g }} % {{ cols }}u, B_RUN / 4u - 1u);
{% endfor %}
{% else %}
{% for q in range(cols) %}
    let b{{ q }} = from_b / 4u + min(column / 4u + {{ q }}u, B_RUN / 4u - 1u);
{% endfor %}
{% endif %}
{% for r in range(rows) %}
{% for q in range(cols) %}
    var c{{ r }}_{{ q }} = Vec();
{% endfor %}
{% endfor %}
{% endmacro %}

{# The sums over k from `first` to `end`, in vec4s unless A is read along M. With `weigh`, A holds scores
   of which the weights of a softmax are made: their maximum is m<r>, and l<r> sums the weights. #}
{% macro multiply(rows, cols, threads, a_transposed, b_transposed, broadcast, first, end, weigh) %}
{% if a_transposed %}
    for (var p = {{ first }}; p < {{ end }}; p++) {
{% for p in range(rows // 4) %}
        let x{{ p }} = load4_a(p * (A_RUN / 4u) + a{{ p }});
{% endfor %}
{% if broadcast %}
{% for g in range(cols // threads) %}
        let own{{ g }} = load4_b(p * (B_RUN / 4u) + b{{ g }});
{% endfor %}
{% endif %}
{% for q in range(cols) %}
{% if broadcast %}
        let y{{ q }} = subgroupBroadcast(own{{ q // threads }}, {{ q % threads }}u);
{% else %}
        let y{{ q }} = load4_b(p * (B_RUN / 4u) + b{{ q }});
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r // 4 }}.{{ part[r % 4] }}, y{{ q }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
    }
{% else %}
    for (var p = {{ first }}; p < {{ end }}; p++) {
{% for r in range(rows) %}
{% if weigh %}
        let x{{ r }} = exp2(SCALE * (load4_a(a{{ r }} + p) - m{{ r }}));
        l{{ r }} += x{{ r }};
{% else %}
        let x{{ r }} = load4_a(a{{ r }} + p);
{% endif %}
{% endfor %}
{% if broadcast %}
{% for g in range(4 * cols // threads) %}
        let own{{ g }} = load4_b(b{{ g }} + {{ "p" if b_transposed else "p * B_RUN" }});
{% endfor %}
{% endif %}
{% if b_transposed %}
{% for q in range(cols) %}
{% for j in range(4) %}
{% if broadcast %}
        let y{{ 4 * q + j }} = subgroupBroadcast(own{{ (4 * q + j) // threads }}, {{ (4 * q + j) % threads }}u);
{% else %}
        let y{{ 4 * q + j }} = load4_b(b{{ 4 * q + j }} + p);
{% endif %}
{% endfor %}
{% for s in part %}
        let z{{ q }}{{ s }} = Vec(y{{ 4 * q }}.{{ s }}, y{{ 4 * q + 1 }}.{{ s }}, y{{ 4 * q + 2 }}.{{ s }}, y{{ 4 * q + 3 }}.{{ s }});
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r }}.{{ s }}, z{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% else %}
{% for s in part %}
        let at{{ s }} = (4u * p + {{ loop.index0 }}u) * (B_RUN / 4u);
{% endfor %}
{% for q in range(cols) %}
{% for s in part %}
{% set place = loop.index0 * cols + q %}
{% if broadcast %}
        let y{{ q }}{{ s }} = subgroupBroadcast(own{{ place // threads }}, {{ place % threads }}u);
{% else %}
        let y{{ q }}{{ s }} = load4_b(at{{ s }} + b{{ q }});
{% endif %}
{% for r in range(rows) %}
        c{{ r }}_{{ q }} = multiply_add(x{{ r }}.{{ s }}, y{{ q }}{{ s }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endif %}
    }
{% endif %}
{% endmacro %}
