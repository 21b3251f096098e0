// The LSTM in JavaScript: forward, backward and one step at a time, as in chapters 3 to 5.
//
//   lstm.forward(X, WLSTM, c0, h0)          -> { Hout, Cn, Hn, cache }
//   lstm.backward(dHout, cache, dCn, dHn)   -> { dX, dWLSTM, dc0, dh0 }
//   lstm.step(x, WLSTM, c, h)               -> { c, h }
//
// An array is { shape, data }: a list of sizes, and a Float64Array or Float32Array with the last
// axis innermost. Shapes: X (n, b, D), WLSTM (1 + D + H, 4H), states (b, H), for n steps,
// a batch of b sequences, D inputs and H units. Row 0 of WLSTM is the bias, then come D rows for
// x and H rows for h; its columns are the gates i, f, o, g. States and gradients that are left
// out are zero. A comment such as (eq-dc) names the equation of the book that a line implements.
//
// Nothing is imported. Load it as a classic script (it then works from file://, and defines the
// global `lstm`), or in Node by require("./lstm.js"). In float32 every number that is kept, and every
// term of a sum, is rounded to float32 by Math.fround; only what stands inside one line is exact.
"use strict";

/** Everything below; a worker can be handed its source as text. */
function makeLSTM() {
  // Arrays

  const size = (shape) => shape.reduce((product, length) => product * length, 1);

  /** An array of zeros, of the same kind of numbers as `like` (float64 without it). */
  function zeros(shape, like) {
    const Kind = like ? like.data.constructor : Float64Array;
    return { shape: [...shape], data: new Kind(size(shape)) };
  }

  /** An array from nested lists, such as JSON holds; Kind is Float64Array or Float32Array. */
  function array(nested, Kind = Float64Array) {
    if (Kind !== Float64Array && Kind !== Float32Array) {
      throw new TypeError("Kind: expected Float64Array or Float32Array");
    }
    const shape = [];
    for (let level = nested; Array.isArray(level); level = level[0]) shape.push(level.length);
    const flat = [nested].flat(Infinity);
    const fits = (level, depth) => depth === shape.length
      ? typeof level === "number"
      : Array.isArray(level) && level.length === shape[depth]
        && level.every((inner) => fits(inner, depth + 1));
    if (!fits(nested, 0)) throw new TypeError("nested: expected lists of equal lengths, of numbers");
    return { shape, data: Kind.from(flat) };
  }

  /** Nested lists from an array, for JSON. */
  function nested({ shape, data }) {
    if (shape.length === 0) return data[0];
    const inner = shape.slice(1), step = size(inner);
    return Array.from({ length: shape[0] }, (_, k) =>
      nested({ shape: inner, data: data.subarray(k * step, (k + 1) * step) }));
  }

  /** Return `value`, or say what is wrong with it. A size of null may be any. */
  function check(name, value, axes, shape, like) {
    const wanted = `(${axes.join(", ")}) = (${shape.map((s) => s ?? "any").join(", ")})`;
    if (!value || !Array.isArray(value.shape) || !ArrayBuffer.isView(value.data)) {
      throw new TypeError(`${name}: expected an array { shape, data } of shape ${wanted}`);
    }
    if (!value.shape.every((length) => Number.isInteger(length) && length >= 0)) {
      throw new RangeError(`${name}: expected sizes that are whole numbers, got (${value.shape.join(", ")})`);
    }
    const Kind = value.data.constructor;
    if (Kind !== Float64Array && Kind !== Float32Array) {
      throw new TypeError(`${name}: expected a Float64Array or Float32Array, got ${Kind.name}`);
    }
    if (value.shape.length !== shape.length
        || shape.some((s, k) => s !== null && s !== value.shape[k])) {
      throw new RangeError(`${name}: expected shape ${wanted}, got (${value.shape.join(", ")})`);
    }
    if (value.data.length !== size(value.shape)) {
      throw new RangeError(`${name}: expected ${size(value.shape)} numbers for its shape, ` +
        `got ${value.data.length}`);
    }
    if (like && Kind !== like.data.constructor) {
      throw new TypeError(`${name}: expected a ${like.data.constructor.name}, as in WLSTM, ` +
        `got a ${Kind.name}`);
    }
    return value;
  }

  /** A state or its gradient, checked; zeros if it was left out. */
  const state = (name, value, shape, like) =>
    value == null ? zeros(shape, like) : check(name, value, ["b", "H"], shape, like);

  /** D and H, read off the shape of a weight matrix. */
  function sizes(WLSTM) {
    check("WLSTM", WLSTM, ["1 + D + H", "4 * H"], [null, null]);
    const [rows, columns] = WLSTM.shape;
    const H = columns / 4, D = rows - 1 - H;
    if (!Number.isInteger(H) || H < 1 || D < 0) {
      throw new RangeError("WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, " +
        `got (${rows}, ${columns})`);
    }
    return { D, H };
  }

  /** Row `at` of an array whose last axis is `width` long: a view, not a copy. */
  const row = ({ data }, at, width) => data.subarray(at * width, (at + 1) * width);

  /** Rounding after each operation: none in float64, to float32 in float32. */
  const rounding = ({ data }) => (data instanceof Float32Array ? Math.fround : (number) => number);

  // One row of one step

  /** z = u W, for one input vector u of 1 + D + H numbers. (eq-z) */
  function rawGates(u, WLSTM, z, round) {
    const width = z.length;
    z.fill(0);
    for (let k = 0; k < u.length; k++) {
      const w = row(WLSTM, k, width), value = u[k];
      for (let j = 0; j < width; j++) z[j] = round(z[j] + round(value * w[j]));
    }
  }

  /** Raw gates become gates, in place: sigmoid for i, f and o, tanh for g. (eq-gates) */
  function squash(z, H, round) {
    const sigmoid = (a) => 0.5 + 0.5 * Math.tanh(0.5 * a); // (eq-sigmoid)
    for (let j = 0; j < 3 * H; j++) z[j] = round(sigmoid(z[j]));
    for (let j = 3 * H; j < 4 * H; j++) z[j] = round(Math.tanh(z[j]));
  }

  // The whole sequence

  /** Run a batch of sequences. */
  function forward(X, WLSTM, c0, h0) {
    const { D, H } = sizes(WLSTM);
    check("X", X, ["n", "b", "D"], [null, null, D], WLSTM);
    const [n, b] = X.shape, round = rounding(WLSTM), width = 1 + D + H;
    let c = state("c0", c0, [b, H], WLSTM), h = state("h0", h0, [b, H], WLSTM);

    const U = zeros([n, b, width], WLSTM), IFOG = zeros([n, b, 4 * H], WLSTM);
    const C = zeros([n + 1, b, H], WLSTM), S = zeros([n, b, H], WLSTM);
    const Hout = zeros([n, b, H], WLSTM);
    C.data.set(c.data);
    for (let t = 0; t < n; t++) {
      for (let r = 0; r < b; r++) {
        const at = t * b + r;
        const u = row(U, at, width); // (eq-u)
        u[0] = 1;
        u.set(row(X, at, D), 1);
        u.set(t === 0 ? row(h, r, H) : row(Hout, at - b, H), 1 + D);

        const z = row(IFOG, at, 4 * H);
        rawGates(u, WLSTM, z, round);
        squash(z, H, round);
        const cPrev = row(C, at, H), cNext = row(C, at + b, H);
        const s = row(S, at, H), out = row(Hout, at, H);
        for (let k = 0; k < H; k++) {
          const i = z[k], f = z[H + k], o = z[2 * H + k], g = z[3 * H + k];
          cNext[k] = round(round(f * cPrev[k]) + round(i * g)); // (eq-c)
          s[k] = round(Math.tanh(cNext[k])); // (eq-s)
          out[k] = round(o * s[k]); // (eq-h)
        }
      }
    }
    const last = (A, from) => ({ shape: [b, H], data: A.data.slice(from, from + b * H) });
    const Cn = last(C, n * b * H), Hn = n ? last(Hout, (n - 1) * b * H) : last(h, 0);
    const copy = { shape: [...WLSTM.shape], data: WLSTM.data.slice() };
    return { Hout, Cn, Hn, cache: { WLSTM: copy, U, IFOG, C, S } };
  }

  /** Carry the gradients of a loss back through a forward run. */
  function backward(dHout, cache, dCn, dHn) {
    for (const name of ["WLSTM", "U", "IFOG", "C", "S"]) {
      if (!cache?.[name]) throw new TypeError("cache: expected the cache that forward returned");
    }
    const { WLSTM, U, IFOG, C, S } = cache;
    const { D, H } = sizes(WLSTM), round = rounding(WLSTM), width = 1 + D + H;
    const [n, b] = check("cache.S", S, ["n", "b", "H"], [null, null, H], WLSTM).shape;
    check("cache.C", C, ["n + 1", "b", "H"], [n + 1, b, H], WLSTM);
    check("cache.U", U, ["n", "b", "1 + D + H"], [n, b, width], WLSTM);
    check("cache.IFOG", IFOG, ["n", "b", "4 * H"], [n, b, 4 * H], WLSTM);
    const none = dHout == null;
    if (!none) check("dHout", dHout, ["n", "b", "H"], [n, b, H], WLSTM);
    const dc0 = zeros([b, H], WLSTM), dh0 = zeros([b, H], WLSTM);
    dc0.data.set(state("dCn", dCn, [b, H], WLSTM).data); // from step n on: (eq-bptt-start)
    dh0.data.set(state("dHn", dHn, [b, H], WLSTM).data);

    const dX = zeros([n, b, D], WLSTM), dWLSTM = zeros(WLSTM.shape, WLSTM);
    const dz = new WLSTM.data.constructor(4 * H);
    for (let t = n - 1; t >= 0; t--) {
      for (let r = 0; r < b; r++) {
        const at = t * b + r;
        const gates = row(IFOG, at, 4 * H), cPrev = row(C, at, H), s = row(S, at, H);
        const dcNext = row(dc0, r, H), dhNext = row(dh0, r, H); // what step t + 1 asks for
        for (let k = 0; k < H; k++) {
          const i = gates[k], f = gates[H + k], o = gates[2 * H + k], g = gates[3 * H + k];
          const dh = round((none ? 0 : dHout.data[at * H + k]) + dhNext[k]); // (eq-bptt-dh)
          const dO = round(dh * s[k]); // (eq-do), with a capital, as `do` is a word of the language
          const ds = round(dh * o); // (eq-ds)
          const dc = round(dcNext[k] + ds * round(1 - s[k] * s[k])); // (eq-dc) (eq-bptt-dc)
          const dF = round(dc * cPrev[k]); // (eq-df)
          const dI = round(dc * g); // (eq-di)
          const dG = round(dc * i); // (eq-dg)
          dz[k] = dI * round(i * (1 - i)); // (eq-dz-sigmoid)
          dz[H + k] = dF * round(f * (1 - f));
          dz[2 * H + k] = dO * round(o * (1 - o));
          dz[3 * H + k] = dG * round(1 - g * g); // (eq-dz-tanh)
          dcNext[k] = round(dc * f); // (eq-dc-prev)
        }
        const u = row(U, at, width), dx = row(dX, at, D);
        for (let k = 0; k < width; k++) {
          const w = row(WLSTM, k, 4 * H), dw = row(dWLSTM, k, 4 * H);
          let du = 0; // (eq-du)
          for (let j = 0; j < 4 * H; j++) {
            du = round(du + round(dz[j] * w[j]));
            dw[j] = round(dw[j] + round(u[k] * dz[j])); // (eq-dw) (eq-bptt-dw)
          }
          if (k > D) dhNext[k - 1 - D] = du; // (eq-dh-prev)
          else if (k > 0) dx[k - 1] = du; // (eq-dx)
        }
      }
    }
    return { dX, dWLSTM, dc0, dh0 };
  }

  /** One step of a stream: x (D) or (b, D), states (H) or (b, H). */
  function step(x, WLSTM, c, h) {
    const { D, H } = sizes(WLSTM);
    if (x?.shape?.length === 1) {
      const batched = (name, value, length) => value == null ? value
        : { shape: [1, length], data: check(name, value, ["H"], [length], WLSTM).data };
      const x1 = { shape: [1, D], data: check("x", x, ["D"], [D], WLSTM).data };
      const next = step(x1, WLSTM, batched("c", c, H), batched("h", h, H));
      return { c: { shape: [H], data: next.c.data }, h: { shape: [H], data: next.h.data } };
    }
    check("x", x, ["b", "D"], [null, D], WLSTM);
    const [b] = x.shape;
    state("c", c, [b, H], WLSTM);
    state("h", h, [b, H], WLSTM);
    const { Cn, Hn } = forward({ shape: [1, b, D], data: x.data }, WLSTM, c, h);
    return { c: Cn, h: Hn };
  }

  // Beginnings

  /** Numbers from N(0, 1), one a call; the same seed gives the same numbers on every machine. */
  function normal(seed) {
    let s = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
    const uniform = () => { // xorshift, Marsaglia 2003: 32 bits, never 0
      s ^= s << 13;
      s ^= s >>> 17;
      s ^= s << 5;
      return ((s >>> 0) - 0.5) / 4294967296;
    };
    for (let k = 0; k < 20; k++) uniform(); // small seeds differ in few bits: mix them
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  /** Initial weights, as lstm.init of the package: N(0, 1) / sqrt(D + H), biases 0 except those of f. */
  function init(D, H, { forget_bias = 3, rng = normal(0), Kind = Float64Array } = {}) {
    for (const [name, value, least] of [["D", D, 0], ["H", H, 1]]) {
      if (!Number.isInteger(value) || value < least) {
        throw new RangeError(`${name}: expected an integer of at least ${least}, got ${value}`);
      }
    }
    if (!Number.isFinite(forget_bias)) {
      throw new RangeError(`forget_bias: expected a finite number, got ${forget_bias}`);
    }
    const WLSTM = { shape: [1 + D + H, 4 * H], data: new Kind((1 + D + H) * 4 * H) };
    for (let k = 4 * H; k < WLSTM.data.length; k++) WLSTM.data[k] = rng() / Math.sqrt(D + H);
    WLSTM.data.fill(forget_bias, H, 2 * H);
    return WLSTM;
  }

  /** Central differences: the slope of loss() with respect to each number of an array. */
  function central(loss, values, delta = 1e-5) {
    const slopes = zeros(values.shape, values), { data } = values;
    for (let k = 0; k < data.length; k++) {
      const kept = data[k];
      data[k] = kept + delta;
      const up = data[k], above = loss();
      data[k] = kept - delta;
      slopes.data[k] = (above - loss()) / (up - data[k]);
      data[k] = kept;
    }
    return slopes;
  }

  return { forward, backward, step, init, normal, central, array, nested, zeros, sizes };
}

const lstm = makeLSTM();
if (typeof module === "object" && module.exports) module.exports = lstm;
