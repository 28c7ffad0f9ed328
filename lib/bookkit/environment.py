"""Make `.venv`, the book's Python environment, or say in one line why it cannot be made.

Run before anything is installed: `python3 lib/bookkit/environment.py`. So this file uses the
standard library alone, and a syntax that old Pythons can read, because a wrong Python should
get a sentence and not a SyntaxError.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13))
INPUTS = ("requirements.txt", "constraints.txt", os.path.join("lib", "pyproject.toml"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What pip and uv say when no answer comes back at all, as against "no such version".
NO_NETWORK = re.compile(
    "name resolution|name or service not known|nodename nor servname|getaddrinfo failed"
    "|network is unreachable|no route to host|newconnectionerror|connecttimeout|timed out"
    "|connection refused|connection reset|error sending request|failed to (connect|lookup)"
    "|dns error|tcp connect error|proxyerror|cannot connect to proxy",
    re.IGNORECASE,
)
NOISE = re.compile("^\\s*$|^WARNING: |^\\[notice\\]|^\\s*\\^+\\s*$")


class BuildError(Exception):
    """The environment could not be made; the message is for the reader."""


def runs(name):
    """Tell whether there is a program of this name that starts; some are empty stand-ins."""
    if not shutil.which(name):
        return False
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.call([name, "-c", "pass"], stdin=subprocess.DEVNULL, **quiet) == 0


def version_problem(version, name="python3", works=runs):
    """Say what is wrong with a Python version, or return None if it will do.

    Parameters
    ----------
    version : tuple of int
        For example `sys.version_info`.
    name : str
        How the reader called that Python.
    works : callable
        Tells whether a program can be run; a parameter so that tests need no second Python.
    """
    if tuple(version[:2]) in SUPPORTED:
        return None
    names = ["%d.%d" % pair for pair in SUPPORTED]
    needed = ", ".join(names[:-1]) + " or " + names[-1]
    here = [n for n in ("python3.12", "python3.11", "python3.13") if works(n)]
    todo = "Run" if here else "Install one and run"
    return "Python %s is needed; %s is %s. %s: make book PYTHON=%s" % (
        needed,
        name,
        ".".join(str(part) for part in version[:3]),
        todo,
        here[0] if here else "python3.12",
    )


def fingerprint(root, version):
    """Return a hash of all that decides what belongs in the environment.

    The project's path is part of it: scripts in an environment hold absolute paths, so a moved
    project needs a new one.
    """
    digest = hashlib.sha256()
    digest.update(repr((tuple(version[:3]), os.path.realpath(root))).encode())
    for name in INPUTS:
        with open(os.path.join(root, name), "rb") as file:
            content = file.read()
        digest.update(("%s %d " % (name, len(content))).encode() + content)
    return digest.hexdigest()


def stamp_path(root):
    """Return where the mark of a finished environment is kept."""
    return os.path.join(root, ".venv", "ready")


def is_ready(root, version):
    """Tell whether `.venv` is finished and made from today's requirements."""
    try:
        with open(stamp_path(root)) as file:
            return file.read().strip() == fingerprint(root, version)
    except OSError:
        return False


def write_stamp(root, version):
    """Mark the environment as finished, in one step."""
    half = stamp_path(root) + ".tmp"
    with open(half, "w") as file:
        file.write(fingerprint(root, version) + "\n")
    os.replace(half, stamp_path(root))


def version_of_environment(root):
    """Return the version of the Python in `.venv`, or None where there is none."""
    try:
        with open(os.path.join(root, ".venv", "pyvenv.cfg")) as file:
            found = re.search(r"^version\s*=\s*(\d+)\.(\d+)\.(\d+)", file.read(), re.MULTILINE)
    except OSError:
        return None
    return tuple(int(part) for part in found.groups()) if found else None


def pinned_uv(root):
    """Return uv's requirement as requirements.txt has it, such as `uv==1.2.3`."""
    with open(os.path.join(root, "requirements.txt")) as file:
        found = re.search(r"^uv==\S+", file.read(), re.MULTILINE)
    if not found:
        raise BuildError("requirements.txt pins no uv: a line such as uv==1.2.3 is needed.")
    return found.group(0)


