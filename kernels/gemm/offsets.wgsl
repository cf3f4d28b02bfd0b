{# Elements before the first of A, B and C of `member` of the batch; constants where it is alone. #}
{% if batch > 1 %}
    let from_a = member * {{ a_len }}u;
    let from_b = member * {{ b_len }}u;
    let from_c = member * {{ m * n }}u;
{% else %}
    const from_a = 0u;
    const from_b = 0u;
    const from_c = 0u;
{% endif %}
