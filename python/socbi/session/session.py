"""A campaign in a folder: pick, send out, take labels in, learn, pick again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from socbi.encoders import Encoder
from socbi.errors import InvalidInputError, InvalidTypeError, SessionError
from socbi.measures import l1_balance
from socbi.neighbors.metrics import MetricName
from socbi.neighbors.neighbor_index import checked_count
from socbi.pool import Pool, SampleId
from socbi.pool.intake import OnProblem
from socbi.session.beginning import begin, checked_tests
from socbi.session.creation import Embeddings, Incoming, PoolChoice, incoming, numbered_from
from socbi.session.database import Database
from socbi.session.drawing import draw
from socbi.session.hit_counts import Counted, HitCounts
from socbi.session.holder import Holder
from socbi.session.knowledge import Knowledge
from socbi.session.label_book import GivenLabels, Label, LabelBook, Received
from socbi.session.labels import ConflictPolicy
from socbi.session.parts import (
    LearnerChoice,
    StrategyChoice,
    learner_maker,
    strategy_of,
    strategy_spec,
)
from socbi.session.predictions import Predictions
from socbi.session.proposals import Pick, Proposal, Proposals
from socbi.session.recorded_parts import record_parts, recorded
from socbi.session.round import Round, StageTimes
from socbi.session.samples import Samples, insert_samples
from socbi.session.settings import ClassName, Settings, checked_classes, checked_seconds
from socbi.session.status import Grown, Status
from socbi.session.training import learned
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
        learner: Callable[[npt.NDArray[Any]], Any],
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
        self._make_learner = learner
        self._names = names
        self._learner: tuple[int, Any] | None = None  # for how many samples it was made
        self._encoder = encoder
        self._clock = clock
        self._progress = progress
        self._held = ExitStack()  # what is given back when it is closed
        self._closed = False
        self._lock = threading.RLock()  # calls take turns
        self._samples = Samples(database)
        self._proposals = Proposals(database, self._samples)
        self._predictions = Predictions(folder)
        self._file = VectorFile(folder, self.settings.dim, self.settings.dtype)
        tests = database.rows("SELECT position, place FROM held_out ORDER BY position")
        self._held_out = np.array(tests, np.int64).reshape(-1, 2)
        self._read_rounds()
        self._size = len(self._samples)
        self._vectors = self._file.mapped(self._size)
        self._book = LabelBook(
            database,
            self._samples,
            self.settings.classes,
            self.settings.policy,
            self._held_out[:, 0],
            self._last_label,
        )
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
            Learns: ``"logistic"``; a mapping of name and parameters; a learner; or a function that
            makes one of the embeddings.
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
        spec, _ = learner_maker(learner)
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
        home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.callback(Holder(home, clock()).release)
            database = Database(home)
            held.callback(database.close)
            if database.begun:
                raise SessionError(f"{home} holds a session already; Session.open opens it")
            coming = incoming(
                pool, embeddings, encoder, home, on_problem=on_problem, progress=progress
            )
            settings = replace(wanted, dim=coming.dim, dtype=coming.dtype, encoder=coming.encoder)
            VectorFile(home, settings.dim, settings.dtype).write_behind(0, coming.vectors())
            kept = {
                "settings": settings.to_json(),
                "strategy": strategy_spec(chosen),
                "start": strategy_spec(first),
                "learner": spec,
                "foreign": {
                    "strategy": repr(chosen),
                    "start": repr(first),
                    "learner": repr(learner),
                },
            }
            begin(database, coming, kept, tests, clock())
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
            spec, maker = learner_maker(found["learner"])
            specs = {
                "strategy": strategy_spec(picks),
                "start": strategy_spec(first),
                "learner": spec,
            }
            record_parts(database, specs, {**found, "strategy": picks, "start": first})
            session = cls(
                home,
                database,
                picks,
                first,
                maker,
                (repr(picks), _learner_name(spec, repr(found["learner"]))),
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
                _learner_name(learner, foreign["learner"]),
            )
            first, maker = strategy_of("random"), learner_maker("logistic")[1]  # neither is used
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
            rounds = len(self._rounds)
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
            return self._book.add(
                labels, who, made_at=self._clock(), round_number=len(self._rounds)
            )

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
            same = self._book.last == self._last_label and self._size == self._stepped_size
            if self._rounds and same:
                return self._rounds[-1]
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
        opened with. They are candidates from the next `step` on.
        """
        with self._lock:
            self._check_open()
            maker = None if embeddings is not None else encoder or self._encoder
            if embeddings is None and maker is None:
                raise InvalidInputError(
                    "samples that join need embeddings: give embeddings= or encoder="
                )
            coming = incoming(
                pool,
                embeddings,
                maker,
                self.folder,
                on_problem=on_problem,
                progress=self._progress,
            )
            if pool is None:
                coming = numbered_from(coming, self._size)
            self._check_alike(coming)
            self._check_ids(coming)
            known = self._samples.positions(coming.ids)
            places = [place for place, one in enumerate(coming.ids) if one not in known]
            new = coming.only(places)
            if places:
                self._append(new)
            return Grown(len(places), len(known))

    # ---- looking in ------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return where the campaign stands."""
        with self._lock:
            self._check_open()
            votes = self._book.votes
            positions, places = votes.labelled()
            last = self._last_label
            return Status(
                samples=self._size,
                held_out=len(self._held_out),
                labels=len(positions),
                cannot_tell=len(votes.untellable()),
                conflicts=len(votes.conflicts()),
                out=len(self._proposals.leased(self._clock())),
                left=len(self._candidates(self._clock())),
                since_last_round=self._book.last - last,
                rounds=len(self._rounds),
                proposals=self._proposals.count(),
                class_counts=self._class_counts(places),
                last=self._rounds[-1] if self._rounds else None,
                strategy=self._names[0],
                learner=self._names[1],
            )

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Return the records of all rounds."""
        return tuple(self._rounds)

    @property
    def classes(self) -> tuple[ClassName, ...]:
        """Return what labels there are."""
        return self.settings.classes

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
        return isinstance(self._samples.ids([0])[0], int)

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
        return f"<Session {str(self.folder)!r}: {self._size:,} samples, {len(self._rounds)} rounds>"

    # ---- proposing -------------------------------------------------------------------------------

    def _draw(self, n: int, who: str, now: float, expires: float) -> None:
        """Choose samples and keep them as a proposal, if there are any left."""
        number = self._proposals.count() + 1
        rounds = len(self._rounds)
        began = time.perf_counter()
        leased = self._proposals.leased(now)
        asked = [
            one
            for one in np.setdiff1d(self._book.votes.undecided(), leased).tolist()
            if self._book.votes.vote(one, who) is None
        ][:n]
        candidates = self._candidates(now)
        rng = np.random.default_rng([self.settings.seed, rounds, number])
        knowledge = self._knowledge()
        state = knowledge.state(candidates, self._pending(leased))
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

    def _candidates(self, now: float) -> IdArray:
        """Return the samples that the last model knows and nobody has, ascending."""
        free = np.ones(self._known_size(), np.bool_)
        for taken in (
            self._held_out[:, 0],
            self._book.votes.spoken_of(),
            self._proposals.leased(now),
        ):
            free[taken[taken < len(free)]] = False
        return np.flatnonzero(free)

    def _pending(self, leased: IdArray) -> IdArray:
        """Return what was chosen or labelled since the last round, ascending.

        Whether a label came yet makes no difference, so that batches do not depend on how quick
        annotators are.
        """
        votes = self._book.votes
        useful = np.setdiff1d(votes.spoken_of(), votes.untellable())
        known = np.concatenate([self._book.stepped[0], self._held_out[:, 0]])
        found = np.setdiff1d(np.union1d(leased, useful), known)
        return found[found < self._known_size()]

    def _known_size(self) -> int:
        """Return how many samples there were at the last round; before the first one, are."""
        return self._stepped_size if self._rounds else self._size

    def _kept_rounds(self) -> list[int]:
        """Return the last rounds that have predictions, oldest first."""
        trained = [one.number for one in self._rounds if one.trained]
        return trained[-self.settings.models :]

    def _knowledge(self) -> Knowledge:
        """Return what a strategy may know: all as of the last round."""
        trained = bool(self._rounds) and self._rounds[-1].trained
        return Knowledge(
            self.folder,
            self.settings,
            self._vectors[: self._known_size()],
            self._book.stepped,
            self._kept_rounds() if trained else [],
            self._predictions,
            self._counts if self._rounds else None,
            progress=self._progress,
        )

    # ---- stepping --------------------------------------------------------------------------------

    def _stepped(self) -> Round:
        number = len(self._rounds) + 1
        positions, places = self._book.votes.labelled()
        counted = None if self._counts is None else self._follow(self._counts, positions)
        began = time.perf_counter()
        trained = len(np.unique(places)) > 1
        accuracy = self._train(number, positions, places) if trained else None
        train_s = time.perf_counter() - began
        record = self._record(number, positions, places, counted, trained, accuracy, train_s)
        try:
            with self._database.writing("a round") as connection:
                connection.execute(
                    "INSERT INTO rounds VALUES (?, ?, ?, ?, ?)",
                    (number, record.made_at, self._book.last, self._size, record.to_json()),
                )
                if counted is not None:
                    HitCounts.record(connection, number, counted)
        except BaseException:
            if self._counts is not None:
                self._counts.forget()
            raise
        self._read_rounds()
        self._book.stepped = (positions, places)
        self._predictions.keep(set(self._kept_rounds()))
        return record

    def _follow(self, counts: HitCounts, labelled: IdArray) -> Counted:
        in_pool = np.setdiff1d(np.arange(self._size), self._held_out[:, 0])
        try:
            return counts.follow(self._vectors, labelled, self._book.votes.untellable(), in_pool)
        except BaseException:
            counts.forget()
            raise

    def _train(self, number: int, positions: IdArray, places: IdArray) -> float | None:
        """Keep what a new model says of all samples; return how often it is right on the tests."""
        if self._learner is None or self._learner[0] != self._size:
            self._learner = (self._size, self._make_learner(self._vectors))
        classes = len(self.classes)
        parts = learned(self._learner[1], positions, places, classes, self._size)
        self._predictions.write(number, (self._size, classes), parts)
        if len(self._held_out) == 0:
            return None
        found = self._predictions.read(number)[self._held_out[:, 0]]
        return float(np.mean(found.argmax(axis=1) == self._held_out[:, 1]))

    def _record(
        self,
        number: int,
        positions: IdArray,
        places: IdArray,
        counted: Counted | None,
        trained: bool,
        accuracy: float | None,
        train_s: float,
    ) -> Round:
        votes = self._book.votes
        pool = self._size - len(self._held_out) - len(positions) - len(votes.untellable())
        before = self._rounds[-1].labels if self._rounds else 0
        tallies = np.bincount(places, minlength=len(self.classes))
        return Round(
            number=number,
            made_at=self._clock(),
            samples=self._size,
            labels=len(positions),
            new_labels=len(positions) - before,
            cannot_tell=len(votes.untellable()),
            conflicts=len(votes.conflicts()),
            class_counts=self._class_counts(places),
            balance=l1_balance(tallies),
            accuracy=accuracy,
            trained=trained,
            k=None if counted is None else counted.k,
            never_hit=None if counted is None else counted.never_hit,
            pool=pool,
            times=self._times(number - 1, counted, train_s),
        )

    def _times(self, over: int, counted: Counted | None, train_s: float) -> StageTimes:
        """Return where the time went since the last round."""
        choose_s, graph_s = self._database.rows(
            "SELECT total(choose_s), total(json_extract(record, '$.graph_s')) FROM proposals "
            "WHERE round = ?",
            over,
        )[0]
        embed_s = self._database.one("SELECT total(embed_s) FROM growths WHERE round = ?", over)
        search_s = graph_s + (counted.search_s if counted else 0.0)
        update_s = counted.update_s if counted else 0.0
        return StageTimes(update_s, choose_s, search_s, float(embed_s), train_s)

    def _class_counts(self, places: IdArray) -> dict[str, int]:
        tallies = np.bincount(places, minlength=len(self.classes)).tolist()
        return {str(name): count for name, count in zip(self.classes, tallies, strict=True)}

    # ---- growing ---------------------------------------------------------------------------------

    def _check_alike(self, coming: Incoming) -> None:
        if coming.dim != self.settings.dim:
            raise InvalidInputError(
                f"samples that join must have embeddings of {self.settings.dim} dimensions, like "
                f"those that are here; got {coming.dim}"
            )
        mine = self.settings.encoder
        if coming.encoder is not None and mine is not None and coming.encoder != mine:
            raise InvalidInputError(
                "samples that join must be embedded by the encoder of those that are here "
                f"(fingerprint {mine}), got that of fingerprint {coming.encoder}"
            )

    def _check_ids(self, coming: Incoming) -> None:
        """Refuse ids of the other kind: 7 and "7" would be two samples."""
        if len(coming.ids) and isinstance(coming.ids[0], int) != self.numbered:
            here, given = (
                ("whole numbers", "strings") if self.numbered else ("strings", "whole numbers")
            )
            raise InvalidTypeError(
                f"samples that join must have ids like those that are here, {here}; got {given}, "
                f"such as {coming.ids[0]!r}"
            )

    def _append(self, new: Incoming) -> None:
        grown = self._file.write_behind(self._size, new.vectors())
        with self._database.writing("samples that join") as connection:
            insert_samples(connection, self._size, new.ids, new.contents())
            number = connection.execute("SELECT count(*) FROM growths").fetchone()[0]
            connection.execute(
                "INSERT INTO growths VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    self._clock(),
                    len(self._rounds),
                    self._size,
                    len(new.ids),
                    new.embed_s,
                ),
            )
        self._size = grown
        self._vectors = self._file.mapped(grown)

    # ---- within ----------------------------------------------------------------------------------

    def _read_rounds(self) -> None:
        rows = self._database.rows("SELECT record, last_label, samples FROM rounds ORDER BY number")
        self._rounds = [Round.from_json(row[0]) for row in rows]
        self._last_label = rows[-1][1] if rows else 0
        self._stepped_size = rows[-1][2] if rows else 0

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError(f"the session in {self.folder} was closed; Session.open opens it")


def _learner_name(spec: Mapping[str, Any] | None, otherwise: str) -> str:
    """Return a learner of socbi as it may be given, and another one as it says of itself."""
    if spec is None:
        return otherwise
    return str(spec["name"]) if len(spec) == 1 else repr(dict(spec))


def _checked_annotator(annotator: str | None) -> str:
    """Return how an annotator is kept: nobody named is the empty name."""
    if annotator is None:
        return ""
    if not isinstance(annotator, str) or not annotator:
        raise InvalidTypeError(f"annotator must be a name or None, got {annotator!r}")
    return annotator
