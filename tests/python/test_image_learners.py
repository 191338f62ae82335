"""Networks on tiny images: they learn, resume exactly, and refuse what they cannot read."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from socbi.errors import InvalidInputError, InvalidTypeError  # noqa: E402
from socbi.learners import LeNetLearner, ResNetLearner  # noqa: E402
from socbi.learners.networks import lenet5, resnet18  # noqa: E402


def bars(side=16, channels=1, count=90, seed=0):
    """Return images of upright, lying and no bars, with noise; and their classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, channels, side, side), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(side // 4, side // 2)
        if label == 0:
            image[:, at : at + 4] = 220
        elif label == 1:
            image[:, :, at : at + 4] = 220
    return images, labels


def small_resnet(images, **settings):
    given = {"epochs": 3, "batch_size": 32, "crop": 1, "device": "cpu", "width": 4, **settings}
    return ResNetLearner(images, **given)


def small_lenet(images, **settings):
    given = {"epochs": 3, "batch_size": 16, "crop": 1, "device": "cpu", **settings}
    return LeNetLearner(images, **given)


@pytest.mark.parametrize("make", [small_resnet, small_lenet])
def test_a_network_learns_and_keeps_classes_in_their_columns(make):
    images, labels = bars()
    learner = make(images, epochs=15).fit(np.arange(60), labels[:60] + 1, classes=5)
    found = learner.predict_proba(np.arange(60, 90))
    assert found.shape == (30, 5)
    assert (found[:, [0, 4]] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels[60:] + 1).mean() > 0.9
    assert learner.losses[-1] < learner.losses[0]


@pytest.mark.parametrize("make", [small_resnet, small_lenet])
def test_a_fit_goes_on_from_its_checkpoint_to_the_same_weights(make, tmp_path):
    images, labels = bars()

    class KilledError(Exception):
        pass

    def kill(epoch):
        if epoch == 1:
            raise KilledError

    whole = make(images).fit(np.arange(60), labels[:60], classes=3)
    path = tmp_path / "kept" / "checkpoint.pt"
    with pytest.raises(KilledError):
        make(images, checkpoint=path).fit(np.arange(60), labels[:60], classes=3, watch=kill)
    epochs = []
    again = make(images, checkpoint=path)
    again.fit(np.arange(60), labels[:60], classes=3, watch=epochs.append)
    assert epochs == [2]
    assert again.losses == whole.losses
    for one, two in zip(
        again._network.state_dict().values(), whole._network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two)


def test_a_checkpoint_of_other_labels_is_passed_over(tmp_path):
    images, labels = bars()
    path = tmp_path / "checkpoint.pt"
    small_lenet(images, checkpoint=path).fit(np.arange(30), labels[:30], classes=3)
    epochs = []
    later = small_lenet(images, checkpoint=path)
    later.fit(np.arange(60), labels[:60], classes=3, watch=epochs.append)
    assert epochs == [0, 1, 2]


def test_the_order_of_labels_changes_nothing():
    images, labels = bars()
    order = np.random.default_rng(0).permutation(60)
    one = small_lenet(images).fit(np.arange(60), labels[:60], classes=3)
    two = small_lenet(images).fit(order, labels[order], classes=3)
    np.testing.assert_array_equal(one.predict_proba([70, 80]), two.predict_proba([70, 80]))


def test_a_warm_start_begins_where_the_last_fit_ended():
    images, labels = bars()
    learner = small_lenet(images, epochs=8, start="warm").fit(np.arange(60), labels[:60], classes=3)
    first = learner.losses
    learner.fit(np.arange(60), labels[:60], classes=3)
    assert learner.losses[0] < first[0] / 2


def test_mixed_precision_runs_on_a_processor_too():
    images, labels = bars()
    learner = small_lenet(images, epochs=15, mixed_precision=True)
    learner.fit(np.arange(60), labels[:60], classes=3)
    found = learner.predict_proba(np.arange(60, 90))
    assert (found.argmax(axis=1) == labels[60:]).mean() > 0.9


def test_of_one_class_all_are():
    images, _ = bars()
    learner = small_lenet(images).fit([0, 1], [2, 2], classes=3)
    assert learner.predict_proba([5]).tolist() == [[0, 0, 1]]


def test_a_last_batch_of_one_is_no_trouble():
    images, labels = bars()
    small_resnet(images, batch_size=32, epochs=1).fit(np.arange(65), labels[:65], classes=3)


def test_images_stay_as_they_are():
    images, labels = bars()
    before = images.copy()
    small_lenet(images).fit(np.arange(60), labels[:60], classes=3)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(("side", "stem"), [(32, 32), (64, 32)])
def test_stages_see_the_same_sizes_at_32_and_64(side, stem):
    network = resnet18(3, side, 7, width=4).eval()
    assert network[0](torch.zeros(1, 3, side, side)).shape[-1] == stem
    assert network(torch.zeros(2, 3, side, side)).shape == (2, 7)


def test_networks_are_as_large_as_published():
    def size(network):
        return sum(one.numel() for one in network.parameters())

    # ResNet-18 of 11,689,512 has a 7x7 stem of 9,408 and a head of 513,000 weights; here the stem
    # has 3*3*3*64 and the head 512*10 + 10. LeNet-5: 156 + 2,416 + 48,120 + 10,164 + 850.
    assert size(resnet18(3, 32, 10)) == 11_689_512 - 9_408 - 513_000 + 1_728 + 5_130
    assert size(lenet5(1, 28, 10)) == 156 + 2_416 + 48_120 + 10_164 + 850


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i: LeNetLearner(i.astype(float)), InvalidTypeError, "uint8, got float64"),
        (lambda i: LeNetLearner(i[:, 0]), InvalidInputError, "(n, 1 or 3, side, side), got"),
        (lambda i: small_lenet(i, epochs=0), InvalidInputError, "epochs must be 1 or more"),
        (lambda i: small_lenet(i, learning_rate=0), InvalidInputError, "learning_rate must be"),
        (lambda i: small_lenet(i, start="hot"), InvalidInputError, "start must be 'cold' or"),
        (lambda i: small_lenet(i).predict_proba([0]), InvalidInputError, "call fit first"),
        (lambda i: lenet5(1, 8, 3), InvalidInputError, "lenet5 needs images of 16 pixels or more"),
    ],
)
def test_wrong_input_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call(bars()[0])


def test_a_damaged_checkpoint_is_told(tmp_path):
    images, labels = bars()
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"rubbish")
    with pytest.raises(InvalidInputError, match=r"is no sound checkpoint: .*; delete it to begin"):
        small_lenet(images, checkpoint=path).fit(np.arange(9), labels[:9], classes=3)
