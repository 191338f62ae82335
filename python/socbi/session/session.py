"""A campaign in a folder: pick, send out, take labels in, learn, pick again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError, InvalidTypeError, SessionError
from socbi.neighbors.metrics import MetricName
from socbi.neighbors.neighbor_index import checked_count
from socbi.pool import Pool, SampleId
from socbi.pool.intake import OnProblem
from socbi.session.beginning import Source, begin_in, checked_tests
from socbi.session.creation import (
    Embeddings,
    Incoming,
    PoolChoice,
)
from socbi.session.database import Database
from socbi.session.drawing import draw
from socbi.session.growing import check_unmoved, joining, keep_joined, places_of_new
from socbi.session.hit_counts import Counted, HitCounts
from socbi.session.holder import Holder
from socbi.session.images import Images, check_images
from socbi.session.knowledge import Knowledge
from socbi.session.label_book import GivenLabels, Label, LabelBook, Received
from socbi.session.labels import ConflictPolicy
from socbi.session.learners_by_name import LearnerChoice, LearnerMaker, learner_maker
from socbi.session.model import Model
from socbi.session.predictions import Predictions
from socbi.session.proposals import Pick, Proposal, Proposals
from socbi.session.recorded_parts import learner_name, parts_to_keep, record_parts, recorded
from socbi.session.round import Round
from socbi.session.round_log import RoundLog, class_counts
from socbi.session.samples import Samples
from socbi.session.settings import ClassName, Settings, checked_classes, checked_seconds
from socbi.session.standing import Standing
from socbi.session.status import Grown, Status
from socbi.session.strategies_by_name import StrategyChoice, strategy_of
from socbi.session.vector_file import VectorFile
from socbi.strategies import Strategy
from socbi.types import IdArray

__all__ = ["Session"]

WEEK_S = 7 * 24 * 3600.0
_COUNTS = {"k": 10}


class Session:
    """A campaign that survives whatever ends the process.

    Made by `create` and opened by `open`. One process at a time has it; its calls may come from any
    thread and take turns. What a call returned from is on the disk, and one that raised has changed
    nothing. The same seed and calls give the same picks, however often it was opened in between.

    Examples
    --------
    >>> import tempfile
    >>> vectors = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    >>> truth = ["left" if one < 0 else "right" for one in vectors[:, 0]]
    >>> folder = tempfile.mkdtemp()
    >>> session = Session.create(folder, embeddings=vectors, classes=["left", "right"])
    >>> for _ in range(3):
    ...     batch = session.propose(10)
    ...     _ = session.submit({id: truth[id] for id in batch.ids})
    ...     done = session.step()
    >>> session.close()
    >>> with Session.open(folder) as session:
    ...     session.status().labels, done.number
    (30, 3)
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        strategy: Strategy,
        start: Strategy,
        learner: LearnerMaker,
        names: tuple[str, str],
        *,
        encoder: Encoder | None,
        clock: Callable[[], float],
        progress: bool,
    ) -> None:
        self.folder = folder
        self.settings = Settings.from_json(database.meta("settings"))
        self._database = database
        self._strategy = strategy
        self._start = start
        self._names = names
        self._encoder = encoder
        self._clock = clock
        self._progress = progress
        self._held = ExitStack()  # what is given back when it is closed
        self._closed = False
        self._lock = threading.RLock()  # calls take turns
        self._samples = Samples(database)
        self._proposals = Proposals(database, self._samples)
        self._predictions = Predictions(folder)
        self._model = Model(folder, learner, self._predictions)
        self._images: Images | None = None
        if learner.images is not None:
            self._images = Images(folder, learner.images, progress=progress)
        self._file = VectorFile(folder, self.settings.dim, self.settings.dtype)
        tests = database.rows("SELECT position, place FROM held_out ORDER BY position")
        self._held_out = np.array(tests, np.int64).reshape(-1, 2)
        self._log = RoundLog(database)
        self._size = len(self._samples)
        self._vectors = self._file.mapped(self._size)
        self._book = LabelBook(
            database,
            self._samples,
            self.settings.classes,
            self.settings.policy,
            self._held_out[:, 0],
            self._log.last_label,
        )
        self._standing = Standing(self._book, self._proposals, self._held_out[:, 0])
        self._counts: HitCounts | None = None
        if self.settings.counts is not None:
            self._counts = HitCounts(
                database,
                self.settings.counts,
                self.settings.metric,
                self.settings.seed,
                progress=progress,
            )

    # ---- makers ----------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        pool: PoolChoice = None,
        *,
        embeddings: Embeddings | None = None,
        encoder: Encoder | None = None,
        classes: Sequence[ClassName] | None = None,
        strategy: StrategyChoice = "coverage-margin",
        start: StrategyChoice = "random",
        learner: LearnerChoice = "logistic",
        test: Mapping[SampleId, ClassName] | None = None,
        seed: int = 0,
        policy: ConflictPolicy = "latest",
        lease_s: float = WEEK_S,
        metric: MetricName = "cosine",
        graph_k: int = 10,
        counts: Mapping[str, Any] | None = _COUNTS,
        models: int = 3,
        on_problem: OnProblem = "raise",
        clock: Callable[[], float] = time.time,
        progress: bool = True,
    ) -> Session:
        """Begin a campaign in a new folder; after an interruption, go on with its beginning.

        Parameters
        ----------
        folder
            Where it will be kept; made where it is not there.
        pool
            The samples; or their ids alone; or None for the ids 0 to n-1.
        embeddings
            A row for each sample: an array, the path of an ``.npy`` file, or a shelf of an
            `EmbeddingStore`. They are copied into the folder.
        encoder
            Makes the embeddings where none are given, and resumes after an interruption.
        classes
            What labels there are; by default those of the pool.
        strategy
            Chooses: one of `socbi.strategies`, its name, or a mapping of name and parameters.
        start
            Chooses until there is a model, where the strategy needs one.
        learner
            Learns: ``"logistic"`` of the embeddings, ``"resnet18"`` or ``"lenet5"`` of the images;
            a mapping of name and parameters; a learner; or a function that makes one of the
            embeddings.
        test
            Samples that are held out, with their classes: they are never proposed, and each round
            is measured on them.
        seed
            Of all that is random.
        policy
            Which label counts where annotators disagree: ``"latest"``, ``"first"``,
            ``"majority"``; with ``"ask"`` none, until more than half agree, and the next one is
            asked.
        lease_s
            How long what was proposed stays with an annotator.
        metric, graph_k
            Of the neighbour graph.
        counts
            Parameters of the `BoundaryScorer` that counts hits; None for no counts.
        models
            How many models' predictions are kept for strategies that look back.
        on_problem
            What to do with a sample that the encoder cannot read: ``"raise"``, or ``"skip"`` it.
        clock
            Returns the time in seconds.
        progress
            Show bars for what takes more than two seconds.
        """
        home = Path(folder)
        chosen, first = strategy_of(strategy), strategy_of(start)
        maker = learner_maker(learner)
        maker.check()
        if maker.images is not None:
            check_images(pool)
        if classes is None and isinstance(pool, Pool) and pool.classes:
            classes = pool.classes
        if classes is None:
            raise InvalidInputError("say what labels there are: classes=[...]")
        wanted = Settings(
            classes=checked_classes(classes),
            seed=seed,
            policy=policy,
            lease_s=lease_s,
            metric=metric,
            graph_k=graph_k,
            counts=counts,
            models=models,
        )
        tests = checked_tests(test, wanted.classes)
        if home.exists() and not home.is_dir():
            raise SessionError(f"{home} is not a folder; give the path of a folder")
        begin_in(
            home,
            wanted,
            parts_to_keep(chosen, first, maker, learner),
            tests,
            maker.images,
            Source(pool, embeddings, encoder, on_problem),
            clock=clock,
            progress=progress,
        )
        return cls.open(
            home,
            strategy=chosen,
            start=first,
            learner=learner,
            encoder=encoder,
            clock=clock,
            progress=progress,
        )

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        strategy: StrategyChoice | None = None,
        start: StrategyChoice | None = None,
        learner: LearnerChoice | None = None,
        encoder: Encoder | None = None,
        clock: Callable[[], float] = time.time,
        progress: bool = True,
    ) -> Session:
        """Open a campaign; the folder is all it takes, where strategy and learner are of socbi.

        A strategy or learner that is given takes over from here on, and is recorded.
        """
        home = Path(folder)
        if not home.is_dir():
            raise SessionError(f"{home} is not a folder; Session.create begins a session")
        Database.check_there(home)
        with ExitStack() as stack:
            stack.callback(Holder(home, clock()).release)
            database = Database.open(home)
            stack.callback(database.close)
            chosen = {"strategy": strategy, "start": start, "learner": learner}
            found = {name: recorded(database, name, one) for name, one in chosen.items()}
            picks, first = strategy_of(found["strategy"]), strategy_of(found["start"])
            maker = learner_maker(found["learner"])
            if learner is not None:
                maker.check()
            record_parts(database, parts_to_keep(picks, first, maker, found["learner"]))
            session = cls(
                home,
                database,
                picks,
                first,
                maker,
                (repr(picks), learner_name(maker.spec, repr(found["learner"]))),
                encoder=encoder,
                clock=clock,
                progress=progress,
            )
            session._held = stack.pop_all()
            return session

    @classmethod
    def look(
        cls, folder: str | os.PathLike[str], *, clock: Callable[[], float] = time.time
    ) -> Status:
        """Return where a campaign stands, also while another process has it open.

        Nothing is written, and what is told is of one moment.

        Examples
        --------
        >>> import tempfile
        >>> rows, classes = np.ones((20, 2), np.float32), ["left", "right"]
        >>> with Session.create(tempfile.mkdtemp(), embeddings=rows, classes=classes) as session:
        ...     _ = session.propose(4)
        ...     Session.look(session.folder).out
        4
        """
        home = Path(folder)
        if not home.is_dir():
            raise SessionError(f"{home} is not a folder; Session.create begins a session")
        Database.check_there(home)
        database = Database.open(home, read_only=True)
        try:
            foreign = database.meta("foreign")
            strategy, learner = database.meta("strategy"), database.meta("learner")
            names = (
                repr(strategy_of(strategy)) if strategy else foreign["strategy"],
                learner_name(learner, foreign["learner"]),
            )
            first, maker = strategy_of("random"), learner_maker("logistic")  # neither is used
            looking = cls(
                home,
                database,
                first,
                first,
                maker,
                names,
                encoder=None,
                clock=clock,
                progress=False,
            )
            return looking.status()
        finally:
            database.close()

    def close(self) -> None:
        """Let others have the folder; nothing is lost without it. It may be called twice."""
        with self._lock:
            self._held.close()
            self._closed = True

    def __enter__(self) -> Session:
        """Return the session, which is closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    # ---- the loop --------------------------------------------------------------------------------

    def propose(
        self,
        n: int,
        annotator: str | None = None,
        *,
        lease_s: float | None = None,
        more: bool = False,
    ) -> Proposal:
        """Return what an annotator is to label next: n samples, or all that are left.

        In one round the same annotator is given the same batch until its labels are there, unless
        ``more`` is asked for; each time the leases of all of it are renewed. Where nothing else is
        left, what the annotator still has of earlier rounds is given again. Several annotators have
        different samples at any time. Samples of leases that ended may be proposed again.
        """
        number, who = checked_count(n, "n"), _checked_annotator(annotator)
        lasts = checked_seconds(self.settings.lease_s if lease_s is None else lease_s, "lease_s")
        with self._lock:
            self._check_open()
            now = self._clock()
            rounds = len(self._log)
            before = self._proposals.out_with(who, rounds, now)
            if before:
                self._proposals.renew(before, now + lasts)
            if before and not more:
                return self._proposals.proposal(annotator, rounds, before)
            self._draw(number, who, now, now + lasts)
            out = self._proposals.out_with(who, rounds, now)
            new = out[len(before) :]
            if not out:
                new = self._proposals.out_with(who, None, now)
                self._proposals.renew(new, now + lasts)
            return self._proposals.proposal(annotator, rounds, new)

    def submit(self, labels: GivenLabels, annotator: str | None = None) -> Received:
        """Take labels in: a mapping of ids to classes, or pairs of them.

        They may be of some of a batch or of samples that were never proposed, late, and given
        again. Another label by the same annotator corrects the former one, one by another annotator
        is kept beside it. `CANNOT_TELL` keeps a sample out. Where an id or class is unknown
        LabelError lists all such, and none was taken.
        """
        who = _checked_annotator(annotator)
        with self._lock:
            self._check_open()
            return self._book.add(labels, who, made_at=self._clock(), round_number=len(self._log))

    def check_labels(self, labels: GivenLabels) -> None:
        """Refuse labels that `submit` would refuse, with its errors; nothing is taken.

        With it, labels of several annotators are taken all or none: check all, then submit each.
        """
        with self._lock:
            self._check_open()
            self._book.check(labels)

    def step(self) -> Round:
        """Learn from the labels so far and record a round.

        Where nothing has come since the last one, that one is returned again.
        """
        with self._lock:
            self._check_open()
            same = (self._book.last, self._size) == (self._log.last_label, self._log.samples)
            if self._log.last is not None and same:
                return self._log.last
            if self._book.last == 0:
                raise InvalidInputError("there are no labels yet: propose() and submit() first")
            return self._stepped()

    def grow(
        self,
        pool: PoolChoice,
        *,
        embeddings: Embeddings | None = None,
        encoder: Encoder | None = None,
        on_problem: OnProblem = "raise",
    ) -> Grown:
        """Let samples join; those whose ids are here are passed over.

        Their embeddings are given, or made by ``encoder``, by default that which the session was
        opened with; nothing is read or made of samples that are here. They are candidates from the
        next `step` on.
        """
        with self._lock:
            self._check_open()
            maker = None if embeddings is not None else encoder or self._encoder
            if embeddings is None and maker is None:
                raise InvalidInputError(
                    "samples that join need embeddings: give embeddings= or encoder="
                )
            new, known = joining(
                pool,
                embeddings,
                maker,
                self.folder,
                self._samples,
                self.settings,
                on_problem=on_problem,
                progress=self._progress,
            )
            if len(new.ids):
                self._join(new)
            return Grown(len(new.ids), known)

    # ---- looking in ------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return where the campaign stands."""
        with self._lock:
            self._check_open()
            votes = self._book.votes
            positions, places = votes.labelled()
            now = self._clock()
            return Status(
                samples=self._size,
                held_out=len(self._held_out),
                labels=len(positions),
                cannot_tell=len(votes.untellable()),
                conflicts=len(votes.conflicts()),
                out=len(self._proposals.leased(now)),
                left=len(self._standing.candidates(self._known_size(), now)),
                since_last_round=self._book.last - self._log.last_label,
                rounds=len(self._log),
                proposals=self._proposals.count(),
                class_counts=class_counts(self.classes, places),
                last=self._log.last,
                strategy=self._names[0],
                learner=self._names[1],
            )

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Return the records of all rounds."""
        return self._log.records

    @property
    def classes(self) -> tuple[ClassName, ...]:
        """Return what labels there are."""
        return self.settings.classes

    def check_unmoved(self, pool: Pool) -> None:
        """Raise InvalidInputError where ids are row numbers and rows of the pool have moved."""
        with self._lock:
            self._check_open()
            check_unmoved(self._samples, pool)

    def unknown(self, ids: Sequence[SampleId]) -> list[SampleId]:
        """Return those ids that no sample has, in their order: what `grow` would let join.

        Examples
        --------
        >>> import tempfile
        >>> rows, classes = np.ones((20, 2), np.float32), ["left", "right"]
        >>> with Session.create(tempfile.mkdtemp(), embeddings=rows, classes=classes) as session:
        ...     session.unknown([18, 19, 20])
        [20]
        """
        with self._lock:
            self._check_open()
            return [ids[place] for place in places_of_new(self._samples, ids)]

    def labels(self) -> dict[SampleId, Label]:
        """Return the label of each sample that has one, by the policy; CANNOT_TELL included."""
        with self._lock:
            self._check_open()
            return self._book.current()

    def label_history(self) -> list[tuple[SampleId, Label, str | None, float]]:
        """Return everything that was said: id, label, annotator, when; nothing is ever dropped."""
        with self._lock:
            self._check_open()
            return self._book.history()

    @property
    def embeddings(self) -> npt.NDArray[Any]:
        """Return the embeddings, a row a sample, memory-mapped."""
        return self._vectors

    @property
    def numbered(self) -> bool:
        """Say whether ids are whole numbers, and not strings."""
        return self._samples.numbered

    def next_expiry(self) -> float | None:
        """Return when the first of the leases ends, by the clock; None where nothing is out."""
        with self._lock:
            self._check_open()
            return self._proposals.next_expiry(self._clock())

    def picks_by_round(self) -> dict[int, list[int]]:
        """Return the positions that were proposed when so many rounds were over, in order."""
        with self._lock:
            self._check_open()
            return self._proposals.positions_by_round()

    def strategies_by_round(self) -> dict[int, list[str]]:
        """Return the strategies that chose when so many rounds were over, in order."""
        with self._lock:
            self._check_open()
            return self._proposals.strategies_by_round()

    def last_picks(self, most: int) -> list[tuple[int, Pick]]:
        """Return the last picks, each with the number of the round that it was for."""
        with self._lock:
            self._check_open()
            return self._proposals.last_picks(most)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._size

    def __repr__(self) -> str:
        """Return where it is and how large."""
        return f"<Session {str(self.folder)!r}: {self._size:,} samples, {len(self._log)} rounds>"

    # ---- proposing -------------------------------------------------------------------------------

    def _draw(self, n: int, who: str, now: float, expires: float) -> None:
        """Choose samples and keep them as a proposal, if there are any left."""
        number, rounds = self._proposals.count() + 1, len(self._log)
        began = time.perf_counter()
        known = self._known_size()
        knowledge = self._knowledge()
        state = knowledge.state(
            self._standing.candidates(known, now), self._standing.pending(known, now)
        )
        asked = self._standing.disputed(who, now)[:n]
        rng = np.random.default_rng([self.settings.seed, rounds, number])
        drawn = draw(state, asked, n, self._strategy, self._start, rng)
        if not drawn.positions:
            return
        drawn.record["graph_s"] = knowledge.graph_s
        self._proposals.keep(
            number,
            rounds,
            who,
            drawn,
            made_at=now,
            expires=expires,
            choose_s=time.perf_counter() - began - knowledge.graph_s,
        )

    def _known_size(self) -> int:
        """Return how many samples there were at the last round; before the first one, are."""
        return self._log.samples if len(self._log) else self._size

    def _knowledge(self) -> Knowledge:
        """Return what a strategy may know: all as of the last round."""
        return Knowledge(
            self.folder,
            self.settings,
            self._vectors[: self._known_size()],
            self._book.stepped,
            self._log.with_models(self.settings.models) if self._log.has_model else [],
            self._predictions,
            self._counts if len(self._log) else None,
            progress=self._progress,
        )

    # ---- stepping --------------------------------------------------------------------------------

    def _stepped(self) -> Round:
        positions, places = self._book.votes.labelled()
        trained = len(np.unique(places)) > 1
        try:
            counted = self._counted(positions)
            began = time.perf_counter()
            accuracy = self._learned(positions, places) if trained else None
            record = self._log.record(
                self._clock(),
                self._book.votes,
                self.classes,
                self._size,
                len(self._held_out),
                counted,
                accuracy=accuracy,
                trained=trained,
                train_s=time.perf_counter() - began,
            )
            self._log.keep(record, self._book.last, counted)
        except BaseException:
            self._forget_round()
            raise
        self._book.stepped = (positions, places)
        self._predictions.keep(set(self._log.with_models(self.settings.models)))
        if trained:
            self._model.keep(record.number)
        return record

    def _counted(self, labelled: IdArray) -> Counted | None:
        """Count what new labels hit, where counts are kept."""
        if self._counts is None:
            return None
        in_pool = np.setdiff1d(np.arange(self._size), self._held_out[:, 0])
        return self._counts.follow(self._vectors, labelled, self._book.votes.untellable(), in_pool)

    def _learned(self, positions: IdArray, places: IdArray) -> float | None:
        """Keep what a new model says of all samples; return how often it is right on the tests."""
        before = self._log.with_models(1)
        found = self._model.learn(
            len(self._log) + 1,
            before[0] if before else None,
            (positions, places),
            (self._size, len(self.classes)),
            self._seen,
        )
        if len(self._held_out) == 0:
            return None
        tests, kinds = self._held_out.T
        return float(np.mean(found[tests].argmax(axis=1) == kinds))

    def _seen(self) -> npt.NDArray[Any]:
        """Return what the learner sees of the samples, a row each."""
        if self._images is None:
            return self._vectors
        return self._images.mapped(self._database, self._samples)

    def _forget_round(self) -> None:
        """Drop what is in memory of a round that was not committed."""
        self._model.forget()
        if self._counts is not None:
            self._counts.forget()

    # ---- growing ---------------------------------------------------------------------------------

    def _join(self, new: Incoming) -> None:
        """Write what is kept of samples, and commit them."""
        grown = self._file.write_behind(self._size, new.vectors())
        images = None
        if self._images is not None:
            self._images.mapped(self._database, self._samples)  # those before are there first
            images = self._images.write(self._size, new.pool, new.positions)
        keep_joined(
            self._database,
            new,
            self._size,
            rounds=len(self._log),
            now=self._clock(),
            images=images,
        )
        self._size = grown
        self._vectors = self._file.mapped(grown)

    # ---- within ----------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError(f"the session in {self.folder} was closed; Session.open opens it")


def _checked_annotator(annotator: str | None) -> str:
    """Return how an annotator is kept: nobody named is the empty name."""
    if annotator is None:
        return ""
    if not isinstance(annotator, str) or not annotator:
        raise InvalidTypeError(f"annotator must be a name or None, got {annotator!r}")
    return annotator
