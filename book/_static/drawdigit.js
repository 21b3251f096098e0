// Draw a digit, in the place of "fig-digit-reading" of chapter 11: its columns enter from the left, the
// gates move, and ten probabilities change their mind. The trained network is in digits.js.
"use strict";

const drawDigit = live.mount("fig-digit-reading", { name: "Draw a digit", about: "With mouse or finger, or with arrow keys and space. A trained network of 24 units reads it column by column, from the left. The stripes are its gates, unit by unit; the bars are its answer after the marked column." }, (root) => {
  const { make, number } = live;
  const read1000 = ({ shape, data }) => ({ shape, data: Float64Array.from(data, (v) => v / 1000) });
  const WLSTM = read1000(DIGITS.WLSTM), WOUT = read1000(DIGITS.WOUT).data, K = 10, H = WLSTM.shape[1] / 4;
  const pixels = new Float64Array(64); // by rows, from 0 to 1
  let column = 8, steps = null, cursor = 0;

  /** Read the columns: for each step the gates' means, and the ten probabilities. (eq-softmax) */
  function read() {
    const X = lstm.zeros([8, 1, 8]);
    for (let c = 0; c < 8; c++) for (let r = 0; r < 8; r++) X.data[8 * c + r] = pixels[8 * r + c];
    const { Hout, cache } = lstm.forward(X, WLSTM);
    steps = Array.from({ length: 8 }, (_, t) => {
      const h = Hout.data.subarray(t * H, (t + 1) * H);
      const logits = Array.from({ length: K }, (_, k) => h.reduce((sum, v, j) => sum + v * WOUT[(j + 1) * K + k], WOUT[k]));
      return { gates: cache.IFOG.data.subarray(4 * H * t, 4 * H * (t + 1)), probabilities: live.softmax(logits) };
    });
  }

  const pad = live.drawing(), gates = live.drawing(), bars = live.drawing(), said = live.said();
  pad.svg.classList.add("inputs", "pad");

  function draw() {
    const size = pad.clear(240, 240);
    for (let r = 0; r < 8; r++) {
      for (let c = 0; c < 8; c++) {
        pad.add("rect", { x: c * 30, y: r * 30, width: 30, height: 30, fill: "var(--ink)", "fill-opacity": pixels[8 * r + c], stroke: "var(--edge)", "stroke-width": 0.5 });
      }
    }
    pad.add("rect", { x: (column - 1) * 30, y: 1, width: 30, height: size - 2, fill: "none", stroke: "var(--back)", "stroke-width": 3 });
    const row = Math.floor(cursor / 8);
    if (document.activeElement === pad.svg) pad.add("rect", { x: (cursor % 8) * 30 + 3, y: row * 30 + 3, width: 24, height: 24, fill: "none", stroke: "var(--pst-color-link)", "stroke-width": 3 });

    const width = gates.clear(4 * 34 + 6) - 30, cell = width / 8;
    Object.keys(live.gates).forEach((gate, k) => {
      gates.add("text", { x: 18, y: 34 * k + 22, "text-anchor": "end", fill: `var(--text-${gate})`, "font-style": "italic" }, gate);
      for (let t = 0; t < 8; t++) {
        // The units as thin stripes, from closed (pale) to open.
        for (let j = 0; j < H; j++) {
          const value = steps[t].gates[k * H + j];
          gates.add("rect", { x: 26 + t * cell + 1 + (j * (cell - 2)) / H, y: 34 * k + 2, width: (cell - 2) / H, height: 30,
            fill: `var(--gate-${gate})`, "fill-opacity": t < column ? Math.abs(value) : 0 });
        }
        gates.add("rect", { x: 26 + t * cell, y: 34 * k + 2, width: cell, height: 30, fill: "none", stroke: t + 1 === column ? "var(--back)" : "var(--edge)" });
      }
    });
    gates.say(`The four gates of all ${H} units while ${column} columns are read: the darker, the more open.`);
    const p = steps[column - 1].probabilities, w = bars.clear(150), b = w / K;
    p.forEach((value, digit) => {
      bars.add("rect", { x: digit * b + 3, y: 125 - 115 * value, width: b - 6, height: 115 * value + 0.5, fill: value === Math.max(...p) ? "var(--back)" : "var(--soft)" });
      bars.add("text", { x: (digit + 0.5) * b, y: 144, "text-anchor": "middle" }, String(digit));
    });
    bars.say(`Probabilities: ${p.map((value, digit) => `${digit}: ${number(value)}`).join(", ")}.`);
    pad.say(`A field of 8 by 8 pixels to draw in; ${pixels.filter((v) => v > 0.5).length} are dark. Arrow keys move, space draws.`);
  }
  function update() {
    read();
    draw();
    slider.set(column);
    const best = steps.map(({ probabilities: p }) => p.indexOf(Math.max(...p)));
    const { probabilities } = steps[column - 1];
    said.textContent = `After column ${column}: a ${best[column - 1]}, says the network, with probability ` +
      `${number(probabilities[best[column - 1]])}. From column to column it says ${best.join(", ")}.`;
  }

  /** A soft brush: the pixel under the pointer, and a little of its neighbours. */
  function paint(x, y) {
    for (let r = 0; r < 8; r++) {
      for (let c = 0; c < 8; c++) {
        const far = Math.hypot(x - (c + 0.5), y - (r + 0.5));
        if (far < 1.1) pixels[8 * r + c] = Math.min(1, pixels[8 * r + c] + Math.max(0, 1.1 - far) * 0.8);
      }
    }
  }
  pad.follow(({ x, y }) => {
    paint(x / 30, y / 30);
    update();
  });
  pad.svg.setAttribute("tabindex", 0);
  pad.svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8 }[event.key];
    if (move) cursor = (cursor + move + 64) % 64;
    else if (event.key === " ") pixels[cursor] = pixels[cursor] > 0.5 ? 0 : 1;
    else return;
    event.preventDefault();
    update();
  });
  for (const change of ["focus", "blur"]) pad.svg.addEventListener(change, draw);

  const slider = live.slider("columns read", { min: 1, max: 8, step: 1, value: 8, show: (v) => number(v, 0) }, (value) => { play.stop(); column = value; update(); });
  const play = live.player("Read it", 400, () => {
    column = (column % 8) + 1;
    update();
    return column < 8;
  });
  const show = (digit) => { play.stop(); pixels.set(DIGITS.examples[digit].map((v) => v / 16)); column = 8; update(); };
  const clear = live.button("Clear", () => { play.stop(); pixels.fill(0); update(); });
  const examples = make("div", { class: "row", role: "group", "aria-label": "Held-out digits" }, make("span", {}, "Or take one:"),
    ...DIGITS.examples.map((_, digit) => live.button(String(digit), () => show(digit))));
  root.append(make("div", { class: "drawing" }, pad.svg, make("div", {}, gates.svg, bars.svg)), said,
    make("div", { class: "row" }, slider.element, play.element, clear), examples);
  show(3);
  return { draw, pause: play.stop, pixels, update, show, at: () => [column, cursor], state: () => steps.map(({ probabilities }) => probabilities) };
});
