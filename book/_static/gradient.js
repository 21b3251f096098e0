// Follow the gradient: how much of a loss at the last step comes back to each step before it, in an
// LSTM and in a plain recurrent network, in the place of "fig-lag" of chapter 1; and in chapter 5,
// in the place of "fig-truncation", with scissors that cut time into pieces.
"use strict";

function followTheGradient(id, { about, scissors }) {
  const D = 4, H = 16;

  /** Everything that one draw needs, from a seed: weights before scaling, inputs, a cotangent. */
  function draw(seed, n) {
    const rng = lstm.normal(seed);
    const many = (count, size) => Float64Array.from({ length: count }, () => rng() * size);
    const WLSTM = lstm.init(D, H, { rng, forget_bias: 0 });
    const A = many(D * H, 1 / Math.sqrt(D)), R = many(H * H, 1);
    const radius = spectralRadius(R);
    return { WLSTM, A, R: R.map((r) => r / radius), X: many(n * D, 1), out: many(H, 1) };
  }

  /** The largest modulus of R's eigenvalues, by the growth of a vector over many products. */
  function spectralRadius(R) {
    let v = Float64Array.from({ length: H }, (_, k) => 1 + k / H), growth = 0;
    for (let k = 0; k < 600; k++) {
      const w = new Float64Array(H);
      for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) w[j] += v[i] * R[i * H + j];
      const norm = Math.hypot(...w);
      if (k >= 300) growth += Math.log(norm); // a pair of complex ones makes single steps uneven
      v = w.map((value) => value / norm);
    }
    return Math.exp(growth / 300);
  }

  const norm = (vector) => Math.hypot(...vector);

  /** The LSTM: the size of dc at each lag, all of it and the part that came by way of c alone. */
  function ofLSTM({ WLSTM, X, out }, n, { bias, scale, piece }) {
    const W = { shape: WLSTM.shape, data: WLSTM.data.slice() };
    W.data.fill(bias, H, 2 * H);
    for (let k = (1 + D) * 4 * H; k < W.data.length; k++) W.data[k] *= scale;
    const { cache } = lstm.forward({ shape: [n, 1, D], data: X }, W);
    const at = (A, width, t, steps = 1) =>
      ({ shape: [steps, 1, width], data: A.data.subarray(t * width, (t + steps) * width) });
    let dc = lstm.zeros([1, H]), dh = { shape: [1, H], data: out };
    let byC = null;
    const all = [], c = [];
    for (let t = n - 1; t >= 0; t--) {
      const one = { WLSTM: W, U: at(cache.U, 1 + D + H, t), IFOG: at(cache.IFOG, 4 * H, t),
        C: at(cache.C, H, t, 2), S: at(cache.S, H, t) };
      if (t === n - 1) {
        // What the loss asks of the last cell state: from there on count.
        const o = one.IFOG.data.subarray(2 * H, 3 * H), s = one.S.data;
        byC = Float64Array.from(out, (d, k) => d * o[k] * (1 - s[k] * s[k]));
        all.push(norm(byC));
        c.push(norm(byC));
      }
      const f = one.IFOG.data.subarray(H, 2 * H);
      ({ dc0: dc, dh0: dh } = lstm.backward(null, one, dc, dh));
      if (piece && (n - t) % piece === 0) { // the scissors: nothing goes farther back
        dc = lstm.zeros([1, H]);
        dh = lstm.zeros([1, H]);
        byC.fill(0);
      }
      byC = byC.map((d, k) => d * f[k]);
      if (t > 0) {
        // dc of c_{t-1}, as chapter 5 carries it: what step t reads of it, and what its own h adds.
        const before = cache.IFOG.data.subarray((t - 1) * 4 * H + 2 * H, (t - 1) * 4 * H + 3 * H);
        const s = cache.S.data.subarray((t - 1) * H, t * H);
        const whole = dc.data.map((d, k) => d + dh.data[k] * before[k] * (1 - s[k] * s[k]));
        all.push(norm(whole));
        c.push(norm(byC));
      }
    }
    return { all, c };
  }

  /** The plain network h = tanh(x A + h R): the size of the gradient of its raw state at each lag. */
  function ofPlain({ A, R, X, out }, n, { scale, piece }) {
    const states = [new Float64Array(H)];
    for (let t = 0; t < n; t++) {
      const a = new Float64Array(H), h = states[t];
      for (let i = 0; i < D; i++) for (let j = 0; j < H; j++) a[j] += X[t * D + i] * A[i * H + j];
      for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) a[j] += scale * h[i] * R[i * H + j];
      states.push(a.map(Math.tanh));
    }
    const sizes = [];
    let dh = out;
    for (let t = n; t > 0; t--) {
      const da = dh.map((d, k) => d * (1 - states[t][k] ** 2));
      sizes.push(norm(da));
      dh = new Float64Array(H);
      if (piece && (n - t + 1) % piece === 0) continue;
      for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) dh[i] += scale * R[i * H + j] * da[j];
    }
    return sizes;
  }

  return live.mount(id, { name: "Follow the gradient", about }, (root) => {
    const { make } = live;
    const settings = { bias: 3, scale: 1, lags: 100, seed: 1, lag: 50, piece: 0 };
    const drawing = live.drawing(), said = live.said();
    let curves = null;

    const SERIES = [
      { key: "plain", name: "plain network", color: "var(--soft)", width: 2, dashes: "2 3" },
      { key: "c", name: "LSTM, by way of c alone", color: "var(--gate-c)", width: 2, dashes: "7 4" },
      { key: "all", name: "LSTM", color: "var(--gate-c)", width: 4, dashes: "" },
    ];

    function compute() {
      const n = settings.lags + 1, piece = scissors ? settings.piece : 0;
      const weights = draw(settings.seed, n);
      const { all, c } = ofLSTM(weights, n, { ...settings, piece });
      const plain = ofPlain(weights, n, { ...settings, piece });
      const relative = (sizes) => sizes.map((size) => size / sizes[0]);
      curves = { all: relative(all), c: relative(c), plain: relative(plain) };
    }

    const top = 10, bottom = 262, left = 46;
    const HIGH = 6, LOW = -18; // powers of ten
    let width = 0;
    const xOf = (lag) => left + (lag / settings.lags) * width;
    const yOf = (value) => {
      const power = Math.max(LOW, Math.min(HIGH, Math.log10(Math.max(value, 1e-300))));
      return top + ((HIGH - power) / (HIGH - LOW)) * (bottom - top);
    };

    function drawAll() {
      width = drawing.clear(300) - left - 8;
      for (let power = HIGH; power >= LOW; power -= 6) {
        drawing.level(yOf(10 ** power), live.powerOfTen(power), left, left + width, power === 0);
      }
      if (scissors && settings.piece) {
        // One line is enough: nothing comes back behind the first cut.
        const x = xOf(settings.piece - 0.5);
        drawing.add("line", { x1: x, x2: x, y1: top, y2: bottom, stroke: "var(--back)", "stroke-dasharray": "5 3" });
      }
      for (const { key, color, width: thick, dashes } of SERIES) {
        const points = curves[key].map((value, lag) => [xOf(lag), yOf(value)])
          .filter((_, lag) => curves[key][lag] > 10 ** LOW);
        if (points.length) drawing.add("path", { d: live.line(points), fill: "none", stroke: color, "stroke-width": thick, "stroke-dasharray": dashes });
      }
      drawing.add("line", { x1: xOf(settings.lag), x2: xOf(settings.lag), y1: top, y2: bottom, stroke: "var(--ink)" });
      for (const { key, color } of SERIES) {
        if (curves[key][settings.lag] > 10 ** LOW) drawing.add("circle", { cx: xOf(settings.lag), cy: yOf(curves[key][settings.lag]), r: 5, fill: color, stroke: "var(--face)", "stroke-width": 1.5 });
      }
      drawing.along(bottom + 16, [0, 0.5, 1].map((share) => [left + share * width, share * settings.lags]), "lag: steps back from the loss");
    }

    function update(anew = true) {
      if (anew) compute();
      drawAll();
      const keeps = 1 / (1 + Math.exp(-settings.bias));
      const at = Object.fromEntries(SERIES.map(({ key }) => [key, live.scientific(curves[key][settings.lag])]));
      said.textContent = `${settings.lag} steps back, relative to what the loss asks of the last step: ` +
        `LSTM ${at.all}; by way of c alone ${at.c}; plain network ${at.plain}. ` +
        `A forget gate that stays at its bias keeps ${live.number(keeps, 3)} a step, ${live.scientific(keeps ** settings.lag)} over all of them.`;
      drawing.say(`Size of the gradient against the lag, on a logarithmic scale. ${said.textContent}`);
    }

    const sliders = {
      bias: live.slider("forget bias", { min: -2, max: 6, step: 0.5, value: settings.bias, gate: "f" }, (v) => { settings.bias = v; update(); }),
      scale: live.slider("recurrent scale ρ", { min: 0, max: 3, step: 0.1, value: settings.scale }, (v) => { settings.scale = v; update(); }),
      lag: live.slider("look at lag", { min: 0, max: settings.lags, step: 1, value: settings.lag, show: (v) => live.number(v, 0) }, (v) => { settings.lag = v; update(false); }),
    };
    const range = live.choice("How far back", { 100: "100 steps", 1000: "1,000 steps" }, (key) => {
      settings.lags = Number(key);
      settings.lag = settings.lags / 2;
      sliders.lag.input.max = settings.lags;
      sliders.lag.set(settings.lag);
      update();
    });
    range.set(settings.lags);
    const another = live.button("Another draw", () => { settings.seed += 1; update(); });
    const row = [sliders.bias, sliders.scale, sliders.lag].map((s) => s.element);
    if (scissors) {
      sliders.piece = live.slider("scissors: pieces of", { min: 0, max: 100, step: 5, value: 0,
        show: (v) => (v ? `${v} steps` : "uncut") }, (v) => { settings.piece = v; update(); });
      row.push(sliders.piece.element);
    }
    drawing.follow(({ x }) => {
      settings.lag = Math.max(0, Math.min(settings.lags, Math.round(((x - left) / width) * settings.lags)));
      sliders.lag.set(settings.lag);
      update(false);
    });

    const legend = make("div", { class: "row legend", "aria-hidden": "true" }, ...SERIES.toReversed().map(({ name, color, width: thick, dashes }) =>
      make("span", {}, make("svg", { viewBox: "0 0 34 10", style: "width:34px;display:inline-block" },
        make("line", { x1: 0, x2: 34, y1: 5, y2: 5, stroke: color, "stroke-width": thick, "stroke-dasharray": dashes })), ` ${name}`)));
    root.append(make("div", { class: "plot" }, drawing.svg, legend), said,
      make("div", { class: "sliders" }, ...row),
      make("div", { class: "row" }, range.element, another));
    update();
    return { draw: drawAll, settings, sliders, update,
      state: () => ({ ...settings, curves, ...draw(settings.seed, settings.lags + 1) }) };
  });
}

const gradientFigures = {
  lag: followTheGradient("fig-lag", { scissors: false, about: "One untrained network at a time, and a loss that depends on its last state alone. " +
    "How much of its gradient comes back to earlier steps? Move the forget bias and watch what is left 50 steps back." }),
  truncation: followTheGradient("fig-truncation", { scissors: true, about: "The figure of chapter 1 again, now with scissors that cut time into pieces: " +
    "no gradient passes a cut, however well the forget gates would keep it." }),
};