def in_environment(root, program):
    """Return the path of a program of the environment."""
    windows = os.name == "nt"
    folder, suffix = ("Scripts", ".exe") if windows else ("bin", "")
    return os.path.join(root, ".venv", folder, program + suffix)


def explain(step, output):
    """Turn the output of a failed tool into one line for the reader."""
    if NO_NETWORK.search(output):
        return (
            "%s failed: the package index did not answer. "
            "Check the network (or pip's index and proxy settings) and run it again." % step
        )
    if "No space left on device" in output:
        return "%s failed: the disk is full. About 3 GB are needed; free some and try again." % step
    lines = [line.strip() for line in output.splitlines() if not NOISE.search(line)]
    return "%s failed: %s" % (step, " | ".join(lines[-4:]) or "it said nothing.")


def call(step, command, root, env=None):
    """Run one tool quietly; raise BuildError with its last words if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise BuildError("%s failed: %s" % (step, error))
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise BuildError(explain(step, output))
    return output


def installer_environment(root):
    """Return the variables for uv: the machine's own, with pip's index passed on.

    uv does not read pip's configuration, so a reader behind a mirror would be left without one.
    """
    env = dict(os.environ)
    if any(env.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        return env
    index = env.get("PIP_INDEX_URL")
    if not index:
        ask = [in_environment(root, "python"), "-m", "pip", "config", "get", "global.index-url"]
        try:
            index = call("Reading pip's configuration", ask, root).strip()
        except BuildError:
            index = ""  # pip says "no such key" by failing: nothing is configured
    if re.match(r"(https?|file)://\S+$", index or ""):
        env["UV_DEFAULT_INDEX"] = index
    return env


def check_modules(version):
    """Raise BuildError where this Python was packaged without what makes environments."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise BuildError(
            "This Python has no module %s, which makes environments. On Debian or Ubuntu: "
            "apt install python%d.%d-venv" % (" and ".join(missing), version[0], version[1])
        )


def remove(root):
    """Remove `.venv`, whatever state it is in."""
    folder = os.path.join(root, ".venv")
    if os.path.islink(folder):
        os.unlink(folder)
    elif os.path.isdir(folder):
        shutil.rmtree(folder)


def build(root, version):
    """Make `.venv` from nothing; leave either a finished one or none."""
    check_modules(version)
    uv = pinned_uv(root)
    python = in_environment(root, "python")
    finished = False
    try:
        remove(root)
        call("Making .venv", [sys.executable, "-m", "venv", os.path.join(root, ".venv")], root)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", uv]
        call("Installing " + uv, pip, root)
        # Without bytecode every kernel would compile TensorFlow again, for seconds each time.
        install = [in_environment(root, "uv"), "pip", "install", "--python", python]
        install += ["--compile-bytecode", "-r", "requirements.txt"]
        call("Installing requirements.txt", install, root, installer_environment(root))
        write_stamp(root, version)
        finished = True
    except OSError as error:
        raise BuildError("Making .venv failed: %s" % error)
    finally:
        if not finished:
            shutil.rmtree(os.path.join(root, ".venv"), ignore_errors=True)


def ensure(root=ROOT, version=None, name=None):
    """Make the environment unless it is there; return True if there was work to do."""
    version = tuple(version or sys.version_info)[:3]
    problem = version_problem(version, name or os.path.basename(sys.executable or "python3"))
    if problem:
        # The reader may have named a good Python once; what that one made still serves.
        made_by = version_of_environment(root)
        if made_by and is_ready(root, made_by):
            return False
        raise BuildError(problem)
    if is_ready(root, version):
        return False
    print(
        "Making .venv with Python %d.%d.%d: a few minutes the first time, about 3 GB." % version,
        flush=True,
    )
    build(root, version)
    return True


def interrupted(signum, frame):
    """Treat a polite kill like Ctrl-C, so that no half-made environment stays."""
    raise KeyboardInterrupt


def main():
    """Run as a script; return the exit code."""
    signal.signal(signal.SIGTERM, interrupted)
    try:
        if ensure():
            print("The environment is ready.")
        return 0
    except BuildError as error:
        sys.stderr.write("%s\n" % error)
        return 1
    except (OSError, KeyboardInterrupt) as error:
        stopped = isinstance(error, KeyboardInterrupt)
        sys.stderr.write("%s\n" % ("Stopped; nothing half-made was left." if stopped else error))
        return 130 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
