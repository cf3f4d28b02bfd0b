// Result files for tests/page/check.mjs, made from those in results/: devices that are not at hand, the
// rows that other programs give, and texts that try to be more than text.

import fs from "node:fs";
import path from "node:path";

/// What every hostile text sets if anything of it runs.
export const MARKER = "portamarkPwned";

const SET = `window.${MARKER}=1`;

/// Texts that would act if a place in the page took them for anything but text.
export const HOSTILE = [
  `<script>${SET}</script>`,
  `<img src=x onerror="${SET}">`,
  `"><svg onload="${SET}">`,
  `' onmouseover='${SET}' autofocus onfocus='${SET}' x='`,
  `</title></desc></svg><script>${SET}</script>`,
  `</style><script>${SET}</script><style>*{display:none}`,
  `</script><script>${SET}//`,
  `--><script>${SET}</script><!--`,
  `]]><script>${SET}</script>`,
  `<iframe srcdoc="<script>top.${MARKER}=1</script>"></iframe><base href=//evil.example>`,
  `<style>@import url(//evil.example/x.css);body{background:url(//evil.example/x)}</style>`,
  `<meta http-equiv=refresh content="0;url=//evil.example"><link rel=stylesheet href=//evil.example>`,
  `[x](javascript:${SET}) javascript:${SET}`,
  `{{ ${MARKER} }} {% raw %} \${${SET}} #{x}`,
  `Robert'); DROP TABLE rows;-- ' OR 1=1`,
  "\u202ekramatrop\u202c \u2066right\u2069 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
  "\u0000\u0001\u0007\u001b[31mred\u001b[0m\u009b31m\r\n\t\ufeff\u200b\u200d",
  "W".repeat(400),
  "a\u0300".repeat(60) + "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}".repeat(40),
  "&lt;script&gt; &amp; &#60;script&#62; %3Cscript%3E \\u003cscript\\u003e",
];

/// The lines of the first result file in a folder below results/ whose name holds `part`.
function shipped(results, part) {
  const folder = fs.readdirSync(results).find((name) => name.includes(part));
  if (!folder) throw new Error(`no folder in ${results} has ${part} in its name`);
  const file = fs.readdirSync(path.join(results, folder)).find((name) => name.endsWith(".jsonl"));
  const text = fs.readFileSync(path.join(results, folder, file), "utf8");
  const lines = text.trim().split("\n").map((line) => JSON.parse(line));
  return { header: lines[0], rows: lines.filter((line) => line.type === "row") };
}

const copy = (value) => structuredClone(value);

function write(file, header, rows, outcome = "done") {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const end = { type: "end", rows: rows.length, wall_s: 312.5, outcome };
  fs.writeFileSync(file, [header, ...rows, end].map((line) => JSON.stringify(line) + "\n").join(""));
}

/// `row` as if it had run in `seconds`, with the samples of `pattern`.
function timed(row, pattern, seconds) {
  const timing = copy(pattern.timing);
  const factor = seconds / timing.summary.median;
  const times = (list) => list.map((ns) => Math.max(1, Math.round(ns * factor)));
  timing.device_ns = times(timing.device_ns);
  timing.host_ns = times(timing.host_ns);
  for (const name of ["median", "q1", "q3", "ci_lo", "ci_hi", "min", "max", "mean", "sd", "mad"]) {
    if (timing.summary[name] !== null) timing.summary[name] *= factor;
  }
  delete timing.fit;
  delete timing.slope_s;
  const { type, case: key, repeat, flop, bytes, started } = row;
  const { spent, kernel, verification, tags } = copy(pattern);
  return { type, case: key, repeat, status: "ok", flop, bytes, started, spent, kernel, verification, timing, tags };
}

const family = (row) => row.case.split(" ")[0];
const ran = (rows) => rows.filter((row) => row.status === "ok");

/// Cases that the charts over both sizes and over the length of the cache need, from those that are there.
function shapes(source) {
  const square = source.rows.find((row) => row.case === "gemm f16.f32 m1024 n1024 k1024 nt");
  const step = source.rows.find((row) => row.case === "attention f16.f32 b1 hq32 hkv8 q1 kv8192 d128");
  if (!square || !step) throw new Error("the shipped results lack the cases that others are made from");
  const products = [256, 1024, 4096, 16384].flatMap((m) =>
    [512, 2048, 8192].map((n) => {
      const key = `gemm f16.f32 m${m} n${n} k1024 nt`;
      return { ...copy(square), case: key, flop: 2 * m * n * 1024, bytes: 2 * 1024 * (m + n) + 4 * m * n };
    }),
  );
  const steps = [1024, 32768, 131072].map((keys) => {
    const part = keys / 8192;
    return { ...copy(step), case: step.case.replace("kv8192", `kv${keys}`), flop: step.flop * part, bytes: step.bytes * part };
  });
  return [...products, ...steps];
}

