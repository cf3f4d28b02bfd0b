"""A stand-in of torch over NumPy, for tests: as much of it as the executor uses, on `cpu` and on the
device of a plug-in that registers itself with `_register`.

STANDIN_OPS tells what goes wrong with operators on that device, e.g. `matmul=lacks,softmax=falls`:
`lacks` raises as a missing kernel does, `falls` warns and computes on the CPU, `cpu` leaves
the result there without a word.
"""

import os
import types
import warnings
import weakref

import numpy

__version__ = "2.9.9"
version = types.SimpleNamespace(cuda=None, hip=None)
_ACTS = dict(act.split("=") for act in os.environ.get("STANDIN_OPS", "").split(",") if act)
_PLUGIN = types.SimpleNamespace(kind=None, allocated=0, capacity=0)


class dtype(str):
    """A format by its name in NumPy."""


float32, float16, float64 = dtype("float32"), dtype("float16"), dtype("float64")
int8, int16, int32, int64, bool = (dtype(name) for name in ("int8", "int16", "int32", "int64", "bool"))
# NumPy has none: its bits are held, and nothing is computed.
bfloat16 = dtype("bfloat16")


class device:
    def __init__(self, kind, index=None):
        self.type, self.index = kind, index

    def __repr__(self):
        return f"device(type='{self.type}', index={self.index})"


def _register(kind, module, capacity):
    _PLUGIN.kind, _PLUGIN.capacity = kind, capacity
    globals()[kind] = module


def _storage(dtype):
    return "int16" if dtype == bfloat16 else str(dtype)


def _free(size):
    _PLUGIN.allocated -= size


class Tensor:
    """An array on a device; what lies on the plug-in's counts against its memory until it is gone."""

    def __init__(self, array, on=None, dtype_=None, owner=None):
        self.array, self.device = array, on or device("cpu")
        self.dtype = dtype_ or dtype(array.dtype.name)
        self.owner = owner
        if self.device.type == _PLUGIN.kind and owner is None:
            if _PLUGIN.allocated + array.nbytes > _PLUGIN.capacity:
                raise RuntimeError(f"NPU out of memory. Tried to allocate {array.nbytes} bytes (NPU 0; "
                                   f"{_PLUGIN.allocated} bytes already allocated)\nsecond line")
            _PLUGIN.allocated += array.nbytes
            weakref.finalize(self, _free, array.nbytes)

    def _view(self, array, dtype_=None):
        return Tensor(array, self.device, dtype_ or self.dtype, self.owner or self)

    shape = property(lambda self: self.array.shape)
    T = property(lambda self: self._view(self.array.T))
    mT = property(lambda self: self._view(self.array.swapaxes(-1, -2)))

    def dim(self):
        return self.array.ndim

    def element_size(self):
        return self.array.itemsize

    def view(self, *shape):
        if isinstance(shape[0], dtype):
            return self._view(self.array.view(_storage(shape[0])), shape[0])
        return self._view(self.array.reshape(*shape))

    def reshape(self, *shape):
        return self._view(self.array.reshape(*shape))

    def to(self, to):
        if isinstance(to, device):
            return self if to.type == self.device.type else Tensor(self.array.copy(), to, self.dtype)
        return self if to == self.dtype else Tensor(self.array.astype(_storage(to)), self.device, to)

    def float(self):
        return self.to(float32)

    def cpu(self):
        return self.to(device("cpu"))

    def fill_(self, value):
        self.array.fill(value)
        return self

    def copy_(self, other):
        self.array[...] = other.array
        return self

    def sum(self):
        return self.array.sum()

    def tolist(self):
        return self.array.tolist()

    def repeat_interleave(self, times, axis):
        return Tensor(self.array.repeat(times, axis), self.device)

    def masked_fill_(self, mask, value):
        numpy.copyto(self.array, value, where=mask.array)
        return self

    def mean(self, axis, keep):
        return Tensor(self.array.mean(axis, keepdims=keep), self.device)

    def __getitem__(self, place):
        return self._view(self.array[place.array if isinstance(place, Tensor) else place])

    def __float__(self):
        return self.array.__float__()

    def __invert__(self):
        return Tensor(~self.array, self.device)

    def _with(self, other, operator):
        other = other.array if isinstance(other, Tensor) else other
        result = operator(self.array, other)
        return Tensor(numpy.asarray(result, self.array.dtype if numpy.isscalar(other) else None), self.device) \
            if result.dtype != numpy.bool_ else Tensor(result, self.device)

    def __eq__(self, other):
        return self._with(other, numpy.equal)

    def __ge__(self, other):
        return self._with(other, numpy.greater_equal)

    def __lt__(self, other):
        return self._with(other, numpy.less)

    def __and__(self, other):
        return self._with(other, numpy.logical_and)

    def __mul__(self, other):
        return self._with(other, numpy.multiply)

    def __add__(self, other):
        return self._with(other, numpy.add)


