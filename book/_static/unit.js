// One LSTM unit, live, in the place of the figure "fig-one-unit" of chapter 2; and four puzzles.
// lstm.js computes it; tests/browser compares its numbers with lstm.step.
"use strict";

const unit = live.mount("fig-one-unit", { name: "One unit, live", instead: true }, (root) => {
  const { make, number } = live;
  const STEPS = 24;
  const GATES = Object.keys(live.gates); // the order of the columns of WLSTM
  const ROWS = ["bias", "weight of x", "weight of h"];

  // Each scene is a WLSTM of shape (3, 4), rows bias, x, h, and inputs other than 0 by step.
  // The first is that of the notebook.
  const SCENES = [
    { name: "Write, hold, erase", W: [[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]], x: { 4: 1, 16: -1 }, at: 8 },
    { name: "Forgetful", W: [[-3, -3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]], x: { 4: 1, 16: -1 }, at: 6 },
    { name: "Forget bias 3", W: [[-3, 3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]], x: { 2: 1 }, at: 16 },
    { name: "Count", W: [[-3, 8, 3, 0], [6, 0, 0, 1], [0, 0, 0, 0]], x: { 3: 1, 7: 1, 11: 1, 15: 1, 19: 1, 23: 1 }, at: 13 },
    { name: "Feed back", W: [[3, -2, 3, 0], [0, 0, 0, 3], [0, 0, 0, -6]], x: { 2: 1 }, at: 5 },
  ];

  // A puzzle has its inputs, a start, and conditions: what to say, and whether `rows` meet it.
  // Steps count from 1 where they are said and from 0 in `rows`.
  const between = (rows, from, to, test) => rows.slice(from - 1, to).every(test);
  const PUZZLES = [
    {
      name: "Latch",
      goal: "Remember which pulse came last: +1 switches the memory on, −1 switches it off.",
      x: { 3: 1, 8: -1, 13: 1, 18: -1 },
      checks: [
        ["off before the first pulse: |h| below 0.2", (r) => between(r, 1, 2, (s) => Math.abs(s.h) < 0.2)],
        ["on from step 3 to 7: h above 0.6", (r) => between(r, 3, 7, (s) => s.h > 0.6)],
        ["off from step 8 to 12", (r) => between(r, 8, 12, (s) => Math.abs(s.h) < 0.2)],
        ["on from step 13 to 17", (r) => between(r, 13, 17, (s) => s.h > 0.6)],
        ["off from step 18 on", (r) => between(r, 18, 24, (s) => Math.abs(s.h) < 0.2)],
      ],
    },
    {
      name: "Count",
      goal: "Count the pulses in c: each adds the same amount, and nothing leaks in between.",
      x: { 3: 1, 6: 1, 7: 1, 13: 1, 20: 1 },
      checks: [
        ["each pulse adds more than 0.3", (r) => [3, 6, 7, 13, 20].every((t) => r[t - 1].c - (t > 1 ? r[t - 2].c : 0) > 0.3)],
        ["the fifth pulse adds what the first did, to 5%", (r) =>
          Math.abs((r[19].c - r[18].c) / (r[2].c || 1) - 1) < 0.05],
        ["between pulses c moves by less than 0.01 a step", (r) =>
          r.every((s, t) => s.x !== 0 || t === 0 || Math.abs(s.c - r[t - 1].c) < 0.01)],
      ],
    },
    {
      name: "Toggle",
      goal: "The same pulse must switch the unit on when it is off, and off when it is on: h changes its sign at each.",
      x: { 3: 1, 8: 1, 13: 1, 18: 1 },
      checks: [
        ["|h| above 0.5 from step 3 on", (r) => between(r, 3, 24, (s) => Math.abs(s.h) > 0.5)],
        ["h changes its sign at each of the three pulses after the first", (r) =>
          [8, 13, 18].every((t) => r[t - 1].h * r[t - 2].h < 0)],
        ["and at no other step", (r) => r.every((s, t) => t < 3 || s.x !== 0 || s.h * r[t - 1].h > 0)],
      ],
    },
    {
      name: "Oscillate",
      goal: "One pulse, then nothing: h must go on swinging by itself.",
      x: { 2: 1 },
      checks: [
        ["quiet before the pulse: |h| below 0.05", (r) => Math.abs(r[0].h) < 0.05],
        ["h changes its sign at least six times after step 2", (r) =>
          r.filter((s, t) => t > 1 && s.h * r[t - 1].h < 0).length >= 6],
        ["and still reaches 0.2 in the last six steps", (r) => r.slice(-6).some((s) => Math.abs(s.h) > 0.2)],
      ],
    },
  ];

  let W, x, rows, puzzle = null;
  let at = 0; // the step that is looked at, from 0

  /** Run lstm.js over the inputs, and keep what each step did. */
  function run() {
    const X = { shape: [STEPS, 1, 1], data: Float64Array.from(x) };
    const { Hout, cache } = lstm.forward(X, lstm.array(W));
    rows = x.map((input, t) => {
      const [i, f, o, g] = cache.IFOG.data.subarray(4 * t, 4 * t + 4);
      return { x: input, i, f, o, g, c: cache.C.data[t + 1], h: Hout.data[t] };
    });
  }

  // The plot: the inputs in a drawing of their own, as a finger draws there and scrolls elsewhere.
  const left = 34;
  const inputs = live.drawing("Inputs");
  const states = live.drawing("Gates and states");
  inputs.svg.classList.add("inputs");
  states.svg.classList.add("states");
  let width = 0;
  const column = (t) => left + ((t + 0.5) * width) / STEPS;

  /** One strip of the plot: a name, a zero line, steps filled from zero, the step looked at. */
  function strip(drawing, { top, height, low, high, names, label }) {
    const y = (value) => top + (height * (high - value)) / (high - low);
    const w = width / STEPS;
    drawing.add("rect", { x: left, y: top, width, height, fill: "var(--tint)" });
    drawing.add("rect", { x: column(at) - w / 2, y: top, width: w, height, fill: "var(--glow)" });
    names.forEach((name, k) => {
      const color = name === "h" || name === "x" ? "var(--ink)" : `var(--gate-${name})`;
      const points = rows.map((row, t) => [column(t), y(row[name])]);
      if (k === 0) {
        const path = live.steps(points, w);
        drawing.add("path", { d: `${path}V${y(0)}H${left}Z`, fill: color, opacity: name === "c" ? 0.25 : 0.55 });
      }
      drawing.add("path", { d: live.steps(points, w), fill: "none", stroke: color,
        "stroke-width": name === "c" ? 4 : 2, "stroke-dasharray": name === "h" ? "6 3" : "" });
    });
    drawing.add("line", { x1: left, x2: left + width, y1: y(0), y2: y(0), stroke: "var(--edge)" });
    drawing.add("text", { x: left - 8, y: top + height / 2 + 4, "text-anchor": "end" },
      ...label.map((name, k) => make("tspan", { fill: name === "h" || name === "x" ? "var(--ink)" : `var(--text-${name}, var(--gate-c))`, dx: k ? 4 : 0,
        "font-style": "italic", "font-weight": 600 }, name)));
  }

  function draw() {
    width = inputs.clear(62) - left - 4;
    strip(inputs, { top: 16, height: 44, low: -1, high: 1, names: ["x"], label: ["x"] });
    inputs.add("text", { x: left, y: 11 }, "input: draw it here");
    states.clear(252);
    GATES.forEach((gate, k) => strip(states, { top: 4 + 32 * k, height: 28,
      low: gate === "g" ? -1 : 0, high: 1, names: [gate], label: [gate] }));
    const cells = rows.map((row) => row.c);
    const low = Math.min(-1, ...cells), high = Math.max(1, ...cells);
    strip(states, { top: 140, height: 90, low, high, names: ["c", "h"], label: ["c", "h"] });
    for (const [value, y] of [[high, 151], [low, 227]]) {
      states.add("text", { x: left + 3, y, class: "small" }, number(value, 1));
    }
    states.add("text", { x: left, y: 248, class: "small" }, "step 1");
    states.add("text", { x: left + width, y: 248, class: "small", "text-anchor": "end" }, `step ${STEPS}`);
  }

  // By pointer: draw inputs, or look at a step.
  const stepAt = (px) => Math.max(0, Math.min(STEPS - 1, Math.floor(((px - left) * STEPS) / width)));
  inputs.follow(({ x: px, y }, first) => {
    play.stop();
    const t = stepAt(px);
    const value = Math.round(Math.max(-1, Math.min(1, 1 - (2 * (y - 16)) / 44)) * 10) / 10;
    // A quick hand skips steps: those between belong to the line that it draws, too.
    const last = first ? t : at;
    x.fill(value, last < t ? last + 1 : t, last > t ? last : t + 1);
    at = t;
    changed();
  });
  states.follow(({ x: px }) => {
    play.stop();
    at = stepAt(px);
    stepSlider.input.focus({ preventScroll: true }); // from here on arrow keys move the step
    update();
  });

  // By keyboard: buttons and sliders, all of them the browser's own.
  const stepSlider = live.slider("step", { min: 1, max: STEPS, step: 1, show: (v) => number(v, 0) },
    (value) => { play.stop(); at = value - 1; update(); });
  const inputSlider = live.slider("its input x", { min: -1, max: 1, step: 0.1 },
    (value) => { play.stop(); x[at] = value; changed(); });
  const weights = ROWS.map((row, r) => GATES.map((gate, k) => live.slider(gate,
    { min: -8, max: 8, step: 0.5, gate, "aria-label": `${row}, ${live.gates[gate]} ${gate}` },
    (value) => { play.stop(); W[r][k] = value; changed(); })));
  const table = make("div", { class: "weights" }, ...ROWS.map((row, r) =>
    make("div", { role: "group", "aria-label": row }, make("b", {}, row), ...weights[r].map((w) => w.element))));

  const pick = (entry) => live.button(entry.name, () => choose(entry), { "aria-pressed": "false" });
  const scenes = SCENES.map(pick), puzzles = PUZZLES.map(pick);
  function press(entry) {
    scenes.forEach((b, k) => b.setAttribute("aria-pressed", String(SCENES[k] === entry)));
    puzzles.forEach((b, k) => b.setAttribute("aria-pressed", String(PUZZLES[k] === entry)));
  }

  function choose(entry) {
    play.stop();
    puzzle = PUZZLES.includes(entry) ? entry : null;
    W = (entry.W ?? [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).map((row) => [...row]);
    x = Array.from({ length: STEPS }, (_, t) => entry.x[t + 1] ?? 0);
    at = (entry.at ?? 3) - 1;
    press(entry);
    update();
    keep();
  }

  /** The reader has changed something: it is no longer the scene, but it may be the puzzle. */
  function changed() {
    if (puzzle && x.some((value, t) => value !== (puzzle.x[t + 1] ?? 0))) puzzle = null;
    press(puzzle);
    update();
    keep();
  }

  // The state in the address, so that a solution can be sent: weights, then inputs, then the puzzle.
  let keeping = 0;
  function keep() {
    clearTimeout(keeping); // not at every pixel of a slider: browsers limit that
    keeping = setTimeout(() => {
      const text = [W.flat().join("_"), x.join("_"), puzzle ? puzzle.name : ""].join("~");
      history.replaceState(history.state, "", `#unit=${text}`);
    }, 300);
  }
  function recall() {
    const match = /^#unit=([-\d._]+)~([-\d._]+)~(\w*)$/.exec(decodeURIComponent(location.hash));
    if (!match) return false;
    const [w, inputs] = [match[1], match[2]].map((part) => part.split("_").map(Number));
    const within = (numbers, count, most) =>
      numbers.length === count && numbers.every((v) => Number.isFinite(v) && Math.abs(v) <= most);
    if (!within(w, 12, 8) || !within(inputs, STEPS, 1)) return false;
    W = [w.slice(0, 4), w.slice(4, 8), w.slice(8)];
    x = inputs;
    puzzle = PUZZLES.find((p) => p.name === match[3]) ?? null;
    at = 3;
    changed();
    return true;
  }

  // Play: the step moves by itself; for readers who prefer reduced motion, one step a press.
  const play = live.player("Play", 250, () => {
    at = (at + 1) % STEPS;
    update();
    return at < STEPS - 1;
  });
  const clear = live.button("All inputs 0", () => { play.stop(); x.fill(0); changed(); });

  // In words, and in numbers.
  const said = live.said();
  const goal = make("div", { class: "goal", "aria-live": "polite" });
  const numbers = make("tbody");

  function judge() {
    goal.hidden = !puzzle;
    if (!puzzle) return;
    const results = puzzle.checks.map(([words, test]) => [words, test(rows)]);
    const met = results.filter(([, good]) => good).length;
    const end = met === results.length ? " Solved. The address of this page now holds your solution." : "";
    goal.replaceChildren(
      make("p", {}, make("b", {}, `${puzzle.name}: `), puzzle.goal),
      make("ul", {}, ...results.map(([words, good]) =>
        make("li", { class: good ? "met" : "open" }, `${good ? "✓" : "·"} ${words}`))),
      make("p", {}, `${met} of ${results.length} met.${end}`));
  }

  function update() {
    run();
    const row = rows[at];
    draw();
    stepSlider.set(at + 1);
    inputSlider.set(x[at]);
    weights.forEach((line, r) => line.forEach((slider, k) => slider.set(W[r][k])));
    const before = at ? rows[at - 1].c : 0;
    said.textContent = `Step ${at + 1}, input ${number(row.x, 1)}: f keeps ${number(row.f)} of ` +
      `${number(before)}; i lets ${number(row.i)} of g\u00a0=\u00a0${number(row.g)} in; ` +
      `so c\u00a0=\u00a0${number(row.c)}. ` +
      `o shows ${number(row.o)} of tanh c: h\u00a0=\u00a0${number(row.h)}.`;
    said.setAttribute("aria-live", play.playing ? "off" : "polite");
    const top = rows.reduce((best, r, t) => (Math.abs(r.c) > Math.abs(rows[best].c) ? t : best), 0);
    states.say(`Gates and states of one unit over ${STEPS} steps. ` +
      `The memory c is furthest from zero at step ${top + 1}, at ${number(rows[top].c)}, and ends at ` +
      `${number(rows.at(-1).c)}; the output h ends at ${number(rows.at(-1).h)}.`);
    inputs.say(`Inputs of ${STEPS} steps; other than zero at ` +
      (x.map((v, t) => (v ? t + 1 : 0)).filter(Boolean).join(", ") || "none") + ".");
    numbers.replaceChildren(...rows.map((r, t) => make("tr", {},
      make("th", { scope: "row" }, String(t + 1)),
      ...["x", ...GATES, "c", "h"].map((name) => make("td", {}, number(r[name], 3))))));
    judge();
  }

  const head = make("tr", {}, ...["step", "x", ...GATES, "c", "h"].map((name) => make("th", { scope: "col" }, name)));
  const all = make("div", { class: "numbers", tabindex: 0, role: "group", "aria-label": "All numbers" },
    make("table", {}, make("thead", {}, head), numbers));
  root.append(
    make("div", { class: "row", role: "group", "aria-label": "Scenes" }, ...scenes),
    make("div", { class: "row", role: "group", "aria-label": "Puzzles" }, make("span", {}, "Puzzles:"), ...puzzles),
    goal,
    make("div", { class: "plot" }, inputs.svg, states.svg),
    make("div", { class: "row" }, stepSlider.element, inputSlider.element, play.element, clear),
    said, table,
    make("details", {}, make("summary", {}, "All numbers"), all));
  if (!recall()) choose(SCENES[0]);
  clearTimeout(keeping); // a page that was only opened keeps its address
  addEventListener("hashchange", recall);
  return { draw, pause: play.stop, scenes: SCENES, puzzles: PUZZLES, state: () => ({ W, x, rows }), at: () => at,
    solved: () => puzzle && puzzle.checks.every(([, test]) => test(rows)) };
});
