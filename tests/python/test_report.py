"""The page says what the records say, needs nothing else, and opens in a real browser."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from socbi.errors import InvalidInputError, MissingExtraError
from socbi.measures import RoundRecord, curves_of, summarised
from socbi.report import Picked, PoolMap, report
from socbi.report import raster as raster_module
from socbi.report.png import png
from socbi.report.raster import raster
from socbi.report.svg import Frame, ticks

VOID = {"meta", "img", "input", "br"}


def records(arms=("new", "random", "margin"), tasks=("digits/low",), seeds=3):
    return [
        RoundRecord(
            task, arm, seed, number, 20 + 10 * number,
            0.6 + 0.05 * number + 0.013 * len(arm) + 0.004 * seed,
            class_counts=(12 + 6 * number, 8 + 4 * number), balance=0.2,
            picks=tuple(range(10 * number, 10 * number + 10)),
            times={"sort": 0.002, "train": 0.05}, ties=90 - 9 * number, k=10,
        )
        for task in tasks for arm in arms for seed in range(seeds) for number in range(4)
    ]  # fmt: skip


def full_page(**changes):
    vectors = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    given = {
        "title": "Digits & <others>",
        "about": "A test.",
        "full": {"digits/low": 0.9},
        "pool_map": PoolMap.of(vectors, range(40)),
        "picked": [
            Picked(7, 1, "three", "value 0.4 <b>", np.zeros((8, 8), np.uint8)),
            Picked("x-9", 2, text="a <script> in a text"),
        ],
        "class_names": ["zero", "one"],
    }
    return report(records(), **{**given, **changes})


class Checker(HTMLParser):
    """Sees that what is opened is closed, and gathers addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def checked(html):
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


def test_a_page_is_whole_and_needs_no_other_file():
    found = checked(full_page().html)
    assert all(address.startswith("data:image/png;base64,") for address in found.addresses)
    assert "http" not in full_page().html.replace("http://www.w3.org/2000/svg", "")
    assert "@import" not in full_page().html
    assert "url(" not in full_page().html


def test_what_users_wrote_is_shown_and_not_run():
    html = full_page().html
    assert "Digits &amp; &lt;others&gt;" in html
    assert "a &lt;script&gt; in a text" in html
    assert html.count("<script>") == 1


def test_the_table_says_what_the_records_say():
    words = " ".join(checked(full_page().html).words)
    for one in summarised(curves_of(records()), records()):
        assert f"{one.area.mean:.4f}" in words
        for paired in one.against.values():
            said = f"{100 * paired.mean:+.2f}"
            assert (said if float(said) else " 0.00 ") in words
    assert "all labels: 90.0%" in words


def test_every_chart_has_a_title_and_a_description_and_stands_alone(tmp_path):
    made = full_page()
    assert list(made.charts) == [
        "curves-1", "map", "balance", "classes", "times", "rounds", "ties",
    ]  # fmt: skip
    page = made.write(tmp_path / "page.html", charts="svg")
    assert page.read_text() == made.html
    for name in made.charts:
        root = ET.parse(tmp_path / f"page-{name}.svg").getroot()
        space = "{http://www.w3.org/2000/svg}"
        assert root.find(f"{space}title").text
        assert root.find(f"{space}desc").text
    assert made.html.count("<svg") == made.html.count("<desc>") == 7


def test_a_chart_that_is_a_file_has_plain_colours_on_white(tmp_path):
    made = full_page()
    made.write(tmp_path / "page.html", charts=["svg"])
    for name in made.charts:
        drawn = (tmp_path / f"page-{name}.svg").read_text()
        assert "var(" not in drawn
        assert "color-mix" not in drawn
        assert "@media" not in drawn
        assert "fill:#fff" in drawn


@pytest.fixture
def pixels():
    """Return a function that draws a chart as PNG, as an array of grey values."""
    pytest.importorskip("resvg_py", reason="the extra png is not installed")
    image_module = pytest.importorskip("PIL.Image")

    def drawn(frame):
        return np.asarray(image_module.open(io.BytesIO(raster(frame.picture()))).convert("L"))

    return drawn


def test_a_png_is_at_the_size_of_print_on_white_with_its_text_in_it(pixels):
    def frame(words):
        made = Frame("A", "b", (0, 1), (0, 1), size=(200, 50))
        for kind, x in (("tick", 10), ("label", 110)):
            made.text(x, 30, words, kind=kind)
        return pixels(made)

    empty, one, other = frame(""), frame("mmmm"), frame("llll")
    assert empty.shape == (150, 600)
    assert (empty == 255).all()
    for part in (np.s_[:, :300], np.s_[:, 300:]):  # the plain font and the heavy one
        assert (one[part] < 128).sum() > (other[part] < 128).sum() > 20


