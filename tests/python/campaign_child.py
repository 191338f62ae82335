"""A process that works on a campaign until it is killed; run by test_session_kill.py.

It says on its output what is about to be done and what was done, a line each, flushed, and then
waits for a line on its input: so it is never further than whoever watches it knows.
"""

import json
import sys

import numpy as np

from socbi import Session

CLASSES = ["left", "right"]
SAMPLES = 120


def vectors():
    return np.random.default_rng(0).normal(size=(SAMPLES, 4)).astype(np.float32)


def truth(id):
    return CLASSES[int(vectors_once()[id, 0] > 0)]


def vectors_once(kept=[]):  # noqa: B006
    if not kept:
        kept.append(vectors())
    return kept[0]


def say(what, value=None):
    print(json.dumps([what, value]), flush=True)
    if __name__ == "__main__":
        sys.stdin.readline()


def create(folder):
    return Session.create(
        folder, embeddings=vectors_once(), classes=CLASSES, seed=5, progress=False
    )


def work(session, rounds, batch=8):
    """Play rounds from wherever the campaign is."""
    while len(session.rounds) < rounds:
        if session.status().since_last_round < batch:
            ids = session.propose(batch).ids
            say("proposed", ids)
            for id in ids:
                say("submitting", id)
                session.submit({id: truth(id)})
                say("submitted", id)
        session.step()
        say("stepped", len(session.rounds))


if __name__ == "__main__":
    try:
        opened = create(sys.argv[1])
    except Exception as error:  # it is there already
        if "already" not in str(error):
            raise
        opened = Session.open(sys.argv[1], progress=False)
    work(opened, int(sys.argv[2]))
    opened.close()
    say("done")
