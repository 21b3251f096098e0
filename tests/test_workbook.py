"""The workbook as a student works through it: empty, solved, and with mistakes."""

import ast
import json
import re
from pathlib import Path

import pytest
from workbook_solutions import SOLUTIONS

from lstm import tutor
from lstm.tutor.part import PARTS
from lstm.tutor.verdict import Verdict
from lstm.zoo import ZOO

PATH = Path(__file__).parent.parent / "book" / "workbook.ipynb"
CELLS = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
TASKS = [re.match(r"def (\w+)", cell)[1] for cell in CODE if cell.startswith("def ")]
CHECKS = [cell for cell in CODE if cell.startswith("tutor.")]


def work_through(solutions, only=None):
    """Run the cells with the functions written; the verdict of each check by its task."""
    scope, verdicts, task = {}, {}, ""
    for cell in CODE:
        if cell.startswith("tutor."):
            if only is None or task == only:
                verdicts[task] = eval(cell, scope)
            continue
        if cell.startswith("def "):
            task = re.match(r"def (\w+)", cell)[1]
            cell = solutions.get(task, cell)
        exec(compile(cell, "<cell>", "exec"), scope)
    return verdicts


def test_the_workbook_has_its_tasks():
    assert len(TASKS) == len(CHECKS) >= 14
    assert list(SOLUTIONS) == TASKS
    stubs = [cell for cell in CODE if cell.startswith("def ")]
    for stub, solution in zip(stubs, SOLUTIONS.values(), strict=True):
        assert stub.endswith("raise NotImplementedError")
        assert stub.splitlines()[0] == solution.splitlines()[0]
    hints = [c for c in CELLS if "<summary>First hint</summary>" in "".join(c["source"])]
    assert len(hints) == len(TASKS)
    for cell in hints:
        assert "".join(cell["source"]).count("<details>") == 3
    text = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
    assert text.count("$$") >= 2 * (len(TASKS) - 2)


def test_as_stored_it_says_not_written_yet():
    verdicts = work_through({})
    assert list(verdicts) == TASKS
    for verdict in verdicts.values():
        assert isinstance(verdict, Verdict)
        assert {finding.status for finding in verdict.findings} == {"unwritten"}
    stored = [c["outputs"] for c in CELLS if "".join(c["source"]).startswith("tutor.")]
    assert all("not written yet" in json.dumps(outputs) for outputs in stored)


