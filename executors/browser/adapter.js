// The adapter of the browser as the runner describes devices; see crates/model/src/device.rs.

/// What the page cannot be asked to do, for the runner as well as for people.
export class Problem extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/// Text of a browser or driver as a part of an id: without control characters and slashes.
const clean = (text) =>
  String(text ?? "")
    .replace(/\p{C}/gu, "")
    .replaceAll("/", "-")
    .trim()
    .slice(0, 120);

/// Name and version of the browser that `navigator` is of.
export function browserOf({ userAgent = "", userAgentData }) {
  const brands = (userAgentData?.brands ?? []).filter(({ brand }) => !/not.*brand/i.test(brand));
  const brand = brands.find((one) => one.brand !== "Chromium") ?? brands[0];
  if (brand) {
    const name = ["Chromium", "Google Chrome"].includes(brand.brand) ? "Chrome" : brand.brand;
    return { name: clean(name), version: clean(brand.version) };
  }
  const known = [
    ["Firefox", /Firefox\/(\d+)/],
    ["Edge", /Edg\/(\d+)/],
    ["Chrome", /Chrom(?:e|ium)\/(\d+)/],
    ["Safari", /Version\/(\d+(?:\.\d+)?).* Safari\//],
  ];
  for (const [name, pattern] of known) {
    const found = pattern.exec(userAgent);
    if (found) return { name, version: found[1] };
  }
  return { name: "browser", version: "" };
}

/// The only adapter that this page may use.
///
/// # Errors
/// When there is none; the text says what a person can do.
export async function findAdapter(scope = globalThis) {
  if (!scope.isSecureContext) {
    throw new Problem(
      "unsupported",
      "browsers offer WebGPU to pages of this machine or of https only: reach portamark as 127.0.0.1, through a tunnel",
    );
  }
  if (!scope.navigator.gpu) throw new Problem("unsupported", "this browser has no WebGPU, or it is switched off");
  const adapter = await scope.navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Problem("unsupported", "this browser has WebGPU but offers no adapter");
  return adapter;
}

/// The capabilities of `adapter`.
export function describe(adapter, browser) {
  const info = adapter.info ?? {};
  const parts = [info.vendor, info.architecture, info.device].map(clean).filter(Boolean);
  const name = clean(info.description) || parts.join(" ") || "unnamed adapter";
  const version = clean(`${browser.name} ${browser.version}`);
  const software = info.isFallbackAdapter || adapter.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(name);
  const has = (feature) => adapter.features.has(feature);
  const features = [];
  if (has("shader-f16")) features.push("shader-f16");
  if (has("subgroups")) features.push("subgroup");
  const limits = adapter.limits;
  return {
    id: `webgpu/${name}/${version}`,
    name,
    api: "webgpu",
    driver: browser.name,
    driver_version: browser.version,
    vendor_id: 0,
    device_id: 0,
    device_type: software ? "software" : "other",
    takes: "plans",
    features,
    subgroup_min: has("subgroups") ? (info.subgroupMinSize ?? 4) : 0,
    subgroup_max: has("subgroups") ? (info.subgroupMaxSize ?? 128) : 0,
    limits: {
      workgroup_memory: limits.maxComputeWorkgroupStorageSize,
      workgroup_size: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
      dispatch: limits.maxComputeWorkgroupsPerDimension,
      // A binding is a whole number of words.
      binding_bytes: limits.maxStorageBufferBindingSize - (limits.maxStorageBufferBindingSize % 4),
      buffer_bytes: limits.maxBufferSize,
      storage_buffers: limits.maxStorageBuffersPerShaderStage,
    },
    matrix_shapes: [],
    // No page may leave them out.
    always_checked: true,
    timer: has("timestamp-query") ? "pass-timestamps" : "host",
  };
}

const FEATURES = { "shader-f16": "shader-f16", subgroup: "subgroups" };

/// What a device for a plan with `features` is opened with: those, timestamps where there are any, and
/// the most of each limit.
export function descriptor(adapter, features) {
  const requiredFeatures = features.map((feature) => {
    const name = FEATURES[feature];
    if (!name || !adapter.features.has(name)) throw new Problem("unsupported", `the browser offers no ${feature}`);
    return name;
  });
  if (adapter.features.has("timestamp-query")) requiredFeatures.push("timestamp-query");
  const requiredLimits = {};
  for (const name in adapter.limits) {
    if (/^max.*(Compute|Buffer|BindGroups)/.test(name) && typeof adapter.limits[name] === "number") {
      requiredLimits[name] = adapter.limits[name];
    }
  }
  return { requiredFeatures, requiredLimits };
}

/// Words of the language that not every browser knows yet, with what it calls them.
const WORDS = [
  [/@builtin\((?:subgroup_id|num_subgroups)\)/, "subgroup_id"],
  [/\b(?:dot4[IU]8Packed|unpack4x[IU]8|pack4x[IU]8)\b/, "packed_4x8_integer_dot_product"],
];

/// Refuses a text that uses what a browser with the `known` words lacks.
export function refuse(wgsl, known) {
  const code = wgsl.replace(/\/\/.*$/gm, "");
  for (const [pattern, name] of WORDS) {
    if (pattern.test(code) && !known.has(name)) throw new Problem("unsupported", `this browser's WGSL lacks ${name}`);
  }
}

/// A text as browsers want it: what it enables is said at its beginning, in its first line, so that the
/// numbers of lines in messages stay those of the text.
export function enabled(wgsl, features) {
  const code = wgsl.replace(/\/\/.*$/gm, "");
  const lines = [];
  if (features.includes("shader-f16") && !/^\s*enable\s+f16\s*;/m.test(code) && /\bf16\b/.test(code)) lines.push("enable f16;");
  if (/\bsubgroup/.test(code) && !/^\s*enable\s+subgroups\s*;/m.test(code)) {
    lines.push("enable subgroups;");
    // The kernels give subgroups the same way themselves, and what they compute is verified.
    lines.push("diagnostic(off, subgroup_uniformity);");
  }
  return lines.join(" ") + (lines.length > 0 ? " " : "") + wgsl;
}