/// All cases of `source` as a card of that speed would run them.
function card(source, speed) {
  const done = ran(source.rows);
  return [...source.rows, ...shapes(source)].map((row) => {
    const pattern =
      row.status === "ok" ? row : done.find((other) => family(other) === family(row)) ?? done[0];
    const matrix = row.case.includes("f16.f32") && !/^(stream|softmax|rmsnorm|rope|swiglu)/.test(row.case);
    const flops = matrix ? speed.matrix : row.case.includes("f16") ? 2 * speed.fma : speed.fma;
    const short = 1 / (1 + row.flop / 1e9);
    const seconds = Math.max(row.flop / flops, row.bytes / speed.bandwidth) * (1.2 + short) + speed.launch;
    const found = timed(row, pattern, row.flop || row.bytes ? seconds : pattern.timing.summary.median / 9);
    if (matrix) found.kernel.variant.path = "coopmat";
    return found;
  });
}

function named(header, { name, api = "vulkan", driver, version, type = "discrete", run, features = [] }) {
  const made = copy(header);
  Object.assign(made.device, { id: `${api}/${name}/${version}`, name, api, driver, driver_version: version });
  Object.assign(made.device, { device_type: type, features: [...made.device.features, ...features] });
  Object.assign(made, { run, started: "2026-10-02T09:26:53Z" });
  return made;
}

const failed = (row, status, reason) => {
  const { timing, kernel, verification, ...rest } = copy(row);
  return { ...rest, status, reason, tags: [] };
};

const H100 = { name: "NVIDIA H100 80GB HBM3", driver: "NVIDIA", features: ["cooperative-matrix"] };
const FAST = { fma: 5.1e13, matrix: 4.2e14, bandwidth: 2.9e12, launch: 4e-6 };

/// A card before and after an update of its driver, and another card: every chart has something to show.
/// `vendor.csv` is for `portamark import`.
export function several(results, folder) {
  const source = shipped(results, "llvmpipe");
  const before = card(source, FAST);
  const file = (name) => path.join(folder, "several", `${name}.jsonl`);
  write(file("before"), named(source.header, { ...H100, version: "570.86.10", run: "aaaa0001" }), before);
  const after = card(source, { ...FAST, matrix: 3.1e14, launch: 3e-6 });
  const spoilt = [
    ["wrong", "element 3 is 2, the oracle says 1"],
    ["crashed", "the executor was killed by signal 11"],
    ["timeout", "no answer within 30 s; the executor was killed"],
    ["failed", "the driver refused the shader: entry point `main` is lost"],
    ["out-of-memory", "the device ran out of memory for 3 buffers of 268 MB"],
  ];
  const products = after.flatMap((row, at) => (family(row) === "gemm" ? [at] : []));
  spoilt.forEach(([status, reason], n) => (after[products[n]] = failed(after[products[n]], status, reason)));
  // Several variants of one case, with and without checks.
  const product = before.filter((row) => family(row) === "gemm")[7];
  for (const [kernel, checks, factor] of [["own/mine", false, 3], ["tiled", true, 1.4], ["tiled", false, 1.2]]) {
    const other = timed(product, product, product.timing.summary.median * factor);
    Object.assign(other.kernel.variant, { kernel, checks, knobs: { bm: 64, bn: 64 } });
    after.push(other);
  }
  write(file("after"), named(source.header, { ...H100, version: "580.82.07", run: "aaaa0002" }), after);
  const dist = named(source.header, { ...H100, version: "580.82.07", run: "aaaa0003" });
  dist.options.dist = "sparse";
  const sparse = { ...FAST, matrix: 5e14 };
  write(file("dist"), dist, card(source, sparse));
  const other = { name: "AMD Instinct MI300X (RADV GFX942)", driver: "radv", version: "Mesa 25.2.1" };
  const slow = { fma: 7.2e13, matrix: 3.3e14, bandwidth: 3.6e12, launch: 9e-6 };
  write(file("other"), named(source.header, { ...other, run: "aaaa0004", features: H100.features }), card(source, slow));
  const laptop = { name: "Intel(R) Iris(R) Xe Graphics (TGL GT2)", driver: "Intel open-source Mesa driver" };
  const weak = { fma: 1.4e12, matrix: 2e12, bandwidth: 5.1e10, launch: 3e-5 };
  const integrated = named(source.header, { ...laptop, version: "Mesa 23.1.0", type: "integrated", run: "aaaa0005" });
  const unfinished = card(source, weak).map((row) =>
    row.case.startsWith("peak f16.f32") ? failed(row, "unsupported", "the device does not offer cooperative-matrix") : row,
  );
  write(file("laptop"), integrated, unfinished.slice(0, -9), "interrupted");
  // The two sides of `run --ab`.
  for (const [side, words, matrix] of [["A", "variant=tiled", 4.2e14], ["B", "variant=matrix", 4.4e14]]) {
    const header = named(source.header, { ...H100, version: "580.82.07", run: "aaaa0006" });
    header.ab = { side, words };
    const rows = card(source, { ...FAST, matrix }).filter((row) => family(row) === "gemm");
    write(file(`ab-${side}`), header, rows);
  }
  const vendor = ran(before)
    .filter((row) => ["gemm", "stream", "gemv"].includes(family(row)))
    .map((row, n) => {
      const t = row.timing.summary.median * (0.55 + 0.06 * n);
      const library = row.case.startsWith("gemm") ? "cuBLASLt" : "Thrust";
      return [row.case, t, "s", t * 0.97, t * 1.04, "quartiles", "median", 200, "bench", "12.4", library, H100.name].join(",");
    });
  const head = "case,value,unit,lo,hi,spread,statistic,samples,method,version,library,device";
  fs.writeFileSync(path.join(folder, "vendor.csv"), [head, ...vendor].join("\n") + "\n");
}