def test_it_runs_on_its_own():
    for cell in CODE:
        for node in ast.walk(ast.parse(cell)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [getattr(node, "module", None) or node.names[0].name]
                assert set(names) <= {"types", "numpy", "lstm"}


def test_the_model_solutions_pass():
    for task, verdict in work_through(SOLUTIONS).items():
        assert verdict.ok, (task, str(verdict))


# A mistake: the task, a piece of its solution, what is there instead, and the name. Those of the
# zoo first, by the name that they have there; the rest are mistakes that the table has besides.
OF_THE_ZOO = {
    "dc has one source only": ("backward", "dc, dh = step_back(dHout[t] + dh, dc,",
                               "dc, dh = step_back(dHout[t] + dh, 0 * dc,"),
    "dc, dh computed, not carried": ("backward", "dX[t], dW_t, dc, dh =", "dX[t], dW_t, *prev ="),
    "dh not carried": ("backward", "step_back(dHout[t] + dh,",
                       "step_back(dHout[t] + (dh if t == n - 1 else 0),"),
    "dCn dropped": ("backward", "dc, dh = dCn, dHn", "dc, dh = 0 * dCn, dHn"),
    "steps in forward order": ("backward", "in reversed(range(n))", "in range(n)"),
    "σ' of the activated value": ("d_raw_sigmoid", "k * (1 - k)",
                                  "sigmoid(k) * (1 - sigmoid(k))"),
    "σ instead of σ' for f": ("step_back", "d_raw_sigmoid(df, v.f)", "df * sigmoid(v.f)"),
    "tanh' for the output gate": ("step_back", "d_raw_sigmoid(do, v.o)",
                                  "do * (1 - np.tanh(v.o) ** 2)"),
    "dh from gates, not raw gates": ("step_back", "du[:, 1 + D :]\n",
                                     "(np.hstack([di, df, do, dg]) @ W.T)[:, 1 + D :]\n"),
    "di from i instead of g": ("step_back", "di = dc * v.g", "di = dc * v.i"),
    "missing parentheses in dz": (
        "step_back", "dz_i, dz_f = d_raw_sigmoid(di, v.i), d_raw_sigmoid(df, v.f)",
        "dz_i = dc_next * v.g + d_raw_sigmoid((dc - dc_next) * v.g, v.i)\n"
        "    dz_f = dc_next * v.c_prev + d_raw_sigmoid((dc - dc_next) * v.c_prev, v.f)"),
    "c_1 for c_0 at the first step": (
        "backward", "dX[t], dW_t, dc, dh = step_back(dHout[t] + dh, dc, steps[t], W)",
        "v = steps[t]\n        v = SimpleNamespace(**(vars(v) | ({} if t else {'c_prev': v.c})))\n"
        "        dX[t], dW_t, dc, dh = step_back(dHout[t] + dh, dc, v, W)"),
    "dW of h_t, not of h_prev": ("step_back", "v.x, v.h_prev])\n    dW", "v.x, v.h])\n    dW"),
    "dW of x from the last step only": ("backward", "dW += dW_t", "dW += dW_t\n"
                                        "        x = slice(1, len(W) - H)\n"
                                        "        last = dW_t[x] if t == n - 1 else last\n"
                                        "        dW[x] = last"),
    "one gate's db for three gates": ("backward", "    return dX,",
                                      "    dW[0, : 3 * H] = np.tile(dW[0, H : 2 * H], 3)\n"
                                      "    return dX,"),
    "cache holds raw gates": ("forward", "        s = np.tanh(c)\n        steps",
                              "        s = np.tanh(c)\n"
                              "        i, f, o, g = np.split(z, 4, axis=1)\n        steps"),
    "tanh in the forward pass only": ("d_memory", "ds * (1 - s**2)", "ds"),
    "i + g instead of i g": ("memory", "i * g", "(i + g)"),
    "one gate's bias for three gates": (
        "forward", "for x in X:", "H = c0.shape[1]\n    W = W.copy()\n"
        "    W[0, : 3 * H] = np.tile(W[0, 2 * H : 3 * H], 3)\n    for x in X:"),
    "one gate's weights for all": (
        "forward", "for x in X:", "H = c0.shape[1]\n    W = W.copy()\n"
        "    W[1:] = np.tile(W[1:, :H], 4)\n    for x in X:"),
    "forget bias after the sigmoid": (
        "forward", "        c = memory", "        b = W[0, len(W[0]) // 4 : len(W[0]) // 2]\n"
        "        f = sigmoid(np.split(z, 4, axis=1)[1] - b) + b\n        c = memory"),
    "bias added twice": ("raw_gates", "u @ W", "u @ W + W[0]"),
    "c and h swapped": ("forward", "c0.shape)), c, h, (", "c0.shape)), h, c, ("),
    "all gates from the same seed": ("initial_weights", "W[0] = 0\n",
                                     "W[:] = np.tile(W[:, :H], 4)\n    W[0] = 0\n"),
    "forget bias with the other sign": ("initial_weights", "] = 3", "] = -3"),
    "no tanh, both ways": ("output", "np.tanh(c)", "c"),
}  # fmt: skip
BESIDES = [
    ("sigmoid", "np.tanh(0.5 * a)", "np.tanh(a)", "sigmoid of 2 z"),
    ("sigmoid", "0.5 + 0.5 *", "0.5 - 0.5 *", "exp(z) for exp(-z)"),
    ("gates", "i, f, o, g = np", "f, i, o, g = np", "order f, i, o, g"),
    ("gates", ", np.tanh(g)", ", sigmoid(g)", "g: sigmoid"),
    ("memory", "f * c_prev + i * g", "f * (c_prev + i * g)", "c: everything times f"),
    ("d_output_gate", "dh * s", "-dh * s", "do: sign"),
    ("d_memory", "(1 - s**2)", "(1 - s)", "dcs: 1 - v"),
    ("d_forget_gate", "dc * c_prev", "dc", "df: c_prev missing"),
    ("d_raw_sigmoid", "k * (1 - k)", "(1 - k**2)", "dz_all: tanh' for the slope"),
    ("d_raw_tanh", "(1 - g**2)", "g * (1 - g)", "dz_g: sigmoid' for the slope"),
    ("step_back", "[dz_i, dz_f, dz_o, dz_g]", "[dz_f, dz_i, dz_o, dz_g]",
     "dz in order f, i, o, g"),
    ("step_back", "dc * v.f,", "dc * v.i,", "dc_prev: i for f"),
    ("backward", "dW += dW_t", "dW = dW_t", "dW overwritten"),
    ("backward", "return dX, dW, dc, dh", "return dX, dW, dh, dc", "dc0 and dh0 swapped"),
    ("central_differences", "function(down)", "function(x)", "one-sided over 2 delta"),
    ("train", "W - step * dW, w - step * dw", "W + step * dW, w + step * dw", "error grows"),
    ("train", "W - step * dW, w", "W, w", "LSTM not trained"),
]  # fmt: skip
NO_TASK = {"gates in another library's order"}  # weights are converted in no task


def with_mistake(task, right, wrong):
    assert SOLUTIONS[task].count(right) == 1, right
    return SOLUTIONS | {task: SOLUTIONS[task].replace(right, wrong)}


def test_the_whole_zoo_visits_the_workbook():
    assert set(OF_THE_ZOO) | NO_TASK == set(ZOO)


@pytest.mark.parametrize("name", OF_THE_ZOO)
def test_a_mistake_of_the_zoo_is_named(name):
    task, right, wrong = OF_THE_ZOO[name]
    check = "backward" if name == "cache holds raw gates" else task
    (verdict,) = work_through(with_mistake(task, right, wrong), only=check).values()
    assert not verdict.ok
    (mistake,) = verdict.mistakes
    named = {m.name: m.zoo or m.name for m in tutor.mistakes.mistakes()}
    expected = {"no tanh, both ways": "h: no tanh"}.get(name, name)
    assert named.get(mistake, mistake) == expected or ZOO[name].source in str(verdict)


@pytest.mark.parametrize(("task", "right", "wrong", "name"), BESIDES)
def test_another_mistake_is_named(task, right, wrong, name):
    (verdict,) = work_through(with_mistake(task, right, wrong), only=task).values()
    assert verdict.mistakes == (name,)


def test_the_parts_of_the_workbook_are_those_of_the_tutor():
    asked = set(re.findall(r'tutor\.part\("([^"]*)"', "\n".join(CHECKS)))
    assert asked <= set(PARTS)
