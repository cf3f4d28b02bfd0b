// The numbers of the page against what is published with the protocol, and against hand-made values.

import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";

// The page is served as modules; node takes a file of that name for something else.
const load = (name) =>
  import(`data:text/javascript;base64,${fs.readFileSync(new URL(`../../executors/browser/${name}`, import.meta.url)).toString("base64")}`);
const numbers = await load("numbers.js");
const adapter = await load("adapter.js");
const requests = await load("requests.js");

test("the vectors of the generator hold", () => {
  assert.equal(numbers.mix(0), 0);
  assert.equal(numbers.mix(1), 0x688990c0);
  const keys = numbers.keys(42, 1);
  assert.deepEqual([0, 1, 2, 3].map((index) => numbers.hash(keys, index)), [0x05b66f04, 0xcf92ddb0, 0x5df812e9, 0xdb6e4cd6]);
  assert.equal(numbers.stream(2, 5), 133);
});

test("scales are uniform whatever the distribution", () => {
  assert.deepEqual(["uniform", "normal", "zeros", "sparse"].map((name) => numbers.distribution(1, name)), [0, 1, 2, 3]);
  assert.equal(numbers.distribution(33, "sparse"), 0);
  assert.throws(() => numbers.distribution(1, "cauchy"));
});

const view = (...bytes) => new DataView(new Uint8Array(bytes).buffer);

test("elements of every output format are read exactly", () => {
  const read = (format, ...bytes) => numbers.output(format).read(view(...bytes), 0);
  assert.equal(read("f32", 0x00, 0x00, 0xc0, 0xbf), -1.5);
  assert.equal(read("i32", 0xfe, 0xff, 0xff, 0xff), -2);
  assert.equal(read("bf16", 0xc0, 0xbf), -1.5);
  assert.equal(read("f16", 0x00, 0xc5), -5);
  assert.equal(read("f16", 0x01, 0x00), 2 ** -24);
  assert.equal(read("f16", 0xff, 0x7b), 65504);
  assert.equal(read("f16", 0x00, 0xfc), -Infinity);
  assert.ok(Object.is(read("f16", 0x00, 0x80), -0));
  assert.ok(Number.isNaN(read("f16", 0xad, 0x7e)));
  assert.throws(() => numbers.output("e4m3"));
  assert.throws(() => numbers.output("constructor"));
});

test("poison is counted", () => {
  const words = new Uint32Array([0x7fc0dead, 0, 0x7fc0dead, 1]);
  assert.equal(numbers.poisoned(numbers.output("f32"), words.buffer), 2);
  const halves = new Uint16Array([0x7ead, 0x7ead, 3]);
  assert.equal(numbers.poisoned(numbers.output("bf16"), halves.buffer), 2);
});

test("values are little-endian f64 in base64", () => {
  assert.equal(numbers.encodeValues([1]), Buffer.from([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]).toString("base64"));
  assert.equal(numbers.encodeValues([]), "");
  const many = Array.from({ length: 20_000 }, (_, at) => at / 3);
  const back = Buffer.from(numbers.encodeValues(many), "base64");
  assert.equal(back.readDoubleLE(8 * 19_999), 19_999 / 3);
  assert.equal(back.length, 160_000);
});

test("buffers are whole vectors, and filled in stretches that can be bound", () => {
  assert.equal(numbers.allocated({ dtype: "f32", len: 5 }), 32);
  assert.equal(numbers.allocated({ dtype: "i4", len: 33 }), 32);
  assert.deepEqual(numbers.stretches({ dtype: "f16", len: 100 }, 1000), [{ first: 0, bytes: 208 }]);
  const parts = numbers.stretches({ dtype: "f32", len: 1000 }, 2000);
  assert.deepEqual(parts, [
    { first: 0, bytes: 1024 },
    { first: 256, bytes: 1024 },
    { first: 512, bytes: 1024 },
    { first: 768, bytes: 928 },
  ]);
});