def test_the_text_of_a_png_does_not_depend_on_the_fonts_of_the_system(tmp_path):
    resvg = pytest.importorskip("resvg_py", reason="the extra png is not installed")
    full_page().write(tmp_path / "page.html", charts=True)
    fonts = raster_module._font_files()
    for path in tmp_path.glob("*.svg"):
        alone = resvg.svg_to_bytes(
            svg_path=str(path), zoom=3, skip_system_fonts=True, font_files=fonts
        )
        assert path.with_suffix(".png").read_bytes() == alone


def test_without_the_extra_pngs_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'socbi[png]'")):
        full_page().write(tmp_path / "page.html", charts=True)
    assert list(tmp_path.iterdir()) == []
    full_page().write(tmp_path / "page.html", charts="svg")
    assert len(list(tmp_path.iterdir())) == 8


def test_tables_name_their_rows_and_columns():
    html = full_page().html
    assert html.count("<th scope='row'>") == 3
    assert "<th scope='col'>area under the curve</th>" in html


def test_a_session_without_a_test_set_has_a_page_too():
    plain = [RoundRecord("mine", "coverage", 0, n, 10 * n + 10, picks=(n,)) for n in range(3)]
    html = report(plain, title="Mine").html
    checked(html)
    assert "There is no test set" in html
    assert "labels so far" in html


def test_one_round_of_one_arm_is_enough():
    html = report([RoundRecord("a", "b", 0, 0, 5, 0.5)], title="One").html
    checked(html)
    assert "there is no curve yet" in html
    assert ">5</text>" in html
    assert ">5.2</text>" not in html  # there are no parts of labels


def test_every_task_has_its_curves_classes_and_times():
    made = report(records(tasks=("a/low", "b/low")), title="Two")
    kinds = ("curves", "balance", "classes", "times", "rounds", "ties")
    assert set(made.charts) == {f"{kind}-{number}" for kind in kinds for number in (1, 2)}
    checked(made.html)


def test_classes_have_the_names_of_their_task():
    names = {"a/low": ["cat", "dog"], "b/low": ["left"]}
    made = report(records(tasks=("a/low", "b/low", "c/low")), title="Names", class_names=names)
    for number, kinds in enumerate((("cat", "dog"), ("left", "1"), ("0", "1")), 1):
        drawn = made.charts[f"classes-{number}"].svg()
        assert all(f"<title>new, {kind}: " in drawn for kind in kinds)


def test_many_tasks_are_summed_up_by_protocol_and_those_behind_the_third_are_folded():
    tasks = [f"{data}/{protocol}" for protocol in ("low", "mid") for data in "abcdef"]
    html = report(records(tasks=tasks), title="Twelve").html
    checked(html)
    words = " ".join(checked(html).words)
    assert "low: 6 tasks" in words
    assert "mid: 6 tasks" in words
    assert html.count("9 more tasks") == 3  # class balance, time and ties
    assert html.split("<h2>Class balance</h2>")[1].split("<details>")[0].count("<h3>") == 3
    [over] = re.findall("<h2>Over all tasks</h2>.*?</table>", html)
    rows = [one for one in summarised(curves_of(records()), records()) if one.arm == "new"]
    mean = rows[0].against["margin"].mean  # every task of these records is the same
    row = re.search("new</th>(.*?)</tr>", over)[1]
    assert f"<td>{100 * mean:+.2f} " in row
    assert "<td>0, 6</td>" in row


def test_a_task_in_which_nothing_was_chosen_is_named_and_left_out():
    begun = [RoundRecord("tiny/paper", "new", s, 0, 9, 0.5, class_counts=(4, 5)) for s in range(3)]
    made = report([*begun, *records()], title="Some", main="new")
    assert "curves-1" in made.charts
    assert "curves-2" not in made.charts
    assert "tiny/paper" not in made.html.replace("all that they have: tiny/paper.", "")
    assert "1 campaign" not in made.html


def test_one_seed_makes_nothing_clear():
    html = report(records(seeds=1), title="One").html
    assert "class='clear'" not in html
    assert "class='range'" not in html
    assert "of one seed" in html
    assert "class='clear'" in report(records(arms=("new", "random", "a")), title="More").html


def test_many_classes_are_drawn_as_lines_and_named_nowhere():
    many = [
        RoundRecord("a", "b", 0, n, 10 + n, 0.5, class_counts=tuple(range(200))) for n in range(3)
    ]
    made = report(many, title="Classes", class_names=[f"name {n}" for n in range(200)])
    assert "classes, from the most labels down" in made.html
    assert "name 7" not in made.html
    assert len(made.html) < 40_000


def test_many_arms_look_different_and_are_not_drawn_over_one_another():
    arms = ("new", "random", "margin", *(f"arm {n}" for n in range(12)))
    made = report(records(arms), title="Fifteen", main="new")
    lines = re.findall("<polyline .*?/>", made.charts["curves-1"].svg())
    looks = {
        (re.search(r"stroke:var\(--c(\d)\)", one)[1], *re.findall('dasharray="(.*?)"', one))
        for one in lines
    }
    assert len(lines) == len(looks) == 15
    assert [one for one in looks if one[0] == "6"] == [("6", "3 1.5")]  # random alone is grey
    assert made.charts["curves-1"].svg().count("<polygon") == 1
    assert "drawn for new alone" in made.html
    bars = made.charts["classes"].svg()
    assert all(f"<title>{arm}, 0: " in bars for arm in ("new", "random", "margin"))
    assert "<title>arm 3, 0: " not in bars


