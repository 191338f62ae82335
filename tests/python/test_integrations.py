"""Strategies inside scikit-activeml, scikit-learn, torch and Hugging Face's datasets.

scikit-activeml's own conformance suite for pool strategies takes part where it can be imported: it
is in its repository and in some of its wheels, and ``.ci/run`` copies that of 0.6.0 beside the
modules of the release that is installed.
"""

from __future__ import annotations

import unittest

import numpy as np
import pytest

from socbi import InvalidInputError, InvalidTypeError, UnknownIdError
from socbi.integrations import hf
from socbi.integrations.torch import LabelledSampler
from socbi.strategies import (
    BADGE,
    CoverageMargin,
    Diverse,
    Entropy,
    Instability,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    PoolState,
    Random,
    SoCBI,
    TypiClust,
)

try:
    from skactiveml.tests import template_query_strategy as template
except ImportError:
    template = None

# ---- scikit-activeml -----------------------------------------------------------------------------

skactiveml = pytest.importorskip("skactiveml")

from skactiveml.classifier import ParzenWindowClassifier  # noqa: E402
from skactiveml.utils import MISSING_LABEL  # noqa: E402
from sklearn.base import clone  # noqa: E402

from socbi.integrations.skactiveml import ClassifierQuery, EmbeddingQuery  # noqa: E402

X = np.random.default_rng(0).normal(size=(9, 2))
Y = np.array([0.0, 1.0, *[MISSING_LABEL] * 7])

if template is not None:

    class OfEmbeddings(template.TemplateSingleAnnotatorPoolQueryStrategy, unittest.TestCase):
        strategy = KCenterGreedy()

        def setUp(self):
            super().setUp(
                qs_class=EmbeddingQuery,
                init_default_params={"strategy": self.strategy},
                query_default_params_clf={"X": X, "y": Y},
            )

        def test_init_param_strategy(self):
            cases = [(np.nan, TypeError), (KCenterGreedy, TypeError), (KCenterGreedy(), None)]
            self._test_param("init", "strategy", cases)

        def test_query(self):
            ids = EmbeddingQuery(self.strategy, random_state=1).query(X, Y, batch_size=3)
            assert len(set(ids)) == 3

    class OfTypiClust(OfEmbeddings):
        strategy = TypiClust()

    class OfChance(OfEmbeddings):
        strategy = Random()

    class OfAClassifier(template.TemplateSingleAnnotatorPoolQueryStrategy, unittest.TestCase):
        strategy = Margin()

        def setUp(self):
            super().setUp(
                qs_class=ClassifierQuery,
                init_default_params={"strategy": self.strategy},
                query_default_params_clf={
                    "X": X,
                    "y": Y,
                    "clf": ParzenWindowClassifier(classes=[0, 1], random_state=0),
                },
            )

        def test_init_param_strategy(self):
            self._test_param("init", "strategy", [("margin", TypeError), (Margin(), None)])

        def test_query_param_clf(self):
            super().test_query_param_clf(test_cases=[])

        def test_query(self):
            clf = ParzenWindowClassifier(classes=[0, 1])
            ids = ClassifierQuery(self.strategy).query(X, Y, clf, batch_size=3)
            assert len(set(ids)) == 3

    class OfEntropy(OfAClassifier):
        strategy = Entropy()

    class OfBADGE(OfAClassifier):
        strategy = BADGE()

    class OfCoverageMargin(OfAClassifier):
        strategy = CoverageMargin()

    class OfSoCBI(OfAClassifier):
        strategy = SoCBI(LeastConfidence())


@pytest.mark.parametrize("strategy", [KCenterGreedy(), TypiClust(), Random(), SoCBI(Random())])
def test_queries_over_embeddings(strategy):
    query = EmbeddingQuery(strategy, random_state=3)
    ids, utilities = query.query(X, Y, batch_size=4, return_utilities=True)
    assert ids.dtype == np.int64
    assert len(set(ids)) == 4
    assert set(ids) <= set(range(2, 9))
    assert utilities.shape == (4, 9)
    np.testing.assert_array_equal(np.nanargmax(utilities, axis=1), ids)
    assert [np.isnan(one).sum() for one in utilities] == [2, 3, 4, 5]
    np.testing.assert_array_equal(query.query(X, Y, batch_size=4), ids)


