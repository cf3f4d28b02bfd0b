"""JAX: each case is one jitted function."""

import functools
import importlib
import os

from portamark_executor.cards import clean, processor_name
from portamark_executor.case import RMSNORM_EPSILON
from portamark_executor.generator import Generator
from portamark_executor.refusals import unsupported
from portamark_executor.runtime import Runtime, first_that_works, keys_seen, listed, load, mask_array, transposed


class Jax(Runtime):
    """JAX: each case is one jitted function, whose result is the output of its set."""

    api, formats = "jax", ("f32", "f16", "bf16", "i8", "i32")

    def __init__(self, device):
        kind, _, index = (device or "").partition(":")
        if kind == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        self.jax = load("jax", "pip install jax, or jax[cuda13] for cards of NVIDIA")
        self.jnp, self.np = importlib.import_module("jax.numpy"), importlib.import_module("numpy")
        self.jax.config.update("jax_default_matmul_precision", "highest")
        try:
            self.device = self.jax.devices(kind or None)[int(index or 0)]
        except (RuntimeError, IndexError) as error:
            lines = str(error).splitlines() or ["none"]
            raise unsupported(f"jax has no device {device}: {lines[0][:200]}; "
                              "pip install jax[cuda13] or the vendor's plug-in") from None
        self.version, self.driver = self.jax.__version__, f"XLA {self.device.platform}"
        if self.device.platform == "cpu":
            self.card = processor_name()
        else:
            self.card, self.device_type = self.device.device_kind, "discrete"
            backend = getattr(self.device, "client", None)
            self.version += "+" + clean(getattr(backend, "platform_version", self.device.platform))
        try:
            self.memory_bytes = self.device.memory_stats()["bytes_limit"]
        except Exception:  # not every platform tells
            pass
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        host = host.view(self.jnp.bfloat16) if dtype == "bf16" else host
        return self.jax.device_put(host.reshape(shape), self.device)

    def poisoned(self, dtype, shape):
        return self.array(self.host_poison(dtype, shape), dtype, shape)

    def poison(self, output, dtype):
        return self.poisoned(dtype, output.shape)

    def to_host(self, output):
        host = self.np.asarray(output)
        return host.view(self.np.uint16) if host.dtype == self.jnp.bfloat16 else host

    def fence(self, outputs):
        self.jax.block_until_ready(outputs)

    def build(self, case, inputs, outputs):
        """Jits what may compute the case, best first; all sets share the function that works."""
        def attempt(function, words):
            jitted = self.jax.jit(function)
            thunks = [functools.partial(jitted, *arrays) for arrays in inputs]
            self.prove(thunks[0], outputs[0])
            return thunks, words
        candidates = listed(getattr(self, case.family)(case, outputs[0]))
        return first_that_works(functools.partial(attempt, *candidate) for candidate in candidates)

    def gemm(self, case, out, *_):
        total = self.jnp.int32 if case.input == "i8" else self.jnp.float32

        def product(a, b):
            a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
            return self.jnp.matmul(a, b, preferred_element_type=total).astype(out.dtype)
        return product, "jax.numpy.matmul"

    gemv = gemm

    def attention(self, case, out, *_):
        jnp, mask = self.jnp, mask_array(self.np, case)
        fused = getattr(self.jax.nn, "dot_product_attention", None)
        composed = (self._composed(case, out, mask), "composed attention: jax.numpy.einsum, softmax, einsum")
        if fused is None or case.latent or case.dv != case.d:
            return [composed]
        causal = case.is_plain_causal and case.q == case.kv
        options = {"is_causal": True} if causal else {} if mask is None else {"mask": mask[None, None]}

        def attend(q, k, v):
            # It takes heads after positions.
            q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q, *keys_seen(case, k, v)))
            return jnp.swapaxes(fused(q, k, v, **options), 1, 2)
        return [(attend, "jax.nn.dot_product_attention"), composed]

    def _composed(self, case, out, mask):
        jnp = self.jnp

        def attend(q, k, v=None):
            k, v = keys_seen(case, k, v)
            q = q.reshape(case.b, case.hkv, case.group, case.q, case.d)
            scores = jnp.einsum("bhgqd,bhkd->bhgqk", q, k, preferred_element_type=jnp.float32) * case.d ** -0.5
            if mask is not None:
                scores = jnp.where(mask, scores, -jnp.inf)
            weights = self.jax.nn.softmax(scores, axis=-1).astype(v.dtype)
            result = jnp.einsum("bhgqk,bhkd->bhgqd", weights, v, preferred_element_type=jnp.float32)
            return result.reshape(out.shape).astype(out.dtype)
        return attend

    def stream(self, case, y, *_):
        jnp = self.jnp
        return {"copy": (jnp.copy, "jax.numpy.copy"), "scale": (jnp.multiply, "jax.numpy.multiply"),
                "add": (jnp.add, "jax.numpy.add"),
                "triad": (lambda a, b, s: a + s * b, "jax.numpy multiply, add"),
                "read": (lambda a: jnp.sum(a, axis=1), "jax.numpy.sum"),
                "write": (lambda s: jnp.broadcast_to(s, y.shape), "jax.numpy.broadcast_to")}[case.op]

    def softmax(self, case, y, *_):
        return (lambda x: self.jax.nn.softmax(x.astype(self.jnp.float32), axis=-1).astype(y.dtype),
                "jax.nn.softmax")

    def rmsnorm(self, case, y, *_):
        jnp = self.jnp

        def normalise(x, g):
            full = x.astype(jnp.float32)
            root = self.jax.lax.rsqrt(jnp.mean(full * full, axis=-1, keepdims=True) + RMSNORM_EPSILON)
            return (full * root * g.astype(jnp.float32)).astype(y.dtype)
        return normalise, "jax.numpy mean, rsqrt, multiply"

    def swiglu(self, case, y, *_):
        wide = self.jnp.float32
        return (lambda gate, up: (self.jax.nn.silu(gate.astype(wide)) * up.astype(wide)).astype(y.dtype),
                "jax.nn.silu, multiply")

    def rope(self, case, y, *_):
        jnp, half = self.jnp, case.d // 2

        def turn(x, cosines, sines):
            first, second = (part.astype(jnp.float32) for part in (x[..., :half], x[..., half:]))
            parts = (first * cosines - second * sines, second * cosines + first * sines)
            return jnp.concatenate(parts, axis=-1).astype(y.dtype)
        return turn, "jax.numpy multiply, subtract, add, concatenate"

    def gather(self, case, y, *_):
        return lambda table, index: self.jnp.take(table, index, axis=0, mode="clip"), "jax.numpy.take"

    def transpose(self, case, y, *_):
        return self.jnp.transpose, "jax.numpy.transpose"
