"""Files of labels as annotators send them: whole, or refused with what is wrong."""

import json

import pytest

from socbi import CANNOT_TELL, InvalidInputError
from socbi.cli.label_files import read_labels

CLASSES = ["cat", "dog"]


def read(text, name, *, number_ids=False):
    return read_labels(text, name, CLASSES, number_ids=number_ids)


def annotation(choices, by=None, **more):
    return {"completed_by": by, "result": [{"value": {"choices": choices}}], **more}


def export(*annotations):
    return json.dumps([{"data": {"sample_id": "s1"}, "annotations": list(annotations)}])


def test_every_annotator_of_label_studio_has_a_vote():
    by_address = {"id": 2, "email": "b@example.org"}
    found = read(
        export(annotation(["cat"], 1), annotation(["dog"], by_address), annotation(["cat"])),
        "votes.json",
    )
    assert found.given == {"1": [("s1", "cat")], "b@example.org": [("s1", "dog")], None: [("s1", "cat")]}  # fmt: skip  # noqa: E501


def test_a_cancelled_annotation_cannot_be_told_and_an_empty_task_has_no_label():
    found = read(export(annotation([], 1, was_cancelled=True)), "votes.json")
    assert found.given == {"1": [("s1", CANNOT_TELL)]}
    assert read(export(), "votes.json").without == 1


def test_two_choices_of_one_annotation_are_refused():
    with pytest.raises(InvalidInputError, match="of 's1' has 2 choices, cat, dog"):
        read(export(annotation(["cat", "dog"], 1)), "votes.json")


@pytest.mark.parametrize("text", ["{}", "no json", '[{"data": {}}]', "[7]"])
def test_what_is_no_export_is_refused(text):
    with pytest.raises(InvalidInputError, match=r"votes\.json is no export of Label Studio"):
        read(text, "votes.json")


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\r"])
def test_lines_of_json_hold_texts_with_separators(separator):
    rows = [{"id": f"a{separator}b", "label": "cat"}, {"id": "c", "label": ""}]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = read(text, "batch.jsonl")
    assert found.given == {None: [(f"a{separator}b", "cat")]}
    assert found.without == 1


def test_an_unclosed_quote_loses_no_labels():
    text = 'id,label,text\ni1,cat,"x"\ni2,dog,"oops\ni3,cat,y\ni4,dog,"z"\n'
    with pytest.raises(InvalidInputError, match=r"is no CSV near line .*; close its quotes"):
        read(text, "batch.csv")


def test_a_field_that_is_too_long_is_told():
    with pytest.raises(InvalidInputError, match=r"batch\.csv is no CSV near line 1: field larger"):
        read(f'id,label,text\ni1,cat,"{"x" * 200_000}"\n', "batch.csv")


@pytest.mark.parametrize("id", ["7.9", "true", "seven"])
def test_what_is_no_whole_number_stays_what_it_was(id):
    found = read(f"id,label\n{id},cat\n8,dog\n", "batch.csv", number_ids=True)
    assert found.given == {None: [(id, "cat"), (8, "dog")]}


def test_endings_say_what_a_file_is():
    with pytest.raises(InvalidInputError, match=r"must end with \.csv, \.jsonl or \.json"):
        read("", "batch.xlsx")
