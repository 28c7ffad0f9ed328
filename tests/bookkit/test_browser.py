"""Finding a browser, installing one, and saying so when neither works."""

import os

import pytest

from bookkit import browser


@pytest.fixture
def nothing_here(monkeypatch):
    """A machine without any browser and without a way to get one."""
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    monkeypatch.setattr(browser, "MACOS", "/nowhere/chrome")
    monkeypatch.setattr(browser, "run", lambda command, **env: (False, "no route\n  to it  \n"))


def test_the_variable_decides(monkeypatch, tmp_path):
    own = tmp_path / "my-chromium"
    own.write_text("")
    monkeypatch.setenv("BROWSER_PATH", str(own))
    assert browser.find() == str(own)
    own.unlink()
    with pytest.raises(browser.BrowserError, match="BROWSER_PATH.*no such file"):
        browser.find()


def test_the_path_is_searched_in_order(nothing_here, monkeypatch):
    have = {"google-chrome": "/x/google-chrome", "chromium-browser": "/x/chromium-browser"}
    monkeypatch.setattr(browser.shutil, "which", have.get)
    assert browser.find() == "/x/chromium-browser"


def test_macos_is_looked_at_last(nothing_here, monkeypatch, tmp_path):
    assert browser.find() is None
    app = tmp_path / "Google Chrome"
    app.write_text("")
    monkeypatch.setattr(browser, "MACOS", str(app))
    assert browser.find() == str(app)


def test_apt_installs_it(nothing_here, monkeypatch):
    have, done = {"apt-get": "/x/apt-get", "sudo": "/x/sudo"}, []

    def run(command, **env):
        done.append(" ".join(command))
        if command[-1] == "chromium":
            have["chromium"] = "/x/chromium"
        return True, ""

    monkeypatch.setattr(browser, "run", run)
    monkeypatch.setattr(browser.shutil, "which", have.get)
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    assert browser.ensure() == "/x/chromium"
    assert [line.split()[-1] for line in done] == ["true", "update", "chromium"]
    assert all("sudo -n" in line for line in done)  # never waits for a password


def test_playwright_is_the_second_way(nothing_here, monkeypatch, tmp_path):
    own = tmp_path / "chrome"
    own.write_text("")
    monkeypatch.setattr(browser, "run", lambda command, **env: (True, f"noise\n{own}"))
    assert browser.ensure() == str(own)


def test_neither_way_is_one_clear_error(nothing_here):
    with pytest.raises(browser.BrowserError) as caught:
        browser.ensure()
    text = str(caught.value)
    assert "apt-get: not on this system" in text
    assert "playwright install chromium: to it" in text
    assert "BROWSER_PATH" in text and "\n" not in text


def test_launch_options_fit_playwright():
    options = browser.launch_options("/x/chromium")
    assert options["executable_path"] == "/x/chromium" and options["headless"] is True
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    assert ("--no-sandbox" in options["args"]) == root
    assert "--disable-background-networking" in options["args"]


def test_main_prints_the_path_or_the_reason(monkeypatch, capsys):
    monkeypatch.setattr(browser, "ensure", lambda: "/x/chromium")
    assert browser.main() == 0
    assert capsys.readouterr().out == "/x/chromium\n"

    def fail():
        raise browser.BrowserError("none")

    monkeypatch.setattr(browser, "ensure", fail)
    assert browser.main() == 1
    assert capsys.readouterr().err == "none\n"
