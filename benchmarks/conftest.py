"""Threads, the machine's name in the JSON, and the table of ratios."""

import os

import machine

os.environ["KERAS_BACKEND"] = "jax"
machine.pin()  # before XLA starts

OURS = {"lstm.fused", "lstm.step"}
TABLES = []


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["lstm"] = machine.describe()


def pytest_terminal_summary(terminalreporter):
    write = terminalreporter.write_line
    about = machine.describe()
    versions = ", ".join(f"{k} {v or '-'}" for k, v in about["versions"].items())
    write("")
    write(f"{about['processor']}, {about['threads']} thread(s), {about['blas']}; {versions}")
    for title, times, left_out in TABLES:
        (our_name,) = OURS & set(times)
        limit, ours = min(times["limit"]), min(times[our_name])
        write(f"\n{title}; best time of each")
        write(f"{'':24}{'ms':>9}{'to the limit':>14}{'to ' + our_name:>16}")
        for name, values in times.items():
            best = min(values)
            write(f"{name:24}{best * 1e3:9.3f}{best / limit:14.2f}{best / ours:16.2f}")
        for name, reason in left_out.items():
            write(f"{name:24} left out: {reason}")
