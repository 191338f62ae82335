"""The report of a session: also after rounds without new labels, and of whoever chose."""

import numpy as np
import pytest

from socbi import CANNOT_TELL, Session
from socbi.cli import main
from socbi.cli.reporting import records_of, write_report
from socbi.errors import InvalidInputError
from socbi.pool import Pool

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

CLASSES = ["down", "up"]
ROWS = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
TRUTH = [CLASSES[int(one > 0)] for one in ROWS[:, 0]]


def made(folder, pool=None, **changes):
    given = {"strategy": "margin", "start": "random", "seed": 3, "progress": False, **changes}
    pool = Pool.from_arrays(text=list("ab" * 100)) if pool is None else pool
    return Session.create(folder, pool, embeddings=ROWS[: len(pool)], classes=CLASSES, **given)


def play(session, number=10):
    ids = session.propose(number).ids
    session.submit({id: TRUTH[int(id)] for id in ids})
    session.step()
    return ids


def test_rounds_that_add_no_labels_are_reported(tmp_path):
    tests = {id: TRUTH[id] for id in range(150, 200)}
    with made(tmp_path / "campaign", test=tests) as session:
        ids = play(session)
        wrong = CLASSES[TRUTH[ids[0]] == "down"]
        for told in ({ids[0]: wrong}, {ids[0]: TRUTH[ids[0]]}, {ids[1]: CANNOT_TELL}):
            session.submit(told)
            session.step()
        play(session)
        labels = [one.labels for one in records_of(session)]
        assert labels == [10, 10, 10, 9, 19]
        assert "Learning curves" in write_report(session, tmp_path / "page.html").read_text()


def test_each_round_names_the_strategy_that_chose_for_it(tmp_path):
    with made(tmp_path / "campaign") as session:
        play(session)
        play(session)
    with Session.open(tmp_path / "campaign", strategy="entropy", progress=False) as session:
        play(session)
    with Session.open(tmp_path / "campaign", strategy="random", progress=False) as session:
        records = records_of(session)
        page = write_report(session, tmp_path / "page.html").read_text()
    assert [one.rule for one in records] == ["Random()", "Margin()", "Entropy()"]
    assert {one.arm for one in records} == {"Random, then Margin, then Entropy"}
    assert "round 1: Random(); round 2: Margin(); round 3: Entropy()." in page


@pytest.mark.parametrize("left", [b"no image", b"\x89PNG\r\n\x1a\n", None])
def test_an_image_that_became_unreadable_is_left_out_and_told(tmp_path, left):
    image = pytest.importorskip("PIL.Image")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(10):
        pixels = np.full((6, 6), 20 * number, np.uint8)
        image.fromarray(pixels).save(photos / f"{number}.png")
    with made(tmp_path / "campaign", Pool.from_folder(photos)) as session:
        ids = session.propose(6).ids
        session.submit({id: CLASSES[at % 2] for at, id in enumerate(ids)})
        session.step()
        victim = photos / ids[2]
        victim.unlink() if left is None else victim.write_bytes(left)
        page = write_report(session, tmp_path / "page.html").read_text()
    assert page.count("<li class='pick'>") == 6
    assert page.count("<img") == 5
    assert page.count("its image can no longer be read") == 1


def test_without_a_round_the_report_says_what_to_do(tmp_path, capsys):
    with made(tmp_path) as session, pytest.raises(InvalidInputError, match="run socbi step first"):
        write_report(session, tmp_path / "page.html")
    assert main(["-C", str(tmp_path), "report"]) == 2
    said = capsys.readouterr().err
    assert said == "socbi: there is no round to report yet: run socbi step first\n"
