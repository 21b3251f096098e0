// One LSTM unit, live, in the place of the figure "fig-one-unit" of chapter 2.
// It computes in double precision what lstm.step computes; tests/browser compares the two.
"use strict";

const STEPS = 24;
const GATES = ["i", "f", "o", "g"]; // the order of the columns of WLSTM
const NAMES = { i: "input gate", f: "forget gate", o: "output gate", g: "candidate" };
const ROWS = ["bias", "weight of x", "weight of h"];
const DASHES = { i: "", f: "7 4", o: "8 3 2 3", g: "2 3", c: "", h: "7 4" }; // as lstm.plots.LINES

// Each scene is a WLSTM of shape (3, 4), rows bias, x, h, and inputs other than 0 by step.
// The first is that of the notebook.
const SCENES = [
  {
    name: "Write, hold, erase",
    W: [[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]],
    x: { 4: 1, 16: -1 },
  },
  {
    name: "Forgetful",
    W: [[-3, -3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]],
    x: { 4: 1, 16: -1 },
  },
  {
    name: "Forget bias 3",
    W: [[-3, 3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]],
    x: { 2: 1 },
  },
  {
    name: "Count",
    W: [[-3, 8, 3, 0], [6, 0, 0, 1], [0, 0, 0, 0]],
    x: { 3: 1, 7: 1, 11: 1, 15: 1, 19: 1, 23: 1 },
  },
  {
    name: "Feed back",
    W: [[3, -2, 3, 0], [0, 0, 0, 3], [0, 0, 0, -6]],
    x: { 2: 1 },
  },
];

const sigmoid = (a) => 1 / (1 + Math.exp(-a));

// One step of one unit: z = [1, x, h] W, the gates, c and h. (eq-z, eq-gates, eq-c, eq-s, eq-h)
function step(x, W, cPrev, hPrev) {
  const z = GATES.map((_, k) => W[0][k] + x * W[1][k] + hPrev * W[2][k]);
  const [i, f, o] = z.map(sigmoid);
  const g = Math.tanh(z[3]);
  const c = f * cPrev + i * g;
  return { x, i, f, o, g, c, h: o * Math.tanh(c) };
}

function run(x, W) {
  const rows = [];
  let [c, h] = [0, 0];
  for (const input of x) {
    rows.push(step(input, W, c, h));
    ({ c, h } = rows.at(-1));
  }
  return rows;
}