@pytest.mark.parametrize(
    "strategy", [LeastConfidence(), Margin(), Entropy(), BADGE(), CoverageMargin()]
)
@pytest.mark.parametrize("names", [(0, 1), ("cat", "dog")])
def test_queries_of_a_classifier(strategy, names):
    missing = np.nan if names == (0, 1) else None
    y = np.array([*names, *[missing] * 7], float if names == (0, 1) else object)
    clf = ParzenWindowClassifier(classes=list(names), missing_label=missing, random_state=0)
    query = ClassifierQuery(strategy, missing_label=missing, random_state=0)
    ids, utilities = query.query(X, y, clf, batch_size=3, return_utilities=True)
    np.testing.assert_array_equal(np.nanargmax(utilities, axis=1), ids)
    np.testing.assert_array_equal(query.query(X, y, clf, candidates=ids[:1]), ids[:1])
    fitted = clf.fit(X, y)
    np.testing.assert_array_equal(query.query(X, y, fitted, fit_clf=False, batch_size=3), ids)


def test_an_oversized_batch_warns_and_is_clipped():
    with pytest.warns(UserWarning, match="larger than number of candidates"):
        assert len(EmbeddingQuery().query(X, Y, batch_size=50)) == 7


# ---- scikit-learn --------------------------------------------------------------------------------

COPIED = [
    Random(),
    KCenterGreedy(),
    TypiClust(neighbors=7),
    BADGE(),
    Instability(n_models=2, distance="cdf", rise=False, decay=0.5),
    Diverse(Margin(), factor=3),
    SoCBI(Entropy()),
    CoverageMargin(),
]


@pytest.mark.parametrize("strategy", COPIED, ids=repr)
def test_clones_have_the_same_parameters(strategy):
    copy = clone(strategy)
    assert copy is not strategy
    assert repr(copy) == repr(strategy)
    assert copy.set_params() is copy


def test_parameters_of_strategies_within():
    strategy = Diverse(Instability(n_models=2), factor=3)
    assert strategy.get_params(deep=False) == {"strategy": strategy.strategy, "factor": 3}
    assert strategy.get_params()["strategy__n_models"] == 2
    inner = strategy.strategy
    strategy.set_params(strategy__n_models=5, factor=2)
    assert strategy.strategy.n_models == 5
    assert strategy.factor == 2
    assert inner.n_models == 2  # whoever else has it keeps it as it was
    strategy.set_params(strategy=Margin())
    assert strategy.needs == {"probabilities", "embeddings"}


def test_parameters_that_cannot_be_change_nothing():
    strategy = Instability()
    with pytest.raises(InvalidInputError, match="has the parameters n_models, distance"):
        strategy.set_params(models=3)
    with pytest.raises(InvalidInputError, match="decay must be"):
        strategy.set_params(n_models=5, decay=7)
    assert strategy.n_models == 3


# ---- torch ---------------------------------------------------------------------------------------


def test_every_epoch_has_all_ids_in_its_own_order():
    sampler = LabelledSampler(np.arange(50), seed=4)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(LabelledSampler(np.arange(50), seed=4)) == first
    assert list(LabelledSampler([5, 3, 4], shuffle=False)) == [5, 3, 4]


@pytest.mark.parametrize("stop", [0, 1, 7, 19])
def test_it_goes_on_where_it_stopped(stop):
    whole = LabelledSampler(np.arange(10), seed=1)
    wanted = [*whole, *whole]
    begun = LabelledSampler(np.arange(10), seed=1)
    found = []
    while len(found) < stop:
        for one in begun:
            found.append(one)
            if len(found) == stop:
                break
    resumed = LabelledSampler([])
    resumed.load_state_dict(begun.state_dict())
    while len(found) < 20:
        found += list(resumed)
    assert found == wanted


