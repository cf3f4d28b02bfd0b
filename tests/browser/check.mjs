// Runs portamark in a browser: whole runs, pages that die and hang, and what people see of them.
// scripts/browser-check.sh starts it.
//
//   node tests/browser/check.mjs MODULES PORTAMARK FOLDER
//
// MODULES has node_modules, FOLDER gets result files and pictures.

import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import * as inPage from "../page/in_page.mjs";

const [modules, portamark, folder] = process.argv.slice(2).map((part) => path.resolve(part));
const require = createRequire(path.join(modules, "package.json"));
const puppeteer = require("puppeteer-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = { desk: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } };
/// A software adapter is there on any machine.
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
/// The longest that a whole run may take.
const LIMIT_MS = 240_000;

let passed = 0;
let failed = 0;

/// Says what came of one check; `found` lists what is wrong.
function check(name, found) {
  const good = found.length === 0;
  if (good) passed += 1;
  else failed += 1;
  console.log(`test ${name} ... ${good ? "ok" : "FAILED"}`);
  for (const fault of found.slice(0, 12)) console.log(`    ${fault}`);
}

const expect = (what, wanted, got) => (wanted === got ? [] : [`${what} is ${got}, not ${wanted}`]);

function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
  const places = (process.env.PATH ?? "").split(path.delimiter);
  const found = names.flatMap((name) => places.map((place) => path.join(place, name))).find((file) => fs.existsSync(file));
  return process.env.PORTAMARK_CHROMIUM ?? found;
}

const launch = (args = WEBGPU) =>
  puppeteer.launch({
    executablePath: chromium(),
    headless: true,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", ...args],
  });

/// A run of portamark: its address once it is printed, and its end.
function start(name, ...args) {
  const output = path.join(folder, name);
  return Object.assign(spawned(["serve", "quick", "-o", output, ...args]), { rows: () => rowsIn(output) });
}

function rowsIn(output) {
  return fs
    .readdirSync(output, { recursive: true })
    .filter((file) => file.endsWith(".jsonl"))
    .flatMap((file) => fs.readFileSync(path.join(output, file), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line))
    .filter((line) => line.case && line.status);
}

/// The program with a browser for a device.
function spawned(args) {
  const child = spawn(portamark, args, { stdio: ["ignore", "pipe", "pipe"] });
  const run = { child, said: "", printed: "" };
  child.stdout.on("data", (data) => (run.printed += data));
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  run.end = new Promise((done) =>
    child.on("exit", (code) => {
      clearTimeout(limit);
      done(code);
    }),
  );
  run.address = new Promise((done, fail) => {
    child.stderr.on("data", (data) => {
      run.said += data;
      const found = /http:\/\/\S+token=\w+/.exec(run.said);
      if (found) done(found[0]);
    });
    child.on("exit", () => fail(new Error(`no address: ${run.said}`)));
  });
  run.address.catch(() => {});
  return run;
}

/// Opens a page and keeps whatever happens on it that should not.
async function open(browser, address) {
  const page = await browser.newPage();
  const events = [];
  page.on("console", (line) => events.push(`console: ${line.type()}: ${line.text()}`));
  page.on("pageerror", (error) => events.push(`error: ${error.message}`));
  const own = new URL(address).origin;
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(own) && !url.startsWith("data:")) events.push(`request: ${url}`);
  });
  await page.evaluateOnNewDocument(inPage.knowColours);
  await page.evaluateOnNewDocument(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => window.violations.push(event.effectiveDirective + event.blockedURI));
  });
  await page.goto(address);
  return { page, events };
}

async function axe(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations, incomplete } = await window.axe.run(document, { resultTypes: ["violations", "incomplete"] });
    return [...violations, ...incomplete].map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  });
}

/// Looks at the page in both themes, wide and narrow.
async function look(page, title) {
  for (const theme of ["light", "dark"]) {
    for (const [screen, size] of Object.entries(WIDTHS)) {
      await page.setViewport(size);
      await page.emulateMediaFeatures([
        { name: "prefers-color-scheme", value: theme },
        { name: "prefers-reduced-motion", value: "reduce" },
      ]);
      await page.screenshot({ path: path.join(folder, `${title}-${theme}-${screen}.png`), fullPage: true });
      const wide = () =>
        document.documentElement.scrollWidth > innerWidth ? [`${document.documentElement.scrollWidth} of ${innerWidth} pixels`] : [];
      check(`${title}, ${theme}, ${screen}: axe`, await axe(page));
      check(`${title}, ${theme}, ${screen}: contrast of text`, await page.evaluate(inPage.contrasts));
      check(`${title}, ${theme}, ${screen}: nothing is wider than the screen`, await page.evaluate(wide));
    }
  }
}