// An element with attributes and children, of HTML or, in the plot, of SVG.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "path", "rect", "text", "circle"].includes(tag);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function mount(figure) {
  let W, x, rows;
  let at = 0; // the step that is looked at, from 0
  let playing = 0;

  // The plot: three panels over the steps. `y` maps a value to a height in its panel.
  const panels = [
    { names: ["x"], top: 18, height: 72, low: -1, high: 1, label: "input x: drag it" },
    { names: GATES, top: 118, height: 112, low: -1, high: 1, label: "gates" },
    { names: ["c", "h"], top: 260, height: 124, low: -1, high: 1, label: "memory c, output h" },
  ];
  const left = 40;
  let width = 0; // that of the panels: one unit of the drawing is about one pixel
  const column = (t) => left + ((t + 0.5) * width) / STEPS;
  const y = (panel, value) =>
    panel.top + (panel.height * (panel.high - value)) / (panel.high - panel.low);
  const svg = make("svg", { role: "img" });

  function draw() {
    const cells = rows.map((row) => row.c);
    Object.assign(panels[2], { low: Math.min(-1, ...cells), high: Math.max(1, ...cells) });
    width = (svg.clientWidth > 450 ? 650 : 350) - left - 8;
    svg.setAttribute("viewBox", `0 0 ${width + left + 8} 406`);
    svg.replaceChildren();
    for (const panel of panels) {
      const bottom = panel.top + panel.height;
      svg.append(make("rect", { x: left, y: panel.top, width, height: panel.height,
        fill: "var(--tint)", class: panel.names[0] === "x" ? "inputs" : "states" }));
      svg.append(make("line", { x1: left, x2: left + width, y1: y(panel, 0), y2: y(panel, 0),
        stroke: "var(--edge)" }));
      svg.append(make("text", { x: left, y: panel.top - 5 }, panel.label));
      for (const value of [panel.high, 0, panel.low]) {
        const text = value === 0 ? "0" : value.toFixed(Math.abs(value) === 1 ? 0 : 1);
        svg.append(make("text", { x: left - 7, y: y(panel, value) + 4, "text-anchor": "end" },
          text.replace("-", "−")));
      }
      svg.append(make("line", { x1: column(at), x2: column(at), y1: panel.top, y2: bottom,
        stroke: "var(--soft)", "stroke-dasharray": "3 3" }));
      for (const name of panel.names) {
        if (name === "x") {
          rows.forEach((row, t) => row.x !== 0 && svg.append(make("rect", {
            x: column(t) - width / 74, width: width / 37, fill: t === at ? "var(--gate-c)" : "var(--ink)",
            y: Math.min(y(panel, row.x), y(panel, 0)),
            height: Math.abs(y(panel, row.x) - y(panel, 0)), "pointer-events": "none" })));
          continue;
        }
        const color = name === "h" ? "var(--ink)" : `var(--gate-${name})`;
        const line = rows.map((row, t) => `${column(t).toFixed(1)} ${y(panel, row[name]).toFixed(1)}`);
        svg.append(make("path", { d: `M${line.join("L")}`, fill: "none", stroke: color,
          "stroke-width": name === "c" ? 4 : 2.5, "stroke-dasharray": DASHES[name] }));
        svg.append(make("circle", { cx: column(at), cy: y(panel, rows[at][name]), r: 4.5, fill: color }));
      }
    }
    svg.append(make("text", { x: left, y: 402 }, "step 1"));
    svg.append(make("text", { x: left + width, y: 402, "text-anchor": "end" }, `step ${STEPS}`));
  }

  // By pointer: drag in the input panel to set inputs, elsewhere to look at a step.
  let dragged = null;
  function drag(event) {
    const box = svg.getBoundingClientRect();
    const scale = (width + left + 8) / box.width;
    const t = Math.floor((((event.clientX - box.left) * scale - left) * STEPS) / width);
    const last = at;
    at = Math.max(0, Math.min(STEPS - 1, t));
    if (dragged === "inputs") {
      const [panel] = panels;
      const value = 1 - (2 * ((event.clientY - box.top) * scale - panel.top)) / panel.height;
      // A quick hand skips steps: those between belong to the line that it draws, too.
      const from = event.type === "pointerdown" ? at : last;
      x.fill(Math.max(-1, Math.min(1, Math.round(value * 10) / 10)),
        from < at ? from + 1 : at, from > at ? from : at + 1);
      unchoose();
    }
    update();
  }
  svg.addEventListener("pointerdown", (event) => {
    if (event.button || !event.target.matches(".inputs, .states")) return;
    dragged = event.target.getAttribute("class");
    stop();
    drag(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => dragged && drag(event));
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (dragged = null));

  // By keyboard: buttons and sliders, all of them the browser's own.
  const slider = (options, change) => {
    const input = make("input", { type: "range", ...options });
    input.addEventListener("input", () => {
      stop();
      change(Number(input.value));
      update();
    });
    return input;
  };
  const stepSlider = slider({ min: 1, max: STEPS, step: 1 }, (value) => (at = value - 1));
  const inputSlider = slider({ min: -1, max: 1, step: 0.1 }, (value) => {
    x[at] = value;
    unchoose();
  });
  const stepValue = make("output"), inputValue = make("output");

  const weights = ROWS.map((row, r) => GATES.map((gate, k) => {
    const input = slider({ min: -8, max: 8, step: 0.5, "aria-label": `${row}, ${NAMES[gate]} ${gate}` },
      (value) => {
        W[r][k] = value;
        unchoose();
      });
    return { input, output: make("output") };
  }));
  const head = make("tr", {}, make("td"), ...GATES.map((gate) =>
    make("th", { scope: "col", style: `--gate: var(--gate-${gate})` }, make("b", {}, gate), make("br"), NAMES[gate])));
  const table = make("table", { class: "weights" }, make("thead", {}, head), make("tbody", {},
    ...ROWS.map((row, r) => make("tr", {}, make("th", { scope: "row" }, row), ...GATES.map((gate, k) =>
      make("td", { "data-gate": gate, style: `--gate: var(--text-${gate})` }, weights[r][k].input, weights[r][k].output))))));

  const scenes = SCENES.map((scene) => {
    const button = make("button", { type: "button", "aria-pressed": "false" }, scene.name);
    button.addEventListener("click", () => choose(scene));
    return button;
  });
  const unchoose = () => scenes.forEach((button) => button.setAttribute("aria-pressed", "false"));

  function choose(scene) {
    stop();
    W = scene.W.map((row) => [...row]);
    x = Array.from({ length: STEPS }, (_, t) => scene.x[t + 1] ?? 0);
    at = Math.min(...Object.keys(scene.x)) - 1;
    unchoose();
    scenes[SCENES.indexOf(scene)].setAttribute("aria-pressed", "true");
    update();
  }

  // Play: the step moves by itself; for readers who prefer reduced motion, one step a press.
  const play = make("button", { type: "button" }, "Play");
  function stop() {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
  }
  function advance() {
    at = (at + 1) % STEPS;
    update();
    if (at === STEPS - 1) stop();
  }
  play.addEventListener("click", () => {
    if (playing) return stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return advance();
    play.textContent = "Stop";
    playing = setInterval(advance, 250);
  });
  const clear = make("button", { type: "button" }, "All inputs 0");
  clear.addEventListener("click", () => {
    stop();
    x.fill(0);
    unchoose();
    update();
  });

  // In words, and in numbers.
  const said = make("p", { class: "said" });
  const numbers = make("tbody");
  const shown = (value, digits = 2) => value.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");

  function update() {
    rows = run(x, W);
    const row = rows[at];
    draw();
    stepSlider.value = at + 1;
    inputSlider.value = x[at];
    stepValue.textContent = at + 1;
    inputValue.textContent = shown(x[at], 1);
    weights.forEach((line, r) => line.forEach(({ input, output }, k) => {
      input.value = W[r][k];
      output.textContent = shown(W[r][k], 1);
    }));
    const before = at ? rows[at - 1].c : 0;
    said.textContent = `Step ${at + 1}, input ${shown(row.x, 1)}: f keeps ${shown(row.f)} of ` +
      `${shown(before)}; i lets ${shown(row.i)} of g\u00a0=\u00a0${shown(row.g)} in; ` +
      `so c\u00a0=\u00a0${shown(row.c)}. ` +
      `o shows ${shown(row.o)} of tanh c: h\u00a0=\u00a0${shown(row.h)}.`;
    said.setAttribute("aria-live", playing ? "off" : "polite");
    const top = rows.reduce((best, r, t) => (Math.abs(r.c) > Math.abs(rows[best].c) ? t : best), 0);
    svg.setAttribute("aria-label", `Input, gates and states of one unit over ${STEPS} steps. ` +
      `The memory c is furthest from zero at step ${top + 1}, at ${shown(rows[top].c)}, and ends at ` +
      `${shown(rows.at(-1).c)}; the output h ends at ${shown(rows.at(-1).h)}.`);
    numbers.replaceChildren(...rows.map((r, t) => make("tr", {},
      make("th", { scope: "row" }, String(t + 1)),
      ...["x", ...GATES, "c", "h"].map((name) => make("td", {}, shown(r[name], 3))))));
  }

  const legend = make("div", { class: "row legend", "aria-hidden": "true" }, ...[...GATES, "c", "h"].map((name) => {
    const color = name === "h" ? "var(--ink)" : `var(--gate-${name})`;
    const line = make("line", { x1: 0, x2: 34, y1: 5, y2: 5, stroke: color,
      "stroke-width": name === "c" ? 4 : 2.5, "stroke-dasharray": DASHES[name] });
    const sample = make("svg", { viewBox: "0 0 34 10", style: "width:34px;display:inline-block" }, line);
    return make("span", {}, sample, make("i", {}, ` ${name}`));
  }));
  const numberHead = make("tr", {}, ...["step", "x", ...GATES, "c", "h"].map((name) =>
    make("th", { scope: "col" }, name)));
  const all = make("div", { class: "numbers", tabindex: 0, role: "group", "aria-label": "All numbers" },
    make("table", {}, make("thead", {}, numberHead), numbers));
  all.addEventListener("keydown", (event) => event.stopPropagation()); // arrows scroll here
  const unit = make("div", { class: "unit", role: "group", "aria-label": "One unit, live" },
    make("div", { class: "row", role: "group", "aria-label": "Scenes" }, ...scenes),
    svg, legend,
    make("div", { class: "row" },
      make("label", {}, "step ", stepSlider, stepValue),
      make("label", {}, "its input x ", inputSlider, inputValue), make("span", { class: "row" }, play, clear)),
    said,
    make("p", {}, make("b", {}, "Its weights"), ", a ", make("code", {}, "WLSTM"), " of shape (3, 4):"),
    table,
    make("details", {}, make("summary", {}, "All numbers"), all));
  figure.querySelector("a.full").before(unit);
  choose(SCENES[0]);
  addEventListener("resize", draw);
  return { scenes: SCENES, state: () => ({ W, x, rows }) };
}

window.lstmUnit = mount(document.getElementById("fig-one-unit"));
