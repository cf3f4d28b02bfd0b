// The numbers of the page against what is published with the protocol, and against hand-made values.

import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";

// The page is served as modules; node takes a file of that name for something else.
const load = (name) =>
  import(`data:text/javascript;base64,${fs.readFileSync(new URL(`../../executors/browser/${name}`, import.meta.url)).toString("base64")}`);
const numbers = await load("numbers.js");
const adapter = await load("adapter.js");

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
