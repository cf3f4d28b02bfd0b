// What tests/page/check.mjs asks inside a page. Each function is sent there as text: it knows nothing but
// its arguments.

/// Uses whatever a reader can use: opens, presses and fills in everything.
export function useEverything(texts) {
  for (const part of document.querySelectorAll("details")) part.open = true;
  for (const field of document.querySelectorAll("input, textarea, select")) {
    for (const text of texts) {
      field.value = text;
      for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    }
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  for (const button of document.querySelectorAll("button, [role=button], th")) {
    button.click();
    button.click();
  }
  for (const part of document.querySelectorAll("body *")) {
    part.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
  }
  for (const link of document.querySelectorAll("a")) {
    if (!link.getAttribute("href")?.startsWith("#")) link.click();
  }
}

/// Signs that something ran or was stopped.
export function acted(marker) {
  const wrong = window.violations.map((violation) => `policy: ${violation}`);
  if (window[marker] !== undefined) wrong.push("a text of the data ran");
  for (const { name } of performance.getEntriesByType("resource")) {
    if (name !== `${location.origin}/favicon.ico`) wrong.push(`loaded ${name}`);
  }
  return wrong;
}

/// Parts of the page that could run or load something.
export function livingParts(scripts) {
  const wrong = [];
  const said = (part) => part.outerHTML.slice(0, 120);
  if (document.scripts.length !== scripts) wrong.push(`${document.scripts.length} scripts`);
  if (document.querySelectorAll("style").length !== 1) wrong.push("more than one style sheet");
  const tags = "iframe, frame, object, embed, link, base, form, img, video, audio, foreignObject, use, image, animate, set";
  for (const part of document.querySelectorAll(tags)) wrong.push(said(part));
  const metas = [...document.querySelectorAll("meta[http-equiv]")].map((meta) => meta.httpEquiv.toLowerCase());
  if (metas.join() !== "content-security-policy") wrong.push(`meta ${metas}`);
  for (const part of document.querySelectorAll("*")) {
    for (const { name, value } of part.attributes) {
      if (/^on|^(srcdoc|src|action|formaction|background|ping)$/i.test(name)) wrong.push(said(part));
      if (/href$/i.test(name) && !value.startsWith("#")) wrong.push(said(part));
      if (name === "style" && /url\(|expression|@import/i.test(value)) wrong.push(said(part));
    }
  }
  return wrong;
}

/// What the functions below know of colours; it comes into a page before them.
export function knowColours() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  /// Red, green, blue from 0 to 1 and the part that covers.
  const parse = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = "#000";
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, { rgb: [r / 255, g / 255, b / 255], alpha: a / 255 });
    }
    return known.get(colour);
  };
  const over = (top, alpha, bottom) => top.map((part, at) => part * alpha + bottom[at] * (1 - alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a) + 0.05, luminance(b) + 0.05];
    return Math.max(x, y) / Math.min(x, y);
  };
  const backgroundOf = (part) => {
    const layers = [];
    for (let at = part; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reduceRight((below, { rgb, alpha }) => over(rgb, alpha, below), [1, 1, 1]);
  };
  window.colours = { parse, over, contrast, backgroundOf };
}

