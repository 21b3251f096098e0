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

  /** The gates in the order of the columns of WLSTM, with their names. */
  const gates = { i: "input gate", f: "forget gate", o: "output gate", g: "candidate" };

  /** A number as readers expect it: a true minus, and no minus before a zero. */
  const number = (value, digits = 2) =>
    value.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

  /** A power of ten, such as 1 or 10⁻⁶. */
  function powerOfTen(power) {
    const digits = [...String(Math.abs(power))].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("");
    return power === 0 ? "1" : `10${power < 0 ? "⁻" : ""}${digits}`;
  }

  /** A number of any size, such as 0.02, 3.1 or 4.0·10⁻¹². */
  function scientific(value) {
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)));
    if (power >= -2 && power < 4) return number(value, Math.max(0, Math.min(3, 1 - power)));
    return `${number(value / 10 ** power, 1)}·${powerOfTen(power)}`;
  }

  /** Probabilities from scores: exp(score), divided by the sum of all. (eq-softmax) */
  function softmax(scores) {
    const top = Math.max(...scores), powers = Array.from(scores, (score) => Math.exp(score - top));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
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

  /**
   * A button that lets `advance` run every `every` milliseconds until it returns false; for readers
   * who prefer rest, it runs once a press. stop() ends it.
   */
  function player(name, every, advance) {
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      element.textContent = name;
    };
    const element = button(name, () => {
      if (timer) return stop();
      if (calm.matches) return void advance();
      element.textContent = "Stop";
      timer = setInterval(() => advance() || stop(), every);
    });
    return { element, stop, get playing() { return timer !== 0; } };
  }

  /** What a figure says of itself in words, under its drawing; read out when it changes. */
  const said = (attributes = {}) => make("p", { class: "said", "aria-live": "polite", ...attributes });

  /** A drawing of `width` by `height` units; a unit is about a pixel at the size it is shown. */
  function drawing(label = "") {
    const svg = make("svg", { role: "img", "aria-label": label });
    const add = (tag, attributes, ...children) => {
      const element = make(tag, attributes, ...children);
      svg.append(element);
      return element;
    };
    return {
      svg,
      add,
      /** Begin anew; the width is that of the place, if none is given. */
      clear(height, width = Math.max(300, Math.round(svg.clientWidth || 650))) {
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.style.aspectRatio = `${width} / ${height}`;
        svg.replaceChildren();
        return width;
      },
      /** A level of the vertical axis, from `left` to `right`: a line, dotted unless it is strong, and its name. */
      level(y, name, left, right, strong = false) {
        add("line", { x1: left, x2: right, y1: y, y2: y, stroke: strong ? "var(--soft)" : "var(--edge)", "stroke-dasharray": strong ? null : "1 3" });
        add("text", { x: left - 6, y: y + 4, "text-anchor": "end", class: "small" }, name);
      },
      /**
       * Names along the horizontal axis, pairs of x and words; the first and the last stay inside.
       * What they count stands at the lower edge, below the middle of the axis.
       */
      along(y, names, title) {
        names.forEach(([x, words], k) => add("text", { x, y, class: "small",
          "text-anchor": k === 0 ? "start" : k === names.length - 1 ? "end" : "middle" }, words));
        add("text", { x: (names[0][0] + names.at(-1)[0]) / 2, y: svg.viewBox.baseVal.height,
          "text-anchor": "middle", "dominant-baseline": "text-after-edge" }, title);
      },
      say: (words) => svg.setAttribute("aria-label", words),
      /**
       * What the pointer does here: act({ x, y }, first) in the drawing's units, while it is held.
       * A finger scrolls the page unless the style sheet's touch-action says that it draws.
       */
      follow(act) {
        let held = false;
        const where = (event) => {
          const box = svg.getBoundingClientRect(), { width, height } = svg.viewBox.baseVal;
          return { x: ((event.clientX - box.left) * width) / box.width, y: ((event.clientY - box.top) * height) / box.height };
        };
        svg.addEventListener("pointerdown", (event) => {
          if (event.button) return;
          event.preventDefault(); // else the browser takes the focus back
          held = true;
          svg.setPointerCapture(event.pointerId);
          act(where(event), true);
        });
        svg.addEventListener("pointermove", (event) => held && act(where(event), false));
        for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (held = false));
      },
    };
  }

  /** A path of points that holds each value for the width of its step. */
  const steps = (points, width) =>
    points.map(([x, y], k) => `${k ? "L" : "M"}${(x - width / 2).toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}`).join("");

  /** A path through points. */
  const line = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

  /** Call `pause` when an element goes out of sight, with its page or alone; `resume` when it is back. */
  function whileInSight(element, pause, resume = () => {}) {
    let near = false;
    const look = () => (near && !document.hidden ? resume() : pause());
    new IntersectionObserver((entries) => {
      near = entries.at(-1).isIntersecting;
      look();
    }).observe(element);
    document.addEventListener("visibilitychange", look);
  }

  /**
   * Put a figure that computes into its place, an element or its id: into an empty place, or after a
   * stored figure, which has its own caption; `instead` of the picture, if that caption is true of
   * both. In print and without JavaScript there is the stored one alone. `about` is a sentence or
   * two on what to do here. `build(root)` fills the root and returns an object: draw() is called
   * when the size changes, pause() when the figure goes out of sight.
   */
  function mount(place, { name, about = "", instead = false }, build) {
    const figure = typeof place === "string" ? document.getElementById(place) : place;
    if (!figure) return null;
    const root = make("div", { class: "live", role: "group", "aria-label": name, id: figure.id ? `${figure.id}-live` : null });
    if (about) root.append(make("p", { class: "about" }, make("b", {}, `${name}. `), about));
    // The arrow keys belong to what is focused here: they do not turn the page.
    root.addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.stopPropagation());
    const picture = figure.querySelector("a.full, img");
    if (picture && instead) {
      picture.before(root);
      picture.classList.add("printed");
    } else if (picture) figure.after(root);
    else figure.append(root);
    const built = build(root);
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth === width) return;
      width = root.clientWidth;
      built.draw?.();
    }).observe(root);
    if (built.pause) whileInSight(root, built.pause);
    return built;
  }

  return { make, gates, number, powerOfTen, scientific, softmax, button, slider, choice, player, said, drawing,
    steps, line, whileInSight, mount, get calm() { return calm.matches; } };
})();
