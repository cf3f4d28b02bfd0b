"""ONNX Runtime on the CPU or with the execution provider of a vendor."""

import functools
import os
import struct

from portamark_executor.cards import card_name, processor_name
from portamark_executor.generator import Generator
from portamark_executor.onnx_graph import Graph
from portamark_executor.refusals import unsupported
from portamark_executor.runtime import Runtime, first_that_works, load, mask_array


class Onnx(Runtime):
    """ONNX Runtime with one execution provider and bound buffers; nothing may fall back to the CPU."""

    api = "onnx"
    # Where a provider's buffers lie, and the command that knows its card; others take the host's memory.
    places = {"CUDA": ("cuda", "cuda"), "TensorRT": ("cuda", "cuda"), "MIGraphX": ("cuda", "cuda"),
              "ROCM": ("cuda", "cuda"), "CANN": ("cann", "npu"), "CoreML": ("cpu", "mps")}
    # Without these, a provider computes f32 in less.
    options = {"CUDA": {"use_tf32": "0"}, "CANN": {"precision_mode": "must_keep_origin_dtype"}}

    def __init__(self, device):
        wanted, _, index = (device or "CPU").partition(":")
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
        self.ort = load("onnxruntime", "pip install onnxruntime, or the vendor's build such as onnxruntime-gpu")
        self.np = load("numpy", "pip install numpy")
        there = {name.replace("ExecutionProvider", ""): name for name in self.ort.get_available_providers()}
        short = next((name for name in there if name.lower() == wanted.lower()), None)
        if short is None:
            raise unsupported(f"onnxruntime {self.ort.__version__} has no {wanted}ExecutionProvider; it has "
                              f"{', '.join(there.values())}; pip install the build of the vendor, such as "
                              f"onnxruntime-{'gpu' if wanted.upper() == 'CUDA' else wanted.lower()}")
        self.short, self.provider, self.index = short, there[short], int(index or 0)
        self.place, query = self.places.get(short, ("cpu", None))
        self.version, self.driver = self.ort.__version__, self.provider
        if short == "CPU":
            self.card = processor_name()
        else:
            self.card = (query and card_name(query, self.index)) or f"unnamed device of {self.provider}"
            self.device_type = "discrete" if query and query != "mps" else "other"
            self.version += f"+{short}"
        self.generator = Generator(self.np)

    def array(self, host, dtype, shape):
        return self.ort.OrtValue.ortvalue_from_numpy(
            self.np.ascontiguousarray(host.reshape(shape)), self.place, self.index)

    def poisoned(self, dtype, shape):
        """An output: its value, and the binding that writes to it once there is one."""
        return {"value": self.array(self.host_poison(dtype, shape), dtype, shape), "binding": None}

    def poison(self, output, dtype):
        output["value"] = self.poisoned(dtype, output["value"].shape())["value"]
        if output["binding"]:
            output["binding"].bind_ortvalue_output("y", output["value"])
        return output

    def to_host(self, output):
        return output["value"].numpy()

    def session(self, graph):
        """Compiles a graph for the provider alone."""
        options = self.ort.SessionOptions()
        options.log_severity_level = 3
        chosen = {}
        if self.short != "CPU":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            chosen = dict(self.options.get(self.short, {}))
            if self.place != "cpu":
                chosen["device_id"] = str(self.index)
        session = self.ort.InferenceSession(graph.model(), options, providers=[(self.provider, chosen)])
        session.disable_fallback()
        if self.provider not in session.get_providers():
            raise unsupported(f"onnxruntime did not start {self.provider} and would compute on the CPU")
        return session

    def build(self, case, inputs, outputs):
        """A session for all sets, and a binding for each. Attention is an operator since version 23 of
        the standard; older runtimes and most providers have version 17 at least."""
        def attempt(opset, version):
            session, words = self._compile(case, inputs[0], outputs[0], Graph(opset, version))
            thunks = [self._bind(session, arrays, output) for arrays, output in zip(inputs, outputs)]
            self.prove(thunks[0], outputs[0])
            return thunks, f"onnxruntime {words}"
        return first_that_works(functools.partial(attempt, *versions) for versions in ((23, 10), (17, 8)))

    def _compile(self, case, inputs, output, graph):
        dtypes = [tensor["dtype"] for tensor in case.tensors()]
        graph.inputs = [graph.value(f"x{at}", dtypes[at], array.shape()) for at, array in enumerate(inputs)]
        graph.outputs = [graph.value("y", dtypes[-1], output["value"].shape())]
        words = getattr(self, case.family)(case, graph)
        return self.session(graph), words

    def _bind(self, session, inputs, output):
        binding, run = session.io_binding(), session.run_with_iobinding
        for at, array in enumerate(inputs):
            binding.bind_ortvalue_input(f"x{at}", array)
        binding.bind_ortvalue_output("y", output["value"])
        # A binding does not keep the host's memory of its inputs alive.
        output["binding"], output["inputs"] = binding, inputs

        def execute():
            run(binding)
            return output
        return execute

    def fence(self, outputs):
        for output in outputs:
            if output["binding"]:
                output["binding"].synchronize_outputs()

    def _scalar(self, graph, dtype, number):
        return graph.constant(dtype, (), self.np.array(number, "float16" if dtype == "f16" else "float32").tobytes())

    def gemm(self, case, graph):
        words, sides = "MatMul", []
        for name, is_transposed in (("x0", case.a_transposed), ("x1", case.b_transposed)):
            if is_transposed:
                batch = "b" in case.numbers and case.b > 1
                name = graph.node("Transpose", [name], perm=(0, 2, 1) if batch else (1, 0))
                words = "Transpose, MatMul"
            sides.append(name)
        if case.input == "i8":
            graph.node("MatMulInteger", sides, "y")
            return words + "Integer"
        graph.node("MatMul", sides, "y")
        return words

    gemv = gemm

    def attention(self, case, graph):
        np, (begin, end), mask = self.np, case.seen(), mask_array(self.np, case)

        def part(name, axis, first, last):
            edges = [graph.constant("i64", (1,), struct.pack("<q", number)) for number in (first, last, axis)]
            return graph.node("Slice", [name] + edges)
        k, v = "x1", None if case.latent else "x2"
        if end - begin < case.kv:
            k, v = part(k, 2, begin, end), v and part(v, 2, begin, end)
        v = v or part(k, 3, 0, case.dv)
        if graph.opset >= 23:
            if case.is_plain_causal and case.q == case.kv:
                graph.node("Attention", ["x0", k, v], "y", is_causal=1)
            else:
                hidden = [] if mask is None else [graph.constant("bool", mask.shape, mask.tobytes())]
                graph.node("Attention", ["x0", k, v] + hidden, "y")
            return "Attention"
        # Five dimensions: keys of a group are the same for all its heads.
        five = [(case.b, case.hkv, case.group, case.q, case.d), (case.b, case.hkv, 1, end - begin, case.d),
                (case.b, case.hkv, 1, end - begin, case.dv), (case.b, case.hq, case.q, case.dv)]
        shapes = [graph.constant("i64", (len(shape),), struct.pack(f"<{len(shape)}q", *shape)) for shape in five]
        q, k, v = (graph.node("Reshape", [name, shape]) for name, shape in zip(("x0", k, v), shapes))
        scores = graph.node("MatMul", [q, graph.node("Transpose", [k], perm=(0, 1, 2, 4, 3))])
        scores = graph.node("Mul", [scores, self._scalar(graph, case.input, case.d ** -0.5)])
        if mask is not None:
            # Finite in f16 and far below every score: the exponential is zero.
            hidden = np.where(mask, 0, -60000).astype("float16" if case.input == "f16" else "float32")
            scores = graph.node("Add", [scores, graph.constant(case.input, hidden.shape, hidden.tobytes())])
        result = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), v])
        graph.node("Reshape", [result, shapes[3]], "y")
        return "composed attention: MatMul, Softmax, MatMul"

    def stream(self, case, graph):
        if case.op == "read":
            axis = graph.constant("i64", (1,), struct.pack("<q", 1))
            graph.node("ReduceSum", ["x0", axis], "y", keepdims=0)
            return "ReduceSum"
        if case.op == "write":
            graph.node("Expand", ["x0", graph.constant("i64", (1,), struct.pack("<q", case.n))], "y")
            return "Expand"
        if case.op == "triad":
            graph.node("Add", ["x0", graph.node("Mul", ["x1", "x2"])], "y")
            return "Mul, Add"
        operator = {"copy": "Identity", "scale": "Mul", "add": "Add"}[case.op]
        graph.node(operator, ["x0"] if case.op == "copy" else ["x0", "x1"], "y")
        return operator

    def softmax(self, case, graph):
        graph.node("Softmax", ["x0"], "y", axis=-1)
        return "Softmax"

    def gather(self, case, graph):
        graph.node("Gather", ["x0", "x1"], "y", axis=0)
        return "Gather"

    def transpose(self, case, graph):
        graph.node("Transpose", ["x0"], "y", perm=(1, 0))
        return "Transpose"
