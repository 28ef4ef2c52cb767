"""
Measure what `problems.py` names, and write docs/benchmarks.md: ``python tests/benchmarks/run.py``.

Seconds of the processor, on one thread of BLAS, each problem in a process of its own; the fastest
of its repetitions. ``--only NAME ...`` measures some and prints their rows, ``--long`` all of them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
THREADS = ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM")
LIMIT, LONG_LIMIT = 90.0, 1_800.0
"""Processor seconds of a row; what takes longer is given up."""
WORTH_REPEATING = 10.0
"""Seconds from which a problem is not repeated."""
MEMORY_FROM = 32e6
"""Peak memory, in bytes above that before the problem, from which it is shown."""

HEAD = """\
# Benchmarks

Processor seconds on one thread, measured on {when} on {processor} with {versions}.
Every row is measured in a process of its own: data are prepared first, and the fastest of up to
three repetitions counts. Times depend on the machine: compare rows with each other, or measure
your own:

```console
python tests/benchmarks/run.py
python tests/benchmarks/run.py --only holzinger mimic-lavaan
python tests/benchmarks/run.py --long
```

The first command writes this page, the second prints some rows, the third adds rows that take many
minutes. Other programs are measured where they are installed, those in R by R's own clock. Programs
stop by different rules and maximise different things; the last column shows where each ended. Peak
memory includes the data, but not what the process took before they were made; figures below 32 MB
are left out.

| name | what | program | seconds | peak memory | result |
|---|---|---|---|---|---|
"""


def missing(needs: tuple[str, ...]) -> bool:
    """Whether a module of Python, or a package of R, is not there."""
    for need in needs:
        if not need.startswith("R:"):
            if importlib.util.find_spec(need) is None:
                return True
            continue
        code = f"quit(status = !requireNamespace('{need[2:]}', quietly = TRUE))"
        rscript = shutil.which("Rscript")
        if rscript is None or subprocess.run([rscript, "-e", code], check=False).returncode:
            return True
    return False


def peak() -> int:
    """Peak memory of this process, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(name: str) -> dict[str, object]:
    """One problem, in this process."""
    from problems import PROBLEMS

    problem = PROBLEMS[name]
    warnings.simplefilter("ignore")
    PROBLEMS["orthodont"].prepare()()  # what is imported when it is first needed is not counted
    before = peak()
    work = problem.prepare()
    seconds = []
    for _ in range(problem.repeats):
        start = time.process_time()
        remark = work()
        seconds.append(time.process_time() - start)
        if sum(seconds) > WORTH_REPEATING:
            break
    best = min(seconds)
    if remark.startswith("seconds"):  # of another process, by its own clock
        best, remark = float(remark.split()[1]), ""
    return {"seconds": best, "memory": peak() - before, "remark": remark}


def measured(name: str, *, long: bool) -> dict[str, object]:
    """One problem in a process of its own, which has a limit."""
    limit = LONG_LIMIT if long else LIMIT
    one = {f"{library}_NUM_THREADS": "1" for library in THREADS}
    command = [sys.executable, __file__, "--measure", name]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))

    done = subprocess.run(
        command,
        env=os.environ | one,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    if done.returncode < 0:
        return {"seconds": None, "memory": 0, "remark": f"not finished in {limit:.0f} s"}
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return {"seconds": None, "memory": 0, "remark": f"failed: {last[:120]}"}


def row(name: str) -> str:
    """A row of the table, measured."""
    from problems import PROBLEMS

    problem = PROBLEMS[name]
    cells = [f"`{name}`", problem.what, problem.program]
    if missing(problem.needs):
        return " | ".join(["", *cells, "", "", "not installed", ""]).strip()
    found = measured(name, long=problem.long)
    seconds, memory = found["seconds"], found["memory"]
    shown = "" if not isinstance(seconds, float) else f"{seconds:.3g}"
    size = f"{memory / 1e6:.0f} MB" if isinstance(memory, int) and memory > MEMORY_FROM else ""
    remark = str(found["remark"]).replace("|", "\\|")
    return " | ".join(["", *cells, shown, size, remark, ""]).strip()


def processor() -> str:
    """Its model, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def versions() -> str:
    """Of what is measured, and of what it is computed with."""
    names = ("numpy", "scipy", "statsmodels", "scikit-learn", "semopy")
    found = [f"Python {platform.python_version()}"]
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def main() -> None:
    from problems import PROBLEMS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, metavar="NAME", default=None)
    parser.add_argument("--long", action="store_true", help="rows that take many minutes, too")
    parser.add_argument("--measure", choices=PROBLEMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    names = arguments.only or [
        name for name, problem in PROBLEMS.items() if arguments.long or not problem.long
    ]
    rows = []
    for name in names:
        rows.append(row(name))
        print(rows[-1], flush=True)
    if arguments.only is None:
        when = datetime.now(UTC).strftime("%Y-%m-%d")
        head = HEAD.format(when=when, processor=processor(), versions=versions())
        PAGE.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
