"""PyTorch on the CPU, on a GPU, or on the device of a vendor's plug-in."""

import importlib
import importlib.util
import math
import os
import re
import warnings

from portamark_executor.cards import card_name, clean, processor_name
from portamark_executor.case import RMSNORM_EPSILON
from portamark_executor.eager import Eager
from portamark_executor.formats import POISON, torch_dtypes
from portamark_executor.generator import Generator
from portamark_executor.refusals import failed, unsupported
from portamark_executor.runtime import keys_seen, load, mask_array, transposed

# Device of torch: modules that its plug-in may be called, newest first, and how to get it.
PLUGINS = {
    "cuda": ((), "pip install torch, in the build of the card's vendor"),
    "xpu": ((), "pip install torch --index-url https://download.pytorch.org/whl/xpu"),
    "mps": ((), "pip install torch, on a Mac"),
    "npu": (("torch_npu",), "pip install torch-npu"),
    "mlu": (("torch_mlu",), "pip install torch_mlu, from Cambricon's PyTorch package"),
    "musa": (("torch_musa",), "pip install torch_musa, from Moore Threads' releases"),
    "supa": (("torch_supa", "torch_br"), "pip install torch_supa, from Biren's SDK"),
    "gcu": (("torch_gcu",), "pip install torch_gcu, from Enflame's TopsRider or its releases"),
    "hpu": (("habana_frameworks.torch",), "pip install habana-torch-plugin"),
}
# What a backend may be allowed to round to in f32, or to sum in less than f32.
SHORTCUTS = ("backends.{0}.matmul.allow_tf32", "backends.cudnn.allow_tf32", "backends.mudnn.allow_tf32",
             "backends.cuda.matmul.allow_tf32", "{0}.matmul.allow_hf32", "{0}.conv.allow_hf32",
             "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
             "backends.cuda.matmul.allow_bf16_reduced_precision_reduction")


def installed(modules):
    """The first of several modules that is there, or nothing."""
    return next((name for name in modules if importlib.util.find_spec(name.split(".")[0])), None)