/// Result files in which each text is a hostile one, each in turn, on several devices.
export function hostile(results, folder) {
  const source = shipped(results, "llvmpipe");
  let turn = 0;
  const next = () => HOSTILE[turn++ % HOSTILE.length];
  for (let device = 0; device < 3; device += 1) {
    // What tells devices apart comes first, so that every text is the name of one of them or part of it.
    const name = HOSTILE.slice(device * 7, device * 7 + 7).join(" ");
    const header = named(source.header, { name, api: next(), driver: next(), version: next(), run: next() });
    for (const key of ["suite", "platform", "executor", "portamark", "sensors", "started"]) header[key] = next();
    header.device.device_type = "other";
    header.timer.findings = [next(), next()];
    header.cache.finding = next();
    HOSTILE.forEach((text, n) => {
      header.labels[text] = next();
      header.options[`${n}${text}`] = next();
    });
    const rows = card(source, { ...FAST, fma: 1e13 / (device + 1) });
    rows.forEach((row) => {
      row.tags = [next()];
      row.kernel.sha256 = next();
      row.kernel.variant.kernel = next();
      row.kernel.variant.knobs = { [next()]: 4 };
      row.started = next();
    });
    const status = ["failed", "wrong", "crashed", "skipped", "unsupported"];
    HOSTILE.forEach((text, n) => rows.push({ ...failed(rows[n], status[n % 5], next()), case: text }));
    HOSTILE.forEach((text, n) => {
      const imported = { method: next(), version: next(), name: text, library: next(), unit: "token/s" };
      Object.assign(imported, { statistic: "median", value: 12.5 + n, parameters: { [next()]: next() } });
      rows.push({ ...failed(rows[n], "imported", next()), case: next(), repeat: n + 2, imported });
    });
    rows.push(failed(rows[9], "failed", HOSTILE.join(" ")));
    write(path.join(folder, "hostile", `${"x".repeat(device + 1)}<b onclick=x>'"&.jsonl`), header, rows);
  }
}

/// What a compiler made of one step: `spilled` registers, `resident` of 16 subgroups, and a loop that can issue `share`.
function step({ spilled = 0, resident = 8, share = 0.9, unit = false }) {
  const classes = unit ? { matrix: 32, "multiply-add": 8 } : { "multiply-add": 512 };
  const mix = { classes, widths: { "workgroup-load": { 8: 128 } } };
  const ceiling = { share, of: unit ? "matrix" : "multiply-add" };
  return {
    subgroup_size: 32,
    vector_registers: 120,
    spills: spilled ? { "Spilled VGPRs": spilled } : {},
    workgroup_bytes: 36864,
    instructions: 3521,
    resident: { subgroups: resident, limit: 16, limited_by: "registers" },
    mix,
    hot_loop: { mix, lines: [[1, 9]], ceiling },
    compile_ns: 2000000,
  };
}

const compiled = (facts) => ({ outcome: "compiled", steps: [step(facts)] });

/// What the letters of the matrix stand for, each once.
const OUTCOMES = [
  compiled({}),
  compiled({ spilled: 34 }),
  compiled({ resident: 1 }),
  compiled({ share: 0.3, unit: true }),
  { outcome: "failed", reason: "the driver ended by SIGSEGV" },
  { outcome: "unsupported", reason: "needs shader-f16, which this device does not offer" },
];

/// Writes a file as `portamark inspect --format json` does: on each of the chips with `names` the cases that `of` gives.
function inspection(file, names, of, driver) {
  const cells = names.flatMap((name, at) =>
    of(at).map((key, row) => ({
      case: key,
      variant: "tiled bk16 bm128 bn128 tm8 tn8",
      chip: name,
      title: `${name} (a card with this chip)`,
      driver,
      demand: { matrix: row % 2 === 0, computes: true },
      outcome: OUTCOMES[(3 * at + row) % OUTCOMES.length],
    })),
  );
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify({ portamark_inspection: 1, cells }, null, 2));
}

/// Compiled kernels: a file beside the results of `several`, one alone, and one whose names try to be more than names.
export function inspections(results, folder) {
  const keys = shipped(results, "llvmpipe").rows.map((row) => row.case);
  const chips = ["polaris10", "navi31", "gfx1201", "turing", "ampere", "apple-m1", "adreno-630", "adreno-750"];
  for (const name of ["several", "compiled"]) {
    inspection(path.join(folder, name, "matrix.json"), chips, () => keys, "radv Mesa 26.1.6");
  }
  inspection(path.join(folder, "hostile/matrix.json"), HOSTILE, (at) => [HOSTILE[at], keys[0]], HOSTILE[0]);
}
