// Answers the protocol with WebGPU: what executors/src/wgpu does in a process of its own. The messages are
// those of executors/src/protocol.rs, plans those of kernels/src/plan.rs.

import { Problem, browserOf, describe, descriptor, enabled, findAdapter, refuse } from "./adapter.js";
import {
  allocated,
  bitsOf,
  bytesOf,
  distribution,
  encodeValues,
  inWords,
  keys,
  output,
  poisoned,
  spread,
  stream,
  stretches,
} from "./numbers.js";
import { checkPrepare, checkRead, checkSample } from "./requests.js";

const PROTOCOL = 1;
/// Parameters of one dispatch that fills a buffer lie this far apart.
const PARAMETER_STRIDE = 256;
/// Words that such a dispatch is given.
const PARAMETERS = 8;
/// Most elements of a buffer: the generator counts them in 32 bits.
const MOST_ELEMENTS = 2 ** 32 - 1;
/// Dispatches of one submission: a driver's watchdog ends what takes seconds.
const FILLS = 16;
/// Bytes of an output that are read back at a time.
const READ_BACK = 64 << 20;
/// Characters of a reason.
const LONGEST_REASON = 600;

const oneLine = (text) => String(text).split(/\s+/).join(" ").trim().slice(0, LONGEST_REASON);

/// A device opened with a set of features.
class Gpu {
  constructor(device, writers) {
    this.device = device;
    this.queue = device.queue;
    this.texts = writers;
    this.writers = new Map();
    this.lost = null;
    this.uncaught = null;
    device.lost.then(({ reason, message }) => (this.lost = oneLine(`${reason} ${message}`)));
    device.addEventListener("uncapturederror", (event) => (this.uncaught = oneLine(event.error.message)));
    if (device.features.has("timestamp-query")) {
      this.timer = {
        queries: device.createQuerySet({ type: "timestamp", count: 2 }),
        resolve: this.buffer(16, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC),
        read: this.buffer(16, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
      };
    }
  }

  buffer(size, usage) {
    return this.device.createBuffer({ size, usage });
  }

  /// Runs `work` so that every error of the browser or the driver comes back as a `Problem`.
  async guarded(what, work) {
    for (const filter of ["validation", "out-of-memory", "internal"]) this.device.pushErrorScope(filter);
    let result;
    let thrown = null;
    try {
      result = await work();
    } catch (error) {
      thrown = error;
    }
    const [internal, memory, validation] = await Promise.all([0, 1, 2].map(() => this.device.popErrorScope().catch(() => null)));
    if (this.lost !== null) throw new Problem("device-lost", `the device was lost (${what}): ${this.lost}`);
    if (memory) throw new Problem("out-of-memory", `${what}: ${oneLine(memory.message)}`);
    if (thrown instanceof Problem) throw thrown;
    // A range error is how a browser says that it has no memory for what is to be mapped.
    if (thrown instanceof RangeError) throw new Problem("out-of-memory", `${what}: ${oneLine(thrown.message)}`);
    const error = internal ?? validation ?? thrown;
    if (error) throw new Problem("failed", `${what}: ${oneLine(error.message)}`);
    return result;
  }

  /// Waits until the work that was submitted is done.
  async wait() {
    await Promise.race([this.queue.onSubmittedWorkDone(), this.device.lost]);
    if (this.lost !== null) throw new Problem("device-lost", `the device was lost while it worked: ${this.lost}`);
    if (this.uncaught !== null) {
      const reason = this.uncaught;
      this.uncaught = null;
      throw new Problem("failed", reason);
    }
  }

  /// Compiles the entry point `main` of `text`.
  async pipeline(what, text, layout) {
    return this.guarded(what, async () => {
      const module = this.device.createShaderModule({ code: text });
      try {
        return await this.device.createComputePipelineAsync({ layout, compute: { module, entryPoint: "main" } });
      } catch (error) {
        const { messages } = await module.getCompilationInfo();
        const found = messages.filter(({ type }) => type === "error").slice(0, 3);
        const said = found.map(({ lineNum, linePos, message }) => `line ${lineNum}:${linePos}: ${message}`);
        throw new Error(said.length > 0 ? said.join("; ") : error.message);
      }
    });
  }

  /// The pipeline that fills buffers of `format` with generated values, or with the poison when it is "".
  async writer(format) {
    if (!this.writers.has(format)) {
      if (!Object.hasOwn(this.texts, format)) throw new Problem("failed", `no writer of ${format}`);
      this.writers.set(format, await this.pipeline(`the writer of ${format || "poison"}`, this.texts[format], "auto"));
    }
    return this.writers.get(format);
  }

  /// The first `size` bytes of a buffer that can be mapped.
  async bytes(buffer, size) {
    return this.guarded("mapping", async () => {
      await buffer.mapAsync(GPUMapMode.READ, 0, size);
      const bytes = buffer.getMappedRange(0, size).slice(0);
      buffer.unmap();
      return bytes;
    });
  }
}

/// A plan made ready on a device: buffers, inputs, pipelines; then sampled and read.
class Prepared {
  static async make(gpu, request) {
    const { plan, seed, dist = "uniform", memory_limit: limit } = request;
    if (!plan) throw new Problem("failed", "this executor takes plans");
    checkPrepare(request);
    const made = new Prepared();
    Object.assign(made, { gpu, plan, sets: [] });
    const count = request.sets;
    if (plan.buffers.length === 0) throw new Problem("failed", "there must be a buffer");
    const large = plan.buffers.find(({ len }) => len > MOST_ELEMENTS);
    if (large) throw new Problem("unsupported", `buffer ${large.name} has ${large.len} elements; the limit is 2^32 - 1`);
    const largest = Math.max(0, ...plan.buffers.filter(({ content }) => content === "output").map(allocated));
    const one = plan.buffers.reduce((sum, buffer) => sum + allocated(buffer), 0);
    made.held = one * count + 2 * Math.min(largest, READ_BACK) + count * plan.buffers.length * PARAMETER_STRIDE;
    if (!(made.held <= limit)) {
      throw new Problem("out-of-memory", `needs ${inWords(made.held)} for ${count} buffer sets, the limit is ${inWords(limit)}`);
    }
    const started = performance.now();
    const layouts = await gpu.guarded("binding layouts", () => made.layouts());
    made.pipelines = [];
    for (const [number, step] of plan.steps.entries()) {
      const what = `compiling step ${number} of ${plan.variant.kernel}`;
      refuse(step.wgsl, navigator.gpu.wgslLanguageFeatures ?? new Set());
      const text = enabled(step.wgsl, plan.features);
      made.pipelines.push(await gpu.pipeline(what, text, layouts.pipelines[number]));
    }
    made.compileNs = Math.round(1e6 * (performance.now() - started));
    try {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      await gpu.guarded("making buffers", () => {
        for (let set = 0; set < count; set += 1) made.sets.push([]);
        for (const set of made.sets) for (const spec of plan.buffers) set.push(gpu.buffer(allocated(spec), usage));
        made.chainBuffer = gpu.buffer(16, GPUBufferUsage.STORAGE);
      });
      await gpu.guarded("binding buffers", () => made.bind(layouts));
      await made.fillInputs(seed, dist);
      await made.poison();
    } catch (error) {
      made.release();
      throw error;
    }
    return made;
  }

