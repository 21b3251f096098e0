// Wrong order: name the four blocks of columns of a packed matrix. Every order has the right shape;
// only one gives the right outputs. In chapter 3 the matrix is the book's own; in chapter 13, in the
// place of "fig-orders", another library has stored it, and does not say in which order.
"use strict";

function nameTheBlocks(id, libraries, about) {
  const { make, number } = live;
  const n = 8, D = 3, H = 4, ours = Object.keys(live.gates).join("");
  const rng = lstm.normal(12);
  const WLSTM = lstm.init(D, H, { rng, forget_bias: 3 });
  WLSTM.data.fill(-1, 0, H); // an input bias: with all others zero, too much would look alike
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

  return live.mount(id, { name: "Wrong order", about }, (root) => {
    let [library] = Object.keys(libraries), order = ours;
    const known = Object.keys(libraries).length === 1; // whose matrix it is, so its blocks have their colours
    const matrix = live.drawing(), drawing = live.drawing(), said = live.said();
    const blocks = make("div", { class: "blocks", role: "group", "aria-label": "Names of the blocks, from left to right" });

    const stored = () => reorder(WLSTM, ours, libraries[library]);
    /** What comes out if the stored matrix is read in the order that the reader has laid. */
    const outputs = () => lstm.forward(X, reorder(stored(), order, ours)).Hout;
    const difference = (A) => Math.max(...A.data.map((value, k) => Math.abs(value - right.data[k])));

    /** The stored matrix, element by element: the larger, the darker. */
    function drawMatrix() {
      const W = stored(), [rows, columns] = W.shape, left = 34, height = 12;
      const width = matrix.clear(rows * height + 4) - left, cell = width / columns, gap = 1.5;
      W.data.forEach((value, k) => {
        const r = Math.floor(k / columns), c = k % columns, gate = libraries[library][Math.floor(c / H)];
        matrix.add("rect", { x: left + c * cell + (c % H === 0 ? gap : 0), y: r * height + (r > D ? 4 : r > 0 ? 2 : 0),
          width: cell - 1 - (c % H === 0 ? gap : 0) - (c % H === H - 1 ? gap : 0), height: height - 1,
          fill: known ? `var(--gate-${gate})` : "var(--ink)", "fill-opacity": 0.08 + 0.92 * Math.min(1, Math.abs(value) / 2) },
          make("title", {}, number(value, 2)));
      });
      for (const [row, name] of [[0, "1"], [(1 + D) / 2, "x"], [D + (1 + H) / 2, "h"]]) {
        matrix.add("text", { x: left - 8, y: row * height + 11, "text-anchor": "end", class: "small" }, name);
      }
      matrix.say(`A matrix of shape (${W.shape.join(", ")}) in four blocks of columns` +
        (known ? `: ${[...libraries[library]].join(", ")}.` : " without names."));
    }

    function draw() {
      drawMatrix();
      const got = outputs(), left = 34, height = 150;
      const width = drawing.clear(height + 22) - left - 6;
      const y = (value) => 8 + ((0.7 - value) / 1.4) * (height - 16);
      for (const value of [0.5, 0, -0.5]) drawing.level(y(value), number(value, 1), left, left + width, value === 0);
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
      said.textContent = `${known ? "The matrix" : `${library}'s matrix`}, read in the order ${[...order].join(", ")}: ` +
        `shape (${WLSTM.shape.join(", ")}), as it must be; outputs ` +
        (off < 1e-12 ? "right, to the last digit." : `off by up to ${number(off, 2)}.`);
      drawing.say(`Right outputs as circles, outputs in this order as dots. ${said.textContent}`);
    }

    function update(focus = null) {
      blocks.replaceChildren(...[...order].map((gate) => {
        const block = live.button(gate, () => {}, { "data-gate": gate, style: `--gate: var(--gate-${gate})`,
          "aria-label": `${live.gates[gate]} ${gate}, block ${order.indexOf(gate) + 1} of 4; arrow keys move it` });
        block.append(make("small", {}, live.gates[gate]));
        return block;
      }));
      if (focus) blocks.querySelector(`[data-gate=${focus}]`).focus();
      choice.set(library);
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

    const choice = live.choice("Whose matrix", Object.fromEntries(Object.keys(libraries).map((name) => [name, name])),
      (name) => { library = name; update(); });
    root.append(...(known ? [] : [choice.element]), matrix.svg, blocks, make("p", { class: "legend" }, "Outputs of eight steps: circles as they should be, dots as they come out."), drawing.svg, said);
    update();
    return { draw, libraries, move, set: (name, laid) => { library = name; order = laid; update(); },
      state: () => ({ library, order, X, WLSTM, right, got: outputs(), off: difference(outputs()) }) };
  });
}

const orders = {
  packing: nameTheBlocks("packing-order", { "this book": "ifog" },
    "The matrix is stored in the order i, f, o, g. Drag the names below it (or move them with the arrow keys), and it is read in another order."),
  trading: nameTheBlocks("fig-orders", { PyTorch: "ifgo", Keras: "ifgo", ONNX: "iofg", Haiku: "igfo", "this book": "ifog" },
    "Another library has stored these four blocks of columns, without names. Drag the names into the right order. The first row, the biases, gives a hint."),
};
