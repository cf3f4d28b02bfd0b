"""What NumPy and PyTorch share: operators that compute at once and write to `out`."""

from portamark_executor.runtime import Runtime, transposed


class Eager(Runtime):
    """A runtime whose functions have NumPy's names and arguments: `xp` is NumPy or torch.

    It has `product(a, b)`, which gives a matrix product in f32; `hide(scores, hidden)`, which sets scores to
    minus infinity in place; `weigh(scores, v, out)`, the product of their softmax and v; `copy(out, array)`,
    and `copies`, what that is called; and `triad(y, a, b, s)`.
    """

    def composed_attention(self, case, out, q, k, v, mask):
        """Attention in three steps, over the keys that are seen."""
        # Heads that share keys are one long matrix of queries.
        q = q.reshape(case.b, case.hkv, case.group * case.q, case.d)
        result = out.reshape(case.b, case.hkv, case.group * case.q, case.dv)
        grouped = (case.b, case.hkv, case.group, case.q, k.shape[2])
        swapped, hidden = transposed(k, True), None if mask is None else ~mask

        def attend():
            scores = self.product(q, swapped)
            scores *= case.d ** -0.5
            if hidden is not None:
                self.hide(scores.reshape(grouped), hidden)
            self.weigh(scores, v, result)
            return out
        return attend, f"composed attention: {self.api}.matmul, softmax, matmul"

    def stream(self, case, y, *inputs):
        xp, name, a, last = self.xp, f"{self.api}.", inputs[0], inputs[-1]
        if case.op in ("copy", "write"):
            return lambda: self.copy(y, a), self.copies
        if case.op == "triad":
            return self.triad(y, *inputs)
        if case.op == "read":
            return lambda: xp.sum(a, 1, out=y), name + "sum"
        operator = xp.multiply if case.op == "scale" else xp.add
        return lambda: operator(a, last, out=y), name + operator.__name__

    def rope(self, case, y, x, cosines, sines):
        xp, half = self.xp, case.d // 2
        first, second = x[..., :half], x[..., half:]

        def turn():
            xp.subtract(first * cosines, second * sines, out=y[..., :half])
            xp.add(second * cosines, first * sines, out=y[..., half:])
            return y
        return turn, f"{self.api} multiply, subtract, add"

    def transpose(self, case, y, x):
        return lambda: self.copy(y, x.T), self.copies + " of a transposed view"
