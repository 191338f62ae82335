"""What the package shows, what it needs, and how long it takes to import."""

import ast
import doctest
import importlib
import pkgutil
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import socbi

FOLDER = Path(socbi.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(socbi.__path__, "socbi.")
    if not module.name.startswith("socbi._")
)
EVERY = ["socbi", *MODULES]


def module_of(name):
    try:
        return importlib.import_module(name)
    except socbi.MissingExtraError as error:  # an adapter to a package that is not here
        pytest.skip(str(error))


def source(name):
    return ast.parse(Path(module_of(name).__file__).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EVERY)
def test_public_names_are_listed_sorted_and_there(name):
    module = module_of(name)
    assert module.__all__ == sorted(set(module.__all__))
    assert all(hasattr(module, listed) for listed in module.__all__)


@pytest.mark.parametrize("name", EVERY)
def test_no_public_class_or_function_is_unlisted(name):
    module = module_of(name)
    own = {
        node.name
        for node in source(name).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    }
    if name.endswith((".demo", ".__main__")):  # programs: they show nothing but how they start
        own &= {"main"}
    assert own <= set(module.__all__)


def test_the_package_shows_every_error():
    assert set(importlib.import_module("socbi.errors").__all__) <= set(socbi.__all__)


OF_THE_CORE = {
    "socbi.baselines",
    "socbi.errors",
    "socbi.index",
    "socbi.scorers.uncertainty",
    "socbi.strategies.checked_rows",
    "socbi.strategies.cover_graph",
    "socbi.strategies.greedy_cover",
}


@pytest.mark.parametrize("name", EVERY)
def test_few_modules_import_the_core(name):
    kinds = (ast.Import, ast.ImportFrom)
    imports = [node for node in ast.walk(source(name)) if isinstance(node, kinds)]
    of_core = [node for node in imports if "_core" in ast.unparse(node)]
    if name == "socbi":
        assert [ast.unparse(node) for node in of_core] == ["from socbi._core import __version__"]
    elif name not in OF_THE_CORE:
        assert of_core == []


@pytest.mark.parametrize("name", EVERY)
def test_examples_in_docstrings(name):
    results = doctest.testmod(module_of(name))
    assert results.failed == 0
    if name == "socbi.index":
        assert results.attempted > 20


def test_version_is_that_of_the_installed_package():
    assert socbi.__version__ == metadata.version("socbi")


def run(program):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_importing_needs_numpy_alone():
    program = """
import sys
import numpy
before = set(sys.modules)
import socbi, socbi.baselines
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - set(sys.stdlib_module_names) - {"numpy"}))
"""
    assert run(program) == "['socbi']\n"


def test_what_stands_above_the_index_is_loaded_when_asked_for():
    program = """
import sys
import socbi
assert "socbi.pool" not in sys.modules
from socbi import EmbeddingStore, Pool, embed
print(Pool.__module__, EmbeddingStore.__module__, embed.__module__)
"""
    assert run(program) == "socbi.pool.pool socbi.pool.store socbi.encoders.embedding\n"
    with pytest.raises(AttributeError, match="module 'socbi' has no attribute 'Poool'"):
        socbi.Poool  # noqa: B018


def test_importing_takes_little_longer_than_numpy():
    program = """
import time
import numpy
begin = time.perf_counter()
import socbi
print(time.perf_counter() - begin)
"""
    assert statistics.median(float(run(program)) for _ in range(5)) < 0.15


def test_the_package_is_typed():
    assert (FOLDER / "py.typed").exists()


def test_every_error_is_a_socbi_error():
    errors = importlib.import_module("socbi.errors")
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.SocbiError)
        assert getattr(errors, name).__doc__


def test_an_unknown_id_prints_without_quotes():
    assert str(socbi.UnknownIdError("id 7")) == "id 7"
    assert str(socbi.UnknownIdError()) == ""
