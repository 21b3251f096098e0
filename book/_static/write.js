// It writes, in the place of "fig-writer" of chapter 12: type a beginning, choose a temperature, see
// what it expects next, and the letters coloured by a unit. The network is in letters.js, how it
// reads and writes in writer.js.
"use strict";

const BEGINNING = "The \"for\" statement is";

const write = (root) => {
  const { make, number } = live;
  const reader = writer.open(LETTERS), MOST = 600, SHOWN = 8;
  let text = "", begun = 0, states = [reader.start()], temperature = 0.7, timer = 0;

  const [, columns] = LETTERS.layers[0].shape, H = columns / 4;
  const named = LETTERS.units.map(({ layer, unit, name }) => [`${layer},${unit}`, `${name}: layer ${layer + 1}, unit ${unit}`]);
  const others = LETTERS.layers.flatMap((_, layer) => Array.from({ length: H }, (_, unit) =>
    [`${layer},${unit}`, `layer ${layer + 1}, unit ${unit}`])).filter(([key]) => !named.some(([known]) => known === key));
  const select = make("select", {}, ...[...named, ...others].map(([value, label]) => make("option", { value }, label)));

  const field = make("textarea", { rows: 3, spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
  const page = make("div", { class: "written", tabindex: 0, role: "group", "aria-label": "What was typed and written, coloured by the unit" });
  const bars = live.drawing(""), said = make("p", { class: "said", "aria-live": "polite" });
  const shown = (letter) => ({ "\n": "line end", " ": "space" })[letter] ?? letter;

  /** Read on from where the text has changed. */
  function read(whole) {
    const known = [...whole].filter(reader.knows).join("").slice(0, 2 * MOST);
    let same = 0;
    while (same < text.length && same < known.length && text[same] === known[same]) same += 1;
    states.length = same + 1;
    for (const letter of known.slice(same)) states.push(reader.read(states.at(-1), letter));
    text = known;
    return known.length < whole.length;
  }

  const value = (state) => {
    const [layer, unit] = select.value.split(",").map(Number);
    return Math.tanh(state.layers[layer].c.data[unit]);
  };
  function letterOf(k) {
    const v = value(states[k + 1]), strength = Math.round(75 * Math.abs(v));
    const style = `background: color-mix(in srgb, var(--gate-${v > 0 ? "f" : "i"}) ${strength}%, transparent)`;
    return make("span", { style, class: k < begun ? "begun" : null }, text[k] === "\n" ? "↵\n" : text[k]);
  }
  function paint(from = 0) {
    while (page.childNodes.length > from) page.lastChild.remove();
    page.append(...Array.from({ length: text.length - from }, (_, k) => letterOf(from + k)));
    page.scrollTop = page.scrollHeight;
    expect();
  }
  const expected = () => states.at(-1).answers && writer.probabilities(states.at(-1).answers, temperature);
  function expect() {
    const p = expected(), width = bars.clear(28 * SHOWN);
    if (!p) return bars.say("Nothing has been read yet.");
    const best = Array.from(p, (_, k) => k).sort((a, b) => p[b] - p[a]).slice(0, SHOWN);
    best.forEach((k, row) => {
      bars.add("text", { x: 74, y: 28 * row + 19, "text-anchor": "end" }, shown(reader.alphabet[k]));
      bars.add("rect", { x: 82, y: 28 * row + 4, width: Math.max(1, (width - 140) * p[k]), height: 20, fill: row ? "var(--soft)" : "var(--back)" });
      bars.add("text", { x: 90 + (width - 140) * p[k], y: 28 * row + 19 }, number(p[k]));
    });
    bars.say(`What it expects next: ${best.map((k) => `${shown(reader.alphabet[k])}: ${number(p[k])}`).join(", ")}.`);
  }

  /** Write one letter for each random number. */
  function goOn(numbers) {
    const from = text.length;
    for (const u of numbers) {
      const letter = reader.alphabet[writer.choose(expected(), u)];
      states.push(reader.read(states.at(-1), letter));
      text += letter;
    }
    paint(from);
    return text.slice(from);
  }
  const stop = () => { clearInterval(timer); timer = 0; go.textContent = "Write"; };
  const go = live.button("Write", () => {
    if (timer) return stop();
    if (text.length >= begun + MOST) read(text.slice(0, begun)), paint();
    if (live.calm) return void goOn(Array.from({ length: 300 }, Math.random));
    go.textContent = "Stop";
    timer = setInterval(() => (text.length < begun + MOST ? goOn([Math.random()]) : stop()), 30);
  });
  function begin(beginning) {
    stop();
    field.value = beginning;
    typed();
  }
  function typed() {
    stop();
    const lost = read(field.value || "\n");
    begun = text.length;
    said.textContent = lost ? `Read: what is not ASCII, and more than ${2 * MOST} letters, is left out.` : "";
    paint();
  }
  field.addEventListener("input", typed);
  select.addEventListener("change", () => paint());
  const heat = live.slider("temperature", { min: 0.1, max: 1.5, step: 0.1, value: temperature }, (to) => { temperature = to; expect(); });
  const fresh = live.button("Take it back", () => begin(field.value));

  root.append(make("label", { class: "wide" }, make("span", {}, "Begin:"), field),
    make("div", { class: "row" }, go, fresh, heat.element),
    make("div", { class: "row" }, make("label", {}, make("span", {}, "coloured by"), select)),
    page, make("p", { class: "legend" }, "Its cell, tanh c: orange is positive, blue negative. Next letter:"), bars.svg, said);
  begin(BEGINNING);
  return { draw: expect, pause: stop, begin, write: goOn, text: () => text, probabilities: expected,
    temperature: (to) => { heat.set(to); temperature = to; expect(); }, choose: (key) => { select.value = key; paint(); }, value: () => value(states.at(-1)) };
};

// The network weighs as much as the rest of the page: it is loaded when a reader comes near.
const written = live.mount("fig-writer", "Let it write", (root) => {
  const address = new URL("letters.js", document.currentScript.src);
  const wait = live.make("p", { class: "said" }, "The network is being loaded.");
  let figure = null;
  root.append(wait);
  const near = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    near.disconnect();
    const script = live.make("script", { src: address });
    script.addEventListener("load", () => (wait.remove(), figure = write(root)));
    script.addEventListener("error", () => (wait.textContent = "The network could not be loaded."));
    document.head.append(script);
  }, { rootMargin: "300px" });
  near.observe(root);
  return { draw: () => figure?.draw(), pause: () => figure?.pause(),
    text: () => figure?.text() ?? BEGINNING, get figure() { return figure; } };
});
