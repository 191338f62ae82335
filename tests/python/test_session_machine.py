"""Sessions against a dictionary, with a crash between any two steps."""

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from socbi import CANNOT_TELL, LabelError, Session

CLASSES = ["a", "b", "c"]
FIRST, LAST = 24, 40
ROWS = np.random.default_rng(1).normal(size=(LAST, 3)).astype(np.float32)
WHO = st.sampled_from([None, "ann", "ben"])
LEASE_S = 100.0


class CampaignMachine(RuleBasedStateMachine):
    """The model: who said what last, in what order; what is out; how many samples there are."""

    @initialize(policy=st.sampled_from(["latest", "first", "majority", "ask"]))
    def begin(self, policy):
        self.folder = tempfile.TemporaryDirectory()
        self.now = 0.0
        self.policy = policy
        self.session = Session.create(
            Path(self.folder.name) / "s",
            embeddings=ROWS[:FIRST],
            classes=CLASSES,
            policy=policy,
            lease_s=LEASE_S,
            test={0: "a", 1: "b"},
            clock=lambda: self.now,
            progress=False,
        )
        self.size = self.seen = FIRST
        self.votes = {}  # id -> {annotator: [number of the first, number of the last, label]}
        self.events = []
        self.stepped = 0
        self.rounds = 0
        self.out = {}  # id -> (annotator, round, expires)

    def teardown(self):
        if hasattr(self, "session"):
            self.session.close()
            self.folder.cleanup()

    # ---- the model -------------------------------------------------------------------------------

    def resolved(self, votes):
        last = {
            label: max(v[1] for v in votes.values() if v[2] == label) for label in self.said(votes)
        }
        count = {label: sum(v[2] == label for v in votes.values()) for label in last}
        if self.policy == "latest":
            return max(last, key=last.get)
        if self.policy == "first":
            return min(votes.values(), key=lambda vote: vote[0])[2]
        best = max(last, key=lambda label: (count[label], last[label]))
        if self.policy == "ask" and 2 * count[best] <= len(votes):
            return None
        return best

    @staticmethod
    def said(votes):
        return {vote[2] for vote in votes.values()}

    def labels(self):
        found = {id: self.resolved(votes) for id, votes in self.votes.items()}
        return {id: label for id, label in found.items() if label is not None}

    def lent(self):
        return {id for id, (_, _, expires) in self.out.items() if expires > self.now}

    def free(self):
        return set(range(2, self.seen)) - set(self.votes) - self.lent()

    def in_hands(self, who):
        return {
            id
            for id, (whose, round_number, expires) in self.out.items()
            if whose == who and round_number == self.rounds and expires > self.now
        }

    # ---- steps -----------------------------------------------------------------------------------

    @rule(n=st.integers(1, 9), who=WHO, more=st.booleans())
    def propose(self, n, who, more):
        mine, free, lent = self.in_hands(who), self.free(), self.lent()
        asked = {
            id
            for id, votes in self.votes.items()
            if self.resolved(votes) is None and (who or "") not in votes and id not in lent
        }
        batch = self.session.propose(n, who, more=more)
        if mine and not more:
            assert set(batch.ids) == mine
        else:
            again = min(len(asked), n)
            assert set(batch.ids[:again]) <= asked
            assert set(batch.ids[again:]) <= free
            assert len(batch) == again + min(n - again, len(free))
        assert len(set(batch.ids)) == len(batch)
        for id in batch.ids:
            held = self.out.get(id, (None, None, 0.0))[2] if id in mine else 0.0
            self.out[id] = (who, self.rounds, max(held, self.now + LEASE_S))

    @rule(
        said=st.lists(
            st.tuples(st.integers(2, FIRST - 1), st.sampled_from([*CLASSES, CANNOT_TELL])),
            max_size=6,
        ),
        who=WHO,
    )
    def submit(self, said, who):
        name = who or ""
        new = repeated = corrected = 0
        for id, label in said:
            votes = self.votes.setdefault(id, {})
            if name in votes and votes[name][2] is label:
                repeated += 1
                continue
            number = len(self.events) + 1
            self.events.append((id, label, who))
            corrected += name in votes
            new += name not in votes
            votes[name] = [votes.get(name, [number])[0], number, label]
            self.out.pop(id, None)
        done = self.session.submit(said, who)
        assert (done.new, done.repeated, done.corrected) == (new, repeated, corrected)

    @rule(who=WHO)
    def submit_what_is_out(self, who):
        ids = sorted(self.in_hands(who))[:5]
        self.submit([(id, CLASSES[id % 3]) for id in ids], who)

    @rule()
    def submit_wrong(self):
        with pytest.raises(LabelError):
            self.session.submit({2: "a", 3: "nothing of the kind"})
        with pytest.raises(LabelError):
            self.session.submit({2: "a", 0: "a"})  # held out
        with pytest.raises(LabelError):
            self.session.submit({2: "a", self.size: "a"})

    @precondition(lambda self: self.events)
    @rule()
    def step(self):
        if self.stepped < len(self.events) or self.seen < self.size or not self.rounds:
            self.rounds += 1
        self.stepped, self.seen = len(self.events), self.size
        done = self.session.step()
        known = [label for label in self.labels().values() if label is not CANNOT_TELL]
        assert done.number == self.rounds
        assert done.labels == len(known)
        assert done.class_counts == {one: known.count(one) for one in CLASSES}
        assert done.trained == (len(set(known)) > 1)

    @precondition(lambda self: self.size < LAST)
    @rule(n=st.integers(1, 6))
    def grow(self, n):
        n = min(n, LAST - self.size)
        self.session.grow(None, embeddings=ROWS[self.size : self.size + n])
        self.size += n
        if not self.rounds:
            self.seen = self.size

    @rule(seconds=st.sampled_from([1.0, LEASE_S / 2, LEASE_S]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def crash(self):
        """What a kill does: the connection and the lock go, and nothing else is done."""
        folder = self.session.folder
        self.session._held.close()
        self.session = Session.open(folder, clock=lambda: self.now, progress=False)

    # ---- what always holds -----------------------------------------------------------------------

    @invariant()
    def same(self):
        if not hasattr(self, "session"):
            return
        assert self.session.labels() == self.labels()
        assert [one[:3] for one in self.session.label_history()] == self.events
        status = self.session.status()
        assert status.out == len(self.lent())
        assert status.left == len(self.free())
        assert status.rounds == self.rounds
        assert status.samples == self.size
        assert status.since_last_round == len(self.events) - self.stepped
        disputed = [one for one in self.votes.values() if len(self.said(one)) > 1]
        assert status.conflicts == len(disputed)


TestCampaign = CampaignMachine.TestCase
TestCampaign.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
