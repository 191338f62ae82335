"""Builds what the benchmarks need in C++ (bench/native) once, into build/bench, and finds it.

Needs CMake, a C++ compiler and pybind11 (``pip install '.[bench]'`` brings all but the compiler);
absl::btree_set takes part where Debian's libabsl-dev is installed.
"""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pybind11

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "build" / f"bench-{sys.implementation.cache_tag}"


@functools.cache
def build() -> Path:
    print("building bench/native ...", file=sys.stderr, flush=True)
    configure = [
        "cmake", "-S", TOP, "-B", FOLDER, "-DSOCBI_PYTHON=OFF", "-DSOCBI_BENCH=ON",
        "-DCMAKE_BUILD_TYPE=Release", f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
    ]  # fmt: skip
    for command in (configure, ["cmake", "--build", FOLDER, "--parallel", "2"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench/native does not build:\n{done.stdout}{done.stderr}")
    return FOLDER


@functools.cache
def rivals() -> ModuleType:
    """The module of bench/native/rivals.cpp."""
    found = next(build().glob("_rivals*.so"))
    spec = importlib.util.spec_from_file_location("_rivals", found)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def limit_program() -> Path:
    """The program of bench/native/limit.cpp."""
    return build() / "bench_limit"
