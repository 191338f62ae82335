"""Pools over data sets of other libraries, as those libraries really are."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from socbi import IntakeError, InvalidInputError, InvalidTypeError
from socbi.encoders import PixelEncoder, embed
from socbi.pool import EmbeddingStore, Pool

# ---- Hugging Face --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pets():
    """Images in a struct, class names, None in every column that allows it."""
    datasets = pytest.importorskip("datasets")
    features = {
        "key": datasets.Value("string"),
        "photo": datasets.Image(),
        "says": datasets.Value("string"),
        "age": datasets.Value("int64"),
        "kind": datasets.ClassLabel(names=["cat", "dog"]),
    }
    rows = {
        "key": [f"k{number}" for number in range(5)],
        "photo": [Image.new("L", (4, 3), 10 * number) for number in range(5)],
        "says": ["a", "b", None, "d", "e"],
        "age": [1, 2, None, 4, 5],
        "kind": [0, 1, 0, -1, 1],
    }
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


WHOLE = {"image": "photo", "text": "says", "table": ["age"], "label": "kind", "id": "key"}


@pytest.mark.parametrize("form", [None, "numpy", "pandas", "arrow"])
def test_rows_come_as_they_are_whatever_the_format(pets, form):
    pool = Pool.from_hf(pets.with_format(form), **WHOLE)
    assert list(pool.ids) == ["k0", "k1", "k2", "k3", "k4"]
    assert (pool.classes, pool.labels.tolist()) == (("cat", "dog"), [0, 1, 0, -1, 1])
    assert [sample.text for sample in pool] == ["a", "b", None, "d", "e"]
    assert [sample.row for sample in pool] == [{"age": age} for age in (1, 2, None, 4, 5)]
    assert pool["k3"].image.getpixel((0, 0)) == (30, 30, 30)


def test_a_shuffled_part_keeps_its_ids(pets, tmp_path):
    part = pets.shuffle(seed=1).select(range(3))
    pool = Pool.from_hf(part, image="photo", id="key")
    for sample in pool:
        assert sample.image.getpixel((0, 0))[0] == 10 * int(sample.id[1:])
    done = embed(pool, PixelEncoder(2), EmbeddingStore(tmp_path), progress=False)
    assert list(done.shelf.ids()) == list(part["key"])


def test_ids_that_lack_or_repeat_are_listed(pets):
    from datasets import Dataset

    rows = {"id": ["x", "y", "x", None, "z"], "says": list("abcde"), "kind": [1, 2, 3, 4, 5]}
    dataset = Dataset.from_dict(rows)
    pool = Pool.from_hf(dataset, text="says", label="kind", id="id", on_problem="skip")
    found = [(one.id, one.text, one.label) for one in pool]
    assert found == [("x", "a", 1), ("y", "b", 2), ("z", "e", 5)]
    assert [(one.where, one.kind) for one in pool.intake.problems] == [
        ("row 2", "duplicate id"),
        ("row 3", "missing value"),
    ]
    with pytest.raises(IntakeError, match=r"row 2: duplicate id, 'x' was there before"):
        Pool.from_hf(dataset, text="says", id="id")


def test_what_is_no_data_set_of_rows_is_refused(pets):
    from datasets import DatasetDict

    for wrong in (DatasetDict({"train": pets}), pets.to_iterable_dataset(), [1, 2]):
        with pytest.raises(InvalidTypeError, match=r"takes one datasets.Dataset, got .* a split"):
            Pool.from_hf(wrong, image="photo")
    with pytest.raises(InvalidInputError, match="has no column 'picture', only key, photo"):
        Pool.from_hf(pets, image="picture")
    with pytest.raises(InvalidInputError, match="need an image, a text or table columns"):
        Pool.from_hf(pets)


# ---- torch ---------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_a_data_set_of_tensors():
    import torch
    from torch.utils.data import IterableDataset, Subset, TensorDataset

    tones = torch.linspace(0, 1, 5).view(5, 1, 1, 1).expand(5, 3, 4, 2)
    dataset = TensorDataset(tones, torch.tensor([3, 1, 3, 1, 2]))
    pool = Pool.from_torch(Subset(dataset, [4, 0, 2]))
    assert (pool.classes, pool.labels.tolist()) == ((2, 3), [0, 1, 1])
    assert [np.asarray(one.image)[0, 0, 0] for one in pool] == [255, 0, 128]
    assert pool[1].image.size == (2, 4)

    class Endless(IterableDataset):
        def __iter__(self):
            return iter([tones[0]])

    with pytest.raises(InvalidTypeError, match=r"a map-style data set.* got Endless"):
        Pool.from_torch(Endless())
