"""NumPy on the host's processor."""

from portamark_executor.cards import processor_name
from portamark_executor.case import RMSNORM_EPSILON
from portamark_executor.eager import Eager
from portamark_executor.formats import POISON
from portamark_executor.generator import Generator
from portamark_executor.refusals import unsupported
from portamark_executor.runtime import keys_seen, load, mask_array, transposed


class NumPy(Eager):
    """NumPy on the host's processor. f16 is software there, so products and sums are of f32 copies."""

    api, is_probed = "numpy", False

    def __init__(self, device):
        if device not in (None, "cpu"):
            raise unsupported(f"`{device}` is no device of numpy; there is cpu")
        self.np = self.xp = load("numpy", "pip install numpy")
        self.version, self.card = self.np.__version__, processor_name()
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        return host.reshape(shape)

    def poisoned(self, dtype, shape):
        return self.host_poison(dtype, shape)

    def poison(self, output, dtype):
        output.view(self.np.uint32 if output.itemsize == 4 else self.np.uint16).fill(POISON[output.itemsize])
        return output

    def to_host(self, output):
        return output

    def wide(self, array):
        return array.astype(self.np.float32) if array.dtype == self.np.float16 else array

    def gemm(self, case, out, a, b):
        np, words = self.np, "numpy.matmul"
        a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
        if case.input == "i8":
            return lambda: np.matmul(a, b, out=out, dtype=np.int32), words + " in int32"
        if case.input == "f32":
            return lambda: np.matmul(a, b, out=out), words

        def product():
            out[...] = self.product(a, b)
            return out
        return product, words + " of f32 copies"

    gemv = gemm

    def product(self, a, b):
        return self.np.matmul(self.wide(a), self.wide(b))

    def hide(self, scores, hidden):
        self.np.copyto(scores, self.np.float32(-self.np.inf), where=hidden)

    def weigh(self, scores, v, out):
        np = self.np
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        if out.dtype == np.float32:
            np.matmul(scores, v, out=out)
        else:
            out[...] = np.matmul(scores, self.wide(v))

    def attention(self, case, out, q, k, v=None):
        return self.composed_attention(case, out, q, *keys_seen(case, k, v), mask_array(self.np, case))

    copies = "numpy.copyto"

    def copy(self, out, array):
        self.np.copyto(out, array)
        return out

    def triad(self, y, a, b, s):
        np = self.np
        return lambda: np.add(a, np.multiply(b, s, out=y), out=y), "numpy.multiply, add"

    def softmax(self, case, y, x):
        np = self.np

        def normalise():
            power = np.subtract(x, x.max(axis=-1, keepdims=True), dtype=np.float32)
            np.exp(power, out=power)
            return np.divide(power, power.sum(axis=-1, keepdims=True), out=y)
        return normalise, "numpy max, exp, sum, divide"

    def rmsnorm(self, case, y, x, g):
        np, epsilon = self.np, self.np.float32(RMSNORM_EPSILON)

        def normalise():
            full = self.wide(x)
            root = np.sqrt(np.mean(full * full, axis=-1, keepdims=True) + epsilon)
            return np.multiply(full / root, g, out=y)
        return normalise, "numpy mean, sqrt, divide, multiply"

    def swiglu(self, case, y, gate, up):
        np = self.np

        def activate():
            full = self.wide(gate)
            return np.multiply(full / (1 + np.exp(-full)), up, out=y)
        return activate, "numpy exp, divide, multiply"

    def gather(self, case, y, table, index):
        # Without a mode, take copies through a buffer to be able to fail half-way.
        return lambda: self.np.take(table, index, axis=0, out=y, mode="clip"), "numpy.take"
