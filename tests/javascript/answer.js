// Answers questions about lstm.js: one JSON object in, one out. tests/test_javascript.py asks.
"use strict";
const lstm = require("../../book/_static/lstm.js");

const KINDS = { float64: Float64Array, float32: Float32Array };

function answer({ call, dtype = "float64", given = {}, incoming = null, shapes = {} }) {
  // Nested lists say nothing of sizes behind one that is 0: `shapes` does.
  const of = (name, value) => value === null ? null : name in shapes
    ? { shape: shapes[name], data: KINDS[dtype].from([value].flat(Infinity)) }
    : lstm.array(value, KINDS[dtype]);
  const arrays = (group) => Object.fromEntries(
    Object.entries(group).map(([name, value]) => [name, of(name, value)]));
  const plain = (results) => Object.fromEntries(Object.entries(results)
    .filter(([name]) => name !== "cache")
    .map(([name, { shape, data }]) => [name, { shape, data: [...data], kind: data.constructor.name }]));
  const a = arrays(given);
  const before = JSON.stringify(a);
  let result;
  if (call === "sequence") {
    const run = lstm.forward(a.X, a.WLSTM, a.c0, a.h0);
    result = plain(run);
    if (incoming) {
      const d = arrays(incoming), kept = JSON.stringify(d);
      const gradients = plain(lstm.backward(d.dHout, run.cache, d.dCn, d.dHn));
      const again = plain(lstm.backward(d.dHout, run.cache, d.dCn, d.dHn));
      result = { ...result, ...gradients, same: JSON.stringify(again) === JSON.stringify(gradients)
        && JSON.stringify(d) === kept };
    }
  } else if (call === "step") {
    result = plain(lstm.step(a.x, a.WLSTM, a.c, a.h));
  } else if (call === "central") {
    const d = arrays(incoming), dot = (p, q) => p.data.reduce((sum, v, k) => sum + v * q.data[k], 0);
    const loss = () => {
      const { Hout, Cn, Hn } = lstm.forward(a.X, a.WLSTM, a.c0, a.h0);
      return dot(Hout, d.dHout) + dot(Cn, d.dCn) + dot(Hn, d.dHn);
    };
    result = plain(Object.fromEntries(
      Object.keys(a).map((name) => [`d${name}`, lstm.central(loss, a[name])])));
  } else if (call === "init") {
    const rng = lstm.normal(given.seed);
    result = plain({ WLSTM: lstm.init(given.D, given.H, { rng, forget_bias: given.forget_bias }) });
    return { ...result, draws: Array.from({ length: 20000 }, lstm.normal(given.seed)) };
  }
  return { ...result, unchanged: JSON.stringify(a) === before };
}

let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", () => {
  const answers = JSON.parse(text).map((question) => {
    try {
      return answer(question);
    } catch (error) {
      return { error: `${error.name}: ${error.message}` };
    }
  });
  process.stdout.write(JSON.stringify(answers));
});
