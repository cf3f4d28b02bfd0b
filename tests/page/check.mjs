// Looks at pages of reports in a browser: that nothing runs but the page's own script and nothing is
// loaded, that axe finds no fault, that every chart can be read, that a keyboard reaches everything and
// that nothing is wider than the screen, in both themes, on a desk and on a phone. scripts/page-check.sh
// starts it.
//
//   node tests/page/check.mjs MODULES PORTAMARK FOLDER
//
// MODULES has node_modules, FOLDER gets result files, reports and, of pages with a fault, pictures.

import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as inPage from "./in_page.mjs";
import { HOSTILE, MARKER, hostile, inspections, several } from "./results.mjs";

const [modules, portamark, folder] = process.argv.slice(2).map((part) => path.resolve(part));
const require = createRequire(path.join(modules, "package.json"));
const puppeteer = require("puppeteer-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/// Success criteria of WCAG 2.2, levels A and AA.
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

/// Rules that axe leaves open: contrast in drawings and in tables that scroll, which `inPage.charts` and
/// `inPage.contrasts` judge, and heads of columns over cells that span several.
const DECIDED = new Set(["color-contrast", "th-has-data-cells"]);

const WIDTHS = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/// Whether pages without a fault are pictured too.
const PICTURES = process.env.PORTAMARK_PAGE_PICTURES === "1";

let passed = 0;
const faults = [];

/// Says what came of one check; `found` lists what is wrong.
function check(name, found) {
  if (found.length === 0) {
    passed += 1;
    console.log(`test ${name} ... ok`);
    return;
  }
  faults.push(name);
  console.log(`test ${name} ... FAILED`);
  for (const fault of found.slice(0, 12)) console.log(`    ${fault}`);
  if (found.length > 12) console.log(`    and ${found.length - 12} more`);
}

function run(...args) {
  return execFileSync(portamark, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/// Makes the reports: their names, each with the folder of result files that it is of.
function reports() {
  const results = path.join(ROOT, "results");
  fs.rmSync(folder, { recursive: true, force: true });
  several(results, folder);
  hostile(results, folder);
  inspections(results, folder);
  const imports = path.join(ROOT, "tests/imports");
  const imported = path.join(folder, "several/imported");
  const alone = path.join(folder, "imports");
  run("import", path.join(folder, "vendor.csv"), "-o", imported);
  // What is refused has nothing to show.
  const isRead = (entry) => entry.isDirectory() && entry.name !== "refused";
  for (const program of fs.readdirSync(imports, { withFileTypes: true }).filter(isRead)) {
    const inside = path.join(imports, program.name);
    // Of criterion the whole folder is the results.
    const files = program.name === "criterion" ? [""] : fs.readdirSync(inside);
    for (const file of files) {
      run("import", path.join(inside, file), "-o", imported);
      run("import", path.join(inside, file), "-o", alone);
    }
  }
  const pages = { shipped: results, several: path.join(folder, "several"), imports: alone };
  pages.hostile = path.join(folder, "hostile");
  pages.compiled = path.join(folder, "compiled");
  const made = Object.entries(pages).map(([name, from]) => {
    const into = path.join(folder, "reports", name);
    run("report", from, "-o", into);
    return { name, html: fs.readFileSync(path.join(into, "report.html"), "utf8") };
  });
  // The page of `inspect`: no driver is needed for the host, which compiles nothing and says so.
  const page = path.join(folder, "reports/inspect.html");
  run("inspect", "quick", "-d", "host", "--anew", "--report", page);
  return [...made, { name: "inspect", html: fs.readFileSync(page, "utf8") }];
}

/// The directives of the policy that a page brings.
function policy(html) {
  const found = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html);
  const directives = (found?.[1] ?? "").split(";").map((part) => part.trim().split(/\s+/));
  return Object.fromEntries(directives.map(([name, ...values]) => [name, values]));
}

/// The hashes of scripts that a page's own policy allows, and nothing else that it may allow.
const hashes = (html) => (policy(html)["script-src"] ?? []).filter((source) => HASH.test(source));

const HASH = /^'sha256-[A-Za-z0-9+/]+=*'$/;

const hash = (text) => `'sha256-${crypto.createHash("sha256").update(text).digest("base64")}'`;

/// What is wrong with a page's own policy and with the scripts in its text.
function written(html) {
  const own = policy(html);
  const wrong = [];
  if (own["default-src"]?.join() !== "'none'") wrong.push("the policy of the page does not begin with nothing");
  const allowed = own["script-src"] ?? [];
  for (const source of allowed) {
    if (!HASH.test(source)) wrong.push(`script-src allows ${source}`);
  }
  for (const name of Object.keys(own)) {
    const strict = ["default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"];
    if (!strict.includes(name)) wrong.push(`the policy has ${name}`);
  }
  const scripts = [...html.matchAll(/<script>([^]*?)<\/script>/g)].map((found) => hash(found[1]));
  if (scripts.join() !== allowed.join()) wrong.push(`scripts are ${scripts}, allowed are ${allowed}`);
  return { wrong, scripts };
}

/// Serves pages on this machine alone, with a policy as strict as theirs may be, and keeps the addresses
/// that were asked for.
async function serve(pages) {
  const asked = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/favicon.ico") return response.writeHead(204).end();
    asked.push(request.url);
    const page = pages.find(({ name }) => `/${name}` === url.pathname);
    if (!page) return response.writeHead(404).end();
    const scripts = hashes(page.html).join(" ") || "'none'";
    const header = `default-src 'none'; script-src ${scripts}; style-src 'unsafe-inline'; base-uri 'none';
      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
    const headers = { "content-type": "text/html; charset=utf-8", "x-content-type-options": "nosniff" };
    if (!url.searchParams.has("open")) headers["content-security-policy"] = header.replace(/\s+/g, " ");
    return response.writeHead(200, headers).end(page.html);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { asked, server, at: `http://127.0.0.1:${server.address().port}` };
}

function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
  const wanted = process.env.PORTAMARK_CHROMIUM;
  const places = (process.env.PATH ?? "").split(path.delimiter);
  const found = names.flatMap((name) => places.map((place) => path.join(place, name))).find((file) => fs.existsSync(file));
  if (wanted ?? found) return wanted ?? found;
  console.error("page-check: chromium is not in the PATH; PORTAMARK_CHROMIUM names it elsewhere");
  process.exit(1);
}

/// Opens a page and keeps whatever happens on it that should not.
async function open(browser, site, name, { theme, screen, strict }) {
  const page = await browser.newPage();
  const events = [];
  page.on("console", (line) => events.push(`console: ${line.type()}: ${line.text()}`));
  page.on("pageerror", (error) => events.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    events.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("popup", () => events.push("a window opened"));
  const url = `${site.at}/${name}${strict ? "" : "?open"}`;
  page.on("request", (request) => {
    // The browser's own wish for a picture of the site.
    const own = [url, `${site.at}/favicon.ico`];
    if (!own.includes(request.url().split("#")[0])) events.push(`request: ${request.url()}`);
  });
  page.on("framenavigated", (frame) => frame.url().split("#")[0] === url || events.push(`went to ${frame.url()}`));
  await page.setBypassCSP(!strict);
  await page.evaluateOnNewDocument(inPage.knowColours);
  await page.evaluateOnNewDocument(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => {
      window.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.setViewport(WIDTHS[screen]);
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.goto(url, { waitUntil: "networkidle0" });
  return { page, events };
}

/// What a page did although nothing but its own script may run.
async function quiet(browser, site, { name, html }, strict) {
  const asked = site.asked.length;
  const { page, events } = await open(browser, site, name, { theme: "light", screen: "desk", strict });
  await page.evaluate(inPage.useEverything, HOSTILE);
  await new Promise((done) => setTimeout(done, 300));
  const wrong = await page.evaluate(inPage.acted, MARKER);
  const live = await page.evaluate(inPage.livingParts, hashes(html).length);
  const asks = site.asked.slice(asked + 1).map((url) => `asked for ${url}`);
  await page.close();
  return [...wrong, ...live, ...events, ...asks];
}

/// A hostile text has to be seen as the text it is, or the check would say nothing.
async function shownAsText(browser, site) {
  const { page } = await open(browser, site, "hostile", { theme: "light", screen: "desk", strict: true });
  const text = await page.evaluate(() => document.body.textContent);
  await page.close();
  const plain = HOSTILE.filter((text) => /^[\x20-\x7e]{1,95}$/.test(text));
  return plain.filter((part) => !text.includes(part)).map((part) => `not on the page: ${part}`);
}

/// What axe finds. What it can't decide is a fault too, but for what is decided elsewhere.
async function axe(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => {
    const options = { runOnly: { type: "tag", values: tags }, resultTypes: ["violations", "incomplete"] };
    const { violations, incomplete } = await window.axe.run(document, options);
    const told = (kind) => (rule) =>
      rule.nodes.map(({ target, any, all, none }) => {
        const why = [...any, ...all, ...none].map((part) => part.message).join("; ");
        return { undecided: kind === "undecided" && rule.id, text: `${kind} ${rule.id}: ${target.join(" ")}: ${why}` };
      });
    return [...violations.flatMap(told("fault")), ...incomplete.flatMap(told("undecided"))];
  }, WCAG);
  return found.filter(({ undecided }) => !DECIDED.has(undecided)).map(({ text }) => text);
}

/// Presses Tab until it comes round, and compares what it reached with what it should.
async function keyboard(page) {
  const expected = await page.evaluate(inPage.watchFocus);
  for (let presses = 0; presses < expected + 5; presses += 1) await page.keyboard.press("Tab");
  return page.evaluate(inPage.unreached);
}

/// Under the page's own policy, which has to let its script run.
async function tables(browser, site, name) {
  const { page } = await open(browser, site, name, { theme: "light", screen: "desk", strict: true });
  const wrong = await page.evaluate(inPage.sortsAndFilters);
  await page.close();
  return wrong;
}

async function look(browser, site, name, theme, screen) {
  const title = `${name}, ${theme}, ${screen}`;
  const before = faults.length;
  const { page } = await open(browser, site, name, { theme, screen, strict: false });
  await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
  check(`${title}: axe`, await axe(page));
  check(`${title}: contrast of text`, await page.evaluate(inPage.contrasts));
  check(`${title}: charts`, await page.evaluate(inPage.charts));
  check(`${title}: nothing is wider than the screen`, await page.evaluate(inPage.tooWide));
  check(`${title}: colour is not alone`, await page.evaluate(inPage.colourAlone));
  // What can be reached is the same in both themes.
  if (theme === "light") check(`${title}: keyboard`, await keyboard(page));
  if (PICTURES || faults.length > before) {
    const file = path.join(folder, `${name}-${theme}-${screen}.png`);
    await page.screenshot({ path: file, fullPage: true }).catch(() => {});
  }
  await page.close();
}

const pages = reports();
const site = await serve(pages);
const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
const browser = await puppeteer.launch({ executablePath: chromium(), headless: true, args });
try {
  const scripts = new Set(pages.map(({ html }) => written(html).scripts.join()));
  const same = scripts.size === 1 ? [] : [`${scripts.size} texts of the page's own script in ${pages.length} pages`];
  check("the page's own script is the same whatever the data", same);
  for (const report of pages) {
    check(`${report.name}: the policy of the page`, written(report.html).wrong);
    check(`${report.name}: nothing of the data runs`, await quiet(browser, site, report, true));
    check(`${report.name}: nor without a policy`, await quiet(browser, site, report, false));
  }
  for (const name of ["shipped", "hostile"]) check(`${name}: tables sort and filter`, await tables(browser, site, name));
  check("hostile: texts are shown as they are", await shownAsText(browser, site));
  for (const { name } of pages) {
    for (const theme of ["light", "dark"]) {
      for (const screen of Object.keys(WIDTHS)) await look(browser, site, name, theme, screen);
    }
  }
} finally {
  await browser.close();
  site.server.close();
}
const outcome = faults.length === 0 ? "ok" : "FAILED";
console.log(`\ntest result: ${outcome}. ${passed} passed; ${faults.length} failed`);
process.exit(faults.length === 0 ? 0 : 1);
