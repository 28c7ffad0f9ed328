"""Run the chapters and store them in one canonical form, or check that they are stored so.

    python -m bookkit.notebooks                  run every chapter of _toc.yml, store the outputs
    python -m bookkit.notebooks --only STEM      the same for one chapter
    python -m bookkit.notebooks --check          run copies, compare byte by byte, change nothing
    python -m bookkit.notebooks --rules          check the stored files without running them
    python -m bookkit.notebooks --to-text STEM   write a chapter as text to .cache/text/
    python -m bookkit.notebooks --from-text F.md take the edited text back into the chapter

Two runs of a chapter give the same bytes, pictures included: that is what makes an executed
notebook something one can keep in git and review.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from bookkit import notebook_rules, notebook_text
from bookkit.files import ROOT, write_whole
from bookkit.notebook_diff import differences
from bookkit.notebook_form import (
    IGNORED,
    NotebookError,
    chapter,
    chapters,
    dumps,
    normalise,
    read,
    shown,
    where,
)

# What would make a chapter run differently here than in its author's JupyterLab.
FOREIGN_VARIABLES = ("MPLBACKEND", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES")


# --- running ---------------------------------------------------------------------------------


def kernel_environment() -> dict[str, str]:
    """Return the variables a chapter runs under, the same for author, reader and test."""
    env = {
        name: value
        for name, value in os.environ.items()
        # ipykernel handles output differently when it believes it is under pytest
        if name not in FOREIGN_VARIABLES and not name.startswith("PYTEST_")
    }
    env.update(PYTHONHASHSEED="0", TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3")
    return env


def execute(path: pathlib.Path, timeout: int = 180) -> nbformat.NotebookNode:
    """Run a copy of a notebook in its own folder and return it in canonical form."""
    nb = normalise(read(path))
    client = NotebookClient(
        nb,
        timeout=timeout,
        startup_timeout=120,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of its own sockets
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    try:
        client.execute(env=kernel_environment())
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}".strip().splitlines()[-1]
        raise NotebookError(f"{failed_cell(path, nb)} failed: {reason}") from None
    except CellTimeoutError:
        reason = f"took more than {timeout} s. Make it do less, or allow more with --timeout."
        raise NotebookError(f"{failed_cell(path, nb)} {reason}") from None
    except DeadKernelError:
        raise NotebookError(f"{failed_cell(path, nb)}: its kernel died (memory?).") from None
    normalise(nb)
    refuse_stderr(path, nb)
    return nb


def failed_cell(path: pathlib.Path, nb: nbformat.NotebookNode) -> str:
    """Name the cell at which a run stopped."""
    stopped = 0
    for index, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and cell.source.strip():
            stopped = index
            failed = any(out.output_type == "error" for out in cell.outputs)
            expected = "raises-exception" in cell.metadata.get("tags", [])
            # A cell that did not come to its end has no number from this run yet.
            if (failed and not expected) or cell.get("execution_count") is None:
                break
    return where(path, stopped, nb.cells[stopped])


def refuse_stderr(path: pathlib.Path, nb: nbformat.NotebookNode) -> None:
    """Raise if a cell wrote to stderr: the page would show it, and it is never stable."""
    for index, cell in enumerate(nb.cells):
        for out in cell.get("outputs", []):
            if out.output_type == "stream" and out.name == "stderr":
                line = out.text.strip().splitlines()[-1:] or [""]
                raise NotebookError(
                    f"{where(path, index, cell)} wrote to stderr: {line[0][:200]} "
                    "Mend its cause, or silence it where it arises."
                )


def run(path: pathlib.Path, timeout: int = 180) -> float:
    """Run a notebook, store it with its outputs, and return the seconds it took."""
    start = time.perf_counter()
    nb = execute(path, timeout)
    seconds = time.perf_counter() - start
    write_whole(path, dumps(nb))
    return seconds


def check(path: pathlib.Path, timeout: int = 180) -> list[str]:
    """Run a copy of a notebook and return how the stored file differs; empty if it does not.

    Outputs of cells tagged `nbval-ignore-output` are not compared: they are machine timings.
    """
    stored = read(path)
    fresh = execute(path, timeout)
    for old, new in zip(stored.cells, fresh.cells, strict=True):
        if new.cell_type == "code" and IGNORED in new.metadata.get("tags", []):
            new.outputs = copy.deepcopy(old.get("outputs", []))
    if path.read_text("utf8") == dumps(fresh):
        return []
    return differences(stored, fresh)


def record(times: dict[pathlib.Path, float], root: pathlib.Path = ROOT) -> None:
    """Note in book/timings.json how many whole seconds each chapter runs.

    A time within two seconds or a quarter of the stored one leaves it alone, so that running
    the book again does not change the file for nothing.
    """
    store = root / "book" / "timings.json"
    known = json.loads(store.read_text("utf8")) if store.is_file() else {}
    known = {name: s for name, s in known.items() if (root / f"{name}.ipynb").is_file()}
    for path, seconds in times.items():
        if not path.resolve().is_relative_to((root / "book").resolve()):
            continue
        name = path.resolve().relative_to(root.resolve()).with_suffix("").as_posix()
        if name not in known or abs(known[name] - seconds) > max(2, known[name] / 4):
            known[name] = max(1, round(seconds))
    write_whole(store, json.dumps(known, indent=1, sort_keys=True) + "\n")


# --- the command line ------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(prog="python -m bookkit.notebooks", description=__doc__)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("paths", nargs="*", type=pathlib.Path, help="default: all in _toc.yml")
    p.add_argument("--only", metavar="STEM", action="append", default=[], help="one chapter")
    p.add_argument("--timeout", type=int, default=180, help="seconds a cell may take (180)")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with a fresh run")
    what.add_argument("--rules", action="store_true", help="check without running")
    what.add_argument("--list", action="store_true", help="print the chapters' paths")
    what.add_argument("--to-text", metavar="STEM", help="write a chapter as text")
    what.add_argument("--from-text", metavar="FILE", type=pathlib.Path, help="read it back")
    return p


def each(paths: list[pathlib.Path], options: argparse.Namespace) -> int:
    """Run or check notebooks one by one, report all, and return the exit code."""
    failures = 0
    for path in paths:
        start = time.perf_counter()
        try:
            problems = check(path, options.timeout) if options.check else []
            if not options.check:
                # At once, for the status page, which runs last, shows these times.
                record({path: run(path, options.timeout)})
        except NotebookError as error:
            problems = [str(error)]
        print(f"{shown(path)}: {time.perf_counter() - start:.0f} s", flush=True)
        for problem in problems:
            print(f"  {problem}", file=sys.stderr, flush=True)
        failures += bool(problems)
    if failures and options.check:
        print("Look at what changed, then store it: make notebooks", file=sys.stderr)
    return 1 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = parser().parse_args(argv)
    try:
        if options.to_text:
            print(shown(notebook_text.to_text(chapter(options.to_text))))
            return 0
        if options.from_text:
            print(shown(notebook_text.from_text(options.from_text)))
            return 0
        paths = options.paths + [chapter(stem) for stem in options.only] or chapters()
        if not paths:
            raise NotebookError("_toc.yml lists no notebook that exists.")
        if options.list:
            print("\n".join(shown(path) for path in paths))
            return 0
        if options.rules:
            problems = [line for path in paths for line in notebook_rules.problems(path)]
            print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
            return 1 if problems else 0
        return each(paths, options)
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
