// The V, in the place of "fig-v" of chapter 6: the error of a difference quotient against its delta,
// in float32, float64 and by the complex step; the secant, and the digits that are lost.
"use strict";

const differences = live.mount("fig-v", { name: "Drag δ", about: "The output h of one scalar cell, as a function of its raw forget gate p. How far is the difference quotient from the derivative, and which digits does it lose on the way?" }, (root) => {
  const { make } = live;

  // One scalar cell, h as a function of the raw forget gate p; everything else is held fixed.
  const CELL = { c_prev: 1.3, i: 0.7, g: -0.4, o: 0.9 };
  const P = 0.6;

  // Complex numbers as pairs. tanh(a + ib) by real functions that do not overflow here.
  const times = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
  const plus = ([a, b], [c, d]) => [a + c, b + d];
  const tanh = ([a, b]) => {
    const t = Math.tanh(a), u = Math.tan(b), below = 1 + t * t * u * u;
    return [(t * (1 + u * u)) / below, (u * (1 - t * t)) / below];
  };
  const real = (value) => [value, 0];

  /** h at p, a complex number; the same lines serve all three oracles. */
  function cell(p, round) {
    const r = ([a, b]) => [round(a), round(b)];
    const f = r(plus(real(0.5), r(times(real(0.5), r(tanh(r(times(real(0.5), p)))))))); // (eq-sigmoid)
    const c = r(plus(r(times(f, real(round(CELL.c_prev)))), real(round(round(CELL.i) * round(CELL.g))))); // (eq-c)
    return r(times(real(round(CELL.o)), r(tanh(c)))); // (eq-s) (eq-h)
  }

  /** The derivative, derived: o (1 - s^2) c_prev f (1 - f). */
  const exact = (() => {
    const f = 0.5 + 0.5 * Math.tanh(0.5 * P);
    const s = Math.tanh(f * CELL.c_prev + CELL.i * CELL.g);
    return CELL.o * (1 - s * s) * CELL.c_prev * f * (1 - f);
  })();

  const same = (value) => value;
  const ORACLES = {
    float32: { name: "float32", round: Math.fround, digits: 9, color: "var(--soft)", dashes: "2 3" },
    float64: { name: "float64", round: same, digits: 17, color: "var(--ink)", dashes: "" },
    complex: { name: "complex step", round: same, digits: 17, color: "var(--back)", dashes: "8 4" },
  };

  /** The estimate at a delta, and what it was made from. */
  function estimate(oracle, delta) {
    const { round } = ORACLES[oracle];
    if (oracle === "complex") {
      const h = cell([P, delta], same);
      return { value: h[1] / delta, h };
    }
    const up = round(round(P) + delta), down = round(round(P) - delta);
    const [above, below] = [up, down].map((p) => cell([p, 0], round)[0]);
    const value = up === down ? NaN : round(round(above - below) / round(up - down));
    return { value, above, below, up, down };
  }
  const error = (value) => Number.isFinite(value)
    ? Math.abs(value - exact) / (Math.abs(value) + Math.abs(exact)) : 1; // (eq-rel), without a floor

  const POWERS = Array.from({ length: 121 }, (_, k) => -30 + k / 4); // of delta, from 1e-30 to 1
  const curves = Object.fromEntries(Object.keys(ORACLES).map((oracle) =>
    [oracle, POWERS.map((power) => error(estimate(oracle, 10 ** power).value))]));

  let oracle = "float64", power = -2;
  const v = live.drawing(), secant = live.drawing(), said = live.said();
  const digits = make("div", { class: "digits" }), legend = make("p", { class: "legend" });

  let vWidth = 0;
  const left = 46, top = 8, bottom = 206;
  const xOf = (p) => left + ((p + 30) / 30) * vWidth;
  const yOf = (e) => top + (-Math.log10(Math.max(e, 1e-17)) / 17) * (bottom - top);

  function drawV() {
    vWidth = v.clear(240) - left - 10;
    for (const p of [0, -5, -10, -15]) v.level(yOf(10 ** p), live.powerOfTen(p), left, left + vWidth);
    v.along(bottom + 16, [-30, -20, -10, 0].map((p) => [xOf(p), live.powerOfTen(p)]), "δ, to the left smaller");
    for (const [key, { color, dashes }] of Object.entries(ORACLES)) {
      v.add("path", { d: live.line(POWERS.map((p, k) => [xOf(p), yOf(curves[key][k])])), fill: "none", stroke: color,
        "stroke-width": key === oracle ? 3.5 : 1.8, "stroke-dasharray": dashes });
    }
    if (oracle !== "complex") {
      const bend = oracle === "float32" ? -2.4 : -5;
      v.add("text", { x: xOf(bend - 8), y: yOf(10 ** -8), "text-anchor": "end" }, "rounding");
      v.add("text", { x: xOf(-0.1), y: yOf(10 ** -14.5), "text-anchor": "end" }, "truncation");
    }
    const at = error(estimate(oracle, 10 ** power).value);
    v.add("line", { x1: xOf(power), x2: xOf(power), y1: top, y2: bottom, stroke: "var(--soft)", "stroke-dasharray": "3 3" });
    v.add("circle", { cx: xOf(power), cy: yOf(at), r: 6, fill: ORACLES[oracle].color, stroke: "var(--face)", "stroke-width": 2 });
  }

  /** h against p with the two points, the secant through them, and the tangent. */
  function drawSecant() {
    const width = secant.clear(150), from = -2.4, to = 3.6;
    const x = (p) => 8 + ((p - from) / (to - from)) * (width - 16);
    const y = (h) => 140 - ((h + 0.35) / 1.2) * 130;
    const curve = Array.from({ length: 81 }, (_, k) => from + ((to - from) * k) / 80);
    secant.add("path", { d: live.line(curve.map((p) => [x(p), y(cell([p, 0], same)[0])])), fill: "none", stroke: "var(--soft)", "stroke-width": 2 });
    const at = cell([P, 0], same)[0];
    const through = (slope, h) => live.line([from, to].map((p) => [x(p), y(h + slope * (p - P))]));
    secant.add("path", { d: through(exact, at), fill: "none", stroke: "var(--gate-c)", "stroke-width": 3, opacity: 0.6 });
    const delta = Math.min(10 ** power, 3);
    const { value } = estimate(oracle, 10 ** power);
    if (oracle !== "complex" && Number.isFinite(value)) {
      const ends = [P - delta, P + delta].map((p) => [p, cell([p, 0], same)[0]]);
      secant.add("path", { d: through(value, (ends[0][1] + ends[1][1]) / 2), fill: "none", stroke: "var(--ink)", "stroke-width": 1.5, "stroke-dasharray": "5 3" });
      for (const [p, h] of ends) secant.add("circle", { cx: x(p), cy: y(h), r: 4.5, fill: "var(--ink)" });
    } else {
      secant.add("circle", { cx: x(P), cy: y(at), r: 4.5, fill: "var(--back)" });
    }
    legend.textContent = oracle === "complex" ? "h against p; the complex step leaves the page, at a right angle:"
      : "h against p, with its tangent (thick) and the secant through the two points (dashed):";
    secant.say(`The output h against the raw gate p, with the tangent at ${P}; the secant's slope is ${value}.`);
  }

  /** The two values under one another, what they share pale. */
  function drawDigits() {
    const { value, above, below, h } = estimate(oracle, 10 ** power);
    if (oracle === "complex") {
      digits.replaceChildren(make("div", {}, `h(p + iδ) = ${h[0].toFixed(15)} + ${h[1].toExponential(15)} i`),
        make("div", {}, "nothing is subtracted: all digits of the imaginary part count"));
      return;
    }
    const places = oracle === "float32" ? 9 : 17;
    const [a, b] = [above, below].map((number) => number.toFixed(places));
    let shared = 0;
    while (shared < a.length && a[shared] === b[shared]) shared++;
    const row = (name, text) => make("div", {}, `${name} = `, make("span", { class: "lost" }, text.slice(0, shared)), make("b", {}, text.slice(shared)));
    const lost = Math.max(0, shared - 2);
    digits.replaceChildren(row("h(p + δ)", a), row("h(p − δ)", b),
      make("div", {}, `${lost} of ${places} digits cancel in the difference`));
  }

  function update() {
    const delta = 10 ** power, { value } = estimate(oracle, delta);
    drawV();
    drawSecant();
    drawDigits();
    said.textContent = `δ = ${live.scientific(delta)}, ${ORACLES[oracle].name}: estimate ` +
      (Number.isFinite(value) ? value.toPrecision(10) : "none, as p + δ and p − δ are the same number") +
      `, derived ${exact.toPrecision(10)}; relative error ${live.scientific(error(value))}.`;
    v.say(`Relative error against delta, on logarithmic scales. ${said.textContent}`);
    slider.set(power);
    kinds.set(oracle);
  }

  const slider = live.slider("δ", { min: -30, max: 0, step: 0.25, value: power, show: (p) => live.scientific(10 ** p), "aria-label": "delta" },
    (p) => { power = p; update(); });
  const kinds = live.choice("Arithmetic", Object.fromEntries(Object.entries(ORACLES).map(([k, o]) => [k, o.name])),
    (key) => { oracle = key; update(); });
  v.follow(({ x }) => {
    power = Math.max(-30, Math.min(0, Math.round((((x - left) / vWidth) * 30 - 30) * 4) / 4));
    update();
  });
  slider.element.classList.add("wide");
  root.append(kinds.element, make("div", { class: "plot" }, v.svg), slider.element, said, digits, legend, secant.svg);
  update();
  return { draw: () => { drawV(); drawSecant(); }, at: () => ({ oracle, power }), CELL, P, exact, curves, POWERS,
    estimate: (key, delta) => estimate(key, delta).value };
});
