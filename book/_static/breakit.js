// Break it, in the place of "fig-zoo" of chapter 7: plant a bug in lstm.js, predict which checks see
// it, and run them. The bug is a patch of the source, as in the zoo; what it does to training, too.
"use strict";

const breakIt = live.mount("fig-zoo", { name: "Break it", about: "Plant a bug in the script that computes the figures of this book, predict which checks will see it, and run them. Then see how well it trains, bug and all." }, (root) => {
  const { make } = live;

  // A patch is a text that stands once in lstm.js, and what replaces it.
  const BUGS = [
    { name: "none: the code as it is", patch: ["", ""] },
    { name: "dh is not carried to the step before", patch: ["dhNext[k - 1 - D] = du;", "dhNext[k - 1 - D] = 0;"] },
    { name: "dc is not carried to the step before", patch: ["dcNext[k] = round(dc * f);", "dcNext[k] = 0;"] },
    { name: "the slope of tanh(c) is forgotten", patch: ["ds * round(1 - s[k] * s[k])", "ds"] },
    { name: "the forget gate's slope is forgotten", patch: ["dF * round(f * (1 - f))", "dF"] },
    { name: "c instead of c_prev in df", patch: ["dc * cPrev[k]); // (eq-df)", "dc * C.data[(at + b) * H + k]); // (eq-df)"] },
    { name: "the slope of a sigmoid for the candidate", patch: ["round(1 - g * g)", "round(g * (1 - g))"] },
    { name: "i for g in di", patch: ["round(dc * g); // (eq-di)", "round(dc * i); // (eq-di)"] },
    { name: "no gradient for the biases", patch: ["round(u[k] * dz[j])", "round((k ? u[k] : 0) * dz[j])"] },
    { name: "dCn is ignored", patch: ['state("dCn", dCn, [b, H], WLSTM).data', "new Float64Array(b * H)"] },
    { name: "dHn is ignored", patch: ['state("dHn", dHn, [b, H], WLSTM).data', "new Float64Array(b * H)"] },
    { name: "dh is clipped at 1", patch: ["const dO = round(dh * s[k]);", "dh = Math.max(-1, Math.min(1, dh)); const dO = round(dh * s[k]);"], also: ["const dh =", "let dh ="] },
    { name: "no tanh on the way out, forward only", patch: ["out[k] = round(o * s[k])", "out[k] = round(o * cNext[k])"] },
    { name: "forget bias with the other sign", patch: ["WLSTM.data.fill(forget_bias", "WLSTM.data.fill(-forget_bias"] },
  ];
  const ORIGINAL = String(makeLSTM);

  const patches = ({ patch, also }) => [patch, also].filter((p) => p?.[0]);

  /** An lstm with the bug in it. */
  function plant(bug) {
    let source = ORIGINAL;
    for (const [right, wrong] of patches(bug)) {
      if (source.split(right).length !== 2) throw new Error(`${bug.name}: expected ${right} once in lstm.js`);
      source = source.replace(right, () => wrong);
    }
    return new Function(`"use strict"; ${source}; return makeLSTM();`)();
  }

  /** A problem: nothing zero unless asked for, no two sizes equal; cotangents on every output asked for. */
  function problem(seed, { n = 5, zero = false, ones = false, outputs = ["Hout", "Cn", "Hn"], large = 1 } = {}) {
    const b = 3, D = 4, H = 2, rng = lstm.normal(seed);
    const normal = (shape, size = 1) => {
      const A = lstm.zeros(shape);
      A.data.forEach((_, k) => (A.data[k] = size * rng()));
      return A;
    };
    const p = { X: normal([n, b, D]), WLSTM: normal([1 + D + H, 4 * H], 0.6), c0: normal([b, H]), h0: normal([b, H]) };
    if (zero) {
      p.WLSTM.data.fill(0, 0, 4 * H);
      p.c0.data.fill(0);
      p.h0.data.fill(0);
    }
    const d = { Hout: normal([n, b, H], large), Cn: normal([b, H], large), Hn: normal([b, H], large) };
    for (const name of Object.keys(d)) {
      if (!outputs.includes(name)) d[name].data.fill(0);
      else if (ones) d[name].data.fill(1);
    }
    return { ...p, d };
  }
  const dot = (A, B) => A.data.reduce((sum, value, k) => sum + value * B.data[k], 0);
  const NAMES = { X: "dX", WLSTM: "dWLSTM", c0: "dc0", h0: "dh0" };

  /** Relative errors of every gradient against central differences of the same, perhaps broken, forward. */
  function errors(code, p, inputs = Object.keys(NAMES)) {
    const run = () => code.forward(p.X, p.WLSTM, p.c0, p.h0);
    const got = code.backward(p.d.Hout, run().cache, p.d.Cn, p.d.Hn);
    const loss = () => {
      const { Hout, Cn, Hn } = run();
      return dot(Hout, p.d.Hout) + dot(Cn, p.d.Cn) + dot(Hn, p.d.Hn);
    };
    return Object.fromEntries(inputs.map((name) => {
      const numeric = lstm.central(loss, p[name]), analytic = got[NAMES[name]];
      const largest = Math.max(1e-8, ...numeric.data.map(Math.abs));
      return [name, { shape: numeric.shape, data: numeric.data.map((value, k) =>
        Math.abs(value - analytic.data[k]) / largest) }];
    }));
  }
  const worst = (found) => Math.max(...Object.values(found).flatMap((A) => [...A.data]));

  // A check says whether it sees the bug.
  const CHECKS = [
    { name: "Shapes agree", sees: () => false },
    { name: "Differences: ones on Hout; biases and states 0", sees: (code) => worst(errors(code, problem(5, { zero: true, ones: true, outputs: ["Hout"] }), ["WLSTM"])) > 1e-6 },
    { name: "Differences: one step only", sees: (code) => worst(errors(code, problem(6, { n: 1, outputs: ["Hout"] }))) > 1e-6 },
    { name: "Differences: random, on Hout alone", sees: (code) => worst(errors(code, problem(7, { outputs: ["Hout"] }))) > 1e-6 },
    { name: "Differences: random, on Hout, Cn and Hn", sees: (code) => worst(errors(code, problem(8))) > 1e-6 },
    { name: "Linear in the cotangents: twice in, twice out", sees: (code) => {
      const p = problem(9, { large: 3 }), { cache } = code.forward(p.X, p.WLSTM, p.c0, p.h0);
      const by = (factor) => {
        const d = Object.values(p.d).map((A) => ({ shape: A.shape, data: A.data.map((v) => factor * v) }));
        return code.backward(d[0], cache, d[1], d[2]).dWLSTM.data;
      };
      const [once, twice] = [by(1), by(2)], largest = Math.max(...once.map(Math.abs));
      return twice.some((value, k) => Math.abs(value - 2 * once[k]) > 1e-9 * largest);
    } },
    { name: "The forward pass against another implementation", sees: (code) => {
      const p = problem(10), [A, B] = [code, lstm].map((l) => l.forward(p.X, p.WLSTM, p.c0, p.h0).Hout.data);
      return A.some((value, k) => Math.abs(value - B[k]) > 1e-9);
    } },
  ];
  const judge = (bug) => {
    const code = plant(bug);
    return CHECKS.map(({ sees }) => sees(code));
  };

  /** The error of the adding problem at T = 10 with a bug in the code: before any update, then the
   *  mean over every ten of 250. Weights and batches are the same for every bug. */
  async function train(code) {
    const trainer = makeTrainer(code, { T: 10, forget_bias: 3, input_bias: 0, seed: 3, b: 10 });
    const curve = [];
    for (let k = 0; k < 250; k += 10) {
      let sum = 0;
      for (let j = 0; j < 10; j++) {
        const error = trainer.step();
        if (!curve.length) curve.push(error);
        sum += error;
      }
      curve.push(sum / 10);
      await new Promise((ready) => setTimeout(ready)); // the page stays alive
      await inSight;
    }
    return curve;
  }
  let usual = null; // the curve without a bug

  // Out of sight, it waits.
  let inSight = Promise.resolve(), comeBack = null;
  live.whileInSight(root, () => { if (!comeBack) inSight = new Promise((back) => (comeBack = back)); },
    () => { comeBack?.(); comeBack = null; });

  let bug = BUGS[1];
  const select = make("select", { "aria-label": "The bug" }, ...BUGS.map((entry, k) => make("option", { value: k }, entry.name)));
  const shown = make("pre", { class: "patch", tabindex: 0, "aria-label": "The patch" });
  const boxes = CHECKS.map(({ name }) => {
    const box = make("input", { type: "checkbox" }), verdict = make("span", { class: "verdict" });
    return { box, verdict, element: make("li", {}, make("label", {}, box, name), " ", verdict) };
  });
  const said = live.said(), map = live.drawing(), curve = live.drawing();
  const results = make("div", { class: "results", hidden: "" }, make("p", {}, "Errors of dWLSTM, element by element, the larger, the stronger the colour. Rows: bias, x, h; columns, by colour: i, f, o, g."), map.svg,
    make("p", {}, "The error of the adding problem of chapter 10 (T = 10) before training and over 250 updates, with the bug and, dashed, without:"), curve.svg);
  let last = null;

  function draw() {
    if (!last) return;
    const { shape: [rows, columns], data } = last.map, width = map.clear(22 * rows + 6), cell = (width - 10) / columns;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const error = data[r * columns + c], depth = Math.max(0, Math.min(1, (Math.log10(Math.max(error, 1e-12)) + 7) / 7));
        map.add("rect", { x: 5 + c * cell + 1, y: 22 * r + 1, width: cell - 2, height: 20,
          fill: depth ? "var(--back)" : "var(--tint)", opacity: depth ? 0.25 + 0.75 * depth : 1 },
          make("title", {}, live.scientific(error)));
      }
    }
    Object.keys(live.gates).forEach((gate, k) =>
      map.add("rect", { x: 6 + (k * columns * cell) / 4, y: 22 * rows, width: (columns * cell) / 4 - 2, height: 5, fill: `var(--gate-${gate})` }));
    map.say(`${last.map.data.filter((e) => e > 1e-6).length} of ${data.length} elements of dWLSTM are wrong.`);
    const w = curve.clear(150), x = (k, count) => 30 + (k / (count - 1)) * (w - 40), y = (e) => 130 - Math.min(1, e / 0.4) * 120;
    for (const error of [0, 0.3]) curve.level(y(error), error, 30, w - 10, error === 0);
    for (const [errors, dashes, thick] of [[last.usual, "5 4", 1.6], [last.curve, "", 3]]) {
      curve.add("path", { d: live.line(errors.map((e, k) => [x(k, errors.length), y(e)])), fill: "none", stroke: dashes ? "var(--soft)" : "var(--back)", "stroke-width": thick, "stroke-dasharray": dashes });
    }
    curve.say(`With the bug the error goes from ${live.number(last.curve[0])} to ${live.number(last.curve.at(-1), 3)}, without to ${live.number(last.usual.at(-1), 3)}.`);
  }

  function choose(entry) {
    bug = entry;
    last = null;
    results.hidden = true;
    said.textContent = "Tick the checks that you think will see it, then run them.";
    boxes.forEach(({ box, verdict }) => { box.checked = false; verdict.textContent = ""; verdict.className = "verdict"; });
    shown.replaceChildren(...patches(bug).flatMap(([right, wrong]) => {
      const line = ORIGINAL.split("\n").find((text) => text.includes(right)).trim();
      return [make("del", {}, `- ${line}\n`), make("ins", {}, `+ ${line.replace(right, () => wrong)}\n`)];
    }));
    if (!bug.patch[0]) shown.append("no change");
    select.value = BUGS.indexOf(bug);
  }
  async function press() {
    run.disabled = true;
    said.textContent = "Checking, then training …";
    const planted = bug;
    const seen = judge(bug), code = plant(bug);
    usual ??= await train(lstm);
    const broken = bug.patch[0] ? await train(code) : usual;
    run.disabled = false;
    if (planted !== bug) return; // another was chosen meanwhile
    last = { map: errors(code, problem(8), ["WLSTM"]).WLSTM, curve: broken, usual };
    let right = 0;
    boxes.forEach(({ box, verdict }, k) => {
      const good = box.checked === seen[k];
      right += good;
      verdict.textContent = `${seen[k] ? "sees it" : "does not see it"}${good ? "" : " (you thought otherwise)"}`;
      verdict.className = `verdict ${good ? "met" : "open"}`;
    });
    const fell = last.curve.at(-1) < 0.7 * last.curve[0];
    said.textContent = `${right} of ${CHECKS.length} predicted. ${seen.filter(Boolean).length} checks see it. ` +
      `The error of training goes from ${live.number(last.curve[0])} to ${live.number(last.curve.at(-1), 3)}` +
      `${bug.patch[0] && fell ? ": it falls, bug and all" : ""}; without a bug to ${live.number(usual.at(-1), 3)}.` +
      (bug.patch[0] && last.curve.at(-1) < usual.at(-1) ? " The wrong code ends lower than the right one." : "");
    results.hidden = false;
    draw();
  }
  const run = live.button("Run the checks", press);
  select.addEventListener("change", () => choose(BUGS[select.value]));
  root.append(make("label", {}, "Plant ", select), shown,
    make("p", {}, "Which checks will see it?"), make("ul", { class: "checks" }, ...boxes.map((b) => b.element)),
    run, said, results);
  choose(bug);
  return { draw, BUGS, CHECKS, plant, judge, choose: (k) => choose(BUGS[k]), press, train, state: () => last };
});