const text = (page, id) => page.evaluate((part) => document.getElementById(part)?.textContent ?? "", id);

async function until(what, test) {
  const last = Date.now() + 60_000;
  while (Date.now() < last) {
    if (await test().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what} does not happen`);
}

const QUICK = ["--max-time", "1s", "--budget", "20s"];

async function whole(browser) {
  const run = start("whole", "-k", "stream f32 copy n1048576", "-k", "gemm f32 m256*", "-k", "launch*", "-k", "peak f16 fma c16384*", ...QUICK);
  const { page, events } = await open(browser, await run.address);
  await until("a row", async () => (await page.$$("#rows tr")).length > 0);
  check("the token is not left in the address", expect("the address", "/", new URL(page.url()).pathname + new URL(page.url()).search));
  await look(page, "running");
  check("a whole run ends well", expect("the exit code", 0, await run.end));
  const rows = run.rows();
  const ok = rows.filter(({ status, verification }) => status === "ok" && verification?.worst_ratio <= 1);
  check("its rows are verified", expect("the number of good rows", 3, ok.length));
  const checked = ok.filter(({ kernel }) => kernel.variant.checks);
  check("and say that their kernels were checked", expect("their number", ok.length, checked.length));
  const not = rows.filter(({ status }) => status !== "ok").map(({ status }) => status);
  check("what the browser lacks is unsupported", expect("the other rows", "unsupported", not.join()));
  await until("the end", async () => (await text(page, "state")).startsWith("The run is over"));
  check("the page shows every row", expect("their number", rows.length, (await page.$$("#rows tr")).length));
  await look(page, "over");
  check("nothing else happened on the page", [...events, ...(await page.evaluate(() => window.violations))]);
  await page.close();
}

/// Runs two cases and does something to the page when the first is done and the second has begun.
async function disturbed(browser, name, status, disturb, ...args) {
  const cases = ["-k", "gemm f32 m256*", "-k", "stream f32 copy n1048576", "-k", "launch*"];
  const run = start(name, ...cases, "--max-time", "3s", "--min-time", "3s", "--max-noise", "0.000001", ...args);
  const address = await run.address;
  const { page } = await open(browser, address);
  const running = async () => (await page.$$("#rows tr")).length > 0 && Number(await text(page, "samples")) > 3;
  await until("the second case", running);
  await disturb(page, new URL("/", address).href);
  check(`${name}: the exit code says that a row is bad`, expect("it", 1, await run.end));
  const found = run.rows().map((row) => row.status);
  check(`${name}: it costs one row`, expect("the rows", ["ok", status, "ok"].join(), found.join()));
}

async function killed(page, address) {
  const session = await page.createCDPSession();
  session.send("Page.crash").catch(() => {});
  await new Promise((done) => setTimeout(done, 500));
  const browser = page.browser();
  await page.close().catch(() => {});
  await open(browser, address);
}

/// The rules of the protocol, as for every other executor.
async function conforms(browser) {
  const run = spawned(["executor-check", "-d", "browser"]);
  const { page } = await open(browser, await run.address);
  check("the protocol's conformance test passes in a browser", (await run.end) === 0 ? [] : [run.printed, run.said]);
  check("and it is whole", run.printed.split("\n  ok ").length > 12 ? [] : [run.printed]);
  await page.close();
}

async function without() {
  const browser = await launch(["--disable-features=WebGPU", "--disable-blink-features=WebGPU"]);
  try {
    const run = start("without", "-k", "launch*");
    await open(browser, await run.address);
    check("a browser without WebGPU is no device", expect("the exit code", 3, await run.end));
    check("and the words say so", run.said.includes("there is no device browser") ? [] : [run.said]);
  } finally {
    await browser.close();
  }
}

fs.rmSync(folder, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  await whole(browser);
  await conforms(browser);
  await disturbed(browser, "killed", "crashed", killed);
  const hang = (page) => page.evaluate(() => void (WebSocket.prototype.send = () => {}));
  await disturbed(browser, "hanging", "timeout", hang, "--timeout", "20s");
} catch (error) {
  check("every step", [error.message]);
} finally {
  await browser.close();
}
await without().catch((error) => check("a browser without WebGPU", [error.message]));
console.log(`\ntest result: ${failed === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
