"""What all runtimes share: the description of a device, and building thunks from operators."""

import functools
import importlib

from portamark_executor.cards import clean
from portamark_executor.formats import ITEM_BYTES, POISON
from portamark_executor.refusals import refusal, unsupported


def load(module, install):
    """Imports a module, or says how it is installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.split(".")[0]
        if error.name and error.name.split(".")[0] != top:
            raise unsupported(f"{module} needs {error.name}, which is missing: "
                              f"pip install {error.name.split('.')[0]}") from None
        raise unsupported(f"{top} is not installed: {install}") from None
    except Exception as error:  # a plug-in without its driver raises what it likes
        raise unsupported(f"{module} does not load: {refusal(error).reason}") from None


def listed(found):
    return found if isinstance(found, list) else [found]


def first_that_works(attempts):
    """What the first of several functions gives that does not raise; the reason is that of the best."""
    lacking = None
    for attempt in attempts:
        try:
            return attempt()
        except Exception as error:
            trouble = refusal(error)
            if trouble.status in ("out-of-memory", "device-lost"):
                raise
            lacking = lacking or trouble
    raise lacking


class Runtime:
    """What every runtime has. Arrays are its own; a thunk executes one buffer set and gives its output.

    A family that it computes is a method: of the case, the output and the inputs of one set it gives a
    thunk and in words what that is, or a list of several such pairs, best first.
    """

    formats = ("f32", "f16", "i8", "i32")
    # Whether something is compiled or may be lacking, so that `prepare` has to execute once.
    is_probed = True
    device_type = "software"
    timer = "host"
    memory_bytes = None
    driver = None
    pci_bus_id = None

    def capabilities(self):
        """The device as the protocol describes it. Limits are those of plans and bind no runtime."""
        name, version = clean(self.card) or "unknown card", clean(self.version)
        much = (1 << 32) - 1
        limits = {"workgroup_memory": 0, "workgroup_size": much, "dispatch": much, "binding_bytes": 1 << 62,
                  "buffer_bytes": 1 << 62, "storage_buffers": much}
        if self.memory_bytes:
            limits["memory_bytes"] = int(self.memory_bytes)
        device = {
            "id": f"{self.api}/{name}/{version}", "name": name, "api": self.api,
            "driver": clean(self.driver or self.api), "driver_version": version, "vendor_id": 0, "device_id": 0,
            "device_type": self.device_type, "takes": "cases",
            "features": ["shader-f16"] if self.has_f16() else [], "subgroup_min": 0, "subgroup_max": 0,
            "limits": limits, "matrix_shapes": [], "timer": self.timer}
        if self.pci_bus_id:
            device["pci_bus_id"] = self.pci_bus_id
        return device

    def has_f16(self):
        return True

    def check(self, case):
        if not hasattr(self, case.family):
            raise unsupported(f"{self.api} has no operator for {case.family} as one graph of this executor")
        for name in (case.input, case.accumulate):
            if name not in self.formats:
                raise unsupported(f"{self.api} has no {name}")

    def scratch(self, case):
        """Bytes of what an execution holds beside inputs and output: the scores of composed attention."""
        if case.family != "attention":
            return 0
        begin, end = case.seen()
        return 4 * case.b * case.hq * case.q * (end - begin)

    def build(self, case, inputs, outputs):
        """Thunks of all sets, and in words what computes them: of what may, the first that works here."""
        operator = getattr(self, case.family)
        candidates = listed(operator(case, outputs[0], *inputs[0]))

        def attempt(at):
            thunk, words = candidates[at]
            if self.is_probed:
                self.prove(thunk, outputs[0])
            others = (listed(operator(case, output, *arrays)) for arrays, output in zip(inputs[1:], outputs[1:]))
            return [thunk] + [found[at][0] for found in others], words
        return first_that_works(functools.partial(attempt, at) for at in range(len(candidates)))

    def prove(self, thunk, output):
        """Executes once: that compiles, and shows what the runtime lacks."""
        self.fence([thunk()])

    def fence(self, outputs):
        """Waits until everything submitted is done."""

    def stamps(self):
        """A pair of device events, or nothing where the host's clock has to do."""
        return None

    def close(self):
        """Gives back memory that the runtime keeps."""

    def inspect(self, output, dtype, elements):
        """Elements in f64 and how many of all elements hold the poison."""
        np = self.np
        flat = self.to_host(output).reshape(-1)
        words = flat.view(np.uint32 if ITEM_BYTES[dtype] == 4 else np.uint16)
        poisoned = int(np.count_nonzero(words == POISON[ITEM_BYTES[dtype]]))
        if dtype == "bf16":
            chosen = (words[elements].astype(np.uint32) << 16).view(np.float32)
        else:
            chosen = flat[elements]
        return chosen.astype(np.float64).tolist(), poisoned

    def host_poison(self, dtype, shape):
        """Poison as NumPy has the format, bf16 as its bits."""
        np, size = self.np, ITEM_BYTES[dtype]
        words = np.full(shape, POISON[size], np.uint32 if size == 4 else np.uint16)
        return words if dtype == "bf16" else words.view({"f32": "float32", "i32": "int32", "f16": "float16"}[dtype])


def transposed(array, is_wanted):
    """A view of matrices with rows and columns exchanged."""
    if not is_wanted:
        return array
    return array.mT if hasattr(array, "mT") else array.swapaxes(-1, -2)


def keys_seen(case, k, v=None):
    """Of keys and values those that any query sees; a latent cache has its values in its keys."""
    begin, end = case.seen()
    k = k[:, :, begin:end]
    return k, k[..., :case.dv] if v is None else v[:, :, begin:end]


def mask_array(xp, case):
    """Queries × keys seen: whether a query sees a key; nothing if every query sees every key. `xp` is NumPy
    or torch."""
    if not case.is_masked:
        return None
    key, end = xp.arange(*case.seen())[None, :], xp.arange(*(case.visible(q)[1] for q in (0, case.q)))[:, None]
    return (key < end) & (key >= end - case.w) if "w" in case.numbers else key < end
