"""The commands of ``socbi``."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from socbi.cli import configuration
from socbi.cli.exits import Exit, exit_of, told
from socbi.cli.part_options import part_of, split_tables
from socbi.errors import InvalidInputError, SessionError

__all__ = [
    "demo",
    "embed",
    "experiment",
    "grow",
    "init",
    "main",
    "plan",
    "propose",
    "report",
    "status",
    "step",
    "submit",
]

# Parts of the package that take time to load are imported by the commands that need them, so that
# --help and completion answer at once.

_ABOUT = """Find the samples worth labelling next: init, embed, then propose, submit and step.

Exit codes: 0 fine, 1 a fault of socbi, 2 wrong usage or input, 3 no usable campaign, 4 held by
another process, 5 labels refused, 6 disk full, 7 nothing left to propose, 130 interrupted.
"""

app = typer.Typer(name="socbi", help=_ABOUT, no_args_is_help=True, pretty_exceptions_enable=False)

EncoderOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A parameter of the encoder; may be repeated."),
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A parameter of the strategy; may be repeated."),
]
LearnerOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A parameter of the learner; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class _Chosen:
    """The options that stand before the command."""

    folder = Path()
    config: Path | None = None
    quiet = False
    debug = False
    tables: dict[str, dict[str, dict[str, Any]]] = {}  # noqa: RUF012
    """For each command the parameters of parts, as the TOML has them."""


@app.callback()
def _before(
    context: typer.Context,
    campaign: Annotated[
        Path, typer.Option("--campaign", "-C", help="The folder of the campaign.")
    ] = Path(),
    config: Annotated[
        Path | None,
        typer.Option(help="Options in TOML; by default socbi.toml in the campaign's folder."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Take what holds for every command."""
    _Chosen.folder, _Chosen.config = campaign, config
    _Chosen.quiet, _Chosen.debug, _Chosen.tables = quiet, debug, {}
    path = campaign / configuration.FILE if config is None else config
    if config is None and not path.exists():
        return
    tables = configuration.read_tables(path)
    configuration.checked_tables(tables, _options(), path)
    context.default_map = {}
    for command, table in tables.items():
        plain, _Chosen.tables[command] = split_tables(table, f"{path} [{command}]")
        context.default_map[command.replace("_", "-")] = {
            key: _joined(value) for key, value in plain.items()
        }


