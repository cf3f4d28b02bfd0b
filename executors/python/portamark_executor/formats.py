"""Number formats: their sizes, the grids of inputs, and the patterns that no operator produces."""

# The largest word of 32 bits.
WORD = 0xFFFFFFFF
FLOATS = ("f32", "f16", "bf16")
ITEM_BYTES = {"f32": 4, "i32": 4, "f16": 2, "bf16": 2, "i8": 1}
# Significant bits that the generator uses: values are k / 2^bits with |k| < 2^bits.
GRID_BITS = {"f32": 23, "f16": 10, "bf16": 7}
# By the bytes of an element: a NaN of an unusual payload.
POISON = {4: 0x7FC0DEAD, 2: 0x7EAD}


def torch_dtypes(torch):
    """The formats as torch calls them."""
    return {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i8": torch.int8,
            "i32": torch.int32}