/// Texts of the page that do not stand out 4.5 to 1 from what lies under them, wherever they stand.
export function contrasts() {
  const { parse, over, contrast, backgroundOf } = window.colours;
  const wrong = [];
  for (const part of document.querySelectorAll("body *:not(svg, svg *, script, style)")) {
    const texts = [...part.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (texts.length === 0 || !part.checkVisibility()) continue;
    const style = getComputedStyle(part);
    const [ground, ink] = [backgroundOf(part), parse(style.color)];
    let covers = ink.alpha;
    for (let at = part; at; at = at.parentElement) covers *= Number(getComputedStyle(at).opacity);
    const least = contrast(over(ink.rgb, covers, ground), ground);
    if (least < 4.5) wrong.push(`"${texts[0].data.trim().slice(0, 40)}" stands out ${least.toFixed(2)} to 1`);
  }
  return [...new Set(wrong)];
}

/// Of every chart that is shown: its role, its words, that its text keeps inside and apart, and that it
/// stands out 4.5 to 1 from what it lies on, which axe does not judge in drawings.
export function charts() {
  const { parse, over, contrast, backgroundOf } = window.colours;
  const alphaOf = (style, of) => Number(style[`${of}Opacity`]) * Number(style.opacity);
  const wrong = [];
  for (const svg of document.querySelectorAll("svg")) {
    const box = svg.getBoundingClientRect();
    if (box.width === 0) continue;
    const title = svg.querySelector(":scope > title")?.textContent ?? "";
    const name = `chart "${title}"`;
    if (svg.getAttribute("role") !== "img") wrong.push(`${name} has no role img`);
    if (!title.trim()) wrong.push(`${name} has no title`);
    if (!svg.querySelector(":scope > desc")?.textContent.trim()) wrong.push(`${name} has no description`);
    const named = (svg.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id));
    if (!named.every((part) => part && svg.contains(part))) wrong.push(`${name} is named by what is not there`);
    const ground = backgroundOf(svg);
    const shapes = [];
    const texts = [];
    for (const part of svg.querySelectorAll("*")) {
      if (part.tagName === "text") {
        const style = getComputedStyle(part);
        const fill = parse(style.fill);
        const alpha = fill.alpha * alphaOf(style, "fill");
        const at = part.getBoundingClientRect();
        const said = part.textContent.trim();
        if (!said) continue;
        const size = Number.parseFloat(style.fontSize) * part.getScreenCTM().a;
        texts.push({ said, at, turned: part.getAttribute("transform")?.includes("rotate") });
        if (size < 10.5) wrong.push(`${name}: "${said}" is ${size.toFixed(1)} px high`);
        const slack = 1;
        if (at.left < box.left - slack || at.right > box.right + slack || at.top < box.top - slack || at.bottom > box.bottom + slack) {
          wrong.push(`${name}: "${said}" is cut off`);
        }
        const inner = part.getBBox();
        const matrix = part.getScreenCTM();
        for (const x of [0.1, 0.5, 0.9]) {
          const point = new DOMPoint(inner.x + inner.width * x, inner.y + inner.height / 2).matrixTransform(matrix);
          let below = ground;
          for (const shape of shapes) {
            const local = point.matrixTransform(shape.inverse);
            if (shape.part.isPointInFill(local)) below = over(shape.rgb, shape.alpha, below);
          }
          const seen = [below];
          const halo = parse(style.stroke);
          if (style.stroke !== "none" && style.paintOrder.startsWith("stroke")) {
            seen.push(over(halo.rgb, halo.alpha * alphaOf(style, "stroke"), below));
          }
          const least = Math.min(...seen.map((under) => contrast(over(fill.rgb, alpha, under), under)));
          if (least < 4.5) {
            wrong.push(`${name}: "${said}" stands out ${least.toFixed(2)} to 1`);
            break;
          }
        }
      } else if (part instanceof SVGGeometryElement) {
        const style = getComputedStyle(part);
        if (style.fill === "none" || part.tagName === "line") continue;
        const { rgb, alpha } = parse(style.fill);
        shapes.push({ part, rgb, alpha: alpha * alphaOf(style, "fill"), inverse: part.getScreenCTM().inverse() });
      }
    }
    texts.forEach((one, at) => {
      for (const other of texts.slice(at + 1)) {
        const x = Math.min(one.at.right, other.at.right) - Math.max(one.at.left, other.at.left);
        const y = Math.min(one.at.bottom, other.at.bottom) - Math.max(one.at.top, other.at.top);
        // Boxes of text have room above and below the letters.
        const high = Math.min(one.at.height, other.at.height);
        if (x > 1 && y > 0.45 * high) wrong.push(`${name}: "${one.said}" and "${other.said}" overlap`);
      }
    });
  }
  return [...new Set(wrong)];
}

/// Whether the page has to be moved sideways, and what for.
export function tooWide() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const cut = (part) => part !== document.body && (getComputedStyle(part).overflowX !== "visible" || cut(part.parentElement));
  const range = document.createRange();
  const wide = [...document.querySelectorAll("body *:not(svg *)")].filter((part) => {
    range.selectNodeContents(part);
    const right = Math.max(part.getBoundingClientRect().right, range.getBoundingClientRect().right);
    return right > width + 1 && !cut(part);
  });
  const parts = wide.slice(-3).map((part) => `${part.tagName} ${part.className} ${part.textContent.slice(0, 60)}`);
  return [`${document.documentElement.scrollWidth} of ${width} px: ${parts.join(" | ")}`];
}

/// Marks whose colour is all that they say.
export function colourAlone() {
  const dots = [...document.querySelectorAll(".dot")];
  const bare = dots.filter((dot) => !dot.parentElement.textContent.trim());
  const cells = [...document.querySelectorAll(".defect, .absent, .lead, .badge")].filter((part) => !part.textContent.trim());
  return [...bare, ...cells.filter((part) => part.tagName !== "TD" || part.classList.contains("defect"))].map(
    (part) => `only a colour: ${part.parentElement.outerHTML.slice(0, 120)}`,
  );
}

/// Makes the page keep what gets the focus, and gives the number of parts that should.
export function watchFocus() {
  const shown = (part) => part.checkVisibility({ visibilityProperty: true }) && part.getClientRects().length > 0;
  const wanted = [...document.querySelectorAll("a[href], summary, button, input, select, [tabindex='0']")];
  for (const part of document.querySelectorAll("body *")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(part).overflowX) && part.scrollWidth > part.clientWidth + 1;
    if (scrolls && !wanted.includes(part)) wanted.push(part);
  }
  window.wanted = wanted.filter((part) => shown(part) && !part.disabled);
  window.focused = new Map();
  document.addEventListener("focusin", ({ target }) => {
    const style = getComputedStyle(target);
    window.focused.set(target, { outline: style.outlineStyle, width: style.outlineWidth, colour: style.outlineColor });
  });
  scrollTo(0, 0);
  document.activeElement?.blur();
  return window.wanted.length;
}

/// What Tab did not reach, and what does not show that it is reached.
export function unreached() {
  const said = (part) => part.outerHTML.slice(0, 100);
  const wrong = [];
  for (const part of window.wanted) {
    const mark = window.focused.get(part);
    if (!mark) wrong.push(`Tab does not reach ${said(part)}`);
    else if (mark.outline === "none" || Number.parseFloat(mark.width) < 1) wrong.push(`no mark of focus: ${said(part)}`);
    else if (part.getAttribute("role") === "region" && !part.getAttribute("aria-label")) wrong.push(`no name: ${said(part)}`);
  }
  return wrong;
}
