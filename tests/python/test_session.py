"""What a session keeps, proposes and refuses."""

import json
import shutil
import sqlite3
import time

import numpy as np
import pytest

from socbi import (
    CANNOT_TELL,
    InvalidInputError,
    InvalidTypeError,
    LabelError,
    Session,
    SessionError,
)
from socbi.encoders import PixelEncoder
from socbi.measures import l1_balance
from socbi.pool import Pool
from socbi.session import Grown
from socbi.strategies import Random, Strategy

CLASSES = ["left", "right"]
HOUR = 3600.0


class Clock:
    """A time that passes when it is told to."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def vectors(n=200, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def truth(rows):
    return {at: CLASSES[int(one > 0)] for at, one in enumerate(rows[:, 0])}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def begin(tmp_path, clock):
    """Return a function that begins a session; all are closed at the end."""
    begun = []

    def make(name="campaign", rows=None, **given):
        rows = vectors() if rows is None else rows
        given = {"classes": CLASSES, "progress": False, "clock": clock, **given}
        session = Session.create(tmp_path / name, embeddings=rows, **given)
        begun.append(session)
        return session

    yield make
    for one in begun:
        one.close()


def again(session, **given):
    """Close a session and open its folder."""
    session.close()
    return Session.open(session.folder, progress=False, **given)


def play(session, rounds, rows, n=10, reopened=False):
    """Play rounds; return what was picked in each."""
    known, picked = truth(rows), []
    for _ in range(rounds):
        if reopened:
            session = again(session, clock=session._clock)
        picked.append(session.propose(n).ids)
        if reopened:
            session = again(session, clock=session._clock)
        session.submit({id: known[id] for id in picked[-1]})
        if reopened:
            session = again(session, clock=session._clock)
        session.step()
    session.close()
    return picked


# ---- the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["coverage-margin", "random"])
def test_the_same_seed_and_labels_give_the_same_picks_after_any_restart(begin, strategy):
    rows = vectors()
    one = play(begin("one", rows, strategy=strategy, seed=3), 5, rows)
    other = play(begin("other", rows, strategy=strategy, seed=3), 5, rows, reopened=True)
    third = play(begin("third", rows, strategy=strategy, seed=4), 5, rows)
    assert one == other
    assert one != third
    assert len({id for ids in one for id in ids}) == 50


def test_a_round_tells_what_was_known_and_where_the_time_went(begin):
    rows = vectors(300)
    known = truth(rows)
    test = {id: known[id] for id in range(200, 300)}
    session = begin(rows=rows, test=test)
    for number in range(1, 4):
        ids = session.propose(20).ids
        assert not set(ids) & set(test)
        session.submit({id: known[id] for id in ids})
        done = session.step()
        assert (done.number, done.labels, done.new_labels) == (number, 20 * number, 20)
        assert done.pool == 200 - 20 * number
    assert done.accuracy > 0.9
    assert sum(done.class_counts.values()) == 60
    assert done.balance == l1_balance(list(done.class_counts.values()))
    assert done.k == 10
    assert 0 <= done.zero_share < 1
    assert done.times.train_s > 0
    assert done.times.sort_s > 0
    assert session.rounds[-1] == done
    with again(session) as opened:
        assert opened.rounds[-1] == done


def test_a_step_without_news_returns_the_last_round(begin):
    session = begin()
    with pytest.raises(InvalidInputError, match="no labels yet"):
        session.step()
    session.submit({0: "left", 1: "right"})
    assert session.step() == session.step()
    assert len(session.rounds) == 1


def test_one_class_alone_is_recorded_and_not_learned(begin):
    session = begin()
    session.submit({0: "left", 1: "left"})
    done = session.step()
    assert (done.trained, done.accuracy, done.balance) == (False, None, 1.0)
    assert len(session.propose(5)) == 5


def test_counts_need_no_search_after_a_restart(begin):
    rows = vectors()
    session = begin(rows=rows)
    known = truth(rows)
    for _ in range(3):
        session.submit({id: known[id] for id in session.propose(10).ids})
        session.step()
    before = session._counts.scorer(rows).counts
    session = again(session)
    after = session._counts.scorer(rows)
    assert after.counts.tolist() == before.tolist()
    session.close()


# ---- proposals and leases ------------------------------------------------------------------------


def test_the_same_batch_is_proposed_until_its_labels_came(begin):
    session = begin()
    first = session.propose(6)
    assert session.propose(6) == first == session.propose(2)
    session.submit(dict.fromkeys(first.ids[:2], "left"))
    assert session.propose(6).ids == first.ids[2:]
    more = session.propose(6, more=True)
    assert not set(more.ids) & set(first.ids)
    assert session.propose(6).ids == first.ids[2:] + more.ids
    session.submit(dict.fromkeys(first.ids + more.ids, "left"))
    assert not set(session.propose(6).ids) & set(first.ids + more.ids)


def test_annotators_draw_different_samples_and_leases_end(begin, clock):
    session = begin(lease_s=HOUR)
    batches = {who: session.propose(60, who).ids for who in ("ann", "ben", "eve")}
    every = [id for ids in batches.values() for id in ids]
    assert len(set(every)) == 180
    assert len(session.propose(60, "dan")) == 20
    assert len(session.propose(60, "fay")) == 0
    clock.now += HOUR - 1
    session.propose(60, "ann")  # renews what she has
    clock.now += 2
    assert session.status().out == 60
    left = session.propose(200, "fay").ids
    assert set(left) == set(range(200)) - set(batches["ann"])
    assert session.propose(60, "ben").ids == []
    session.submit({batches["ben"][0]: "left"}, "ben")  # late, and taken
    assert session.status().labels == 1


def test_a_second_batch_keeps_away_from_what_is_out(begin):
    one, two, three = (begin(name, strategy="kcenter-greedy") for name in "abc")
    for session in (one, two, three):
        session.submit({0: "left", 3: CANNOT_TELL})
        session.step()
    expected = one.propose(20).ids  # the greedy choice goes on as if nobody had stopped it
    first = two.propose(10, "ann").ids
    assert first == expected[:10]
    two = again(two, clock=two._clock)
    assert two.propose(10, "ben").ids == expected[10:]
    two.close()
    three.propose(10, "ann")
    three.submit(dict.fromkeys(first[:4], "right"), "ann")  # that labels came changes nothing
    assert three.propose(10, "ben").ids == expected[10:]


def test_a_disputed_sample_that_is_out_again_is_no_longer_pending(begin):
    session = begin(policy="ask")
    session.submit({0: "left", 1: "right"}, "ann")
    session.step()
    session.submit({0: "right"}, "ben")
    assert session.propose(3, "eve").ids[0] == 0
    assert len(session.propose(5, "dan")) == 5


def test_looking_disturbs_nobody_and_sees_whole_transactions(begin, clock, tmp_path):
    session = begin(strategy=Random())
    session.submit(dict.fromkeys(session.propose(6).ids[:4], "left"))
    before = sorted(path.name for path in session.folder.iterdir())
    with session._database.writing("labels") as connection:
        connection.execute("DELETE FROM leases")
        assert Session.look(session.folder, clock=clock).out == 2  # as nothing is committed
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
    assert Session.look(session.folder, clock=clock) == session.status()
    assert sorted(path.name for path in session.folder.iterdir()) == before
    session.close()
    assert Session.look(session.folder, clock=clock).labels == 4
    with pytest.raises(SessionError, match="is not a folder"):
        Session.look(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SessionError, match="holds no session"):
        Session.look(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_pick_says_why_and_what_to_show(tmp_path, clock):
    pool = Pool.from_arrays(
        text=[f"text {at}" for at in range(40)], table={"age": list(range(40))}, ids=range(100, 140)
    )
    rows = vectors(40)
    with Session.create(
        tmp_path / "s", pool, embeddings=rows, classes=CLASSES, progress=False, clock=clock
    ) as session:
        for _ in range(2):
            batch = session.propose(4)
            for rank, pick in enumerate(batch, 1):
                assert pick.rank == rank
                assert pick.content == {
                    "text": f"text {pick.id - 100}",
                    "row": {"age": pick.id - 100},
                }
                assert pick.why
            session.submit(dict(zip(batch.ids, ["left", "right"] * 2, strict=True)))
            session.step()
        assert batch.picks[0].why.startswith("CoverageMargin")
        assert set(batch.picks[0].stands_for) <= set(range(100, 140))


# ---- labels --------------------------------------------------------------------------------------


def test_labels_may_be_repeated_and_corrected(begin):
    session = begin()
    done = session.submit([(1, "left"), (2, "left"), (1, "right"), (2, "left")])
    assert (done.new, done.corrected, done.repeated) == (2, 1, 1)
    assert session.labels() == {1: "right", 2: "left"}
    assert [one[:2] for one in session.label_history()] == [(1, "left"), (2, "left"), (1, "right")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("latest", "left"), ("first", "left"), ("majority", "right"), ("ask", "right")],
)
def test_conflicts_are_kept_and_resolved_by_the_policy(begin, policy, expected):
    session = begin(policy=policy)
    session.submit({7: "left"}, "ann")
    second = session.submit({7: "right"}, "ben")
    assert second.conflicting == (7,)
    if policy == "ask":
        assert session.labels() == {}
        assert session.propose(3, "ann").ids[0] != 7  # she has said what she has to say
        assert session.propose(3, "eve").ids[0] == 7
    session.submit({7: "right"}, "eve")
    if policy == "latest":
        session.submit({7: "right"}, "ann")
        session.submit({7: "left"}, "ann")
    assert session.labels() == {7: expected}
    assert len(session.label_history()) == (5 if policy == "latest" else 3)
    reopened = again(session)
    assert reopened.labels() == {7: expected}
    reopened.close()


def test_what_cannot_be_told_stays_out(begin):
    session = begin(rows=vectors(12))
    session.submit({3: CANNOT_TELL, 0: "left", 1: "right"})
    session.step()
    assert 3 not in session.propose(12).ids
    assert session.labels()[3] is CANNOT_TELL
    assert session.rounds[-1].labels == 2
    session.submit({3: "left"})  # seen better
    assert session.step().labels == 3
    session.submit({0: CANNOT_TELL})
    assert session.step().labels == 2


def test_unknown_ids_and_classes_are_listed_and_nothing_is_written(begin):
    session = begin(test={5: "left"})
    with pytest.raises(LabelError, match="none of 4 labels was taken") as told:
        session.submit({0: "left", 999: "left", 1: "up", "x": "right"})
    assert told.value.unknown_ids == (999, "x")
    assert told.value.unknown_classes == ("up",)
    with pytest.raises(LabelError, match="held out for tests: 5"):
        session.submit({0: "left", 5: "left"})
    with pytest.raises(InvalidTypeError, match="pairs of an id and a class"):
        session.submit([0, 1])
    with pytest.raises(LabelError, match="True"):
        session.submit({0: True})
    with pytest.raises(InvalidTypeError, match="annotator must be a name"):
        session.submit({0: "left"}, "")
    assert session.status().labels == 0
    assert session.label_history() == []


def test_a_label_is_in_the_database_before_submit_returns(begin):
    session = begin()
    session.submit({4: "left"})
    other = sqlite3.connect(session.folder / "session.sqlite")
    assert other.execute("SELECT position, place FROM labels").fetchall() == [(4, 0)]
    other.close()


# ---- growing -------------------------------------------------------------------------------------


def test_samples_join_and_are_candidates_from_the_next_step(begin):
    rows = vectors(60)
    session = begin(rows=rows[:40])
    known = truth(rows)
    session.submit({id: known[id] for id in session.propose(10).ids})
    session.step()
    session.propose(2)  # makes the graph
    grown = session.grow(None, embeddings=rows[40:])
    assert (grown.new, grown.known) == (20, 0)
    assert max(session.propose(60, "ann").ids) < 40
    session = again(session)
    assert session.step().samples == 60
    assert set(range(40, 60)) <= set(session.propose(60, "eve").ids)
    assert [path.name for path in session.folder.glob("graph-*")] == ["graph-60"]
    session.close()


def test_counts_of_a_grown_session_are_those_of_one_that_was_opened_again(begin):
    rows = vectors(60)
    session = begin(rows=rows[:40])
    session.submit({0: "left", 1: "right", 2: CANNOT_TELL})
    session.step()
    session.grow(None, embeddings=rows[40:])
    session.submit({41: "left"})
    session.step()
    before = session._counts.scorer(session._vectors).counts
    session = again(session)
    assert session._counts.scorer(session._vectors).counts.tolist() == before.tolist()
    session.close()


def test_known_samples_are_passed_over_and_others_refused(begin):
    session = begin(rows=vectors(20))
    rows = vectors(3)
    assert session.grow([18, 19, 20], embeddings=rows).new == 1
    assert session.grow([18, 19, 20], embeddings=rows) == session.grow(
        [20, 19, 18], embeddings=rows
    )
    with pytest.raises(InvalidInputError, match="embeddings of 4 dimensions"):
        session.grow([50], embeddings=np.ones((1, 3), np.float32))
    with pytest.raises(InvalidInputError, match="give embeddings= or encoder="):
        session.grow([50])
    with pytest.raises(InvalidInputError, match="row 21 has NaN"):
        session.grow([50], embeddings=np.full((1, 4), np.nan, np.float32))
    assert len(session) == 21
    with again(session) as opened:
        assert len(opened) == 21


def test_a_session_of_images_embeds_them_and_grows(tmp_path, clock):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    pool = Pool.from_arrays(images=pixels[:20], ids=[f"i{at}" for at in range(20)])
    more = Pool.from_arrays(images=pixels, ids=[f"i{at}" for at in range(30)])
    given = {"classes": CLASSES, "progress": False, "clock": clock}
    with Session.create(tmp_path / "s", pool, encoder=PixelEncoder(4), **given) as session:
        assert session.settings.dim == 16
        assert session.propose(3).ids[0].startswith("i")
        assert session.grow(more).new == 10
        with pytest.raises(InvalidInputError, match="must be embedded by the encoder"):
            session.grow(Pool.from_arrays(images=pixels), encoder=Sixteen())
    with Session.open(tmp_path / "s", progress=False) as session:
        assert len(session) == 30
        with pytest.raises(InvalidInputError, match="encoder="):
            session.grow(more)


class Counting(PixelEncoder):
    """Remembers what it was given."""

    def __init__(self, side):
        super().__init__(side)
        self.given = []

    def prepare(self, sample):
        self.given.append(sample.id)
        return super().prepare(sample)

    def encode(self, batch):
        return np.array([np.ravel(sample.image) / 255 for sample in batch], np.float32)


def test_samples_that_are_here_are_neither_read_nor_embedded_again(tmp_path):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    for at, one in enumerate(images(12)):
        image.fromarray(one).save(folder / f"{at:02}.png")
    pool = Pool.from_folder(folder)
    few = pool.subset(range(8))
    # Whether an encoder made the embeddings that are here, or they were given.
    for name, made in (
        ("made", {"encoder": Counting(4)}),
        ("given", {"embeddings": vectors(8, 16)}),
    ):
        with Session.create(tmp_path / name, few, classes=CLASSES, progress=False, **made):
            pass
    for at in range(8):
        (folder / f"{at:02}.png").write_bytes(b"no image any more")
    for name in ("made", "given"):
        with Session.open(tmp_path / name, progress=False) as session:
            encoder = Counting(4)
            assert session.grow(few, encoder=encoder) == Grown(0, 8)
            assert session._database.one("SELECT count(*) FROM growths") == 1  # its creation
            assert session.unknown(pool.ids) == ["08.png", "09.png", "10.png", "11.png"]
            assert session.grow(pool, encoder=encoder) == Grown(4, 8)
            assert session.grow(pool, encoder=encoder) == Grown(0, 12)
            assert sorted(encoder.given) == ["08.png", "09.png", "10.png", "11.png"]
            expected = PixelEncoder(4).encode([pool.sample(at) for at in range(8, 12)])
            np.testing.assert_allclose(session.embeddings[8:], expected, atol=1e-3)


def test_unreadable_samples_begin_no_session_and_join_none(tmp_path):
    pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.png").write_bytes(b"no image")
    broken = Pool.from_folder(tmp_path / "photos")
    given = {"encoder": PixelEncoder(4), "on_problem": "skip"}
    with pytest.raises(InvalidInputError, match="none of 1 samples has an embedding of pixels"):
        Session.create(tmp_path / "none", broken, classes=CLASSES, progress=False, **given)
    some = Pool.from_arrays(images=images(3), ids=["a", "b", "c"])
    with Session.create(
        tmp_path / "some", some, encoder=PixelEncoder(4), classes=CLASSES, progress=False
    ) as session:
        assert session.grow(broken, **given) == Grown(0, 0)


def test_a_growth_by_nothing_reads_no_embedding(begin, tmp_path):
    rows = vectors(50)
    session = begin(rows=rows)
    path = tmp_path / "rows.npy"
    np.save(path, np.full_like(rows, np.nan))  # which would be refused if it were read
    assert session.grow(list(range(50)), embeddings=path) == Grown(0, 50)
    assert np.array_equal(session.embeddings, rows)


class Sixteen(PixelEncoder):
    """Another encoder of as many dimensions."""

    def __init__(self):
        super().__init__(4)

    @property
    def fingerprint(self):
        from dataclasses import replace

        return replace(super().fingerprint, name="other")


# ---- learners of images --------------------------------------------------------------------------

LENET = {"name": "lenet5", "side": 16, "epochs": 1, "crop": 0, "device": "cpu"}


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 16, 16), dtype=np.uint8)


def learn_a_round(session, first):
    """Label two samples of each class, and step."""
    session.submit({f"i{first + at}": CLASSES[at % 2] for at in range(4)})
    return session.step()


def predicted(session):
    return session._predictions.read(session.rounds[-1].number)


def test_a_network_learns_from_images_that_are_no_files_and_from_those_that_join(tmp_path):
    pytest.importorskip("torch")
    pixels = images(30)
    ids = [f"i{at}" for at in range(30)]
    few = Pool.from_arrays(images=pixels[:20], ids=ids[:20])
    whole = Pool.from_arrays(images=pixels, ids=ids)
    given = {"classes": CLASSES, "progress": False, "learner": LENET}
    session = Session.create(tmp_path / "s", few, encoder=PixelEncoder(4), **given)
    assert learn_a_round(session, 0).trained
    session = again(session)
    assert session.grow(whole, encoder=PixelEncoder(4)).new == 10
    session = again(session)
    learn_a_round(session, 10)
    once = Session.create(tmp_path / "once", whole, encoder=PixelEncoder(4), **given)
    learn_a_round(once, 0)
    learn_a_round(once, 10)
    np.testing.assert_array_equal(predicted(session), predicted(once))
    kept = (tmp_path / "s" / "images-16x1.bin").read_bytes()
    assert kept == pixels.tobytes()
    session.close()
    once.close()


def test_a_network_may_take_over_where_images_are_files(tmp_path):
    pytest.importorskip("torch")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    for at, one in enumerate(images(20)):
        image.fromarray(one).save(folder / f"i{at}.png")
    pool = Pool.from_folder(folder)
    renamed = Pool.from_arrays(images=images(20), ids=[f"i{at}.png" for at in range(20)])
    given = {"classes": CLASSES, "progress": False, "encoder": PixelEncoder(4)}
    labels = {f"i{at}.png": CLASSES[at % 2] for at in range(8)}
    with Session.create(tmp_path / "files", pool, **given) as session:
        session.submit(labels)
        session.step()
    with Session.open(tmp_path / "files", learner=LENET, progress=False) as session:
        session.submit({"i9.png": "left"})
        assert session.step().trained
        assert "lenet5" in session.status().learner
    with Session.open(tmp_path / "files", learner={**LENET, "side": 20}) as session:
        session.submit({"i10.png": "left"})
        session.step()
    assert [one.name for one in (tmp_path / "files").glob("images-*")] == ["images-20x1.bin"]
    with Session.create(tmp_path / "arrays", renamed, **given) as session:
        session.submit(labels)
    with (
        Session.open(tmp_path / "arrays", learner=LENET) as session,
        pytest.raises(SessionError, match=r"no image file is known of the sample 'i0\.png'"),
    ):
        session.step()


def test_a_kill_among_epochs_loses_one_and_changes_nothing(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pool = Pool.from_arrays(images=images(20), ids=[f"i{at}" for at in range(20)])
    given = {"classes": CLASSES, "progress": False, "encoder": PixelEncoder(4)}
    given["learner"] = {**LENET, "epochs": 4, "start": "warm"}
    with Session.create(tmp_path / "whole", pool, **given) as session:
        learn_a_round(session, 0)
        learn_a_round(session, 4)
        expected = predicted(session)
    session = Session.create(tmp_path / "killed", pool, **given)
    learn_a_round(session, 0)
    from socbi.learners import ImageLearner

    epochs, whole = [], ImageLearner._epoch

    def dying(self, parts, known, epoch):
        if len(epochs) == 2:
            raise KeyboardInterrupt
        epochs.append(epoch)
        return whole(self, parts, known, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(ImageLearner, "_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            learn_a_round(session, 4)
    session = again(session)
    with monkeypatch.context() as patch:
        patch.setattr(
            ImageLearner,
            "_epoch",
            lambda self, *given: epochs.append(given[1]) or whole(self, *given),
        )
        session.step()
    assert len(epochs) == 4
    np.testing.assert_array_equal(predicted(session), expected)
    session.close()


def test_a_logistic_learner_that_starts_warm_goes_on_after_a_restart(begin):
    rows = vectors()
    warm = {"name": "logistic", "start": "warm"}
    one = play(begin("one", rows, learner=warm), 4, rows)
    session = begin("other", rows, learner=warm)
    assert play(session, 4, rows, reopened=True) == one
    folder = session.folder.parent / "one"
    with again(session) as opened, Session.open(folder, progress=False) as kept:
        np.testing.assert_array_equal(predicted(opened), predicted(kept))
    damaged = session.folder / "learned-000004.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with Session.open(session.folder, progress=False) as opened:
        opened.submit({int(opened.propose(1).ids[0]): "left"})
        with pytest.raises(SessionError, match=r"learned-000004\.npz cannot be read"):
            opened.step()


def test_a_learner_of_images_needs_images(tmp_path, begin):
    pytest.importorskip("torch")
    with pytest.raises(InvalidInputError, match="this learner learns from images"):
        begin(learner="lenet5")
    with pytest.raises(InvalidInputError, match="channels must be 1 or 3, got 2"):
        begin(learner={"name": "lenet5", "channels": 2})


# ---- parts ---------------------------------------------------------------------------------------


class Foreign(Random):
    """Chooses by lot, and is not of this library."""


class Constant:
    """Learns nothing."""

    def fit(self, ids, labels, *, classes):
        self.classes = classes

    def predict_proba(self, ids):
        return np.full((len(ids), self.classes), 1 / self.classes)


def test_foreign_parts_must_be_given_again(begin):
    session = begin(strategy=Foreign(), learner=Constant())
    session.close()
    with pytest.raises(SessionError, match=r"strategy of this session was Foreign\(\)"):
        Session.open(session.folder)
    with pytest.raises(SessionError, match=r"give Session.open\(learner=\.\.\.\)"):
        Session.open(session.folder, strategy="random")
    with Session.open(session.folder, strategy="random", learner="logistic"):
        pass
    with Session.open(session.folder) as opened:  # what took over is recorded
        assert opened.status().strategy == "Random()"


def test_parameters_of_parts_are_recorded(begin):
    strategy = {"name": "coverage-margin", "fade": 0.5}
    session = begin(strategy=strategy, learner={"name": "logistic", "strength": 2.0})
    session = again(session)
    assert "fade=0.5" in session.status().strategy
    assert "2.0" in session.status().learner
    session.close()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"strategy": "best"}, InvalidInputError, "strategy must be one of .*got 'best'"),
        (
            {"strategy": {"name": "random", "x": 1}},
            InvalidInputError,
            "random has no parameter .x.; it takes none",
        ),
        ({"strategy": 3}, InvalidTypeError, "strategy must be a name"),
        (
            {"learner": "deep"},
            InvalidInputError,
            "learner must be one of lenet5, logistic, resnet18, got 'deep'",
        ),
        ({"learner": 3}, InvalidTypeError, "learner must be a name"),
        ({"classes": None}, InvalidInputError, "say what labels there are"),
        ({"classes": ["a"]}, InvalidInputError, "two or more different names"),
        ({"classes": "ab"}, InvalidTypeError, "got the string 'ab'"),
        ({"classes": ["a", 1]}, InvalidTypeError, "all strings or all whole numbers"),
        ({"policy": "vote"}, InvalidInputError, "policy must be one of latest, majority"),
        ({"lease_s": 0}, InvalidInputError, "lease_s must be seconds above 0, got 0"),
        ({"seed": -1}, InvalidInputError, "seed must be"),
        ({"test": {5000: "left"}}, InvalidInputError, r"1 ids that no sample has: \[5000\]"),
        ({"test": {5: "up"}}, InvalidInputError, "classes that there are not: 'up'"),
        ({"test": [5]}, InvalidTypeError, "test must be a mapping"),
        ({"pool": 7}, InvalidTypeError, "pool must be a Pool"),
        ({"pool": [1, 2]}, InvalidInputError, "a row for each of 2 samples"),
        ({"embeddings": None}, InvalidInputError, "either embeddings= or encoder="),
        ({"embeddings": "nowhere.npy"}, InvalidInputError, "cannot be read from nowhere.npy"),
        ({"counts": 3}, InvalidTypeError, "counts must be a mapping"),
    ],
)
def test_wrong_input_begins_no_session(tmp_path, given, error, message):
    folder = tmp_path / "campaign"
    fine = {"embeddings": vectors(), "classes": CLASSES, "progress": False}
    with pytest.raises(error, match=message):
        Session.create(folder, **{**fine, **given})
    with pytest.raises(SessionError, match="session"):
        Session.open(folder)
    Session.create(folder, **fine).close()  # the folder is as good as new


def test_wrong_calls_change_nothing(begin):
    session = begin()
    with pytest.raises(InvalidInputError, match="n must be"):
        session.propose(0)
    with pytest.raises(InvalidInputError, match="lease_s must be seconds"):
        session.propose(1, lease_s=-1)
    assert session.status().proposals == 0
    session.close()
    session.close()
    with pytest.raises(SessionError, match="was closed"):
        session.propose(1)


def test_a_strategy_that_fails_proposes_nothing(begin):
    class Broken(Strategy):
        def _chosen(self, state, number, rng):
            raise ValueError("no idea")

    session = begin(strategy=Broken())
    with pytest.raises(ValueError, match="no idea"):
        session.propose(3)
    assert session.status().proposals == 0


def test_a_learner_of_a_wrong_shape_is_told(begin):
    class Narrow(Constant):
        def predict_proba(self, ids):
            return np.ones((len(ids), 1))

    session = begin(learner=Narrow())
    session.submit({0: "left", 1: "right"})
    with pytest.raises(InvalidInputError, match=r"shape \(200, 2\), got the shape \(200, 1\)"):
        session.step()
    assert session.status().rounds == 0


# ---- folders -------------------------------------------------------------------------------------


def test_folders_that_are_no_sessions_are_told_and_left_alone(begin, tmp_path):
    with pytest.raises(SessionError, match="is not a folder"):
        Session.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SessionError, match="holds no session"):
        Session.open(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    session = begin()
    session.close()
    with pytest.raises(SessionError, match="holds a session already"):
        Session.create(session.folder, embeddings=vectors(), classes=CLASSES)


def test_a_folder_of_a_newer_release_is_not_touched(begin):
    session = begin()
    session.submit({0: "left"})
    session.close()
    database = sqlite3.connect(session.folder / "session.sqlite")
    with database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    database.close()
    with pytest.raises(SessionError, match="has format 99 and this socbi reads format 1"):
        Session.open(session.folder)


def test_damaged_folders_are_told(begin, tmp_path):
    session = begin()
    session.submit({0: "left", 1: "right"})
    session.step()
    session.close()
    cut = tmp_path / "cut"
    shutil.copytree(session.folder, cut)
    with open(cut / "vectors.bin", "r+b") as file:
        file.truncate(100)
    with pytest.raises(SessionError, match="is missing or cut off: it has 100 bytes and 3200"):
        Session.open(cut)
    shutil.copytree(session.folder, tmp_path / "gone")
    (tmp_path / "gone" / "predictions" / "000001.npy").unlink()
    with Session.open(tmp_path / "gone", progress=False) as opened:
        with pytest.raises(SessionError, match="submit a label and call step"):
            opened.propose(3)
        opened.submit({2: "left"})
        opened.step()
        assert len(opened.propose(3)) == 3
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "session.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SessionError, match=r"session.sqlite cannot be kept or read: file is not"):
        Session.open(tmp_path / "noise")


def test_a_session_of_a_million_opens_at_once(tmp_path):
    rows = np.zeros((1_000_000, 2), np.float16)
    rows[:, 0] = np.linspace(-1, 1, len(rows))
    ids = [f"sample-{at:07}" for at in range(len(rows))]
    session = Session.create(
        tmp_path / "s", ids, embeddings=rows, classes=CLASSES, strategy="random", progress=False
    )
    rng = np.random.default_rng(0)
    session.submit({ids[at]: CLASSES[at % 2] for at in rng.choice(len(ids), 20_000, replace=False)})
    session.close()
    begin = time.perf_counter()
    with Session.open(tmp_path / "s", progress=False) as session:
        opened = time.perf_counter() - begin
        assert len(session) == 1_000_000
        assert session.status().labels == 20_000
        assert len(session.propose(100)) == 100
    assert opened < 2


def test_settings_are_plain_json(begin):
    session = begin(counts={"k": "auto"})
    kept = json.loads(session._database.meta("settings"))
    assert kept["counts"] == {"k": "auto"}
    assert kept["classes"] == CLASSES


def test_a_status_accounts_for_every_sample(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    tests = {id: "ab"[id % 2] for id in range(10)}
    with Session.create(
        tmp_path / "campaign", embeddings=vectors, classes=["a", "b"], policy="ask", test=tests
    ) as session:
        first, second, third, *_ = session.propose(6, "amy").ids
        session.submit({first: "a", second: "b", third: "a"}, "amy")
        session.submit({first: "b"}, "bob")
        told = "2 labelled, 3 out, 84 left, 10 held out, 1 waiting for a step or a vote"
        assert str(session.status()).splitlines()[:2] == [
            f"100 samples: {told}",
            "0 rounds, 4 labels since",
        ]
        session.step()
        session.grow(None, embeddings=vectors[:3])
        assert "103 samples" in str(session.status())
        assert "4 waiting for a step or a vote\n1 round, 0 labels since" in str(session.status())
