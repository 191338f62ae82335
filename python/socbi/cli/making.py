"""From the options of ``init`` to a pool and a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from socbi.cli.encoders_by_name import begun_encoder, check_encoder, encoder_of, kept_encoder
from socbi.errors import InvalidInputError, MissingExtraError
from socbi.pool import Pool
from socbi.pool.intake import OnProblem
from socbi.session import Grown, Session
from socbi.session.beginning import checked_tests
from socbi.session.images import check_images
from socbi.session.learners_by_name import learner_maker
from socbi.session.settings import Settings, checked_classes
from socbi.session.strategies_by_name import strategy_of
from socbi.session.vector_file import checked_vectors

__all__ = ["check_init", "created", "joined", "listed", "pool_of"]


# Samples that an encoder is made for when it is only to be seen whether it can be.
_TRIED = 100


def pool_of(options: Mapping[str, Any]) -> Pool:
    """Return the pool of a folder of images or of a manifest."""
    images, manifest = options.get("images"), options.get("manifest")
    if (images is None) == (manifest is None):
        raise InvalidInputError("say where the samples are: --images FOLDER or --manifest FILE")
    on_problem: OnProblem = "skip" if options.get("skip_problems") else "raise"
    if images is not None:
        return Pool.from_folder(images, on_problem=on_problem)
    return Pool.from_manifest(
        str(manifest),
        image=options.get("image_column"),
        text=options.get("text_column"),
        label=options.get("label_column"),
        id=options.get("id_column"),
        table=tuple(listed(options.get("table_columns"))),
        on_problem=on_problem,
    )


def created(folder: Path, options: Mapping[str, Any], *, progress: bool) -> Session:
    """Return the session that the options of ``init`` describe, begun in its folder."""
    pool = pool_of(options)
    embeddings = options.get("embeddings")
    classes = listed(options.get("classes")) or pool.classes
    if not classes:
        raise InvalidInputError("say what labels there are: --classes cat,dog")
    return Session.create(
        folder,
        pool,
        embeddings=embeddings,
        encoder=None
        if embeddings is not None
        else begun_encoder(options.get("encoder"), pool, folder),
        classes=list(classes),
        strategy=options.get("strategy") or "coverage-margin",
        learner=options.get("learner") or "logistic",
        test=_tests(pool, options.get("test_share") or 0.0, int(options.get("seed") or 0)),
        seed=int(options.get("seed") or 0),
        policy=options.get("policy") or "latest",
        lease_s=float(options.get("lease_days", 7)) * 24 * 3600,
        on_problem="skip" if options.get("skip_problems") else "raise",
        progress=progress,
    )


def check_init(pool: Pool, options: Mapping[str, Any]) -> None:
    """Refuse at once what would only fail once all embeddings were made."""
    import numpy as np

    days = options["lease_days"]
    if not 0 < days < float("inf"):
        raise InvalidInputError(f"--lease-days must be days above 0, got {days}")
    Settings(
        classes=checked_classes(options["classes"]),
        seed=options["seed"],
        policy=options["policy"],
        lease_s=days * 24 * 3600,
        metric="cosine",
        graph_k=10,
        counts=None,
        models=1,
    )
    checked_tests(_tests(pool, options["test_share"], options["seed"]), tuple(options["classes"]))
    if "image" in pool.modalities:
        _need_pillow()
    strategy_of(options["strategy"])
    if "?" in options["classes"]:
        raise InvalidInputError(
            "a class cannot be called ?, by which annotators say that they cannot tell"
        )
    learner = learner_maker(options["learner"])
    learner.check()
    if learner.images is not None:
        check_images(pool)
    if options["embeddings"] is None:
        # Made now, so that weights that are not there are told now; of words some do.
        encoder_of(options["encoder"], pool.subset(range(min(len(pool), _TRIED))))
        return
    try:
        rows = np.load(options["embeddings"], mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"--embeddings {options['embeddings']} cannot be read: {error}; give an .npy file"
        ) from error
    checked_vectors(rows, len(pool))


def _need_pillow() -> None:
    from importlib.util import find_spec

    if find_spec("PIL") is None:
        raise MissingExtraError("images need Pillow: pip install 'socbi[images]'")


def joined(session: Session, options: Mapping[str, Any], given: Mapping[str, str | None]) -> Grown:
    """Let samples join, read and embedded as the options of ``init`` say.

    ``given`` has the folder, manifest or embeddings to take them from, instead of those.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if "images" in chosen or "manifest" in chosen:
        options = {**options, "images": None, "manifest": None, "embeddings": None}
    found = {**options, **chosen}
    embeddings, pool = found.get("embeddings"), pool_of(found)
    if embeddings is None:
        check_encoder(found.get("encoder"))
        session.check_unmoved(pool)
        if not session.unknown(pool.ids):
            return Grown(0, len(pool))  # and no model is loaded to embed nothing
    return session.grow(
        pool,
        embeddings=embeddings,
        encoder=None
        if embeddings is not None
        else kept_encoder(found.get("encoder"), pool, session.folder),
        on_problem="skip" if found.get("skip_problems") else "raise",
    )


def listed(value: str | list[str] | None) -> list[str]:
    """Return names that are a list, or stand in one string with commas between.

    Examples
    --------
    >>> listed("cat, dog"), listed(["cat"]), listed(None)
    (['cat', 'dog'], ['cat'], [])
    """
    names = value.split(",") if isinstance(value, str) else list(value or ())
    return [str(one).strip() for one in names if str(one).strip()]


def _tests(pool: Pool, share: float, seed: int) -> dict[str | int, str | int] | None:
    """Return samples by lot that are held out, of those that the pool has a label of."""
    import numpy as np

    if not 0 <= share < 1:
        raise InvalidInputError(f"--test-share must be from 0 to below 1, got {share}")
    if share == 0:
        return None
    known = np.flatnonzero(pool.labels >= 0)
    if len(known) == 0:
        raise InvalidInputError("--test-share needs samples whose labels are known: there are none")
    chosen = np.random.default_rng(seed).permutation(known)[: max(1, round(share * len(known)))]
    return {pool.ids[one]: pool.classes[int(pool.labels[one])] for one in chosen.tolist()}
