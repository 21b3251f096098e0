// Wrong order, in the place of "fig-orders": name the four blocks of a matrix that another library
// stored. Every order has the right shape; only one gives the right outputs.
"use strict";

const orders = live.mount("fig-orders", "Wrong order: name the blocks", (root) => {
  const { make, number } = live;
  const LIBRARIES = { PyTorch: "ifgo", Keras: "ifgo", ONNX: "iofg", Haiku: "igfo", "this book": "ifog" };
  const NAMES = { i: "input gate", f: "forget gate", o: "output gate", g: "candidate" };
  const n = 8, D = 3, H = 4, ours = "ifog";
  const rng = lstm.normal(12);
  const WLSTM = lstm.init(D, H, { rng, forget_bias: 3 });
  for (let k = 0; k < H; k++) WLSTM.data[k] = -1; // an input bias: with all others zero, too much would look alike
  const X = lstm.zeros([n, 1, D]);
  X.data.forEach((_, k) => (X.data[k] = rng()));

  /** The columns of a matrix, its blocks brought from one order of the gates into another. */
  function reorder(W, from, to) {
    const moved = lstm.zeros(W.shape, W), width = 4 * H;
    for (let r = 0; r < W.shape[0]; r++) {
      [...to].forEach((gate, k) => {
        const start = r * width + from.indexOf(gate) * H;
        moved.data.set(W.data.subarray(start, start + H), r * width + k * H);
      });
    }
    return moved;
  }
  const right = lstm.forward(X, WLSTM).Hout;

  let library = "PyTorch", order = "ifog";
  const drawing = live.drawing("");
  const said = make("p", { class: "said", "aria-live": "polite" });
  const blocks = make("div", { class: "blocks", role: "group", "aria-label": "Names of the blocks, from left to right" });

  /** What comes out if the library's matrix is read in the order that the reader has laid. */
  function outputs() {
    const stored = reorder(WLSTM, ours, LIBRARIES[library]);
    return lstm.forward(X, reorder(stored, order, ours)).Hout;
  }
  const difference = (A) => Math.max(...A.data.map((value, k) => Math.abs(value - right.data[k])));

  function draw() {
    const got = outputs(), left = 34, height = 150;
    const width = drawing.clear(height + 22) - left - 6;
    const y = (value) => 8 + ((1 - value) / 2) * (height - 16);
    for (const value of [1, 0, -1]) {
      drawing.add("line", { x1: left, x2: left + width, y1: y(value), y2: y(value), stroke: "var(--edge)", "stroke-dasharray": value ? "1 3" : "" });
      drawing.add("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", class: "small" }, number(value, 0));
    }
    for (let t = 0; t < n; t++) {
      for (let k = 0; k < H; k++) {
        const x = left + ((t + 0.14 + (0.72 * (k + 0.5)) / H) * width) / n;
        const [want, have] = [right, got].map((A) => A.data[t * H + k]);
        drawing.add("line", { x1: x, x2: x, y1: y(want), y2: y(have), stroke: "var(--back)", "stroke-width": 2 });
        drawing.add("circle", { cx: x, cy: y(want), r: 4.5, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 });
        drawing.add("circle", { cx: x, cy: y(have), r: 2.8, fill: "var(--back)" });
      }
      drawing.add("text", { x: left + ((t + 0.5) * width) / n, y: height + 14, "text-anchor": "middle", class: "small" }, `h${"₁₂₃₄₅₆₇₈"[t]}`);
    }
    const off = difference(got);
    said.textContent = `${library}'s matrix, read in the order ${[...order].join(", ")}: shape (${WLSTM.shape.join(", ")}), ` +
      `as it must be; outputs ${off < 1e-12 ? "right, to the last digit." : `off by up to ${number(off, 2)}.`}`;
    drawing.say(`Right outputs as circles, outputs in this order as dots. ${said.textContent}`);
  }

  function update(focus = null) {
    blocks.replaceChildren(...[...order].map((gate) => {
      const block = live.button(gate, () => {}, { "data-gate": gate, style: `--gate: var(--gate-${gate})`,
        "aria-label": `${NAMES[gate]} ${gate}, block ${order.indexOf(gate) + 1} of 4; arrow keys move it` });
      block.append(make("small", {}, NAMES[gate]));
      return block;
    }));
    if (focus) blocks.querySelector(`[data-gate=${focus}]`).focus();
    libraries.set(library);
    draw();
  }
  function move(gate, to) {
    const rest = [...order].filter((other) => other !== gate);
    rest.splice(Math.max(0, Math.min(3, to)), 0, gate);
    if (rest.join("") === order) return;
    order = rest.join("");
    update(gate);
  }
  blocks.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], gate = event.target.dataset.gate;
    if (!step || !gate) return;
    event.preventDefault();
    move(gate, order.indexOf(gate) + step);
  });
  // A block follows the pointer from place to place.
  let held = null;
  blocks.addEventListener("pointerdown", (event) => {
    held = event.target.closest("[data-gate]")?.dataset.gate ?? null;
    if (held) blocks.setPointerCapture(event.pointerId);
  });
  blocks.addEventListener("pointermove", (event) => {
    if (!held) return;
    const box = blocks.getBoundingClientRect();
    move(held, Math.floor((4 * (event.clientX - box.left)) / box.width));
  });
  for (const end of ["pointerup", "pointercancel"]) blocks.addEventListener(end, () => (held = null));

  const libraries = live.choice("Whose matrix", Object.fromEntries(Object.keys(LIBRARIES).map((name) => [name, name])),
    (name) => { library = name; update(); });
  root.append(make("p", {}, "A matrix that was stored by"), libraries.element,
    make("p", {}, "Its four blocks of columns have no names. Drag the names into the right order:"),
    blocks, drawing.svg, said);
  update();
  return { draw, LIBRARIES, move, set: (name, laid) => { library = name; order = laid; update(); },
    state: () => ({ library, order, X, WLSTM, right, got: outputs(), off: difference(outputs()) }) };
});