def test_loaders_take_the_sampler_and_subsets_the_ids():
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, Subset, TensorDataset

    data = TensorDataset(torch.arange(20))
    loader = DataLoader(data, batch_size=2, sampler=LabelledSampler([3, 5, 8], seed=0))
    assert sorted(int(one) for (batch,) in loader for one in batch) == [3, 5, 8]
    ids = Random().select(PoolState(20), 4, np.random.default_rng(0))
    assert [int(one) for (one,) in Subset(data, ids)] == ids.tolist()


def test_samplers_refuse_what_is_none():
    sampler = LabelledSampler([1, 2])
    with pytest.raises(InvalidInputError, match="given twice"):
        sampler.extend([2])
    with pytest.raises(UnknownIdError, match="0 or more"):
        LabelledSampler([-1])
    with pytest.raises(InvalidInputError, match="has no 'epoch'"):
        sampler.load_state_dict({"ids": [1], "seed": 0, "shuffle": True, "given": 0})
    with pytest.raises(InvalidInputError, match="given must be 1 or less"):
        sampler.load_state_dict({**sampler.state_dict(), "ids": [1], "given": 3})
    assert sorted(sampler) == [1, 2]


# ---- Hugging Face --------------------------------------------------------------------------------


def a_dataset(**columns):
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def test_a_batch_of_a_data_set_is_a_data_set():
    data = a_dataset(
        name=["a", "b", "c", "d"],
        label=[0, None, None, -1],
        embedding=[[0.0], [1.0], [9.0], [4.0]],
    )
    chosen = hf.select(data, KCenterGreedy(), 2, np.random.default_rng(0))
    assert list(chosen["name"]) == ["c", "d"]
    state = hf.pool_state(data, embedding=None, classes=3)
    assert state.candidates.tolist() == [1, 2, 3]
    assert not state.has("embeddings")


def test_what_is_no_data_set_is_refused():
    with pytest.raises(InvalidTypeError, match=r"must be a datasets\.Dataset, got dict"):
        hf.pool_state({"train": None})
    with pytest.raises(InvalidInputError, match="no column 'label', only name"):
        hf.pool_state(a_dataset(name=["a"]))
    with pytest.raises(InvalidTypeError, match="'label' must be class numbers"):
        hf.pool_state(a_dataset(label=["cat"]), embedding=None)


def test_rows_of_whole_numbers_and_a_single_row():
    rows, labels = np.array([[1], [3], [9]]), np.array([0, MISSING_LABEL, MISSING_LABEL])
    for strategy in (KCenterGreedy(), CoverageMargin()):
        query = EmbeddingQuery(strategy, random_state=0)
        assert query.query(rows, labels)[0] in (1, 2)
        assert query.query(rows[:1], labels[1:2]).tolist() == [0]


def test_ids_that_come_in_during_an_epoch_begin_it_anew():
    sampler = LabelledSampler([1, 2, 3], shuffle=False)
    epoch = iter(sampler)
    first = next(epoch)
    sampler.extend([4])
    assert [first, *epoch] == [1, 1, 2, 3, 4]


def test_an_epoch_given_whole_is_followed_by_the_next():
    sampler = LabelledSampler([1, 2, 3], seed=1)
    taken = [one for _, one in zip(range(3), sampler, strict=False)]
    again = LabelledSampler([1, 2, 3], seed=5)
    again.load_state_dict(sampler.state_dict())
    assert sorted(taken) == [1, 2, 3]
    assert list(again) == list(sampler)
    assert sorted(again) == [1, 2, 3]


def test_columns_that_are_no_labels_or_vectors_are_refused():
    datasets = pytest.importorskip("datasets")
    columns = {"label": [0, None], "flag": [True, False], "embedding": [[1.0], None]}
    data = datasets.Dataset.from_dict(columns)
    assert hf.pool_state(data.with_format("numpy"), embedding=None).labelled.tolist() == [0]
    with pytest.raises(InvalidTypeError, match="must be class numbers"):
        hf.pool_state(data, label="flag", embedding=None)
    with pytest.raises(InvalidTypeError, match="label must be the name of a column, got None"):
        hf.pool_state(data, label=None)
    with pytest.raises(InvalidInputError, match="'embedding' must hold a vector for each"):
        _ = hf.pool_state(data).embeddings
