// Train it here, in the place of "fig-adding-curves" of chapter 10: the adding problem, learnt in the
// page by backpropagation through time and Adam. A worker trains, so that the page stays responsive.
"use strict";

/** A trainer: makeTrainer(lstm, settings).step() learns from one batch. It runs here and in workers. */
function makeTrainer(lstm, { T, forget_bias, input_bias, seed, H = 8, b = 20, rate = 0.01, clip = 1 }) {
  const rng = lstm.normal(seed), draws = lstm.normal(seed + 100000);
  // A normal number turned into a uniform one by its distribution function (Zelen and Severo 1964).
  const uniform = () => {
    const z = draws(), t = 1 / (1 + 0.2316419 * Math.abs(z));
    const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * t * (0.319381530
      + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return z > 0 ? 1 - tail : tail;
  };
  const WLSTM = lstm.init(2, H, { rng, forget_bias });
  WLSTM.data.fill(input_bias, 0, H);
  const WOUT = lstm.zeros([1 + H, 1]);
  for (let k = 1; k <= H; k++) WOUT.data[k] = rng() / Math.sqrt(H);
  const count = WLSTM.data.length + WOUT.data.length;
  const m = new Float64Array(count), v = new Float64Array(count);
  let updates = 0;

  /** b sequences of T steps: a number and a mark at each step, two of them marked; their mean. */
  function batch() {
    const X = lstm.zeros([T, b, 2]), Y = new Float64Array(b);
    for (let r = 0; r < b; r++) {
      const half = Math.floor(T / 2);
      const marks = [Math.floor(uniform() * half), half + Math.floor(uniform() * (T - half))];
      for (let t = 0; t < T; t++) X.data[2 * (t * b + r)] = uniform();
      for (const t of marks) {
        X.data[2 * (t * b + r) + 1] = 1;
        Y[r] += X.data[2 * (t * b + r)] / 2;
      }
    }
    return { X, Y };
  }

  /** One batch forward and back, and one step of Adam. Returns the mean absolute error before it. */
  function step({ X, Y } = batch()) {
    const { Hn, cache } = lstm.forward(X, WLSTM);
    const dHn = lstm.zeros([b, H]), grads = new Float64Array(count), dWOUT = grads.subarray(WLSTM.data.length);
    let error = 0;
    for (let r = 0; r < b; r++) {
      const h = Hn.data.subarray(r * H, (r + 1) * H);
      const answer = h.reduce((sum, value, k) => sum + value * WOUT.data[k + 1], WOUT.data[0]);
      const dy = (answer - Y[r]) / b; // of half the mean squared error
      error += Math.abs(answer - Y[r]) / b;
      dWOUT[0] += dy;
      for (let k = 0; k < H; k++) {
        dWOUT[k + 1] += dy * h[k];
        dHn.data[r * H + k] = dy * WOUT.data[k + 1];
      }
    }
    grads.set(lstm.backward(null, cache, null, dHn).dWLSTM.data);
    const length = Math.hypot(...grads), shorten = length > clip ? clip / length : 1;
    updates += 1;
    for (let k = 0; k < count; k++) {
      const gradient = shorten * grads[k];
      m[k] = 0.9 * m[k] + 0.1 * gradient;
      v[k] = 0.999 * v[k] + 0.001 * gradient * gradient;
      const move = rate * (m[k] / (1 - 0.9 ** updates)) / (Math.sqrt(v[k] / (1 - 0.999 ** updates)) + 1e-8);
      if (k < WLSTM.data.length) WLSTM.data[k] -= move;
      else WOUT.data[k - WLSTM.data.length] -= move;
    }
    return error;
  }
  return { batch, step, WLSTM, WOUT };
}

const learning = live.mount("fig-adding-curves", { name: "Train it here", about: "The adding problem with fewer steps and eight units, learnt by your own machine. The curve is the mean error of the answers to each batch, before the network learns from it." }, (root) => {
  const { make } = live;
  const MOST = 2000, AVERAGE = 25; // updates; a point of the curve is the mean over AVERAGE of them
  const GUESS = 1 / 6; // mean |error| of the best constant answer, for the mean of two uniform numbers
  const settings = { T: 40, forget_bias: 3, input_bias: 0, seed: 1 };
  const COLORS = ["var(--ink)", "var(--gate-i)", "var(--back)", "var(--gate-o)", "var(--gate-g)"];
  const runs = []; // every run, with its settings, so that curves can be compared
  let worker = null;

  const drawing = live.drawing(), said = live.said({ "aria-live": "off" }); // its curve moves all the time
  const list = make("ol", { class: "runs" });

  /** The worker's program, from the sources above: pages opened as files cannot load one. */
  const PROGRAM = () => `"use strict"; ${makeLSTM}; ${makeTrainer};
    const lstm = makeLSTM();
    let trainer = null, left = 0, going = false;
    function some() {
      if (!going || !left) return;
      const errors = [];
      for (const end = performance.now() + 60; performance.now() < end && left; left--) errors.push(trainer.step());
      postMessage(errors);
      setTimeout(some, 0);
    }
    onmessage = ({ data }) => {
      if (data.settings) [trainer, left] = [makeTrainer(lstm, data.settings), data.most];
      const before = going;
      going = data.going;
      if (going && !before) some();
    };`;

  function stop() {
    worker?.terminate();
    worker = null;
    go.textContent = "Train";
  }
  function pause() {
    const run = runs.at(-1);
    if (!worker || !run.going) return;
    run.going = false;
    worker.postMessage({ going: false });
    go.textContent = "Go on";
    update();
  }
  function press() {
    const run = runs.at(-1);
    if (worker && run.going) return pause();
    if (worker) {
      run.going = true;
      worker.postMessage({ going: true });
    } else {
      const address = URL.createObjectURL(new Blob([PROGRAM()], { type: "text/javascript" }));
      worker = new Worker(address);
      URL.revokeObjectURL(address);
      const fresh = { ...settings, errors: [], points: [], going: true };
      if (runs.push(fresh) > COLORS.length) runs.shift();
      worker.onmessage = ({ data }) => {
        fresh.errors.push(...data);
        while (fresh.errors.length >= (fresh.points.length + 1) * AVERAGE) {
          const from = fresh.points.length * AVERAGE;
          fresh.points.push(fresh.errors.slice(from, from + AVERAGE).reduce((a, e) => a + e) / AVERAGE);
        }
        if (fresh.errors.length >= MOST) {
          fresh.going = false;
          stop();
        }
        update();
      };
      worker.postMessage({ settings: { ...settings }, most: MOST, going: true });
    }
    go.textContent = "Pause";
    update();
  }

  const left = 40, top = 8, bottom = 200;
  function draw() {
    const width = drawing.clear(240) - left - 8;
    const xOf = (updates) => left + (updates / MOST) * width;
    const yOf = (error) => top + (Math.log10(0.4 / Math.max(error, 0.004)) / 2) * (bottom - top);
    for (const error of [0.3, 0.1, 0.03, 0.01]) drawing.level(yOf(error), error, left, left + width);
    drawing.add("line", { x1: left, x2: left + width, y1: yOf(GUESS), y2: yOf(GUESS), stroke: "var(--soft)", "stroke-dasharray": "6 4" });
    drawing.add("text", { x: left + width, y: yOf(GUESS) - 5, "text-anchor": "end", class: "small" }, "always answering the mean");
    drawing.along(bottom + 16, [0, MOST / 2, MOST].map((updates) => [xOf(updates), (20 * updates).toLocaleString("en")]), "sequences seen");
    runs.forEach((run, k) => {
      if (run.points.length < 2) return;
      const newest = k === runs.length - 1;
      drawing.add("path", { d: live.line(run.points.map((e, p) => [xOf((p + 0.5) * AVERAGE), yOf(e)])), fill: "none",
        stroke: COLORS[k], "stroke-width": newest ? 3 : 1.6 });
    });
  }

  const describe = (run) => `T = ${run.T}, forget bias ${live.number(run.forget_bias, 1)}, ` +
    `input bias ${live.number(run.input_bias, 1)}, seed ${run.seed}`;
  function update() {
    draw();
    const run = runs.at(-1);
    list.replaceChildren(...runs.map((r, k) => make("li", { style: `--run: ${COLORS[k]}` },
      `${describe(r)}: ${r.points.length ? `error ${live.number(r.points.at(-1), 3)}` : "…"} ` +
      `after ${(20 * r.errors.length).toLocaleString("en")} sequences`)));
    said.textContent = run
      ? `${run.going ? "Training" : run.errors.length >= MOST ? "Done" : "Paused"}: ${describe(run)}.`
      : "Choose how it starts, and press Train.";
    drawing.say(`Mean absolute error against sequences seen, for ${runs.length} runs. ${list.innerText ?? ""}`);
  }

  const set = (name) => (value) => {
    settings[name] = value;
    stop(); // what was begun stays as it is; Train starts another
    runs.forEach((run) => (run.going = false));
    update();
  };
  const sliders = {
    forget_bias: live.slider("forget bias", { min: -3, max: 6, step: 0.5, value: 3, gate: "f" }, set("forget_bias")),
    input_bias: live.slider("input bias", { min: -6, max: 3, step: 0.5, value: 0, gate: "i" }, set("input_bias")),
    T: live.slider("steps T", { min: 10, max: 60, step: 5, value: 40, show: (v) => live.number(v, 0) }, set("T")),
    seed: live.slider("seed", { min: 1, max: 20, step: 1, value: 1, show: (v) => live.number(v, 0) }, set("seed")),
  };
  const go = live.button("Train", press);
  const clear = live.button("Clear", () => { stop(); runs.length = 0; update(); });
  root.append(make("div", { class: "plot" }, drawing.svg),
    make("div", { class: "sliders" }, ...Object.values(sliders).map((s) => s.element)),
    make("div", { class: "row" }, go, clear), said, list);
  update();
  return { draw, pause, runs, settings, sliders, MOST, GUESS };
});
