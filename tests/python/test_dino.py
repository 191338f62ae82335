"""Self-distillation: its loss, its views, a run that learns, and one that goes on."""

from __future__ import annotations

import dataclasses
import itertools
import math
from importlib.util import find_spec

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from socbi import InvalidInputError  # noqa: E402
from socbi.encoders import DinoEncoder, DinoSettings, DinoTrainer  # noqa: E402
from socbi.encoders.dino import CollapseWarning, EpochRecord  # noqa: E402
from socbi.encoders.dino.loss import DinoLoss  # noqa: E402
from socbi.encoders.dino.views import draw_views  # noqa: E402
from socbi.encoders.dino.watch import Watch, warn_of_collapse  # noqa: E402
from socbi.pool import Pool  # noqa: E402

TINY = DinoSettings(
    image_size=16, local_size=8, channels=1, width=32, depth=2, heads=2, out_dim=64, hidden_dim=64,
    bottleneck_dim=32, local_views=4, epochs=8, batch_size=32, base_rate=4e-3, frozen_epochs=1,
    teacher_momentum=0.97, local_scale=(0.2, 0.5),
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """So small networks gain nothing by a second, and beside other work it waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def striped(count, seed=0):
    """Images with stripes across or down, in noise: two kinds that a label-free run can tell."""
    rng = np.random.default_rng(seed)
    stripes = np.where(np.arange(16) // 2 % 2, 200, 40)
    kinds = rng.integers(0, 2, count)
    whole = np.where(kinds[:, None, None] == 0, stripes[:, None], stripes[None, :])
    noisy = np.clip(whole + rng.normal(0, 25, (count, 16, 16)), 0, 255).astype(np.uint8)
    return Pool.from_arrays(images=noisy, labels=kinds)


def trainer(folder, settings=TINY, pool=None):
    return DinoTrainer(pool or striped(128), folder, settings, device="cpu", progress=False)


def losses(one):
    return [record.loss for record in one.history]


# ---- parts ---------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_cross_entropy_over_pairs_of_different_views():
    settings = DinoSettings(out_dim=5)
    loss = DinoLoss(settings, torch.device("cpu"))
    loss.centre = torch.randn(1, 5)
    said, taught = torch.randn(4, 3, 5), torch.randn(2, 3, 5)
    expected = []
    for teacher in range(2):
        for view in range(4):
            if view == teacher:
                continue
            for row in range(3):
                target = np.exp(
                    (taught[teacher, row] - loss.centre[0]).numpy().astype(float) / 0.04
                )
                target /= target.sum()
                score = said[view, row].numpy() / 0.1
                log_share = score - np.log(np.exp(score).sum())
                expected.append(-(target * log_share).sum())
    assert float(loss(list(said), list(taught))) == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_centre_is_a_moving_mean_of_logits():
    loss = DinoLoss(DinoSettings(out_dim=2), torch.device("cpu"))
    loss.move_centre([torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]])])
    assert torch.allclose(loss.centre, torch.tensor([[0.2, 0.0]]))
    loss.move_centre([torch.tensor([[0.0, 10.0]])])
    assert torch.allclose(loss.centre, torch.tensor([[0.18, 1.0]]))


def test_views_follow_from_the_generator_and_have_their_sizes():
    images = torch.rand(6, 3, 32, 32)
    settings = DinoSettings()
    one, again, other = (
        draw_views(images, settings, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert [tuple(view.shape[2:]) for view in one] == [(32, 32)] * 2 + [(16, 16)] * 8
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])
    assert all(torch.isfinite(view).all() and view.abs().max() <= 2.0001 for view in one)


def test_rates_go_up_and_down_and_momentum_to_one():
    settings = DinoSettings(epochs=20, batch_size=512)
    rates = [settings.learning_rate(step, 10) for step in range(200)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) == 20  # a tenth of all
    assert all(a >= b for a, b in itertools.pairwise(rates[20:]))
    assert settings.momentum(0, 10) == pytest.approx(0.996)
    assert settings.momentum(200, 10) == 1
    assert settings.decay(0, 10) == pytest.approx(0.04)
    assert settings.decay(200, 10) == pytest.approx(0.4)


def test_collapse_is_seen_and_told():
    same, even = torch.zeros(8, 10), torch.full((8, 10), 0.1)
    same[:, 3] = 1
    spread = torch.randn(8, 4)
    for targets, features, told in (
        (same, spread, "gives all images the same answer"),
        (even, spread, "every answer equally likely"),
        (torch.eye(10)[:8], torch.ones(8, 4), "all features point the same way"),
    ):
        watch = Watch(10)
        watch.see(targets, features)
        with pytest.warns(CollapseWarning, match=told):
            warn_of_collapse(watch.record(1, 1.0, 0.0))
    watch = Watch(10)
    watch.see(torch.eye(10)[:8], spread)
    warn_of_collapse(watch.record(1, 1.0, 0.0))  # a warning would be an error


def test_records_are_shares_of_what_is_possible():
    watch = Watch(4)
    watch.see(torch.full((2, 4), 0.25), torch.randn(2, 3))
    record = watch.record(0, 2.5, 1.0)
    assert isinstance(record, EpochRecord)
    assert record.sample_entropy == pytest.approx(1)
    assert record.mean_entropy == pytest.approx(1)
    assert math.isfinite(record.feature_spread)


# ---- runs ----------------------------------------------------------------------------------------


def test_a_run_learns_what_tells_the_images_apart(tmp_path):
    pool = striped(256)
    settings = dataclasses.replace(TINY, epochs=40)
    run = trainer(tmp_path, settings, pool)
    encoder = run.fit()  # a collapse would be a warning, which is an error here
    assert len(run.history) == 40
    assert losses(run)[-1] < losses(run)[0]
    assert run.history[-1].feature_spread > 0.2
    unseen = striped(100, seed=9)
    known, new = encoder.encode(list(pool)), encoder.encode(list(unseen))
    nearest = np.argmin(((new[:, None] - known) ** 2).sum(-1), axis=1)
    assert np.mean(pool.labels[nearest] == unseen.labels) > 0.95


def test_a_run_goes_on_to_the_losses_of_an_undisturbed_one(tmp_path):
    straight = trainer(tmp_path / "straight")
    straight.fit(4)
    trainer(tmp_path / "parts").fit(1)
    trainer(tmp_path / "parts").fit(2)
    resumed = trainer(tmp_path / "parts")
    resumed.fit(1)
    assert losses(resumed) == losses(straight)
    one, other = straight.encoder(), resumed.encoder()
    assert one.fingerprint == other.fingerprint
    assert trainer(tmp_path / "straight").fit(0).fingerprint == one.fingerprint


def test_an_interrupted_epoch_is_begun_anew(tmp_path, monkeypatch):
    straight = trainer(tmp_path / "straight")
    straight.fit(3)
    run = trainer(tmp_path / "parts")
    run.fit(2)
    step, done = DinoTrainer._step, []

    def interrupted(self, *arguments):
        done.append(1)
        if len(done) == 2:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(DinoTrainer, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run.fit(1)
    resumed = trainer(tmp_path / "parts")
    resumed.fit(1)
    assert losses(resumed) == losses(straight)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    run = trainer(tmp_path)
    run.fit(1)
    kept = (tmp_path / "checkpoint.pt").read_bytes()

    def full(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(OSError, match="No space left"):
            run.fit(1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_the_encoder_outlives_its_file(tmp_path):
    pool = striped(32)
    run = trainer(tmp_path, pool=pool)
    encoder = run.fit(1)
    encoder.save(tmp_path / "encoder.pt")
    loaded = DinoEncoder.load(tmp_path / "encoder.pt", device="cpu")
    assert loaded.fingerprint == encoder.fingerprint
    assert np.array_equal(loaded.encode(list(pool)), encoder.encode(list(pool)))
    prepared = [encoder.prepare(sample) for sample in pool]
    assert np.array_equal(encoder.encode(prepared), encoder.encode(list(pool)))
    assert encoder.encode(list(pool)).shape == (32, encoder.dim) == (32, 32)


def test_the_teacher_follows_the_student_slowly(tmp_path):
    run = trainer(tmp_path)
    before = [one.clone() for one in run._teacher.parameters()]
    for one in run._student.parameters():
        one.data.add_(1.0)
    run._move_teacher(0.9)
    for old, teacher in zip(before, run._teacher.parameters(), strict=True):
        assert torch.allclose(teacher, old + 0.1, atol=1e-6)


@pytest.mark.parametrize("grid", [1, 2])
def test_the_small_resnet_goes_on_to_the_same_losses_too(tmp_path, grid):
    settings = dataclasses.replace(TINY, backbone="small-resnet", grid=grid, epochs=3)
    straight = trainer(tmp_path / "straight", settings)
    encoder = straight.fit()
    assert encoder.dim == grid**2 * settings.width
    trainer(tmp_path / "parts", settings).fit(1)
    resumed = trainer(tmp_path / "parts", settings)
    assert resumed.fit().fingerprint == encoder.fingerprint
    assert losses(resumed) == losses(straight)
    pool = striped(40)
    alone = np.vstack([encoder.encode([sample]) for sample in pool])
    assert np.allclose(alone, encoder.encode(list(pool)), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_networks_of_timm(name, tmp_path):
    if find_spec("timm") is None:
        pytest.skip("timm is not installed")
    settings = DinoSettings(
        image_size=32, local_size=16, backbone=name, out_dim=32, hidden_dim=32, bottleneck_dim=16,
        local_views=2, epochs=10, batch_size=8,
    )  # fmt: skip
    run = trainer(tmp_path, settings, striped(16))
    assert run.fit(1).encode(list(striped(2))).shape[0] == 2
    untrained = DinoEncoder.from_timm(name, pretrained=False, device="cpu")
    assert untrained.encode(list(striped(1))).shape[0] == 1


def test_messages(tmp_path):
    with pytest.raises(InvalidInputError, match="image_size must be a multiple of patch, 4"):
        DinoSettings(image_size=30)
    with pytest.raises(InvalidInputError, match="epochs must be 1 or more, got 0"):
        DinoSettings(epochs=0)
    with pytest.raises(InvalidInputError, match="base_rate must not be negative"):
        DinoSettings(base_rate=-1)
    with pytest.raises(InvalidInputError, match="needs at least 2 images, got 1"):
        trainer(tmp_path, pool=striped(1))
    with pytest.raises(InvalidInputError, match="samples have text and no image"):
        trainer(tmp_path, pool=Pool.from_arrays(text=["a", "b"]))
    trainer(tmp_path).fit(1)
    with pytest.raises(InvalidInputError, match="is of other settings, or of 128 images"):
        trainer(tmp_path, pool=striped(64)).fit(1)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InvalidInputError, match="is no sound checkpoint"):
        trainer(tmp_path).fit(1)
    with pytest.raises(InvalidInputError, match="is no saved DINO encoder"):
        DinoEncoder.load(tmp_path / "checkpoint.pt")
    with pytest.raises(FileNotFoundError):
        DinoEncoder.load(tmp_path / "absent.pt")
    if find_spec("timm") is None:
        return
    with pytest.raises(InvalidInputError, match="timm cannot make the backbone 'no-such-net'"):
        trainer(tmp_path / "x", DinoSettings(backbone="no-such-net"))
