"""Sentences with a class: SST-2 as lines of text and label, TREC as lines of label and text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from socbi.pool.columns import Texts
from socbi.pool.datasets.data_set import DataSet
from socbi.pool.datasets.packed import unpacked_file
from socbi.pool.datasets.request import Request
from socbi.pool.pool import Label, Pool
from socbi.pool.sample_ids import SampleId

__all__ = ["SENTENCE_SETS"]


@dataclass(frozen=True)
class _Sentences:
    """One set: a file for each split, a sample a line."""

    files: Mapping[str, str]
    parsed: Callable[[str], tuple[str, Label]]
    encoding: str

    def read(self, request: Request) -> Pool:
        """Return the pool of a split; ids are the numbers of the lines."""
        ids, texts, labels = list[SampleId](), list[str](), list[Label | None]()
        for number, (where, line) in enumerate(self._lines(request)):
            if not line.strip():
                continue
            try:
                text, label = self.parsed(line.rstrip("\r"))
            except ValueError as error:
                request.intake.refuse("unreadable row", where, str(error))
                continue
            ids.append(number)
            texts.append(text)
            labels.append(label)
        return request.pool(ids, {"text": Texts(texts)}, labels)

    def _lines(self, request: Request) -> Iterator[tuple[str, str]]:
        """Yield where a line is, and the line; of all splits those that are there."""
        wanted = [self.files[request.split]] if request.split in self.files else self.files.values()
        paths = [path for name in wanted if (path := request.look(name, f"text/{name}"))]
        if not paths:
            raise request.missing(*wanted)
        for path in paths:
            try:
                content = unpacked_file(request, path).decode(self.encoding)
            except UnicodeDecodeError as error:
                raise request.damaged(path, error) from error
            for number, line in enumerate(content.split("\n"), 1):
                yield f"{path.name} line {number}", line


def _of_sst2(line: str) -> tuple[str, Label]:
    text, tab, label = line.rpartition("\t")
    if not tab or label not in ("0", "1") or not text.strip():
        raise ValueError("it is not a text, a tab and 0 or 1")
    return text.strip(), int(label)


def _of_trec(line: str) -> tuple[str, Label]:
    label, _, text = line.partition(" ")
    coarse, colon, _ = label.partition(":")
    if not colon or not coarse or not text.strip():
        raise ValueError("it is not class:subclass and a question")
    return text.strip(), coarse


_SST2 = _Sentences(
    {"train": "sst2_train.tsv", "test": "sst2_test.tsv", "dev": "sst2_dev.tsv"}, _of_sst2, "utf-8"
)
# TREC's own files are in Latin-1.
_TREC = _Sentences(
    {"train": "trec_train_5500.label", "test": "TREC_10.label"}, _of_trec, "iso-8859-1"
)

SENTENCE_SETS = {
    "sst2": DataSet(
        ("train", "test", "dev"),
        "https://nlp.stanford.edu/sentiment/",
        _SST2.read,
        lambda _: {0: "negative", 1: "positive"},
    ),
    "trec": DataSet(
        ("train", "test", "all"), "https://cogcomp.seas.upenn.edu/Data/QA/QC/", _TREC.read
    ),
}