def set_grad_enabled(_):
    pass


_WARNED, _ALWAYS = set(), [False]


def set_warn_always(always):
    """Without it, torch warns of an operator once in a process."""
    _ALWAYS[0] = always


def from_numpy(array):
    return Tensor(array)


def tensor(values, dtype=None):
    return Tensor(numpy.array(values, dtype and str(dtype)))


def arange(*bounds, dtype=None):
    return Tensor(numpy.arange(*bounds, dtype=dtype and str(dtype)))


def empty(shape, dtype=float32, device=None):
    return Tensor(numpy.empty(shape, _storage(dtype)), device, dtype)


def full(shape, value, dtype=float32, device=None):
    return Tensor(numpy.full(shape, value, _storage(dtype)), device, dtype)


def _operator(name, function):
    """An operator of NumPy as one of torch, with what STANDIN_OPS makes of it."""
    def operator(*operands, out=None, **options):
        on = next(operand.device for operand in operands if isinstance(operand, Tensor))
        if any(isinstance(operand, Tensor) and operand.dtype == bfloat16 for operand in operands):
            raise RuntimeError(f"\"{name}\" not implemented for 'BFloat16'")
        act = _ACTS.get(name) if on.type == _PLUGIN.kind else None
        if act == "lacks":
            raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'NPU' backend.\nmore")
        if act == "falls" and (_ALWAYS[0] or name not in _WARNED):
            _WARNED.add(name)
            warnings.warn(f"CAUTION: The operator 'aten::{name}' is not currently supported on the NPU backend "
                          "and will fall back to run on the CPU. This may have performance implications.")
        arrays = [operand.array if isinstance(operand, Tensor) else operand for operand in operands]
        result = function(*arrays, **options)
        if act == "cpu":
            return Tensor(result)
        if out is None:
            return Tensor(result, on)
        out.array[...] = result
        return out
    operator.__name__ = name
    return operator


def _softmax(x, axis):
    power = numpy.exp(x.astype("float32") - x.max(axis=axis, keepdims=True))
    return (power / power.sum(axis=axis, keepdims=True)).astype(x.dtype)


def _product(a, b):
    return numpy.matmul(a.astype("float32"), b.astype("float32")).astype(a.dtype)


matmul, mv = _operator("matmul", _product), _operator("mv", _product)
multiply, add, subtract = (_operator(name, function) for name, function in (
    ("multiply", numpy.multiply), ("add", numpy.add), ("subtract", numpy.subtract)))
mul = multiply
sum = _operator("sum", lambda a, axis: a.sum(axis))
addcmul = _operator("addcmul", lambda a, b, c: a + b * c)
rsqrt = _operator("rsqrt", lambda a: 1 / numpy.sqrt(a))
softmax = _operator("softmax", _softmax)
index_select = _operator("index_select", lambda table, axis, index: table.take(index, axis))


def _scaled_dot_product_attention(q, k, v, attn_mask=None, is_causal=False, enable_gqa=False):
    def attend(q, k, v):
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat(groups, 1), v.repeat(groups, 1)
        scores = _product(q, k.swapaxes(-1, -2)) / numpy.float32(q.shape[-1] ** 0.5)
        mask = numpy.tri(*scores.shape[-2:], dtype="bool") if is_causal else attn_mask and attn_mask.array
        if mask is not None:
            scores = numpy.where(mask, scores, numpy.float32(-numpy.inf))
        return _product(_softmax(scores, -1), v).astype(q.dtype)
    return _operator("attention", attend)(q, k, v)


from . import nn  # noqa: E402  it uses the operators

nn.functional.scaled_dot_product_attention = _scaled_dot_product_attention
nn.functional.softmax = softmax
nn.functional.silu = _operator("silu", lambda x: x / (1 + numpy.exp(-x)))