test("workgroups spread over two dimensions", () => {
  assert.deepEqual(numbers.spread(10, 65535), [10, 1, 1]);
  assert.deepEqual(numbers.spread(65536, 65535), [32768, 2, 1]);
});

test("the bits of a step are those of f32", () => {
  assert.equal(numbers.bitsOf(1), 0x3f800000);
  assert.equal(numbers.bitsOf(2 ** -10), 0x3a800000);
});

test("a text says what it uses in its first line", () => {
  const subgroups = "// sum\nfn main() { let x = subgroupAdd(1.0); }";
  assert.match(adapter.enabled(subgroups, ["subgroup"]), /^enable subgroups; diagnostic\(off, subgroup_uniformity\); \/\/ sum\n/);
  const plain = "// no subgroups\nfn main() {}";
  assert.equal(adapter.enabled(plain, ["subgroup"]), plain);
  const half = "enable f16;\nvar<private> x: f16;";
  assert.equal(adapter.enabled(half, ["shader-f16"]), half);
});

test("what a browser's language lacks is unsupported, not a failure", () => {
  const text = "fn main(@builtin(subgroup_id) own: u32) { let x = dot4I8Packed(1u, 2u); } // unpack4xU8";
  adapter.refuse(text, new Set(["subgroup_id", "packed_4x8_integer_dot_product"]));
  assert.throws(() => adapter.refuse(text, new Set(["packed_4x8_integer_dot_product"])), { status: "unsupported", message: /subgroup_id/ });
  assert.throws(() => adapter.refuse(text, new Set(["subgroup_id"])), { status: "unsupported", message: /packed_4x8/ });
  adapter.refuse("// unpack4xU8", new Set());
});

