// The backward cell, in chapter 4: one scalar cell with numbers, forward and back. Step through the
// operations on the drawing; edit any number; each adjoint stands beside a difference quotient.
"use strict";

const backwardCell = live.mount("backward-cell", { name: "One scalar cell, forward and back", about: "Step through the operations, and change any number. Each gradient appears under its value; a difference quotient tests it." }, (root) => {
  const { make, number } = live;

  // What the reader may edit: inputs, the raw gates' weights, and what is asked of the results.
  const given = { x: 0.8, h_prev: -0.4, c_prev: 1.2, dh: 1, dc_next: 0.5,
    b_i: 0.2, b_f: 1, b_o: 0.1, b_g: 0, wx_i: 0.9, wx_f: 0.5, wx_o: 0.7, wx_g: 1.1, wh_i: -0.6, wh_f: 0.8, wh_o: 0.4, wh_g: -0.9 };
  const GATES = ["i", "f", "o", "g"];
  const sigmoid = (z) => 0.5 + 0.5 * Math.tanh(0.5 * z); // (eq-sigmoid)

  // The operations in order. A row: the value, its equation's label, the equation in words of NumPy,
  // and how to compute it from the values before; then for each adjoint the same. `lit` names the
  // edges of the drawing that belong to it.
  const FORWARD = [
    ...GATES.map((k) => ({ name: `z_${k}`, label: "eq-z", code: `z_${k} = b_${k} + x * Wx_${k} + h_prev * Wh_${k}`,
      of: (v) => v[`b_${k}`] + v.x * v[`wx_${k}`] + v.h_prev * v[`wh_${k}`] })),
    ...GATES.map((k) => ({ name: k, label: "eq-gates", code: `${k} = ${k === "g" ? "tanh" : "sigmoid"}(z_${k})`,
      of: (v) => (k === "g" ? Math.tanh : sigmoid)(v[`z_${k}`]) })),
    { name: "c", label: "eq-c", code: "c = f * c_prev + i * g", of: (v) => v.f * v.c_prev + v.i * v.g },
    { name: "s", label: "eq-s", code: "s = tanh(c)", of: (v) => Math.tanh(v.c) },
    { name: "h", label: "eq-h", code: "h = o * s", of: (v) => v.o * v.s },
  ];
  const BACKWARD = [
    { name: "o", label: "eq-do", code: "do = dh * s", of: (v, d) => d.h * v.s },
    { name: "s", label: "eq-ds", code: "ds = dh * o", of: (v, d) => d.h * v.o },
    { name: "c", label: "eq-dc", code: "dc = dc_next + ds * (1 - s**2)", of: (v, d) => v.dc_next + d.s * (1 - v.s ** 2) },
    { name: "f", label: "eq-df", code: "df = dc * c_prev", of: (v, d) => d.c * v.c_prev },
    { name: "c_prev", label: "eq-dc-prev", code: "dc_prev = dc * f", of: (v, d) => d.c * v.f },
    { name: "i", label: "eq-di", code: "di = dc * g", of: (v, d) => d.c * v.g },
    { name: "g", label: "eq-dg", code: "dg = dc * i", of: (v, d) => d.c * v.i },
    ...["i", "f", "o"].map((k) => ({ name: `z_${k}`, label: "eq-dz-sigmoid", code: `dz_${k} = d${k} * ${k} * (1 - ${k})`,
      of: (v, d) => d[k] * v[k] * (1 - v[k]) })),
    { name: "z_g", label: "eq-dz-tanh", code: "dz_g = dg * (1 - g**2)", of: (v, d) => d.g * (1 - v.g ** 2) },
    { name: "x", label: "eq-dx", code: "dx = sum of dz_k * Wx_k", of: (v, d) => GATES.reduce((sum, k) => sum + d[`z_${k}`] * v[`wx_${k}`], 0) },
    { name: "h_prev", label: "eq-dh-prev", code: "dh_prev = sum of dz_k * Wh_k", of: (v, d) => GATES.reduce((sum, k) => sum + d[`z_${k}`] * v[`wh_${k}`], 0) },
  ];

  /** All values; `instead` replaces some, and what comes after follows the replacement. */
  function forward(instead = {}) {
    const v = { ...given, ...instead };
    for (const { name, of } of FORWARD) if (!(name in instead)) v[name] = of(v);
    return v;
  }
  function backward(v) {
    const d = { h: v.dh };
    for (const { name, of } of BACKWARD) d[name] = of(v, d);
    return d;
  }
  /** The slope of the loss dh * h + dc_next * c with respect to any value, by central differences. */
  function difference(name, delta = 1e-5) {
    const loss = (value) => {
      const v = forward({ [name]: value });
      return given.dh * v.h + given.dc_next * v.c;
    };
    const at = forward()[name];
    return (loss(at + delta) - loss(at - delta)) / (2 * delta);
  }

  // The drawing, wide and, for telephones, narrow: the letters have the same size in both.
  // A box: its centre, what is in it, the gate. A wire: the value that it carries, its path, where
  // the value and its adjoint are written, and to which side of that place.
  const WIDE = {
    size: [660, 424],
    boxes: [[150, 60, "×"], [290, 60, "+"], [290, 130, "×"], [470, 120, "tanh"], [470, 190, "×"],
      [150, 230, "σ", "f"], [240, 230, "σ", "i"], [330, 230, "tanh", "g"], [420, 230, "σ", "o"]],
    wires: [
      ["c_prev", "M20 60H132", 66, 48, 78], ["c", "M308 60H640 M470 60V102", 560, 48, 78], ["s", "M470 138V172", 510, 152, 168],
      ["f", "M150 212V78", 108, 158, 174], ["i", "M240 212V130H272", 206, 122, 190], ["g", "M330 212V130H308", 366, 122, 138],
      ["o", "M420 212V190H452", 386, 178, 206], ["h", "M488 190H640", 570, 178, 208],
      ["z_f", "M150 300V248", 150, 318, 334], ["z_i", "M240 300V248", 240, 318, 334], ["z_g", "M330 300V248", 330, 318, 334], ["z_o", "M420 300V248", 420, 318, 334],
      ["x", "M150 372H432", 100, 368, 384], ["h_prev", "M150 398H432", 490, 396, 412],
    ],
    through: "M168 60H272", up: "M290 112V78", feed: "M150 398V342M240 398V342M330 398V342M420 398V342",
  };
  const NARROW = {
    size: [340, 386],
    boxes: [[44, 50, "×"], [162, 50, "+"], [162, 108, "×"], [268, 92, "tanh"], [268, 160, "×"],
      [44, 240, "σ", "f"], [116, 240, "σ", "i"], [188, 240, "tanh", "g"], [268, 240, "σ", "o"]],
    wires: [
      ["c_prev", "M2 50H26", 2, 13, 27, "start"], ["c", "M180 50H338 M268 50V74", 338, 24, 39, "end"], ["s", "M268 110V142", 262, 124, 138, "end"],
      ["f", "M44 222V68", 50, 84, 98, "start"], ["i", "M116 222V108H144", 122, 176, 191, "start"], ["g", "M188 222V108H180", 194, 196, 211, "start"],
      ["o", "M268 222V178", 273, 196, 211, "start"], ["h", "M286 160H338", 338, 124, 138, "end"],
      ["z_f", "M44 264V258", 44, 277, 291], ["z_i", "M116 264V258", 116, 277, 305], ["z_g", "M188 264V258", 188, 277, 291], ["z_o", "M268 264V258", 268, 277, 305],
      ["x", "M2 342H276", 2, 359, 374, "start"], ["h_prev", "M44 326H338", 338, 359, 374, "end"],
    ],
    through: "M62 50H144", up: "M162 90V68", feed: "M44 342V310M116 342V310M188 342V310M268 342V310",
  };
  const drawing = live.drawing(), said = live.said();
  const ALL = [...FORWARD.map((op) => ({ ...op, way: "forward" })), ...BACKWARD.map((op) => ({ ...op, way: "backward" }))];
  let at = FORWARD.length + 2; // it opens where the two ways into c meet

  const frame = (x, y, gate) => drawing.add("rect", { x: x - 27, y: y - 18, width: 54, height: 36, rx: 6,
    fill: "var(--face)", stroke: gate ? `var(--gate-${gate})` : "var(--ink)", "stroke-width": gate ? 4 : 2 });
  const wire = (d, stroke, thick) => drawing.add("path", { d, fill: "none", stroke, "stroke-width": thick });

  function draw() {
    const v = forward(), d = backward(v);
    const { size: [width, height], boxes, wires, through, up, feed } = root.clientWidth < 560 ? NARROW : WIDE;
    drawing.clear(height, width);
    drawing.svg.style.maxWidth = `${1.1 * width}px`;
    const done = (name, way) => ALL.findIndex((op) => op.name === name && op.way === way) <= at;
    const current = ALL[at];
    wire(feed, "var(--edge)", 2);
    for (const [name, path] of wires) {
      const here = current.name === name, gate = name.at(-1), memory = name === "c" || name === "c_prev";
      wire(path, here ? "var(--back)" : memory ? "var(--gate-c)" : GATES.includes(gate) ? `var(--gate-${gate})` : "var(--ink)", here ? 6 : memory ? 4.5 : 2);
    }
    wire(through, "var(--gate-c)", 4.5);
    wire(up, "var(--ink)", 2);
    for (const [x, y, text, gate] of boxes) {
      if (gate || text === "tanh") frame(x, y, gate);
      else drawing.add("circle", { cx: x, cy: y, r: 18, fill: "var(--face)", stroke: "var(--ink)", "stroke-width": 2 });
      drawing.add("text", { x, y: y + 5, "text-anchor": "middle", style: "fill: var(--ink)" }, text);
    }
    for (const [name, , x, above, below, anchor = "middle"] of wires) {
      const value = name in given || done(name, "forward") ? number(v[name], 3) : "…";
      drawing.add("text", { x, y: above, "text-anchor": anchor, class: "small", style: "fill: var(--ink)" }, make("tspan", { "font-style": "italic", "font-weight": 600 }, name), ` ${value}`);
      const adjoint = name === "h" ? (at >= FORWARD.length ? d.h : null) : name in d && done(name, "backward") ? d[name] : null;
      if (adjoint !== null) drawing.add("text", { x, y: below, "text-anchor": anchor, class: "small", style: "fill: var(--back); font-weight: 600" }, `d${name} ${number(adjoint, 3)}`);
    }
    const value = current.way === "forward" ? v[current.name] : d[current.name];
    const name = current.way === "forward" ? current.name : `d${current.name}`;
    drawing.say(`The cell as a drawing, at the operation ${current.code}: ${name} = ${number(value, 4)}.`);
    said.replaceChildren(make("b", {}, current.way === "forward" ? "Forward" : "Back"), ` ${at + 1} of ${ALL.length}: `,
      make("code", {}, current.code), ` = ${number(value, 6)}, `, make("a", { href: `#equation-${current.label}` }, `(${current.label})`),
      ...(current.way === "backward" ? [make("br"), `A difference quotient of the loss, moving ${current.name} alone: ${number(difference(current.name), 6)}.`] : []));
    slider.set(at + 1);
  }
  const slider = live.slider("operation", { min: 1, max: ALL.length, step: 1, value: 1, show: (k) => number(k, 0) }, (k) => { at = k - 1; draw(); });
  const step = (by) => { at = Math.max(0, Math.min(ALL.length - 1, at + by)); draw(); };
  const field = (name) => {
    const input = make("input", { type: "number", step: "0.1", value: given[name], "aria-label": name });
    input.addEventListener("input", () => {
      const value = Number(input.value);
      if (input.value === "" || !Number.isFinite(value) || Math.abs(value) > 100) return;
      given[name] = value;
      draw();
    });
    return make("label", { class: "field" }, make("i", {}, name), input);
  };
  const main = ["x", "h_prev", "c_prev", "dh", "dc_next"], weights = Object.keys(given).filter((name) => !main.includes(name));
  root.append(drawing.svg, said, make("div", { class: "row" }, live.button("◀ Previous", () => step(-1), { "aria-label": "Previous operation" }), live.button("Next ▶", () => step(1), { "aria-label": "Next operation" }), slider.element),
    make("div", { class: "row" }, ...main.map(field)),
    make("details", {}, make("summary", {}, "The twelve weights"), make("div", { class: "row" }, ...weights.map(field))));
  draw();
  return { draw, given, ALL, state: () => { const v = forward(); return { v, d: backward(v) }; }, difference, go: (k) => { at = k; draw(); } };
});
