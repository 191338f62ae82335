"""Jobs at once, each in a thread of its own, under an interpreter that changes threads often."""

from __future__ import annotations

import sys
import threading

import pytest

PATIENCE_S = 20  # what a test waits for at most; it never waits for time to pass

often = pytest.mark.usefixtures("eager_interpreter")


@pytest.fixture
def eager_interpreter():
    """Let Python change threads far more often than every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def run_together(*jobs):
    """Runs all jobs at once and returns their answers; an error of one is an error of all."""
    start = threading.Barrier(len(jobs))
    answers, errors = [None] * len(jobs), []

    def work(number, job):
        try:
            start.wait(PATIENCE_S)
            answers[number] = job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=each) for each in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers
