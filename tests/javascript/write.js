// Lets the network of letters.js read and write: one JSON object in, one out. test_writer.py asks.
"use strict";
const fs = require("fs");
const writer = require("../../book/_static/writer.js");

const script = fs.readFileSync(`${__dirname}/../../book/_static/letters.js`, "ascii");
const LETTERS = JSON.parse(script.slice(script.indexOf("= ") + 2).trim().replace(/;$/, ""));
const { beginning, numbers, temperature } = JSON.parse(fs.readFileSync(0, "utf8"));
const reader = writer.open(LETTERS);
let state = reader.start(), text = "";
for (const letter of beginning) state = reader.read(state, letter);
const first = Array.from(writer.probabilities(state.answers, temperature));
for (const u of numbers) {
  const letter = reader.alphabet[writer.choose(writer.probabilities(state.answers, temperature), u)];
  text += letter;
  state = reader.read(state, letter);
}
process.stdout.write(JSON.stringify({ first, text, c: state.layers.map(({ c }) => [...c.data]) }));
