// The drawing of the cover, alive: a pulse comes in, the memory holds it, another erases it. lstm.js
// computes each step; readers who prefer rest, and pages without scripts, have the drawing as it is.
"use strict";

const cover = (() => {
  const svg = document.querySelector("#fig-cell svg.drawing");
  if (!svg || !document.querySelector(".cover-lead")) return null;
  const { make, number } = live;
  // The first scene of chapter 2's unit: a memory that is written at step 3 and erased at step 15.
  const W = lstm.array([[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]]);
  const STEPS = 20, x = Array.from({ length: STEPS }, (_, t) => ({ 2: 1, 14: -1 })[t] ?? 0);
  const { Hout, cache } = lstm.forward({ shape: [STEPS, 1, 1], data: Float64Array.from(x) }, W);
  const BOXES = { i: [256, 226], f: [170, 226], o: [450, 226], g: [352, 226] };

  // What moves lies over the drawing; its letters stay legible.
  const layer = make("g", { class: "moving", "aria-hidden": "true", "pointer-events": "none" });
  const fills = Object.fromEntries(Object.entries(BOXES).map(([gate, [left, top]]) => {
    const rect = make("rect", { x: left + 2.5, y: top + 33, width: 63, height: 0, fill: `var(--gate-${gate})`, opacity: 0.45 });
    layer.append(rect);
    return [gate, rect];
  }));
  const held = make("path", { d: "M356 88H684", stroke: "var(--glow)", fill: "none", "stroke-linecap": "round", opacity: 0.95 });
  const kept = make("path", { d: "M14 88H186M222 88H320", stroke: "var(--glow)", fill: "none", "stroke-linecap": "round", opacity: 0.95 });
  const pulse = make("circle", { r: 9, fill: "var(--back)", opacity: 0 });
  const text = (px, py, anchor = "middle") => make("text", { x: px, y: py, "text-anchor": anchor, fill: "var(--ink)", class: "now" });
  const shown = { c: text(600, 118), h: text(670, 228), x: text(196, 356, "start") };
  layer.append(held, kept, pulse, ...Object.values(shown));
  svg.append(layer);

  const words = make("span", { class: "step" });
  const button = live.button("Pause", () => (playing ? stop() : live.calm ? advance() : start()));
  const row = make("div", { class: "live-row" }, button, words);
  svg.after(row);

  let t = 0, at = 0, playing = 0, before = 0; // at: how far step t has come, from 0 to 1
  const ROUTE = [[140, 360], [140, 290], [204, 290], [290, 290], [290, 168], [338, 148], [338, 88], [540, 88], [680, 88]];
  /** The place on the pulse's way after a share of its length. */
  function place(share) {
    const lengths = ROUTE.slice(1).map(([px, py], k) => Math.hypot(px - ROUTE[k][0], py - ROUTE[k][1]));
    let left = share * lengths.reduce((a, l) => a + l);
    let k = 0;
    while (k < lengths.length - 1 && left > lengths[k]) left -= lengths[k++];
    const part = Math.min(1, left / lengths[k]);
    return [0, 1].map((axis) => ROUTE[k][axis] + part * (ROUTE[k + 1][axis] - ROUTE[k][axis]));
  }
  function draw() {
    const gates = cache.IFOG.data.subarray(4 * t, 4 * t + 4), opened = Math.min(1, Math.max(0, (at - 0.2) / 0.3));
    const last = t ? cache.IFOG.data.subarray(4 * t - 4, 4 * t) : [0, 0, 0, 0];
    Object.keys(live.gates).forEach((gate, k) => {
      const height = 33 * Math.abs(last[k] + opened * (gates[k] - last[k]));
      fills[gate].setAttribute("height", height);
      fills[gate].setAttribute("y", BOXES[gate][1] + 35.5 - height);
    });
    const changed = Math.min(1, Math.max(0, (at - 0.5) / 0.3));
    const [cOld, c] = [cache.C.data[t], cache.C.data[t + 1]], now = cOld + changed * (c - cOld);
    held.setAttribute("stroke-width", 5.5 * Math.min(1, Math.abs(now)));
    kept.setAttribute("stroke-width", 5.5 * Math.min(1, Math.abs(cOld)));
    held.setAttribute("visibility", Math.abs(now) > 0.02 ? "visible" : "hidden");
    kept.setAttribute("visibility", Math.abs(cOld) > 0.02 ? "visible" : "hidden");
    pulse.setAttribute("opacity", x[t] && at < 0.98 ? 1 : 0);
    if (x[t]) {
      const [px, py] = place(at);
      pulse.setAttribute("cx", px);
      pulse.setAttribute("cy", py);
    }
    shown.c.textContent = number(now);
    shown.h.textContent = number(changed < 1 && t ? Hout.data[t - 1] : changed < 1 ? 0 : Hout.data[t]);
    shown.x.textContent = number(x[t], 0);
    words.textContent = `Step ${t + 1}: ` + (x[t] > 0 ? "a pulse comes in and is written." : x[t] < 0 ? "another pulse: the forget gate closes."
      : Math.abs(cOld) > 0.3 ? `nothing comes in; the memory holds ${number(now)}.` : "nothing in, nothing held.");
  }
  function frame(time) {
    if (!playing) return;
    at += Math.min(0.1, (time - before) / (x[t] ? 2600 : 700));
    before = time;
    if (at >= 1) [t, at] = [(t + 1) % STEPS, 0];
    draw();
    playing = requestAnimationFrame(frame);
  }
  function start() {
    if (playing) return;
    button.textContent = "Pause";
    before = performance.now();
    playing = requestAnimationFrame(frame);
  }
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    button.textContent = live.calm ? "Next step" : "Play";
  }
  function advance() {
    [t, at] = [(t + 1) % STEPS, 1];
    draw();
  }
  // Nothing runs while it is out of sight.
  let wanted = !live.calm;
  button.addEventListener("click", () => (wanted = Boolean(playing)));
  live.whileInSight(svg, stop, () => wanted && start());
  if (live.calm) {
    [t, at] = [8, 1]; // a memory that is held
    stop();
  }
  draw();
  return { state: () => ({ t, at, playing: Boolean(playing), x, c: [...cache.C.data], h: [...Hout.data] }), advance };
})();
