// Numbers as the runner writes and reads them: the generator's keys, elements of outputs, base64.
// Their definitions and test vectors are in crates/model/src/workload/generator.rs and executors/src/protocol.rs.

/// The 32-bit finaliser `lowbias32`.
export function mix(value) {
  let x = value >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

/// The two keys of tensor `tensor` of a run seeded with `seed`.
export function keys(seed, tensor) {
  const first = mix(seed ^ Math.imul(tensor, 0x9e3779b9));
  return { first, second: mix(first + 0x85ebca6b) };
}

/// 32 random bits for element `index`.
export function hash({ first, second }, index) {
  return mix(mix(index ^ first) + second);
}

/// The generator's number of tensor `number` in buffer set `set`.
export const stream = (set, number) => set * 64 + number;

const DISTRIBUTIONS = ["uniform", "normal", "zeros", "sparse"];
/// Scales have the number of their tensor and this, and are always uniform.
const SCALES_FROM = 32;

/// The number of the distribution of tensor `number` in the text of the generator.
export function distribution(number, name) {
  const found = DISTRIBUTIONS.indexOf(name);
  if (found < 0) throw new Error(`no distribution ${name}`);
  return number < SCALES_FROM ? found : 0;
}

const scratch = new DataView(new ArrayBuffer(4));

/// The bits of a number as f32.
export function bitsOf(number) {
  scratch.setFloat32(0, number);
  return scratch.getUint32(0);
}

/// A number of binary16.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15) : (sign * fraction) / 2 ** 24;
}

/// A number of the upper half of binary32.
function upperHalf(bits) {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/// Of every format that an output can have: bytes of an element, its poison, and how it is read.
const OUTPUTS = {
  f32: { size: 4, poison: 0x7fc0dead, read: (view, at) => view.getFloat32(at, true) },
  i32: { size: 4, poison: 0x7fc0dead, read: (view, at) => view.getInt32(at, true) },
  f16: { size: 2, poison: 0x7ead, read: (view, at) => half(view.getUint16(at, true)) },
  bf16: { size: 2, poison: 0x7ead, read: (view, at) => upperHalf(view.getUint16(at, true)) },
};

/// The format of an output.
export function output(format) {
  const found = Object.hasOwn(OUTPUTS, format) && OUTPUTS[format];
  if (!found) throw new Error(`no output can be in ${format}`);
  return found;
}

/// How many elements of `bytes` are poisoned.
export function poisoned({ size, poison }, bytes) {
  const elements = size === 4 ? new Uint32Array(bytes) : new Uint16Array(bytes);
  let count = 0;
  for (let at = 0; at < elements.length; at += 1) count += elements[at] === poison ? 1 : 0;
  return count;
}

/// Bits of an element of each format of a buffer; formats with scales are buffers of i8 or i4 and of f16.
const BITS = { f32: 32, i32: 32, f16: 16, bf16: 16, e4m3: 8, i8: 8, i4: 4 };

/// Bytes of `length` elements.
export function bytesOf(format, length) {
  if (!Object.hasOwn(BITS, format)) throw new Error(`no buffer can be in ${format}`);
  return Math.ceil((length * BITS[format]) / 8);
}

/// Bytes of a buffer as it is allocated.
export const allocated = ({ dtype, len }) => Math.ceil(bytesOf(dtype, len) / 16) * 16;

/// `groups` workgroups spread over x and y, since one dimension ends at `limit`.
export function spread(groups, limit) {
  if (groups <= limit) return [groups, 1, 1];
  const y = Math.ceil(groups / limit);
  return [Math.ceil(groups / y), y, 1];
}

/// What of a buffer is filled at a time: all of it where it can be bound, else stretches of the largest
/// power of two that can. Each is the first element and the bytes.
export function stretches(buffer, most) {
  const bytes = allocated(buffer);
  if (bytes <= most) return [{ first: 0, bytes }];
  let length = 1;
  while (2 * length < 2 ** 32 && bytesOf(buffer.dtype, 2 * length) <= most) length *= 2;
  const parts = [];
  for (let first = 0; first < buffer.len; first += length) {
    const rest = bytes - bytesOf(buffer.dtype, first);
    parts.push({ first, bytes: Math.min(bytesOf(buffer.dtype, length), rest) });
  }
  return parts;
}

/// Little-endian f64 as base64.
export function encodeValues(values) {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, at) => view.setFloat64(8 * at, value, true));
  const bytes = new Uint8Array(view.buffer);
  let text = "";
  // A call takes so many arguments at most.
  for (let at = 0; at < bytes.length; at += 0x6000) text += String.fromCharCode(...bytes.subarray(at, at + 0x6000));
  return btoa(text);
}

/// Bytes as people read them, like the runner's.
export function inWords(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}