def test_long_texts_are_cut_between_words_and_kept_whole_behind_a_fold():
    text = "A line\nand " + "several words " * 60
    html = full_page(picked=[Picked(1, 1, text=text), Picked(2, 1, text="x" * 400)]).html
    checked(html)
    assert "several words …</q>" in html or "several …</q>" in html
    assert f"<q>{text.strip()}</q></details>" in html
    assert f"<q>{'x' * 240} …</q>" in html


def test_k_is_a_chart_where_it_changes_and_a_word_where_not():
    same = report(records(), title="Same")
    assert "k" not in same.charts
    assert "Each label hits its K = 10 neighbours." in same.html
    other = [replace(one, k=10 + one.round) for one in records()]
    assert "k" in report(other, title="Other").charts


def test_a_large_pool_is_drawn_in_part_and_that_is_said():
    vectors = np.random.default_rng(0).normal(size=(1_000_000, 4)).astype(np.float32)
    drawn = PoolMap.of(vectors, [3, 999_999])
    assert set(drawn.ids) >= {3, 999_999}
    html = full_page(pool_map=drawn).html
    assert "Drawn are 4,002 of 1,000,000 samples" in html
    assert len(html) < 200_000


def test_the_map_is_that_of_the_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = np.random.default_rng(1).normal(size=(200, 6)) * [5, 3, 1, 1, 1, 1]
    found = PoolMap.of(vectors)
    expected = decomposition.PCA(2).fit(vectors)
    np.testing.assert_allclose(np.abs(found.places), np.abs(expected.transform(vectors)), atol=1e-8)
    assert found.explained == pytest.approx(expected.explained_variance_ratio_.sum())


@pytest.mark.parametrize("shape", [(5, 7), (6, 4, 3)])
def test_thumbnails_are_read_back_as_they_were(shape):
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(image_module.open(io.BytesIO(png(pixels)))), pixels)
    assert base64.b64encode(png(pixels))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.95, 0.97), (50, 450), (0, 1e-9), (-3, 8e6)])
def test_ticks_are_few_and_within(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 8 or high < 1e-6
    assert all(low - 1e-9 <= one <= high + 1e-9 for one in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: report([], title="None"), "there is nothing to report yet"),
        (lambda: full_page(main="best"), "main must be one of new, random, margin, got 'best'"),
        (lambda: PoolMap.of(np.zeros((3, 2)), [3]), "picks must be ids from 0 to 2, got 3 to 3"),
        (lambda: png(np.zeros((2, 2))), "an image must be uint8"),
        (
            lambda: full_page().write("page.html", charts="pdf"),
            "charts must be of svg and png, got 'pdf'",
        ),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        call()


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium here to open the page with")


def title_in_browser(tmp_path, html, script, *options):
    """Return what a script on the page makes its title."""
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'user'}", *options, "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    return re.search("<title>(.*?)</title>", dom)[1]


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_opens_the_page_runs_its_slider_and_loads_nothing(tmp_path, dark):
    script = """document.title='rounds '+document.querySelectorAll('g.round').length+
        ' loaded '+performance.getEntriesByType('resource').filter(
        e=>!e.name.startsWith('data:')).length+' hidden '+slider.parentElement.hidden"""
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    found = title_in_browser(tmp_path, full_page().html, script, *options)
    assert found == "rounds 4 loaded 0 hidden false"


@needs_browser
@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_is_cut_off_in_a_browser(tmp_path, width):
    arms = ("So-CBI as published", "random", "margin", "a random half, then margin", "badge")
    many = [
        replace(one, times={"search": 9.5, "train": 3.0}, class_counts=tuple(range(3, 27)))
        for one in records(arms, ("uci_pendigits-4000-14px-if0.1/paper", "b/low"))
    ]
    long_text = "a text of several words " * 40 + "x" * 200
    html = report(
        many, title="Two", picked=[Picked(1, 1, "up", "why " * 9, text=long_text)],
        class_names=["a class with a long name"] * 24,
    ).html  # fmt: skip
    script = """
        const outside=(inner,outer)=>inner.left<outer.left-1||inner.right>outer.right+1||
          inner.top<outer.top-1||inner.bottom>outer.bottom+1;
        const cut=[...document.querySelectorAll('svg.chart text')].filter(one=>
          outside(one.getBoundingClientRect(),
                  one.closest('svg').getBoundingClientRect())).map(one=>one.textContent);
        const root=document.documentElement;
        document.title='cut '+cut.join('|')+' over '+Math.max(0,root.scrollWidth-root.clientWidth)
        """
    found = title_in_browser(tmp_path, html, script, f"--window-size={width},900")
    assert found == "cut  over 0"