@app.command()
def init(
    images: Annotated[str | None, typer.Option(help="A folder of images.")] = None,
    manifest: Annotated[
        str | None, typer.Option(help="A CSV, TSV, JSONL or Parquet file of samples.")
    ] = None,
    image_column: Annotated[str | None, typer.Option(help="Column of image files.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column of texts.")] = None,
    table_columns: Annotated[
        str | None, typer.Option(help="Columns of the table row, with commas.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of known labels.")] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of ids.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="What labels there are, with commas between.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Makes embeddings: clip, dino, pixels, table, text or words.")
    ] = None,
    encoder_option: EncoderOption = None,
    embeddings: Annotated[
        str | None, typer.Option(help="An .npy file with a row a sample, in place of an encoder.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="Chooses.")] = "coverage-margin",
    strategy_option: StrategyOption = None,
    learner: Annotated[
        str, typer.Option(help="Learns: logistic of embeddings, resnet18 or lenet5 of images.")
    ] = "logistic",
    learner_option: LearnerOption = None,
    policy: Annotated[
        str, typer.Option(help="Which label counts: latest, first, majority or ask.")
    ] = "latest",
    lease_days: Annotated[float, typer.Option(help="How long a batch stays out.")] = 7.0,
    test_share: Annotated[
        float, typer.Option(help="Share of the samples with known labels to measure on.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    skip_problems: Annotated[
        bool, typer.Option(help="Leave out samples that cannot be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Describe a campaign in socbi.toml; nothing is embedded yet."""
    from socbi.cli.making import check_init, listed, pool_of

    options: dict[str, Any] = {
        "images": _absolute(images),
        "manifest": _absolute(manifest),
        "image_column": image_column,
        "text_column": text_column,
        "table_columns": listed(table_columns),
        "label_column": label_column,
        "id_column": id_column,
        "classes": listed(classes),
        "encoder": _part("init", "encoder", encoder, encoder_option),
        "embeddings": _absolute(embeddings),
        "strategy": _part("init", "strategy", strategy, strategy_option),
        "learner": _part("init", "learner", learner, learner_option),
        "policy": policy,
        "lease_days": lease_days,
        "test_share": test_share,
        "seed": seed,
        "skip_problems": skip_problems,
    }
    if _begun():
        raise SessionError(
            f"{_Chosen.folder} holds a campaign already; give -C another folder, or go on with it"
        )
    pool = pool_of(options)
    options["classes"] = options["classes"] or [str(one) for one in pool.classes]
    if len(options["classes"]) < 2:
        raise InvalidInputError("say what labels there are, two or more: --classes cat,dog")
    check_init(pool, options)
    _Chosen.folder.mkdir(parents=True, exist_ok=True)
    path = _Chosen.folder / configuration.FILE
    configuration.write_table(path, "init", options)
    _print(
        as_json,
        {"samples": len(pool), "classes": options["classes"], "config": str(path)},
        f"{pool.intake}\nwritten to {path}; next: {_command('embed')}",
    )


@app.command()
def embed(as_json: Json = False) -> None:
    """Make the embeddings and begin the campaign; when interrupted, go on."""
    from socbi.cli.making import created

    with created(_Chosen.folder, _init_options(), progress=not _Chosen.quiet) as session:
        _print(
            as_json,
            {"samples": len(session), "dimensions": session.settings.dim},
            f"{len(session):,} samples with embeddings of {session.settings.dim} dimensions; "
            f"next: {_command('propose')}",
        )


@app.command()
def propose(
    number: Annotated[int, typer.Argument(help="How many samples.")] = 20,
    annotator: Annotated[str | None, typer.Option(help="Who is to label them.")] = None,
    more: Annotated[bool, typer.Option("--more", help="More, before labels came.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file; by default what is printed.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="csv, jsonl or label-studio; by default as --out ends."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Choose what to label next, and write it for annotators."""
    from socbi.cli.label_files import batch_text, check_replaceable
    from socbi.cli.writing import write_whole

    kind = _format_of(format, out)
    with _session() as session:
        if out is not None:
            check_replaceable(out, kind, session)
        batch = session.propose(number, annotator, more=more)
        until = session.next_expiry()
    text = batch_text(batch, kind)
    if out is not None and len(batch):
        write_whole(out, text)
    said = {
        "proposal": batch.number,
        "round": batch.round,
        "samples": len(batch),
        "picks": [asdict(pick) for pick in batch],
        "out": None if out is None else str(out),
    }
    words = text.rstrip("\n") if out is None else f"{len(batch):,} samples to label in {out}"
    if len(batch):
        _print(as_json, said, words)
        return
    if as_json:
        _print(True, {**said, "out": None}, "")
    print(f"socbi: {_nothing_left(until)}", file=sys.stderr)
    raise _Ended(Exit.NOTHING)


@app.command()
def submit(
    file: Annotated[
        str, typer.Argument(help="Labels: .csv, .jsonl, or .json of Label Studio; - for CSV.")
    ],
    annotator: Annotated[
        str | None, typer.Option(help="Who labelled, where the file does not say.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take labels in; ? means that the class cannot be told."""
    from socbi.cli.label_files import read_labels
    from socbi.session import Received

    name = "input.csv" if file == "-" else file
    text = sys.stdin.read() if file == "-" else _text_of(Path(file))
    with _session() as session:
        found = read_labels(text, name, session.classes, number_ids=session.numbered)
        session.check_labels([one for some in found.given.values() for one in some])
        done = Received()
        for who, labels in found.given.items():
            done += session.submit(labels, annotator if who is None else who)
    words = f"{done}, {found.without:,} without a label" if found.without else str(done)
    _print(as_json, {**asdict(done), "without_label": found.without}, words)


@app.command()
def step(as_json: Json = False) -> None:
    """Learn from the labels so far, and record a round."""
    with _session() as session:
        done = session.step()
    _print(as_json, asdict(done), str(done))


@app.command()
def grow(
    images: Annotated[str | None, typer.Option(help="A folder of images.")] = None,
    manifest: Annotated[str | None, typer.Option(help="A file of samples, as for init.")] = None,
    embeddings: Annotated[
        str | None, typer.Option(help="An .npy file with a row a sample, where init had one.")
    ] = None,
    skip_problems: Annotated[
        bool, typer.Option(help="Leave out samples that cannot be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let samples join; by default those that are new in the folder or file of init."""
    from socbi.cli.making import joined

    options = _init_options()
    options["skip_problems"] = skip_problems or options.get("skip_problems", False)
    given = {"images": images, "manifest": manifest, "embeddings": embeddings}
    with _session() as session:
        done = joined(session, options, given)
    words = f"{done.new:,} samples joined, {done.known:,} were here before"
    if done.new:
        words += f"; they may be proposed after the next {_command('step')}"
    _print(as_json, asdict(done), words)


@app.command()
def status(as_json: Json = False) -> None:
    """Say where the campaign stands, also while another process has it open."""
    from socbi.session import Session

    found = Session.look(_Chosen.folder)
    if as_json:
        _print(True, asdict(found), "")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=100 if not sys.stdout.isatty() else None)
    console.print(escape(str(found)), highlight=False)
    table = Table("class", "labels")
    for name, count in found.class_counts.items():
        table.add_row(escape(name), f"{count:,}")
    console.print(table)


@app.command()
def report(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="By default report.html of the campaign.")
    ] = None,
    charts: Annotated[
        bool, typer.Option("--charts", help="Each chart as SVG and PNG beside the page, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the page of the campaign."""
    try:
        from socbi.cli.reporting import chart_kinds, write_report
    except ImportError as error:
        raise InvalidInputError(f"this installation has no reports: {error}") from error
    kinds, missing = chart_kinds() if charts else ((), "")
    with _session() as session:
        page = write_report(session, out or _Chosen.folder / "report.html", charts=kinds)
    words = f"the page: {page}"
    if charts:
        words += f"; its charts beside it as {' and '.join(kinds)}"
        if missing:
            words += f" ({missing})"
    _print(as_json, {"page": str(page), "charts": kinds}, words)


@app.command()
def plan(
    samples: Annotated[int, typer.Argument(help="How many there will be.")],
    dimensions: Annotated[int, typer.Argument(help="Of an embedding.")],
    labels: Annotated[int, typer.Option(help="Labels of the whole campaign.")] = 10_000,
    classes: Annotated[int, typer.Option(help="How many classes.")] = 10,
    k: Annotated[int, typer.Option(help="Neighbours of each sample.")] = 10,
    encoder: Annotated[
        str | None, typer.Option(help="As for init: a batch is encoded to see how fast it is.")
    ] = None,
    encoder_option: EncoderOption = None,
    learner: Annotated[
        str, typer.Option(help="As for init: it learns made samples to see how fast it is.")
    ] = "logistic",
    learner_option: LearnerOption = None,
    batch: Annotated[int, typer.Option(help="Labels of a round.")] = 100,
    as_json: Json = False,
) -> None:
    """Say what a campaign will cost in memory, disk and time, before it is begun."""
    from socbi.cli.planning import embedding_s, planned

    made_by = _part("plan", "encoder", encoder, encoder_option)
    learned_by = _part("plan", "learner", learner, learner_option)
    found = planned(samples, dimensions, labels, batch, classes, k, learned_by)
    embed_s = None if made_by is None else embedding_s(made_by, samples)
    words = "" if embed_s is None else f"\nEmbeddings, once: {embed_s:,.0f} s, and reading"
    _print(as_json, {"embed_s": embed_s, **found.said()}, f"{found}{words}")


@app.command(context_settings=_PASSED_ON)
def demo(context: typer.Context) -> None:
    """Play campaigns on real digits, and write the report; --help has its options."""
    from socbi.demo import main as run

    raise _Ended(run(context.args))


@app.command()
def experiment(
    data: Annotated[str, typer.Option(help="Data sets, with commas.")] = "sklearn_digits",
    arms: Annotated[str, typer.Option(help="Strategies, with commas.")] = "random,margin,coverage",
    protocols: Annotated[
        str, typer.Option(help="First labels and batches, with commas: low, mid, paper.")
    ] = "low",
    imbalance: Annotated[
        str, typer.Option(help="Shares that half of the classes are thinned to, with commas.")
    ] = "1",
    seeds: Annotated[int, typer.Option(help="Campaigns of each.")] = 5,
    pool_size: Annotated[
        int | None, typer.Option(help="At most so many samples of each set, drawn.")
    ] = None,
    side: Annotated[
        int | None, typer.Option(help="Images become so many pixels to a side; 28 by default.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="For problems and records.")] = Path("experiment"),
    root: Annotated[
        Path | None, typer.Option(help="Where files are; by default what SOCBI_DATA names.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.")] = None,
    text_model: Annotated[
        str | None,
        typer.Option(help="Encodes texts: a sentence-transformers model; by default their words."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play campaigns with known labels and compare strategies; when interrupted, go on."""
    from socbi.cli.experimenting import played, size_of, study_of, tables

    study = study_of(
        {
            "data": data,
            "arms": arms,
            "protocols": protocols,
            "imbalance": imbalance,
            "seeds": seeds,
            "pool_size": pool_size,
            "side": side,
            "root": root,
            "text_model": text_model,
        }
    )
    if not _Chosen.quiet:
        print(f"{size_of(study)}; problems and records in {folder}", file=sys.stderr)
    done = played(study, folder, workers=workers, progress=not _Chosen.quiet)
    said = {"arms": [asdict(one) for one in done.summaries], "page": str(done.page)}
    _print(as_json, said, tables(done))


# ---- within --------------------------------------------------------------------------------------


class _Ended(Exception):  # noqa: N818
    """A command ends with a code, having said all."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = int(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; errors are one line on stderr, and a number."""
    given = _forward(sys.argv[1:] if arguments is None else arguments)
    _Chosen.debug = False
    command = typer.main.get_command(app)
    try:
        code = command.main(given, prog_name="socbi", standalone_mode=False)
    except _Ended as ended:
        return ended.code
    except typer.Exit as ended:
        return int(ended.exit_code)
    except typer.Abort:
        return _failed(KeyboardInterrupt())
    except (Exception, KeyboardInterrupt) as error:
        if _Chosen.debug and not hasattr(error, "format_message"):
            raise
        return _failed(error)
    return int(code) if isinstance(code, int) else 0


def _forward(arguments: Sequence[str]) -> list[str]:
    """Return arguments with --quiet and --debug in front, wherever they stood.

    What follows ``--`` and what is passed on to the demo is left as it is.
    """
    given = list(arguments)
    end = next((at for at, one in enumerate(given) if one in ("--", "demo")), len(given))
    front = [one for one in given[:end] if one in ("--quiet", "--debug")]
    rest = [one for one in given[:end] if one not in front]
    return list(dict.fromkeys(front)) + rest + given[end:]


def _failed(error: BaseException) -> int:
    usage = getattr(error, "format_message", None)  # of click: a wrong option or argument
    if usage is not None:
        if message := " ".join(usage().split()).rstrip("."):
            print(f"socbi: {message}; try socbi --help", file=sys.stderr)
        return int(Exit.USAGE)
    print(f"socbi: {told(error)}", file=sys.stderr)
    return int(exit_of(error))


def _init_options() -> dict[str, Any]:
    """Return the options of init, of --config where it has them, else as init wrote them."""
    path = _Chosen.folder / configuration.FILE
    options = configuration.read_tables(_Chosen.config).get("init") if _Chosen.config else None
    if options is None and path.exists():
        options = configuration.read_tables(path).get("init")
    if options is None:
        raise SessionError(f"{_Chosen.folder} has no {configuration.FILE} with [init]: socbi init")
    return options


def _part(command: str, what: str, name: str | None, options: list[str] | None) -> Any:
    """Return a part as the library takes it, from the line and from the TOML."""
    return part_of(what, name, options, _Chosen.tables.get(command, {}).get(what))


def _begun() -> bool:
    """Say whether the folder has a whole campaign: an embed that failed leaves half of one."""
    from socbi.session.database import Database

    try:
        Database.check_there(_Chosen.folder)
    except SessionError:
        return False
    database = Database(_Chosen.folder, read_only=True)
    try:
        return database.begun
    finally:
        database.close()


def _nothing_left(until: float | None) -> str:
    if until is None:
        return "nothing is left to propose: every sample has a label"
    when = datetime.fromtimestamp(until).astimezone().isoformat(" ", "minutes")
    return f"nothing is left to propose but what is out with others, the first until {when}"


def _command(name: str) -> str:
    """Return a command as it is to be typed for this campaign."""
    where = "" if _Chosen.folder == Path() else f" -C {shlex.quote(str(_Chosen.folder))}"
    return f"socbi{where} {name}"


def _session() -> Any:
    from socbi.session import Session

    return Session.open(_Chosen.folder, progress=not _Chosen.quiet)


def _print(as_json: bool, value: Any, words: str) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str) if as_json else words)


def _options() -> dict[str, set[str]]:
    """Return what may stand in a TOML: the names of the options of each command."""
    found = {}
    for one in app.registered_commands:
        assert one.callback is not None
        names = set(one.callback.__annotations__) - {"return", "context", "as_json"}
        # In a TOML the parameters of a part stand in its table.
        found[one.callback.__name__] = {one for one in names if not one.endswith("_option")}
    return found


def _joined(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error


def _format_of(form: str | None, out: Path | None) -> str:
    from socbi.cli.label_files import FORMATS

    if form is None:
        ending = ".csv" if out is None else out.suffix.lower()
        form = {".csv": "csv", ".jsonl": "jsonl", ".json": "label-studio"}.get(ending)
        if form is None:
            raise InvalidInputError(
                f"--out must end with .csv, .jsonl or .json, so that socbi submit can read it; got "
                f"{out}"
            )
    if form not in FORMATS:
        raise InvalidInputError(f"--format must be one of {', '.join(FORMATS)}, got {form!r}")
    return form
