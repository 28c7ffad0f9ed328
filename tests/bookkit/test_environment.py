"""The environment script: what it says, when it builds, and that nothing half-made stays."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import pytest

from bookkit import environment as env

ROOT = pathlib.Path(__file__).parents[2]
VERSION = (3, 12, 4)


@pytest.fixture
def project(tmp_path):
    """A project with the files that decide about the environment."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "requirements.txt").write_text("# pins\nuv==0.1.2\nnumpy==2\n")
    (tmp_path / "constraints.txt").write_text("numpy==2\n")
    (tmp_path / "lib" / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.fixture
def tools(monkeypatch):
    """Stand-ins for venv, pip and uv: they record the calls, and fail where told to."""

    class Tools:
        calls: list = []
        failing, output, error = "", "", None

        def run(self, command, cwd=None, env=None, **options):
            self.calls.append((command, env))
            line = " ".join(command)
            if "-m venv" in line:
                pathlib.Path(command[-1]).mkdir()
            if self.failing and self.failing in line:
                if self.error:
                    raise self.error
                return subprocess.CompletedProcess(command, 1, self.output.encode())
            config = b"https://mirror.example/simple\n" if "config get" in line else b""
            return subprocess.CompletedProcess(command, 0, config)

    tools = Tools()
    tools.calls = []
    monkeypatch.setattr(env.subprocess, "run", tools.run)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tools


def test_old_pythons_can_read_the_script():
    source = pathlib.Path(env.__file__).read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__ import annotations" not in source  # 3.6 does not know it
    assert ":=" not in source


def test_supported_versions_are_those_of_the_package():
    text = (ROOT / "lib" / "pyproject.toml").read_text()
    low, high = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text).groups()
    assert env.SUPPORTED == tuple((3, minor) for minor in range(int(low), int(high)))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 1)])
def test_good_versions(version):
    assert env.version_problem(version) is None


@pytest.mark.parametrize("version", [(3, 9, 2), (3, 10, 14), (3, 14, 0), (2, 7, 18)])
def test_wrong_version_is_one_clear_line(version):
    text = env.version_problem(version, works=lambda name: False)
    shown = ".".join(map(str, version))
    assert text == (
        f"Python 3.11, 3.12 or 3.13 is needed; python3 is {shown}. "
        "Install one and run: make book PYTHON=python3.12"
    )


def test_wrong_version_names_a_good_python_that_is_here():
    text = env.version_problem((3, 9, 2), works=lambda name: name == "python3.13")
    assert text.endswith("python3 is 3.9.2. Run: make book PYTHON=python3.13")


def test_a_program_that_does_not_start_is_not_offered(tmp_path, monkeypatch):
    for name, code in (("python-good", 0), ("python-shim", 127)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert env.runs("python-good")
    assert not env.runs("python-shim")
    assert not env.runs("python-none")


def test_a_finished_environment_is_left_alone(project, tools):
    assert env.ensure(project, VERSION) is True
    made = len(tools.calls)
    assert made >= 3
    assert env.ensure(project, VERSION) is False
    assert len(tools.calls) == made


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "lib/pyproject.toml"])
def test_a_changed_requirement_builds_again(project, tools, name):
    env.ensure(project, VERSION)
    (project / ".venv" / "left-over").write_text("")
    with open(project / name, "a") as file:
        file.write("# changed\n")
    assert env.ensure(project, VERSION) is True
    assert not (project / ".venv" / "left-over").exists()


def test_another_python_or_place_builds_again(project, tools, tmp_path_factory):
    env.ensure(project, VERSION)
    assert not env.is_ready(project, (3, 13, 0))
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    os.rename(project, moved)
    assert not env.is_ready(moved, VERSION)


def test_an_environment_without_a_stamp_is_replaced(project, tools):
    (project / ".venv").mkdir()
    (project / ".venv" / "foreign").write_text("")
    assert env.ensure(project, VERSION) is True
    assert not (project / ".venv" / "foreign").exists()


def test_a_wrong_python_may_use_what_a_good_one_made(project, tools):
    env.ensure(project, VERSION)
    (project / ".venv" / "pyvenv.cfg").write_text("home = /usr\nversion = 3.12.4\n")
    assert env.ensure(project, (3, 9, 2)) is False
    (project / "constraints.txt").write_text("")
    with pytest.raises(env.BuildError, match="is needed"):
        env.ensure(project, (3, 9, 2))


@pytest.mark.parametrize("step", ["-m venv", "-m pip install", "uv pip install"])
def test_a_failed_step_leaves_nothing(project, tools, step):
    tools.failing, tools.output = step, "WARNING: noise\nERROR: the exact reason\n"
    with pytest.raises(env.BuildError, match="ERROR: the exact reason") as caught:
        env.ensure(project, VERSION)
    assert "noise" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (project / ".venv").exists()


def test_ctrl_c_leaves_nothing(project, tools):
    tools.failing, tools.error = "uv pip install", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        env.ensure(project, VERSION)
    assert not (project / ".venv").exists()


def test_uv_comes_from_the_pins_and_compiles(project, tools):
    env.ensure(project, VERSION)
    lines = [" ".join(command) for command, _ in tools.calls]
    assert any("pip install" in line and line.endswith("uv==0.1.2") for line in lines)
    assert any("--compile-bytecode -r requirements.txt" in line for line in lines)


def test_no_pin_for_uv_is_said(project, tools):
    (project / "requirements.txt").write_text("numpy\n")
    with pytest.raises(env.BuildError, match="pins no uv"):
        env.ensure(project, VERSION)


@pytest.mark.parametrize(
    "output",
    [
        "NewConnectionError: Failed to establish a new connection: [Errno -2] Name or service not",
        "error: Request failed\n  Caused by: error sending request for url\n  dns error",
        "Temporary failure in name resolution",
    ],
)
def test_no_network_is_told_from_other_failures(output):
    assert "did not answer" in env.explain("Installing", output)


def test_other_failures_show_their_last_lines():
    text = env.explain("Installing", "\n".join(f"line {i}" for i in range(9)))
    assert text == "Installing failed: line 5 | line 6 | line 7 | line 8"
    assert "disk is full" in env.explain("Installing", "x: No space left on device (os error 28)")


def test_pips_index_is_passed_on_to_uv(project, tools, capfd):
    env.ensure(project, VERSION)
    command, variables = tools.calls[-1]
    assert variables["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    shown = capfd.readouterr()
    assert "mirror.example" not in shown.out + shown.err


def test_uvs_own_index_goes_first(project, tools, monkeypatch):
    monkeypatch.setenv("UV_INDEX_URL", "https://own.example/simple")
    assert "UV_DEFAULT_INDEX" not in env.installer_environment(str(project))


def test_missing_ensurepip_names_the_debian_package(monkeypatch):
    monkeypatch.setattr(env.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(env.BuildError, match=r"apt install python3\.12-venv"):
        env.check_modules(VERSION)


def test_the_script_fails_with_one_line(project):
    """Run as a reader would, by a Python that believes it is too old."""
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); "
        f"sys.argv = ['environment.py']; runpy.run_path({str(project / 'e.py')!r}, "
        "run_name='__main__')"
    )
    (project / "lib" / "bookkit").mkdir()
    source = pathlib.Path(env.__file__).read_text()
    (project / "e.py").write_text(source)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "3.9.2" in done.stderr
