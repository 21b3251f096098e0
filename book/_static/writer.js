// A trained network that writes, letter by letter: two layers of lstm.js and a softmax.
//
//   const reader = writer.open(LETTERS)         the network, its weights unpacked
//   let state = reader.start()                  nothing read yet
//   state = reader.read(state, "a")             -> { layers: [{ c, h }, ...], answers }
//   const p = writer.probabilities(state.answers, temperature)
//   writer.choose(p, u)                         the letter's place, for a random number u
//
// Weights are stored as one character each, 91 levels; a row has a scale of its own. The file
// letters.js has them; book/data/letters.py writes it. Works in pages and in Node.
"use strict";

const writer = (() => {
  /** The array that a record { shape, scales, levels } stands for. */
  function unpack({ shape, scales, levels }) {
    const [rows, columns] = shape, data = new Float64Array(rows * columns);
    for (let k = 0; k < data.length; k++) {
      const code = levels.charCodeAt(k); // "#" is -45; the backslash is left out
      data[k] = (code - 80 - (code > 92 ? 1 : 0)) * scales[Math.floor(k / columns)];
    }
    return { shape, data };
  }

  /** p = softmax(answers / temperature). (eq-softmax) */
  function probabilities(answers, temperature) {
    const top = Math.max(...answers), powers = Array.from(answers, (z) => Math.exp((z - top) / temperature));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  /** The first letter up to which probabilities add up to more than u, from [0, 1). */
  function choose(p, u) {
    const whole = p.reduce((a, b) => a + b);
    let reached = 0, last = 0;
    for (let k = 0; k < p.length; k++) {
      reached += p[k];
      if (reached > u * whole) return k;
      if (p[k] > 0) last = k;
    }
    return last; // what rounding has left over
  }

  function open(stored) {
    const layers = stored.layers.map(unpack), readout = unpack(stored.readout);
    const [rows, K] = readout.shape, alphabet = stored.alphabet;
    const place = new Map([...alphabet].map((letter, k) => [letter, k]));
    const start = () => ({ layers: layers.map(() => ({ c: null, h: null })), answers: null });

    /** One letter further; what was handed in stays as it is. */
    function read(state, letter) {
      if (!place.has(letter)) throw new RangeError(`letter: expected one of the alphabet, got ${JSON.stringify(letter)}`);
      let x = { shape: [K], data: new Float64Array(K) };
      x.data[place.get(letter)] = 1;
      const next = state.layers.map(({ c, h }, k) => {
        const made = lstm.step(x, layers[k], c, h);
        x = made.h;
        return made;
      });
      const answers = readout.data.slice(0, K);
      for (let j = 1; j < rows; j++) {
        for (let k = 0; k < K; k++) answers[k] += x.data[j - 1] * readout.data[j * K + k];
      }
      return { layers: next, answers };
    }
    return { alphabet, knows: (letter) => place.has(letter), start, read };
  }

  return { open, probabilities, choose, unpack };
})();
if (typeof module === "object" && module.exports) {
  globalThis.lstm = require("./lstm.js");
  module.exports = writer;
}
