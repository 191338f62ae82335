"""Sessions whose process is killed, whose disk is full, and that two processes want."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from campaign_child import CLASSES, create, truth, work

from socbi import DiskFullError, Session, SessionError, SessionHeldError

CHILD = Path(__file__).with_name("campaign_child.py")
ROUNDS = 6
KILLS = 12


def child(folder, rounds=ROUNDS):
    command = [sys.executable, str(CHILD), str(folder), str(rounds)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1)


def picks(folder):
    """Return every pick, in its order, and the labels."""
    with Session.open(folder, progress=False) as session:
        rows = session._database.rows("SELECT proposal, rank, position FROM picks ORDER BY 1, 2")
        return rows, session.labels(), [one.class_counts for one in session.rounds]


def test_killed_at_random_points_a_campaign_loses_nothing_and_ends_as_if_undisturbed(tmp_path):
    with create(tmp_path / "calm") as calm:
        work(calm, ROUNDS)
    rng = np.random.default_rng(0)
    begin = time.monotonic()
    told, killed = set(), 0
    while True:
        process = child(tmp_path / "killed")
        # Lines are the clock: the child is killed a moment after it said so many, at most some
        # milliseconds later, which is in the midst of whatever it does then.
        lines = int(rng.integers(0, 8)) if killed < KILLS else 10**9
        said = []
        for line in process.stdout:
            said.append(json.loads(line))
            process.stdin.write("\n")
            if len(said) > lines:
                break
        else:
            process.stdin.close()
            process.stdout.close()
            assert process.wait() == 0
            told |= {value for what, value in said if what == "submitted"}
            break
        try:
            process.wait(rng.uniform(0, 0.01))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        said += [json.loads(line) for line in process.stdout if line.endswith("]\n")]
        process.stdin.close()
        process.stdout.close()
        process.wait()
        killed += 1
        told |= {value for what, value in said if what == "submitted"}
        if (tmp_path / "killed" / "session.sqlite").exists():
            with Session.open(tmp_path / "killed", progress=False) as session:
                kept = session.labels()
            assert told <= set(kept)
            assert all(label == truth(id) for id, label in kept.items())
    assert picks(tmp_path / "killed") == picks(tmp_path / "calm")
    assert killed == KILLS
    assert time.monotonic() - begin < 120


def test_killed_while_it_is_created_a_session_can_be_created_again(tmp_path):
    program = (
        "import os, sys; from socbi.session import session, vector_file\n"
        "from campaign_child import create\n"
        "vector_file.os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
        f"create({str(tmp_path / 's')!r})"
    )
    env = {**os.environ, "PYTHONPATH": str(CHILD.parent)}
    assert subprocess.run([sys.executable, "-c", program], env=env, check=False).returncode == -9
    with pytest.raises(SessionError, match=r"creation was interrupted; call Session\.create"):
        Session.open(tmp_path / "s")
    with create(tmp_path / "s") as session:
        assert len(session) == 120


def test_the_second_process_is_told_who_has_the_folder(tmp_path):
    with create(tmp_path / "s"):
        pattern = (
            rf"s is held by process {os.getpid()} on {socket.gethostname()} since 20\d\d-.*; let"
        )
        with pytest.raises(SessionHeldError, match=pattern):
            Session.open(tmp_path / "s")
        program = f"from socbi import Session; Session.open({str(tmp_path / 's')!r})"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert f"held by process {os.getpid()}" in done.stderr
    Session.open(tmp_path / "s").close()


def test_a_killed_holder_holds_nothing(tmp_path):
    create(tmp_path / "s").close()
    (tmp_path / "s" / "holder").write_text('{"process": 1, "host": "gone", "since": "then"}')
    Session.open(tmp_path / "s").close()


@pytest.fixture
def no_more_room():
    """Return a function that lets no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def largest(folder):
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("call", ["submit", "propose", "step", "grow"])
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, no_more_room, call):
    folder = tmp_path / "s"
    with create(folder) as session:
        work(session, 2)
        session.submit({id: truth(id) for id in session.propose(4).ids})
        before = session.labels(), session.status(), session.rounds
        calls = {
            "submit": lambda: session.submit(dict.fromkeys(range(120), "right"), "ann"),
            "propose": lambda: session.propose(60, "ben"),
            "step": session.step,
            "grow": lambda: session.grow(None, embeddings=np.ones((9000, 4), np.float32)),
        }
        no_more_room(os.path.getsize(folder / "session.sqlite-wal"))
        with pytest.raises(DiskFullError, match=r"no room on the disk for .*free some space"):
            calls[call]()
        no_more_room(resource.RLIM_INFINITY)
        assert (session.labels(), session.status(), session.rounds) == before
        expected = {"submit": 120, "propose": 60, "step": 3, "grow": 9000}
        done = calls[call]()
        found = {
            "submit": lambda: done.new,
            "propose": lambda: len(done),
            "step": lambda: done.number,
            "grow": lambda: done.new,
        }
        assert found[call]() == expected[call]
    with Session.open(folder, progress=False) as session:
        assert set(before[0]) <= set(session.labels())


def test_a_full_disk_while_it_is_created_leaves_nothing_that_hinders(tmp_path, no_more_room):
    no_more_room(1000)
    with pytest.raises(DiskFullError, match="no room on the disk"):
        create(tmp_path / "s")
    no_more_room(resource.RLIM_INFINITY)
    create(tmp_path / "s").close()


def test_the_classes_of_the_child_are_those_of_the_test():
    assert {truth(id) for id in range(120)} == set(CLASSES)
