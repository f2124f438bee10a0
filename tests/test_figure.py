"""The figures: the same bytes every time, every label there and readable, nothing misleading."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from roofline.errors import RooflineError
from roofline.records import Calibration, Finding
from roofline.view import canvas
from roofline.view.captions import ABOVE_PAPER, UNKNOWN_MEMORY
from roofline.view.curve import curve_figure, save_curve, traces
from roofline.view.figure import chosen_team, roofline_figure, save_roofline
from roofline.view.placement import spread
from roofline.view.scene import roofline_scene
from tests import roof_builders as build
from tests.article_builder import article

MACHINES: dict[str, Callable[[], Calibration]] = {
    "usual": build.calibration,
    "memory unknown": build.without_memory_theory,
    "one thread": build.one_thread_no_caches,
    "tenfold": build.paper_tenfold,
    "turbo": build.turbo,
    "article": article,
    "long name": lambda: build.calibration(
        machine=replace(build.MACHINE, brand="Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz " * 2)
    ),
    "huge": build.huge,
    "all notes": lambda: replace(
        build.without_memory_theory(),
        ceilings=(*build.turbo().ceilings[:4], build.memory("dram-triad", 40e9, 1)),
        findings=(Finding(severity="invalid", what="Impossible."),),
    ),
    "compute only": lambda: build.calibration([build.fma("float32", 512, 1)]),
    "memory only": lambda: build.calibration(build.memories(1)),
}


def drawn(calibration: Calibration) -> Figure:
    with canvas.look():
        return roofline_figure(roofline_scene(calibration, chosen_team(calibration, None)))


def texts(figure: Figure) -> Iterator[Text]:
    """Yield what is really written, tick labels and legend included."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip():
            yield text


def words(figure: Figure) -> str:
    return " | ".join(text.get_text().replace("\n", " ") for text in texts(figure))


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    with canvas.look():
        figure.draw(renderer)
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts(figure)]
    pairs = combinations(boxes, 2)
    return [(a, b) for (a, x), (b, y) in pairs if x.padded(-1).overlaps(y.padded(-1))]


def outside(figure: Figure) -> list[str]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    with canvas.look():
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts(figure)]
    whole = figure.bbox
    return [w for w, b in boxes if not (b.x0 >= 0 and b.y0 >= 0 and b.x1 <= whole.x1)]


@pytest.mark.parametrize("name", MACHINES)
def test_no_label_covers_another_or_leaves_the_figure(name: str) -> None:
    figure = drawn(MACHINES[name]())
    assert overlaps(figure) == []
    assert outside(figure) == []


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_record_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    save_roofline(build.calibration(), [first])
    with mpl.rc_context({"font.size": 20.0, "svg.hashsalt": "other"}):
        save_roofline(build.calibration(), [second])
    assert first.read_bytes() == second.read_bytes()
    assert mpl.rcParams["svg.hashsalt"] is None


def test_an_svg_holds_its_words_and_no_date(tmp_path: Path) -> None:
    path = tmp_path / "new" / "roof.svg"
    save_roofline(article(), [path])
    text = path.read_text(encoding="utf-8")
    for label in ("4.61 TFLOP/s on paper", "(spec)", "2.86 TFLOP/s achieved", "38.6"):
        assert f"<!-- {label}" in text
    assert "dc:date" not in text


def test_every_roof_says_its_value_and_basis() -> None:
    written = words(drawn(build.calibration()))
    for label in (
        "517 GFLOP/s on paper (derived)",
        "470 GFLOP/s at the clock under load (3.67 GHz)",
        "465 GFLOP/s achieved (90 % of paper)",
        "233 GFLOP/s in FP64",
        "461 GB/s on paper (datasheet: whole socket; 2 of its cores here)",
        "74 GB/s achieved non-temporal triad",
        "55 GB/s ordinary triad",
        "882 GB/s L1 read",
        "AMD EPYC 9B45 Processor (zen5), 2 cores used",
        "A multiply-add counts as 2 FLOP",
        "FP32 fma, 512-bit avx512",
    ):
        assert label in written


def test_unknown_memory_is_said_and_no_bandwidth_loss_is_claimed() -> None:
    scene = roofline_scene(build.without_memory_theory(), 2)
    assert UNKNOWN_MEMORY in scene.notes
    assert UNKNOWN_MEMORY in words(drawn(build.without_memory_theory()))
    assert not any("bandwidth" in fill.words for fill in scene.fills)


