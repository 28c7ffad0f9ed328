"""Find a Chromium for the page tests, or install one."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

# Chromium refuses its sandbox to root; the others keep it from talking to anybody but our pages.
LAUNCH_ARGS = [
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as p: print(p.chromium.executable_path)"
)


class BrowserError(RuntimeError):
    """No browser is here and none could be installed; the message is for the reader."""


def launch_options(path: str | None = None) -> dict:
    """Return the keyword arguments for playwright's `chromium.launch`."""
    return {"executable_path": path or ensure(), "headless": True, "args": list(LAUNCH_ARGS)}


def find() -> str | None:
    """Return the path of a Chromium or Chrome, or None.

    BROWSER_PATH decides if it is set; a path there that leads nowhere is an error, not a reason
    to take another browser quietly.
    """
    named = os.environ.get("BROWSER_PATH")
    if named:
        if not pathlib.Path(named).is_file():
            raise BrowserError(
                f"BROWSER_PATH is {named}, but there is no such file. "
                "Set it to the path of a Chromium or Chrome, or unset it."
            )
        return named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return MACOS if pathlib.Path(MACOS).is_file() else None


def run(command: list[str], **env: str) -> tuple[bool, str]:
    """Run a command without input; return whether it succeeded, and its output."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.strip()


def last_line(output: str) -> str:
    """Return the last line of a tool's output that says anything."""
    lines = [line.strip() for line in output.splitlines() if line.strip(" ║╚═╝╔╗")]
    return lines[-1] if lines else "it said nothing"


def root_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root, or None if that cannot be."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and run(["sudo", "-n", "true"])[0]:
        return ["sudo", "-n"]
    return None


def install_with_apt() -> str:
    """Install Debian's Chromium; return an empty string, or what went wrong."""
    if not shutil.which("apt-get"):
        return "apt-get: not on this system"
    prefix = root_prefix()
    if prefix is None:
        return "apt-get: neither root nor sudo without a password"
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    for step in (["update"], ["install", "chromium"]):
        done, output = run([*prefix, *quiet, *step])
        if not done:
            return f"apt-get {' '.join(step)}: {last_line(output)}"
    return ""


def install_with_playwright() -> tuple[str | None, str]:
    """Let playwright bring its own Chromium; return its path, or None and what went wrong."""
    done, output = run([sys.executable, "-m", "playwright", "install", "chromium"])
    if not done:
        return None, f"playwright install chromium: {last_line(output)}"
    done, output = run([sys.executable, "-c", ASK_PLAYWRIGHT])
    path = last_line(output)
    if done and pathlib.Path(path).is_file():
        return path, ""
    return None, f"playwright: no browser where it should be ({path})"


def ensure() -> str:
    """Return the path of a browser, installing one if need be."""
    path = find()
    if path:
        return path
    apt_problem = install_with_apt()
    path = find()
    if path:
        return path
    path, problem = install_with_playwright()
    if path:
        return path
    raise BrowserError(
        "The page tests need Chromium or Chrome, and none could be installed "
        f"({apt_problem or 'apt-get: installed, but not on the path'}; {problem}). "
        "Install one, or set BROWSER_PATH to it."
    )


def main() -> int:
    """Print the browser's path; return the exit code."""
    try:
        print(ensure())
        return 0
    except BrowserError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