class Torch(Eager):
    """PyTorch on the CPU, on a GPU, or on the device of a vendor's plug-in."""

    api, formats = "torch", ("f32", "f16", "bf16", "i8", "i32")
    choices = ["math", "flash", "memory-efficient", "cudnn", "overrideable"]

    def __init__(self, device):
        kind, _, index = (device or "").partition(":")
        if kind and kind != "cpu" and kind not in PLUGINS:
            raise unsupported(f"`{kind}` is no device of torch; there are cpu, {', '.join(PLUGINS)}")
        # Lazy mode would join executions and leave out those whose result is replaced.
        os.environ["PT_HPU_LAZY_MODE"] = "0"
        self.torch = self.xp = torch = load("torch", "pip install torch")
        self.np = None
        if importlib.util.find_spec("numpy"):
            self.np = importlib.import_module("numpy")
        self.generator = Generator(self.np, torch)
        self.dtypes = torch_dtypes(torch)
        torch.set_grad_enabled(False)
        self.kind = kind or self._first()
        self.index = int(index or 0)
        self.version, self.backend, self.card = str(torch.__version__), None, ""
        if self.kind == "cpu":
            self.device, self.card = torch.device("cpu"), processor_name()
        else:
            self._open()
        for path in SHORTCUTS:
            self._forbid(path.format(self.kind))
        if hasattr(torch, "set_float32_matmul_precision"):
            torch.set_float32_matmul_precision("highest")

    def _first(self):
        """The first GPU found, else the CPU."""
        for kind, (modules, _) in PLUGINS.items():
            plugin = installed(modules)
            if modules and not plugin:
                continue
            try:
                if plugin:
                    importlib.import_module(plugin)
                if self._backend(kind).is_available():
                    return kind
            except Exception:  # a plug-in without its card raises what it likes
                continue
        return "cpu"

    def _backend(self, kind):
        if kind == "mps":
            return self.torch.backends.mps
        return getattr(self.torch, kind)

    def _open(self):
        torch, kind = self.torch, self.kind
        modules, install = PLUGINS[kind]
        if modules:
            plugin = installed(modules) or modules[0]
            version = getattr(load(plugin, install), "__version__", None)
            self.version += f"+{plugin.split('.')[0]}-{version}" if version else ""
        try:
            available = self._backend(kind).is_available()
            count = 1 if kind == "mps" else getattr(torch, kind).device_count() if available else 0
        except AttributeError:
            raise unsupported(f"torch {torch.__version__} has no torch.{kind}: {install}") from None
        if not available or self.index >= count:
            raise unsupported(f"torch sees {count} devices of {kind}, so there is no {kind}:{self.index}; "
                              f"they need their driver and: {install}")
        self.backend = getattr(torch, kind)
        self.device = torch.device(kind, self.index)
        # What torch.xpu does not tell.
        self.device_type = {"mps": "integrated", "xpu": "other"}.get(kind, "discrete")
        if hasattr(self.backend, "set_device"):
            self.backend.set_device(self.index)
        self.card = self._name()
        self.driver = self._driver()
        tool = clean(self.driver).replace(" ", "")
        if tool != kind and tool.lower().replace("cuda", "cu").replace(".", "") not in self.version.replace(".", ""):
            self.version += ("-" if "+" in self.version else "+") + tool
        try:
            self.memory_bytes = self.backend.mem_get_info(self.index)[1]
        except Exception:  # not every backend has it
            pass
        try:
            begin, end = self.stamps()
            end.record()
            self.backend.synchronize()
            if math.isfinite(begin.elapsed_time(end)):
                self.timer = "pass-timestamps"
        except Exception:  # the host's clock has to do
            pass

    def _name(self):
        """The card's own name: four vendors answer to `cuda`, so the word of torch alone says nothing."""
        name, architecture = "", ""
        try:
            properties = self.backend.get_device_properties(self.index)
            # What shares the host's memory is another chip than the card of the same name.
            if getattr(properties, "is_integrated", 0):
                self.device_type = "integrated"
            architecture = str(getattr(properties, "gcnArchName", "")).partition(":")[0]
            if hasattr(properties, "pci_bus_id"):
                self.pci_bus_id = (f"{getattr(properties, 'pci_domain_id', 0):04x}:{properties.pci_bus_id:02x}:"
                                   f"{getattr(properties, 'pci_device_id', 0):02x}.0")
        except Exception:  # not every backend has them
            pass
        try:
            name = clean(self.backend.get_device_name(self.index))
        except Exception:  # nor a name
            pass
        if re.sub(r"[^a-z]", "", name.lower()) in ("", "cuda", "gpu", "device", self.kind):
            name = card_name(self.kind, self.index) or f"unnamed card of torch.{self.kind}"
        # ROCm calls many chips by this name alone.
        if name in ("AMD Radeon Graphics", "Radeon Graphics") and architecture:
            name += f" ({clean(architecture)})"
        return name

    def _driver(self):
        if self.kind != "cuda":
            return self.kind
        hip, cuda = (getattr(self.torch.version, name, None) for name in ("hip", "cuda"))
        return f"ROCm {hip}" if hip else f"CUDA {cuda}" if cuda else "cuda"

    def _forbid(self, path):
        *owners, name = path.split(".")
        owner = self.torch
        try:
            for step in owners:
                owner = getattr(owner, step)
            if hasattr(owner, name):
                setattr(owner, name, False)
        except Exception:  # a backend that lacks the switch has no such shortcut
            pass

    def has_f16(self):
        try:
            x = self.torch.full((8, 8), 1, dtype=self.torch.float16, device=self.device)
            return float(self.torch.matmul(x, x)[0, 0]) == 8.0
        except Exception:  # not there
            return False

    def array(self, host, dtype, shape):
        torch, wanted = self.torch, self.dtypes[dtype]
        if self.np:
            host = torch.from_numpy(host.view(self.np.int16) if dtype == "bf16" else host)
            host = host.view(wanted) if dtype == "bf16" else host
        return host.reshape(shape).to(self.device)

    def _words(self, tensor):
        return tensor.view(self.torch.int32 if tensor.element_size() == 4 else self.torch.int16)

    def poisoned(self, dtype, shape):
        return self.poison(self.torch.empty(shape, dtype=self.dtypes[dtype], device=self.device), dtype)

    def poison(self, output, dtype):
        self._words(output).fill_(POISON[output.element_size()])
        return output

    def inspect(self, output, dtype, elements):
        flat = output.cpu().reshape(-1)
        poisoned = int((self._words(flat) == POISON[flat.element_size()]).sum())
        chosen = flat[self.torch.tensor(elements, dtype=self.torch.int64)]
        return chosen.to(self.torch.float64).tolist(), poisoned

    def fence(self, outputs):
        if self.backend:
            self.backend.synchronize()

    def stamps(self):
        if not self.backend:
            return None
        begin, end = self.backend.Event(enable_timing=True), self.backend.Event(enable_timing=True)
        begin.record()
        return begin, end

    def close(self):
        if self.backend and hasattr(self.backend, "empty_cache"):
            self.backend.empty_cache()

    def scratch(self, case):
        fused = hasattr(self.torch.nn.functional, "scaled_dot_product_attention")
        return 0 if fused else super().scratch(case)

    def prove(self, thunk, output):
        """Executes once. What silently computes on the host is not the device's work."""
        torch = self.torch
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            if hasattr(torch, "set_warn_always"):
                torch.set_warn_always(True)
            result = thunk()
            self.fence([])
            if hasattr(torch, "set_warn_always"):
                torch.set_warn_always(False)
        if result.device.type != self.device.type:
            raise unsupported(f"torch computes this on {result.device.type} and not on {self.device.type}")
        said = [str(warning.message).strip() for warning in heard]
        fallback = [text for text in said if re.search(r"fall(s|ing)?[ -]?back.*cpu|cpu.*fall(s|ing)?[ -]?back",
                                                       text, re.I | re.S)]
        if self.backend and fallback:
            raise unsupported(f"torch computes this on the CPU: {fallback[0].splitlines()[0][:200]}")
        if result.dtype != output.dtype or result.shape != output.shape:
            raise failed(f"torch gives {tuple(result.shape)} of {result.dtype}")

    def gemm(self, case, out, a, b):
        torch = self.torch
        a, b = transposed(a, case.a_transposed), transposed(b, case.b_transposed)
        if case.input == "i8":
            if not hasattr(torch, "_int_mm") or a.dim() > 2:
                raise unsupported(f"torch {torch.__version__} has no product of i8 that sums in i32 for this: "
                                  "torch._int_mm")
            return lambda: torch._int_mm(a, b, out=out), "torch._int_mm"
        return lambda: torch.matmul(a, b, out=out), "torch.matmul"

    def gemv(self, case, out, a, b):
        if case.m > 1 or case.input == "i8":
            return self.gemm(case, out, a, b)
        torch, vector, row = self.torch, a[0], out[0]

        def product():
            torch.mv(b, vector, out=row)
            return out
        return product, "torch.mv"

    def attention(self, case, out, q, k, v=None):
        torch, mask = self.torch, self._mask(case)
        k, v = keys_seen(case, k, v)
        composed = self.composed_attention(case, out, q, k, v, mask)
        fused = getattr(torch.nn.functional, "scaled_dot_product_attention", None)
        if fused is None:
            return [composed]
        choices = [dict(attn_mask=mask)]
        if case.is_plain_causal and case.q == case.kv:
            choices = [dict(is_causal=True)]
        elif case.is_plain_causal and self.backend:
            # On the CPU it makes a mask at every execution.
            try:
                bias = importlib.import_module("torch.nn.attention.bias")
                choices.insert(0, dict(attn_mask=bias.causal_lower_right(case.q, case.kv)))
            except (ImportError, AttributeError):
                pass
        candidates = []
        for options in choices:
            if case.group == 1:
                candidates.append(self._fused(fused, q, k, v, options))
            else:
                candidates.append(self._fused(fused, q, k, v, dict(options, enable_gqa=True)))
        if case.group > 1:
            candidates.append(self._repeated(fused, case.group, q, k, v, choices[-1]))
        return candidates + [composed]

    def _mask(self, case):
        """The mask on the device; all sets share it."""
        if "mask" not in case.shared:
            mask = mask_array(self.torch, case)
            case.shared["mask"] = mask if mask is None else mask.to(self.device)
        return case.shared["mask"]

    def _fused(self, fused, q, k, v, options):
        words, mask = "torch.nn.functional.scaled_dot_product_attention", options.get("attn_mask")
        if mask is not None and type(mask) is not type(q):
            # It chooses by itself, and not as the inner function below would.
            return lambda: fused(q, k, v, **options), words + " with causal_lower_right"
        try:
            plain = {name: value for name, value in options.items() if name != "attn_mask"}
            chosen = self.torch._fused_sdp_choice(q, k, v, mask, 0.0, **plain)
            words += f" ({self.choices[int(chosen)]})"
        except Exception:  # it is an inner function of torch and says no more than a name
            pass
        return lambda: fused(q, k, v, **options), words

    def _repeated(self, fused, group, q, k, v, options):
        """For a torch that knows no groups: each key head once for every query head of its group."""
        def attend():
            return fused(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), **options)
        return attend, "torch.nn.functional.scaled_dot_product_attention of repeat_interleave"

    def product(self, a, b):
        return self.torch.matmul(a, b).float()

    def hide(self, scores, hidden):
        scores.masked_fill_(hidden, -math.inf)

    def weigh(self, scores, v, out):
        self.torch.matmul(self.torch.softmax(scores, -1).to(v.dtype), v, out=out)

    copies = "torch.Tensor.copy_"

    def copy(self, out, array):
        return out.copy_(array)

    def triad(self, y, a, b, s):
        return lambda: self.torch.addcmul(a, b, s, out=y), "torch.addcmul"

    def softmax(self, case, y, x):
        return lambda: self.torch.nn.functional.softmax(x, -1), "torch.nn.functional.softmax"

    def rmsnorm(self, case, y, x, g):
        torch, fused = self.torch, getattr(self.torch.nn.functional, "rms_norm", None)

        def composed():
            full = x.float()
            root = torch.rsqrt((full * full).mean(-1, True) + RMSNORM_EPSILON)
            return torch.mul(full * root, g, out=y)
        plain = (composed, "composed: torch mean, rsqrt, mul")
        if fused is None:
            return plain
        return [(lambda: fused(x, (case.c,), g, RMSNORM_EPSILON), "torch.nn.functional.rms_norm"), plain]

    def swiglu(self, case, y, gate, up):
        torch, silu = self.torch, self.torch.nn.functional.silu
        if case.input == "f32":
            return lambda: torch.mul(silu(gate), up, out=y), "torch.nn.functional.silu, torch.mul"
        # In the input's format, silu would round once more than the case allows.
        return lambda: torch.mul(silu(gate.float()), up, out=y), "torch.nn.functional.silu in f32, torch.mul"

    def gather(self, case, y, table, index):
        return lambda: self.torch.index_select(table, 0, index, out=y), "torch.index_select"
