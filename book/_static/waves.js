// Wave by wave, in the place of "fig-waves" of chapter 16: all states of an LSTM by Newton's method
// over time. Each press corrects the guess of every step at once; one more row of errors appears.
"use strict";

/** A problem and its guess: newton.correct() is one iteration (eq-newton) for one sequence. */
function makeNewton(lstm, { n, forget, scale, safe, seed, D = 4, H = 8 }) {
  const rng = lstm.normal(seed);
  const WLSTM = lstm.init(D, H, { rng, forget_bias: forget });
  for (let k = (1 + D) * 4 * H; k < WLSTM.data.length; k++) WLSTM.data[k] *= scale;
  const X = lstm.zeros([n, 1, D]);
  for (let k = 0; k < X.data.length; k++) X.data[k] = rng();
  const { Hout, cache } = lstm.forward(X, WLSTM);
  const W = (row, column) => WLSTM.data[row * 4 * H + column];
  const sigmoid = (z) => 0.5 + 0.5 * Math.tanh(0.5 * z); // (eq-sigmoid)

  // What of the raw gates knows nothing of h, and how large c can become whatever h is.
  const zx = new Float64Array(n * 4 * H), limit = new Float64Array(n * H).fill(Infinity);
  const reach = Float64Array.from({ length: 4 * H }, (_, k) => {
    let sum = 0;
    for (let j = 0; j < H; j++) sum += Math.abs(W(1 + D + j, k));
    return sum;
  });
  for (let t = 0; t < n; t++) {
    for (let k = 0; k < 4 * H; k++) {
      let z = W(0, k);
      for (let d = 0; d < D; d++) z += X.data[t * D + d] * W(1 + d, k);
      zx[t * 4 * H + k] = z;
    }
    for (let j = 0; j < H && safe; j++) {
      const [zi, zf, , zg] = [0, 1, 2, 3].map((k) => zx[t * 4 * H + k * H + j]);
      const before = t ? limit[(t - 1) * H + j] : 0;
      limit[t * H + j] = sigmoid(zf + reach[H + j]) * before
        + sigmoid(zi + reach[j]) * Math.tanh(Math.abs(zg) + reach[3 * H + j]); // (eq-bound)
    }
  }

  let C = new Float64Array(n * H), h = new Float64Array(n * H), residual = Infinity;
  const within = (value, most) => Number.isNaN(value) ? 0 : Math.max(-most, Math.min(most, value));

  /** The error of each step's guess: the largest of its 2H numbers. */
  function errors() {
    const row = new Float64Array(n);
    for (let t = 0; t < n; t++) {
      for (let j = 0; j < H; j++) {
        const ec = Math.abs(C[t * H + j] - cache.C.data[(t + 1) * H + j]);
        const eh = Math.abs(h[t * H + j] - Hout.data[t * H + j]);
        const worst = Math.max(ec, eh);
        row[t] = Number.isFinite(worst) ? Math.max(row[t], worst) : Infinity;
      }
    }
    return row;
  }

  /** Residuals and Jacobians of all steps at the guess, and the solution of the linear recurrence. */
  function correct() {
    const C_new = new Float64Array(n * H), h_new = new Float64Array(n * H);
    let ec = new Float64Array(H), eh = new Float64Array(H);
    residual = 0;
    for (let t = 0; t < n; t++) {
      const ec_new = new Float64Array(H), eh_new = new Float64Array(H);
      for (let j = 0; j < H; j++) {
        const c_prev = t ? C[(t - 1) * H + j] : 0;
        const z = [0, 1, 2, 3].map((k) => zx[t * 4 * H + k * H + j]), dz = [0, 0, 0, 0];
        for (let m = 0; m < H; m++) {
          const h_prev = t ? h[(t - 1) * H + m] : 0;
          for (let k = 0; k < 4; k++) {
            z[k] += h_prev * W(1 + D + m, k * H + j); // (eq-z)
            dz[k] += eh[m] * W(1 + D + m, k * H + j);
          }
        }
        const [i, f, o] = z.map(sigmoid), g = Math.tanh(z[3]); // (eq-gates)
        const c = f * c_prev + i * g, s = Math.tanh(c); // (eq-c) (eq-s)
        const dc = f * ec[j] + g * i * (1 - i) * dz[0] + c_prev * f * (1 - f) * dz[1]
          + i * (1 - g * g) * dz[3]; // (eq-jacobian-c)
        const dh = o * (1 - s * s) * dc + s * o * (1 - o) * dz[2]; // (eq-jacobian-h)
        const rc = c - C[t * H + j], rh = o * s - h[t * H + j]; // (eq-guess)
        residual = Math.max(residual, Math.abs(rc), Math.abs(rh));
        ec_new[j] = dc + rc; // (eq-newton)
        eh_new[j] = dh + rh;
        C_new[t * H + j] = within(C[t * H + j] + ec_new[j], limit[t * H + j]);
        h_new[t * H + j] = within(h[t * H + j] + eh_new[j], safe ? 1 : Infinity);
      }
      [ec, eh] = [ec_new, eh_new];
    }
    [C, h] = [C_new, h_new];
  }

  return { X, WLSTM, correct, errors, get C() { return C; }, get h() { return h; }, get residual() { return residual; } };
}

