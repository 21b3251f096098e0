// What the figures that compute in the page share: elements, sliders, plots, and their place.
// Each figure is a file of its own that calls live.mount; `lstm` of lstm.js does the arithmetic.
"use strict";

const live = (() => {
  const SVG = ["svg", "g", "line", "path", "rect", "text", "circle", "title", "tspan"];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** An element with attributes and children, of HTML or, inside drawings, of SVG. */
  function make(tag, attributes = {}, ...children) {
    const element = SVG.includes(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** A number as readers expect it: a true minus, and no minus before a zero. */
  const number = (value, digits = 2) =>
    value.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

  /** A power of ten, such as 1 or 10⁻⁶. */
  function powerOfTen(power) {
    const digits = [...String(Math.abs(power))].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("");
    return power === 0 ? "1" : `10${power < 0 ? "⁻" : ""}${digits}`;
  }

  /** A number of any size, such as 0.02, 3.1 or 4·10⁻¹². */
  function scientific(value) {
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)));
    if (power >= -2 && power < 4) return number(value, Math.max(0, Math.min(3, 1 - power)));
    return `${number(value / 10 ** power, 1)}·${powerOfTen(power)}`;
  }

  const button = (text, press, attributes = {}) => {
    const element = make("button", { type: "button", ...attributes }, text);
    element.addEventListener("click", press);
    return element;
  };

  /** A slider that fills from zero, its name before it and its value behind. */
  function slider(name, { min, max, step, value, show = (v) => number(v, 1), gate = null, ...more }, change) {
    const input = make("input", { type: "range", min, max, step, ...more });
    const output = make("output");
    const element = make("label", { class: "slider", style: gate ? `--gate: var(--gate-${gate})` : null },
      make("span", {}, name), input, output);
    const set = (to) => {
      input.value = to;
      output.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
      const share = (v) => `${(100 * (v - min)) / (max - min)}%`;
      const zero = Math.min(max, Math.max(min, 0));
      input.style.setProperty("--from", share(Math.min(zero, input.value)));
      input.style.setProperty("--to", share(Math.max(zero, input.value)));
    };
    input.addEventListener("input", () => {
      set(input.value);
      change(Number(input.value));
    });
    set(value ?? min);
    return { element, input, set, get value() { return Number(input.value); } };
  }

  /** A few buttons of which one is pressed. */
  function choice(name, options, change) {
    const buttons = Object.entries(options).map(([key, text]) =>
      button(text, () => (set(key), change(key)), { "data-key": key }));
    const set = (key) => buttons.forEach((b) =>
      b.setAttribute("aria-pressed", String(b.dataset.key === String(key))));
    return { element: make("div", { class: "row", role: "group", "aria-label": name }, ...buttons), set };
  }

  /** A drawing of `width` by `height` units; a unit is about a pixel at the size it is shown. */
  function drawing(label) {
    const svg = make("svg", { role: "img", "aria-label": label });
    return {
      svg,
      clear(height) {
        const width = Math.max(300, Math.round(svg.clientWidth || 650));
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.style.aspectRatio = `${width} / ${height}`;
        svg.replaceChildren();
        return width;
      },
      add: (tag, attributes, ...children) => {
        const element = make(tag, attributes, ...children);
        svg.append(element);
        return element;
      },
      say: (words) => svg.setAttribute("aria-label", words),
    };
  }

  /** A path of points that holds each value for the width of its step. */
  const steps = (points, width) =>
    points.map(([x, y], k) => `${k ? "L" : "M"}${(x - width / 2).toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}`).join("");

  /** A path through points. */
  const line = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

  /**
   * Put a figure that computes in the place of a stored one, before its picture, which stays for
   * print and for pages without JavaScript; or into an empty place. `build(root)` fills the root and returns an object:
   * draw() is called when the size changes, pause() when the figure goes out of sight.
   */
  function mount(id, name, build) {
    const figure = document.getElementById(id);
    if (!figure) return null;
    const picture = figure.querySelector("a.full, img"); // none in a place of its own
    const root = make("div", { class: "live", role: "group", "aria-label": name });
    // The arrow keys belong to what is focused here: they do not turn the page.
    root.addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.stopPropagation());
    if (picture) picture.before(root);
    else figure.append(root);
    const built = build(root);
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth === width) return;
      width = root.clientWidth;
      built.draw?.();
    }).observe(root);
    new IntersectionObserver(([entry]) => entry.isIntersecting || built.pause?.()).observe(root);
    return built;
  }

  return { make, number, powerOfTen, scientific, button, slider, choice, drawing, steps, line, mount,
    get calm() { return calm.matches; } };
})();