def test_a_whole_socket_s_bandwidth_is_not_these_cores_loss() -> None:
    scene = roofline_scene(build.calibration(), 2)
    assert [fill.words for fill in scene.fills] == [
        "lost to the clock: 9 % of peak",
        "lost otherwise: 1 % of peak",
    ]


def test_the_article_s_losses_add_up() -> None:
    scene = roofline_scene(article(), 16)
    assert [fill.words for fill in scene.fills] == [
        "lost to the clock: 36 % of peak",
        "lost otherwise: 2 % of peak, 23 % of bandwidth",
    ]
    assert [knee.words for knee in scene.knees] == ["48", "30.9", "38.6"]


@pytest.mark.parametrize("name", MACHINES)
def test_no_loss_is_negative(name: str) -> None:
    calibration = MACHINES[name]()
    for fill in roofline_scene(calibration, chosen_team(calibration, None)).fills:
        assert all(low <= high for low, high in zip(fill.lower, fill.upper, strict=True))


def test_exceeding_paper_is_drawn_as_no_loss_and_said() -> None:
    scene = roofline_scene(build.turbo(), 2)
    assert scene.fills == ()
    assert ABOVE_PAPER in scene.notes
    assert "(133 % of paper)" in words(drawn(build.turbo()))


def test_the_team_asked_for_is_drawn_and_an_unknown_one_refused() -> None:
    calibration = build.calibration()
    assert chosen_team(calibration, None) == 2
    assert chosen_team(calibration, 1) == 1
    with pytest.raises(RooflineError, match="ask for 1 or 2"):
        chosen_team(calibration, 7)
    with pytest.raises(RooflineError, match="calibrate again"):
        chosen_team(build.calibration([]), None)


@pytest.mark.parametrize("save", [save_roofline, save_curve])
def test_an_unfit_path_is_refused_in_a_sentence(
    tmp_path: Path, save: Callable[[Calibration, list[Path]], None]
) -> None:
    with pytest.raises(RooflineError, match=r"\.svg or \.png"):
        save(build.calibration(), [tmp_path / "roof.pdf"])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RooflineError, match="cannot write"):
        save(build.calibration(), [tmp_path / "file" / "roof.svg"])


def test_the_curve_names_teams_and_capacities(tmp_path: Path) -> None:
    calibration = build.calibration()
    with canvas.look():
        figure = curve_figure(calibration, tuple(traces(calibration)))
    written = words(figure)
    for label in ("read, 1 core", "triad, 2 cores", "L2 ends at 960 KiB"):
        assert label in written
    assert overlaps(figure) == []
    assert outside(figure) == []
    save_curve(calibration, [tmp_path / "a.svg"])
    save_curve(calibration, [tmp_path / "b.svg"])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_record_without_a_curve_says_so(tmp_path: Path) -> None:
    with pytest.raises(RooflineError, match="no bandwidth curve"):
        save_curve(article(), [tmp_path / "curve.svg"])


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread([3.0, 0.0, 10.0], [1.0, 1.0, 1.0]) == [3.0, 0.0, 10.0]
    assert spread([], []) == []


def test_crowded_labels_share_the_displacement() -> None:
    assert spread([0.0, 0.0], [2.0, 2.0]) == [-1.0, 1.0]
    assert spread([0.0, 0.0], [2.0, 2.0], low=0.0) == [1.0, 3.0]
    assert spread([0.0, 0.0], [2.0, 2.0], high=0.0) == [-3.0, -1.0]


LABELS = st.lists(
    st.tuples(st.floats(-9, 9, width=16), st.floats(0.125, 3, width=16)), min_size=1, max_size=12
)


@given(LABELS)
def test_placed_labels_keep_their_order_and_never_touch(labels: list[tuple[float, float]]) -> None:
    anchors, sizes = (list(column) for column in zip(*labels, strict=True))
    placed = spread(anchors, sizes, low=-60.0, high=60.0)
    order = sorted(range(len(anchors)), key=lambda i: anchors[i])
    for a, b in pairwise(order):
        assert placed[b] - placed[a] >= (sizes[a] + sizes[b]) / 2 - 1e-9