const waves = live.mount("fig-waves", "All steps at once: correct the guess", (root) => {
  const { make } = live;
  const MOST = 60; // rows
  const settings = { n: 300, forget: 3, scale: 1, safe: true, seed: 1 };
  let newton, rows, timer = null;

  const canvas = make("canvas", { role: "img", width: 600, height: 240 });
  const said = make("p", { class: "said", "aria-live": "polite" });
  const DIGITS = 16;
  // Black is right to the last digit; the brighter, the more wrong.
  const STOPS = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
  const color = (share) => {
    const at = Math.max(0, Math.min(1, share)) * (STOPS.length - 1), k = Math.min(STOPS.length - 2, Math.floor(at));
    return STOPS[k].map((a, m) => Math.round(a + (at - k) * (STOPS[k + 1][m] - a)));
  };

  /** How many of the first states are right to ten digits. */
  const front = () => {
    const wrong = rows.at(-1).findIndex((error) => !(error < 1e-10));
    return wrong === -1 ? settings.n : wrong;
  };
  const done = () => front() === settings.n || rows.length > MOST;

  function draw() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const shown = Math.max(12, rows.length), width = Math.max(300, root.clientWidth);
    const band = Math.max(4, Math.min(20, Math.floor(300 / shown)));
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(band * shown * ratio);
    canvas.style.width = "100%";
    canvas.style.height = `${band * shown}px`;
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(root).getPropertyValue("--edge") || "#ddd";
    context.fillRect(0, 0, canvas.width, canvas.height);
    rows.forEach((row, k) => {
      const strip = context.createImageData(canvas.width, 1);
      for (let x = 0; x < canvas.width; x++) {
        const from = Math.floor((x * settings.n) / canvas.width);
        const to = Math.max(from + 1, Math.floor(((x + 1) * settings.n) / canvas.width));
        let worst = 0;
        for (let t = from; t < to; t++) worst = Math.max(worst, row[t]);
        const [r, g, b] = color((Math.log10(Math.max(worst, 1e-16)) + DIGITS) / (DIGITS + 1));
        strip.data.set([r, g, b, 255], 4 * x);
      }
      for (let y = 0; y < Math.round(band * ratio) - 1; y++) context.putImageData(strip, 0, Math.round(k * band * ratio) + y);
    });
    const right = front(), turns = rows.length - 1;
    const iterations = `${turns} iteration${turns === 1 ? "" : "s"}`;
    const text = right === settings.n
      ? `After ${iterations} all ${settings.n} states are right to ten digits. The loop takes ${settings.n} steps.`
      : rows.length > MOST ? `After ${iterations} the first ${right} of ${settings.n} states are right. We give up.`
        : `After ${iterations} the first ${right} of ${settings.n} states are right to ten digits.`;
    said.textContent = turns ? `${text} Largest residual before the last correction: ${live.scientific(newton.residual)}.` : text;
    canvas.setAttribute("aria-label", `Errors of the states by step, from left to right, and iteration, from top to bottom. ${text}`);
    once.disabled = run.disabled = done();
    run.textContent = timer ? "Pause" : "Run";
  }

  function restart() {
    pause();
    newton = makeNewton(lstm, settings);
    rows = [newton.errors()];
    draw();
  }
  function iterate() {
    if (done()) return pause();
    newton.correct();
    rows.push(newton.errors());
    if (done()) pause();
    draw();
  }
  function pause() {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    draw();
  }
  function play() {
    if (timer) return pause();
    if (live.calm) return iterate(); // one row a press
    timer = setInterval(iterate, 250);
    draw();
  }

  const once = live.button("Correct the guess", iterate);
  const run = live.button("Run", play);
  const again = live.button("Start again", restart);
  const change = (name) => (value) => { settings[name] = value; restart(); };
  const forget = live.slider("forget bias", { min: -1, max: 5, step: 0.5, value: settings.forget }, change("forget"));
  const scale = live.slider("recurrent weights ×", { min: 0, max: 2, step: 0.25, value: settings.scale, show: (v) => live.number(v, 2) }, change("scale"));
  const seed = live.slider("seed", { min: 1, max: 20, step: 1, value: settings.seed, show: (v) => live.number(v, 0) }, change("seed"));
  const length = live.choice("Steps", { 100: "100 steps", 300: "300", 1000: "1,000" }, (key) => change("n")(Number(key)));
  length.set(settings.n);
  const safe = make("input", { type: "checkbox" });
  safe.checked = settings.safe;
  safe.addEventListener("change", () => change("safe")(safe.checked));
  root.append(
    canvas,
    make("p", { class: "small" }, "Left to right: steps. Top to bottom: iterations. Bright: wrong; black: right to the last digit."),
    make("div", { class: "row" }, once, run, again), said,
    make("div", { class: "sliders" }, forget.element, scale.element, seed.element),
    length.element, make("label", { class: "check" }, safe, "keep guesses within bounds"),
  );
  restart();
  return { draw, pause, settings, iterate, problem: () => ({ X: lstm.nested(newton.X), WLSTM: lstm.nested(newton.WLSTM) }),
    guess: () => ({ C: [...newton.C], h: [...newton.h] }), rows: () => rows.length, front };
});
