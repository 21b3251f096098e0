// Your turn, in chapter 4: type the derivative of an operation. It is parsed by jsep (MIT licence,
// jsep.LICENSE beside it), evaluated on random arrays whose sizes all differ, and compared; the answer
// says what is wrong with it: its shape, its sign, a factor, or that it is another one's derivative.
"use strict";

const yourTurn = (() => {
  const { make } = live;
  const b = 3, D = 4, H = 2; // 1 + D + H = 7, 4H = 8: no two sizes are equal
  const rng = lstm.normal(41);
  const random = (rows, columns) =>
    ({ shape: [rows, columns], data: Float64Array.from({ length: rows * columns }, rng) });
  const map = (A, f) => ({ shape: A.shape, data: A.data.map(f) });

  // The values of a step that an expression may name: as in the text, in random numbers.
  const VALUES = (() => {
    const v = { u: random(b, 1 + D + H), W: random(1 + D + H, 4 * H), dz: random(b, 4 * H) };
    for (const name of ["dh", "dc", "dc_next", "ds", "c_prev", "do_", "df", "di", "dg"]) v[name] = random(b, H);
    for (const name of ["i", "f", "o"]) v[name] = map(random(b, H), (z) => 1 / (1 + Math.exp(-z)));
    v.g = map(random(b, H), Math.tanh);
    v.c = random(b, H);
    v.s = map(v.c, Math.tanh);
    v.do = v.do_;
    delete v.do_;
    return v;
  })();

  // What is asked: the name, the operation, the answer, as an expression, and what it may use.
  const TASKS = [
    { name: "do", label: "eq-do", operation: "h = o * s", answer: "dh * s" },
    { name: "ds", label: "eq-ds", operation: "h = o * s", answer: "dh * o" },
    { name: "dc", label: "eq-dc", operation: "s = tanh(c); step t + 1 uses c, too, and sends back dc_next", answer: "dc_next + ds * (1 - s**2)" },
    { name: "df", label: "eq-df", operation: "c = f * c_prev + i * g", answer: "dc * c_prev" },
    { name: "dc_prev", label: "eq-dc-prev", operation: "c = f * c_prev + i * g", answer: "dc * f" },
    { name: "di", label: "eq-di", operation: "c = f * c_prev + i * g", answer: "dc * g" },
    { name: "dg", label: "eq-dg", operation: "c = f * c_prev + i * g", answer: "dc * i" },
    { name: "dz_i", label: "eq-dz-sigmoid", operation: "i = sigmoid(z_i)", answer: "di * i * (1 - i)" },
    { name: "dz_g", label: "eq-dz-tanh", operation: "g = tanh(z_g)", answer: "dg * (1 - g**2)" },
    { name: "dW", label: "eq-dw", operation: "z = u @ W", answer: "u.T @ dz" },
    { name: "du", label: "eq-du", operation: "z = u @ W", answer: "dz @ W.T" },
  ];

  // NumPy's operators, as far as they are needed; @ binds as * does, ** more tightly.
  jsep.addBinaryOp("@", 10);
  jsep.addBinaryOp("**", 11, true);
  jsep.literals = {};

  class Mistake extends Error {}
  const spelled = (A) => (typeof A === "number" ? "a number" : `(${A.shape.join(", ")})`);
  const turned = ({ shape: [rows, columns], data }) => {
    const T = { shape: [columns, rows], data: new Float64Array(data.length) };
    for (let r = 0; r < rows; r++) for (let k = 0; k < columns; k++) T.data[k * rows + r] = data[r * columns + k];
    return T;
  };
  function product(A, B) {
    if (typeof A === "number" || typeof B === "number") throw new Mistake("@ multiplies matrices, and one side is a number.");
    const [n, inner] = A.shape, [rows, m] = B.shape;
    if (inner !== rows) {
      throw new Mistake(`Shapes do not fit: ${spelled(A)} @ ${spelled(B)}. Inner sizes ${inner} and ${rows} must be equal; does one side want a .T?`);
    }
    const C = { shape: [n, m], data: new Float64Array(n * m) };
    for (let r = 0; r < n; r++) for (let k = 0; k < inner; k++) for (let j = 0; j < m; j++) C.data[r * m + j] += A.data[r * inner + k] * B.data[k * m + j];
    return C;
  }
  function elementwise(op, A, B) {
    const f = { "+": (x, y) => x + y, "-": (x, y) => x - y, "*": (x, y) => x * y, "/": (x, y) => x / y, "**": (x, y) => x ** y }[op];
    if (typeof A === "number" && typeof B === "number") return f(A, B);
    if (typeof A === "number") return map(B, (y) => f(A, y));
    if (typeof B === "number") return map(A, (x) => f(x, B));
    if (A.shape.join() !== B.shape.join()) {
      throw new Mistake(`Shapes do not fit: ${spelled(A)} ${op} ${spelled(B)}, element by element.`);
    }
    return { shape: A.shape, data: A.data.map((x, k) => f(x, B.data[k])) };
  }
  const FUNCTIONS = { tanh: Math.tanh, exp: Math.exp, sigmoid: (z) => 1 / (1 + Math.exp(-z)) };

  function evaluate(tree) {
    switch (tree.type) {
      case "Literal":
        if (typeof tree.value !== "number") throw new Mistake(`${tree.raw}: expected a number.`);
        return tree.value;
      case "Identifier":
        if (!Object.hasOwn(VALUES, tree.name)) {
          throw new Mistake(`${tree.name}: no such value here. There are ${Object.keys(VALUES).join(", ")}.`);
        }
        return VALUES[tree.name];
      case "UnaryExpression": {
        if (!"+-".includes(tree.operator)) break;
        const value = evaluate(tree.argument);
        return tree.operator === "-" ? elementwise("*", -1, value) : value;
      }
      case "BinaryExpression": {
        const [left, right] = [evaluate(tree.left), evaluate(tree.right)];
        if (tree.operator === "@") return product(left, right);
        if (["+", "-", "*", "/", "**"].includes(tree.operator)) return elementwise(tree.operator, left, right);
        throw new Mistake(`${tree.operator}: there are +, −, *, /, ** and @.`);
      }
      case "MemberExpression": {
        if (tree.computed || tree.property.name !== "T") break;
        const value = evaluate(tree.object);
        return typeof value === "number" ? value : turned(value);
      }
      case "CallExpression": {
        const name = tree.callee.name ?? tree.callee.property?.name; // tanh(c), or np.tanh(c)
        if (!Object.hasOwn(FUNCTIONS, name ?? "") || tree.arguments.length !== 1) {
          throw new Mistake(`There are the functions ${Object.keys(FUNCTIONS).join(", ")}, of one argument.`);
        }
        const value = evaluate(tree.arguments[0]);
        return typeof value === "number" ? FUNCTIONS[name](value) : map(value, FUNCTIONS[name]);
      }
    }
    throw new Mistake("Only names, numbers, +, −, *, /, **, @, .T and brackets are understood.");
  }
  function read(text) {
    if (!text.trim()) throw new Mistake("Type an expression, such as dc * c_prev.");
    let tree;
    try {
      tree = jsep(text.replaceAll("−", "-").replaceAll("·", "*"));
    } catch (error) {
      throw new Mistake(`Not understood: ${error.message}.`);
    }
    if (tree.type === "Compound") throw new Mistake("Several expressions side by side: is an operator missing?");
    return evaluate(tree);
  }
  const equal = (A, B) => typeof A !== "number" && typeof B !== "number" && A.shape.join() === B.shape.join()
    && A.data.every((x, k) => Math.abs(x - B.data[k]) <= 1e-9 * (1 + Math.abs(x)));

  /** What is to be said of an attempt: { right, words }. */
  function judge(task, text) {
    let got;
    try {
      got = read(text);
    } catch (error) {
      if (error instanceof Mistake) return { right: false, words: error.message };
      throw error;
    }
    const want = read(task.answer);
    if (equal(got, want)) return { right: true, words: `Right: ${want.data.length} numbers of shape ${spelled(want)} agree.` };
    const asked = `${task.name} has the shape ${spelled(want)}`;
    if (typeof got === "number") return { right: false, words: `This is a number; ${asked}.` };
    if (equal(turned(got), want)) return { right: false, words: `Transposed: this has the shape ${spelled(got)}, ${asked}.` };
    if (got.shape.join() !== want.shape.join()) {
      return { right: false, words: `The shape is ${spelled(got)}, but ${asked}, that of what it is the gradient of.` };
    }
    if (equal(elementwise("*", -1, got), want)) return { right: false, words: "All right except the sign." };
    const other = TASKS.find((t) => t !== task && equal(got, read(t.answer)));
    if (other) return { right: false, words: `This is ${other.name}.` };
    // A factor too many or too few: try every value of the right shape, and the slopes.
    const factors = ["dh", "dc", "dc_next", "ds", "i", "f", "o", "g", "s", "c_prev", "(1 - s**2)", "(1 - g**2)", "(1 - i)", "2"];
    for (const factor of factors) {
      let value = null;
      try {
        value = read(factor);
        if (equal(elementwise("*", got, value), want)) return { right: false, words: `A factor is missing: ${factor}.` };
        if (equal(elementwise("/", got, value), want)) return { right: false, words: `A factor too many: ${factor}.` };
        if (equal(elementwise("+", got, value), want)) return { right: false, words: `A term is missing: ${factor}.` };
      } catch (error) {
        if (!(error instanceof Mistake)) throw error; // this factor has another shape
      }
    }
    const share = got.data.filter((x, k) => Math.abs(x - want.data[k]) < 1e-9).length;
    return { right: false, words: `Not yet: the shape is right, ${share} of ${want.data.length} numbers are. Which factors did the forward line multiply?` };
  }

  /** A field for each task, in the place of a <div class="your-turn" data-of="do ds">. */
  function field(task) {
    const verdict = make("p", { class: "verdict", role: "status" });
    const input = make("input", { type: "text", spellcheck: "false", autocapitalize: "none", autocomplete: "off", "aria-label": `${task.name} =` });
    const check = () => {
      const { right, words } = judge(task, input.value);
      verdict.textContent = `${right ? "✓" : "✗"} ${words}`;
      verdict.className = `verdict ${right ? "met" : "open"}`;
    };
    const give = live.button("Give up", () => {
      verdict.replaceChildren(make("code", {}, `${task.name} = ${task.answer}`), ", derived in ",
        make("a", { href: `#equation-${task.label}` }, `(${task.label})`), ".");
      verdict.className = "verdict";
    });
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") check();
    });
    return make("div", { class: "attempt" }, make("p", {}, "Forward: ", make("code", {}, task.operation)),
      make("label", {}, make("i", {}, task.name), " = ", input), live.button("Check", check), give, verdict);
  }
  for (const place of document.querySelectorAll(".your-turn")) {
    const names = place.dataset.of.split(" ");
    live.mount(place, { name: `Your turn: ${names.join(", ")}`, about: "Write the gradient as a line of NumPy before you read on; * is element by element, @ the matrix product." }, (root) => {
      root.append(...names.map((name) => field(TASKS.find((task) => task.name === name))));
      return {};
    });
  }
  return { TASKS, VALUES, judge: (name, text) => judge(TASKS.find((task) => task.name === name), text) };
})();
