// What a request may hold: the types of executors/src/protocol.rs and crates/model/src/plan.rs. Their reader refuses
// numbers of another type; here numbers are all of one, and a wrong one would pass for another (NaN below every limit).

const U8 = 2 ** 8 - 1;
const U32 = 2 ** 32 - 1;
/// Largest whole number up to which every other is one as well: 8 PiB are beyond every buffer.
const LARGEST = Number.MAX_SAFE_INTEGER;

const shown = (value) => JSON.stringify(value)?.slice(0, 40) ?? typeof value;

function whole(what, value, most, least = 0) {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Error(`${what} is ${shown(value)}, not a whole number from ${least} to ${most}`);
}

function list(what, value) {
  if (Array.isArray(value)) return value;
  throw new Error(`${what} is ${shown(value)}, not a list`);
}

function checkBuffer(buffer) {
  const what = (field) => `${field} of buffer ${shown(buffer?.name)}`;
  whole(what("len"), buffer?.len, LARGEST);
  if (buffer.content === "table") list(what("words"), buffer.words).forEach((word) => whole(what("a word"), word, U32));
  if (buffer.content !== "generated") return;
  whole(what("number"), buffer.number, U32);
  whole(what("scale"), buffer.scale, 127, -128);
  whole(what("grid.limit"), buffer.grid?.limit, U32);
  whole(what("grid.shift"), buffer.grid?.shift, U8);
}

function checkStep(step, buffers) {
  const groups = list("workgroups", step?.workgroups);
  if (groups.length !== 3) throw new Error(`workgroups is ${shown(groups)}, not three numbers`);
  for (const count of groups) whole("a number of workgroups", count, U32);
  for (const binding of list("bindings", step.bindings)) {
    whole("the buffer of a binding", binding?.buffer, buffers - 1);
    if (binding.range === undefined || binding.range === null) continue;
    whole("the offset of a binding", binding.range.offset, LARGEST);
    whole("the bytes of a binding", binding.range.bytes, LARGEST);
  }
}

/// Throws an error that says which field of a request to prepare has a value that its type has not.
export function checkPrepare({ plan, sets, seed, memory_limit: limit }) {
  whole("sets", sets, U32, 1);
  whole("seed", seed, U32);
  // As numbers are read here, the largest one of 64 bits is the next power of two.
  whole("memory_limit", limit, 2 ** 64);
  const buffers = list("buffers", plan.buffers);
  buffers.forEach(checkBuffer);
  for (const step of list("steps", plan.steps)) checkStep(step, buffers.length);
}

/// The same for a request to sample.
export function checkSample({ k, first_set: first }) {
  whole("k", k, U32);
  whole("first_set", first, U32);
}

/// The same for a request to read.
export function checkRead({ set, elements }) {
  whole("set", set, U32);
  for (const element of list("elements", elements)) whole("an element", element, 2 ** 64);
}