test("browsers are known by name and version", () => {
  const brands = (...list) => ({ userAgentData: { brands: list.map(([brand, version]) => ({ brand, version })) } });
  const names = (navigator) => Object.values(adapter.browserOf(navigator)).join(" ");
  assert.equal(names(brands(["Not:A-Brand", "8"], ["Chromium", "156"])), "Chrome 156");
  assert.equal(names(brands(["Chromium", "156"], ["Google Chrome", "156"], ["Not A(Brand", "8"])), "Chrome 156");
  assert.equal(names(brands(["Chromium", "156"], ["Microsoft Edge", "156"])), "Microsoft Edge 156");
  assert.equal(names({ userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0" }), "Firefox 145");
  const safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15";
  assert.equal(names({ userAgent: safari }), "Safari 26.1");
});

test("an adapter is described as the runner wants it", () => {
  const limits = {
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBufferBindingSize: 134217728,
    maxBufferSize: 268435456,
    maxStorageBuffersPerShaderStage: 8,
  };
  const info = { vendor: "a/b", architecture: "c\n", device: "", description: "", subgroupMinSize: 8, subgroupMaxSize: 32 };
  const made = adapter.describe({ info, limits, features: new Set(["subgroups", "timestamp-query"]) }, { name: "Chrome", version: "1" });
  assert.equal(made.id, "webgpu/a-b c/Chrome 1");
  assert.deepEqual(made.features, ["subgroup"]);
  assert.deepEqual([made.subgroup_min, made.subgroup_max, made.limits.workgroup_size], [8, 32, 128]);
  assert.deepEqual([made.timer, made.device_type], ["pass-timestamps", "other"]);
});

/// A request to prepare with one field set to another value.
function prepare(path = "", value = undefined) {
  const generated = { name: "a", dtype: "f32", len: 64, content: "generated", number: 0, grid: { limit: 7, shift: 3 }, scale: -2 };
  const buffers = [generated, { name: "t", dtype: "i32", len: 1, content: "table", words: [5] }, { name: "c", dtype: "f32", len: 64, content: "output" }];
  const bindings = [{ buffer: 0, writes: false, range: { offset: 256, bytes: 64 } }, { buffer: 2, writes: true }];
  const steps = [{ wgsl: "", bindings, workgroups: [1, 1, 1] }];
  const request = { sets: 2, seed: 1, memory_limit: 18446744073709551615, plan: { buffers, steps } };
  const fields = path.split(".");
  const last = fields.pop();
  const inner = fields.reduce((at, field) => at[field], request);
  if (path) inner[last] = value;
  return request;
}

test("a request with numbers of the protocol's types is taken", () => {
  requests.checkPrepare(prepare());
  for (const [path, value] of [
    ["sets", 2 ** 32 - 1],
    ["memory_limit", 0],
    ["plan.buffers.0.len", 2 ** 53 - 1],
    ["plan.buffers.0.scale", -128],
    ["plan.buffers.1.words", []],
    ["plan.steps.0.workgroups", [0, 4294967295, 1]],
    ["plan.steps.0.bindings.0.range", null],
    ["plan.steps", []],
  ]) {
    requests.checkPrepare(prepare(path, value));
  }
  requests.checkSample({ k: 0, first_set: 0 });
  requests.checkSample({ k: 2 ** 32 - 1, first_set: 2 ** 32 - 1 });
  requests.checkRead({ set: 0, elements: [0, 2 ** 40] });
});

test("a number that its type has not is refused with its field", () => {
  for (const [path, value, words] of [
    ["sets", 0, "sets is 0, not a whole number from 1 to 4294967295"],
    ["sets", 1.5, "sets is 1.5"],
    ["sets", 2 ** 32, "sets is 4294967296"],
    ["sets", "2", 'sets is "2"'],
    ["sets", undefined, "sets is undefined"],
    ["seed", -1, "seed is -1"],
    ["memory_limit", NaN, "memory_limit is null"],
    ["memory_limit", undefined, "memory_limit is undefined"],
    ["memory_limit", 2 ** 65, "memory_limit is 36893488147419103000"],
    ["plan.buffers", 3, "buffers is 3, not a list"],
    ["plan.buffers.0.len", undefined, 'len of buffer "a" is undefined'],
    ["plan.buffers.0.len", -16, 'len of buffer "a" is -16'],
    ["plan.buffers.0.len", 1e300, 'len of buffer "a" is 1e+300'],
    ["plan.buffers.2.len", 0.5, 'len of buffer "c" is 0.5'],
    ["plan.buffers.0.number", null, 'number of buffer "a" is null'],
    ["plan.buffers.0.scale", 128, 'scale of buffer "a" is 128'],
    ["plan.buffers.0.grid", undefined, 'grid.limit of buffer "a" is undefined'],
    ["plan.buffers.0.grid.shift", 256, 'grid.shift of buffer "a" is 256'],
    ["plan.buffers.1.words", 4000000000, 'words of buffer "t" is 4000000000, not a list'],
    ["plan.buffers.1.words", [4294967296], 'a word of buffer "t" is 4294967296'],
    ["plan.steps.0.workgroups", [1, 1], "workgroups is [1,1], not three numbers"],
    ["plan.steps.0.workgroups", [1, -1, 1], "a number of workgroups is -1"],
    ["plan.steps.0.bindings.1.buffer", 3, "the buffer of a binding is 3, not a whole number from 0 to 2"],
    ["plan.steps.0.bindings.0.range", { offset: -256, bytes: 4 }, "the offset of a binding is -256"],
    ["plan.steps.0.bindings.0.range", { offset: 0 }, "the bytes of a binding is undefined"],
  ]) {
    assert.throws(() => requests.checkPrepare(prepare(path, value)), (error) => error.message.startsWith(words) || assert.fail(`${path}: ${error.message}`));
  }
  for (const sample of [{ k: -1, first_set: 0 }, { k: 1.5, first_set: 0 }, { k: 2 ** 32, first_set: 0 }, { k: 1 }]) {
    assert.throws(() => requests.checkSample(sample), /not a whole number/);
  }
  for (const read of [{ set: -1, elements: [] }, { set: "length", elements: [] }, { set: 0, elements: [-1] }, { set: 0, elements: [0.5] }, { set: 0, elements: 7 }]) {
    assert.throws(() => requests.checkRead(read), /not a/);
  }
});
