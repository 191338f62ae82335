"""The README's examples run and print what it says they print."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
README = TOP / "README.md"
GUIDES = ("experiments.md", "neighbors.md", "pools.md", "sessions.md", "strategies.md")
PAGES = [README, *(TOP / "docs" / name for name in GUIDES)]
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(
    ("code", "printed"),
    [example for page in PAGES for example in EXAMPLE.findall(page.read_text())],
)
def test_example_prints_what_the_page_says(code, printed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(README), "exec"), {})
    assert out.getvalue() == printed


def test_every_python_block_is_an_example_with_its_output():
    assert len(EXAMPLE.findall(README.read_text())) == README.read_text().count("```python") == 3


def test_the_first_two_commands_install_and_run_and_install_and_test():
    block = README.read_text().split("```bash\n")[1].split("```")[0].splitlines()
    assert block == [
        "pip install . && socbi demo",
        "pip install -c constraints.txt '.[test]' && python -m pytest",
    ]