  /// Layouts of the bindings of each step. Beside its own each dispatch binds one buffer read-write that it
  /// does not touch: consecutive executions then cannot overlap.
  layouts() {
    const { device } = this.gpu;
    const entry = (binding, writes) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: writes ? "storage" : "read-only-storage" },
    });
    const chain = device.createBindGroupLayout({ entries: [entry(0, true)] });
    const steps = this.plan.steps.map(({ bindings }) =>
      device.createBindGroupLayout({ entries: bindings.map(({ writes }, at) => entry(at, writes)) }),
    );
    const pipelines = steps.map((step) => device.createPipelineLayout({ bindGroupLayouts: [step, chain] }));
    return { chain, steps, pipelines };
  }

  bind(layouts) {
    const { device } = this.gpu;
    this.chain = device.createBindGroup({
      layout: layouts.chain,
      entries: [{ binding: 0, resource: { buffer: this.chainBuffer } }],
    });
    this.groups = this.sets.map((buffers) =>
      this.plan.steps.map(({ bindings }, step) =>
        device.createBindGroup({
          layout: layouts.steps[step],
          entries: bindings.map(({ buffer, range }, binding) => ({
            binding,
            resource: { buffer: buffers[buffer], ...(range && { offset: range.offset, size: range.bytes }) },
          })),
        }),
      ),
    );
  }

  stretches(spec) {
    return stretches(spec, this.gpu.device.limits.maxStorageBufferBindingSize);
  }

  async fillInputs(seed, dist) {
    const fills = [];
    for (const [set, buffers] of this.sets.entries()) {
      for (const [at, spec] of this.plan.buffers.entries()) {
        if (spec.content === "table") {
          await this.gpu.guarded("writing a table", () => this.gpu.queue.writeBuffer(buffers[at], 0, new Uint32Array(spec.words)));
        }
        if (spec.content !== "generated") continue;
        const { first: firstKey, second } = keys(seed, stream(set, spec.number));
        const step = bitsOf(2 ** (spec.scale - spec.grid.shift));
        const pipeline = await this.gpu.writer(spec.dtype);
        for (const { first, bytes } of this.stretches(spec)) {
          const kind = distribution(spec.number, dist);
          const parameters = [firstKey, second, spec.grid.limit, spec.len, bytes / 4, step, kind, first];
          fills.push({ buffer: buffers[at], offset: bytesOf(spec.dtype, first), words: bytes / 4, pipeline, parameters });
        }
      }
    }
    await this.write(fills);
  }

  /// Fills every output of every set with the poison.
  async poison() {
    const pipeline = await this.gpu.writer("");
    const fills = [];
    for (const buffers of this.sets) {
      for (const [at, spec] of this.plan.buffers.entries()) {
        if (spec.content !== "output") continue;
        const { size, poison } = output(spec.dtype);
        const pattern = size === 4 ? poison : poison * 0x10001;
        for (const { first, bytes } of this.stretches(spec)) {
          const parameters = [pattern, bytes / 4];
          fills.push({ buffer: buffers[at], offset: bytesOf(spec.dtype, first), words: bytes / 4, pipeline, parameters });
        }
      }
    }
    await this.write(fills);
  }

  /// Runs one dispatch for each of `fills`, in submissions of bounded size.
  async write(fills) {
    if (fills.length === 0) return;
    const { gpu } = this;
    const { device, queue } = gpu;
    const words = new Uint32Array((fills.length * PARAMETER_STRIDE) / 4);
    fills.forEach(({ parameters }, number) => words.set(parameters, (number * PARAMETER_STRIDE) / 4));
    const limit = device.limits.maxComputeWorkgroupsPerDimension;
    const parameters = await gpu.guarded("filling buffers", () => {
      const made = gpu.buffer(words.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
      queue.writeBuffer(made, 0, words);
      for (let from = 0; from < fills.length; from += FILLS) {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (let number = from; number < Math.min(from + FILLS, fills.length); number += 1) {
          const fill = fills[number];
          const bound = { buffer: made, offset: number * PARAMETER_STRIDE, size: 4 * PARAMETERS };
          const group = device.createBindGroup({
            layout: fill.pipeline.getBindGroupLayout(0),
            entries: [
              { binding: 0, resource: { buffer: fill.buffer, offset: fill.offset, size: 4 * fill.words } },
              { binding: 1, resource: bound },
            ],
          });
          pass.setPipeline(fill.pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(...spread(Math.ceil(fill.words / 64), limit));
        }
        pass.end();
        queue.submit([encoder.finish()]);
      }
      return made;
    });
    await gpu.wait();
    parameters.destroy();
  }

  /// Times k executions back to back in one pass; k = 0 times an empty pass.
  async sample(k, firstSet) {
    const { gpu, plan } = this;
    const { device, queue, timer } = gpu;
    const commands = await gpu.guarded("running", () => {
      const encoder = device.createCommandEncoder();
      const stamps = timer && { querySet: timer.queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
      const pass = encoder.beginComputePass(stamps ? { timestampWrites: stamps } : {});
      if (k > 0) pass.setBindGroup(1, this.chain);
      for (let execution = 0; execution < k; execution += 1) {
        const groups = this.groups[(firstSet + execution) % this.groups.length];
        for (let step = 0; step < plan.steps.length; step += 1) {
          pass.setPipeline(this.pipelines[step]);
          pass.setBindGroup(0, groups[step]);
          pass.dispatchWorkgroups(...plan.steps[step].workgroups);
        }
      }
      pass.end();
      if (timer) {
        encoder.resolveQuerySet(timer.queries, 0, 2, timer.resolve, 0);
        encoder.copyBufferToBuffer(timer.resolve, 0, timer.read, 0, 16);
      }
      return encoder.finish();
    });
    // Errors of a submission reach the event of the device, which `wait` looks at.
    const started = performance.now();
    queue.submit([commands]);
    await gpu.wait();
    const hostNs = Math.max(0, Math.round(1e6 * (performance.now() - started)));
    const sampled = { device_ns: null, host_ns: hostNs, invalid: 0 };
    if (!timer) return sampled;
    const [begin, end] = new BigUint64Array(await gpu.bytes(timer.read, 16));
    // A pass without work may begin and end on one tick. Equal stamps around work are as unusable as zeros.
    // A difference that is no exact number, of 104 days and more, is no time either.
    const exact = end - begin <= BigInt(Number.MAX_SAFE_INTEGER);
    const usable = begin !== 0n && end !== 0n && exact && (end > begin || (end === begin && k === 0));
    if (usable) sampled.device_ns = Number(end - begin);
    else sampled.invalid = k > 0 || end < begin || !exact ? 1 : 0;
    return sampled;
  }

  /// Reads elements of the outputs of `set`, counted through one after the other, and counts the poisoned
  /// elements of all of them.
  async read(set, elements) {
    const buffers = this.sets[set];
    const outputs = this.plan.buffers.map((spec, at) => ({ spec, at })).filter(({ spec }) => spec.content === "output");
    const all = outputs.reduce((sum, { spec }) => sum + spec.len, 0);
    if (!buffers || all === 0) throw new Problem("failed", "no such buffer set or no output");
    const beyond = elements.find((element) => element >= all);
    if (beyond !== undefined) throw new Problem("failed", `element ${beyond} is beyond ${all}`);
    const values = new Array(elements.length).fill(NaN);
    let [count, first] = [0, 0];
    for (const { spec, at } of outputs) {
      const wanted = elements.map((element, place) => ({ own: element - first, place }));
      count += await this.readOutput(spec, buffers[at], wanted.filter(({ own }) => own >= 0 && own < spec.len), values);
      first += spec.len;
    }
    return { values, poisoned: count };
  }

  async readOutput(spec, buffer, wanted, values) {
    const { gpu } = this;
    const format = output(spec.dtype);
    const bytes = allocated(spec);
    const staging = await gpu.guarded("reading back", () =>
      gpu.buffer(Math.min(bytes, READ_BACK), GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
    );
    let count = 0;
    try {
      for (let from = 0; from < bytes; from += READ_BACK) {
        const length = Math.min(bytes - from, READ_BACK);
        await gpu.guarded("reading back", () => {
          const encoder = gpu.device.createCommandEncoder();
          encoder.copyBufferToBuffer(buffer, from, staging, 0, length);
          gpu.queue.submit([encoder.finish()]);
        });
        const first = from / format.size;
        const used = Math.min(length, Math.max(0, spec.len - first) * format.size);
        const part = (await gpu.bytes(staging, length)).slice(0, used);
        count += poisoned(format, part);
        const view = new DataView(part);
        for (const { own, place } of wanted) {
          const at = (own - first) * format.size;
          if (at >= 0 && at < used) values[place] = format.read(view, at);
        }
      }
    } finally {
      staging.destroy();
    }
    return count;
  }

  release() {
    for (const set of this.sets) for (const buffer of set) buffer.destroy();
    this.chainBuffer?.destroy();
    this.sets = [];
    this.groups = [];
  }
}

/// What answers requests.
export class Executor {
  constructor(writers) {
    this.writers = writers;
    this.open = new Map();
    this.prepared = new Map();
    this.next = 0;
  }

  /// The response to one request. Whatever goes wrong is an error response.
  async handle(request) {
    try {
      return await this.answer(request);
    } catch (error) {
      const status = error instanceof Problem ? error.status : "failed";
      return { response: "error", status, reason: oneLine(error?.message ?? error) };
    }
  }

  async capabilities() {
    const adapter = await findAdapter();
    return describe(adapter, browserOf(navigator));
  }

  /// A device with exactly `features`: asking for subgroups can change how every pipeline is made.
  async gpu(device, features) {
    const key = [...new Set(features)].sort().join();
    this.device ??= (await this.capabilities()).id;
    if (device !== this.device) throw new Problem("failed", `no device \`${device}\``);
    if (!this.open.has(key)) {
      // An adapter opens one device only.
      const adapter = await findAdapter();
      this.open.set(key, new Gpu(await adapter.requestDevice(descriptor(adapter, features)), this.writers));
    }
    return this.open.get(key);
  }

  find(handle) {
    const found = this.prepared.get(handle);
    if (!found) throw new Problem("failed", `no handle ${handle}`);
    return found;
  }

  async answer(request) {
    switch (request.request) {
      case "hello": {
        const { name, version } = browserOf(navigator);
        return { response: "hello", protocol: PROTOCOL, executor: `browser ${name} ${version}`.trim(), devices: [await this.capabilities()] };
      }
      case "prepare": {
        const gpu = await this.gpu(request.device, request.plan?.features ?? []);
        const made = await Prepared.make(gpu, request);
        this.next += 1;
        this.prepared.set(this.next, made);
        return { response: "prepared", handle: this.next, compile_ns: made.compileNs, held_bytes: made.held };
      }
      case "sample":
        checkSample(request);
        return { response: "sampled", ...(await this.find(request.handle).sample(request.k, request.first_set)) };
      case "read": {
        checkRead(request);
        const { values, poisoned: count } = await this.find(request.handle).read(request.set, request.elements);
        return { response: "values", values: encodeValues(values), poisoned: count };
      }
      case "poison":
        await this.find(request.handle).poison();
        return { response: "done" };
      case "release":
        this.find(request.handle).release();
        this.prepared.delete(request.handle);
        return { response: "done" };
      case "bye":
        return { response: "done" };
      default:
        throw new Problem("failed", "not a request");
    }
  }
}
