"""A stand-in of the plug-in for Ascend cards: it registers `torch.npu`, as the real one does.

STANDIN_EVENTS makes its events lie: `zero`, `backwards`, `nan` or `none`. STANDIN_NAME is what it
calls the card; without it Ascend910B3. STANDIN_MEMORY is the card's memory in bytes.
"""

import os
import sys
import time
import types

import torch

__version__ = "2.9.9.post1"
_LIE = os.environ.get("STANDIN_EVENTS")
_MEMORY = int(os.environ.get("STANDIN_MEMORY", 1 << 26))


class Event:
    def __init__(self, enable_timing=False):
        if _LIE == "none":
            raise RuntimeError("this driver has no events")
        self.stamp = None

    def record(self):
        self.stamp = time.perf_counter()

    def elapsed_time(self, end):
        lies = {"zero": 0.0, "backwards": -1.0, "nan": float("nan")}
        return lies.get(_LIE, (end.stamp - self.stamp) * 1e3)


npu = types.ModuleType("torch.npu")
npu.Event = Event
npu.is_available = lambda: os.environ.get("STANDIN_CARDS", "2") != "0"
npu.device_count = lambda: int(os.environ.get("STANDIN_CARDS", "2"))
npu.get_device_name = lambda index: os.environ.get("STANDIN_NAME", "Ascend910B3")
npu.set_device = lambda index: None
npu.synchronize = lambda: None
npu.empty_cache = lambda: print("a plug-in that talks", flush=True)
npu.mem_get_info = lambda index: (_MEMORY - torch._PLUGIN.allocated, _MEMORY)
npu.matmul = types.SimpleNamespace(allow_hf32=True)
sys.modules["torch.npu"] = npu
torch._register("npu", npu, _MEMORY)
# A library that prints where the answers go must not disturb them.
os.write(1, b"[W] stand-in of torch_npu loaded\n")
print("and again, through Python")
