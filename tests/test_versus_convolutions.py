"""Convolutions against libraries: who runs when, what the ratios say, what the command refuses."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from roofline.comparing.anchors import probes
from roofline.comparing.subjects import runner
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.host.subjects import END_TO_END, OURS, SUBJECTS
from roofline.physics.workload import conv_shape, conv_work
from roofline.records import Case
from tests.reference import reference
from tests.versus_fakes import host
from versus import command as versus_command
from versus.__main__ import main
from versus.convolutions import command, ratios
from versus.convolutions.layers import Item, chosen, drawn, resnet50
from versus.convolutions.report import Report, as_dict, markdown
from versus.convolutions.turns import Player, Seen, play, prepare
from versus.document import CONVOLUTIONS, DRAWN

REFERENCE = reference()
PEAK = next(one for one in probes(REFERENCE, 1, ("float32",)) if one.ceiling.kind == "compute")
RATE = 2e11
ITEMS = resnet50().items[:4]
SLOWER = {OURS: 1.0, END_TO_END: 1.25, "torch": 2.0, "onnxruntime-kernel": 0.5}


@dataclass(slots=True)
class FakeChild:
    """A child whose convolutions take so many times what the peak would; ours runs that, too."""

    name: str
    diary: list[str]
    slower: float = 1.0
    step: float | None = None
    fails: Mapping[str, RooflineError] = field(default_factory=dict)
    prepared: set[str] = field(default_factory=set)

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Answer as through a pipe."""
        if verb == "prepare":
            self.prepared = {Case(**case).key for case in arguments["cases"]}
        if verb == "describe":
            return {"libraries": {} if self.name == OURS else {self.name: "9.9"}}
        if verb == "conditions":
            return {"steal_fraction": 0.01}
        if verb == "tune":
            return {"parameters": {}, "gain": 1.0, "tried": 4}
        return self._run(Case(**arguments["case"])) if verb == "run" else {}

    def _run(self, case: Case) -> dict[str, Any]:
        assert case.key in self.prepared
        if case.benchmark != "conv":
            self.diary.append("peak")
            return {"seconds": [PEAK.work.flops / RATE] * 3}
        shape = conv_shape(case.parameters, case.dtype)
        self.diary.append(self.name)
        if shape.text in self.fails:
            raise self.fails[shape.text]
        seconds = self.slower * (conv_work(shape).flops_executed or 0) / RATE
        return {"seconds": [seconds] * 3, "details": {"clock_step": self.step}}


def players(diary: list[str], **more: Mapping[str, Any]) -> list[Player]:
    """Build ours, alone and end to end, and two libraries."""
    return [
        Player(
            name,
            FakeChild(name, diary, slower, **more.get(name.replace("-", "_"), {})),
            runner(name, REFERENCE, 1),
        )
        for name, slower in SLOWER.items()
    ]


def played(
    items: Sequence[Item] = ITEMS, rounds: int = 6, **more: Mapping[str, Any]
) -> tuple[tuple[Seen, ...], list[str]]:
    """Return what was seen, and who ran in which order."""
    diary: list[str] = []
    made = players(diary, **more)
    prepare(made, items, PEAK)
    return play(made, items, PEAK, rounds=rounds), diary


def test_resnet50_has_53_convolutions_of_4_gflop() -> None:
    items = resnet50().items
    assert sum(item.times for item in items) == 53
    assert len({item.layer.shape for item in items}) == len(items) == 23
    assert sum(item.times * conv_work(item.layer.shape).flops for item in items) == pytest.approx(
        8.18e9, rel=0.01
    )


def test_ours_runs_end_to_end_where_a_library_does_on_the_same_tensors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command.subjects, "why_absent", lambda _one: None)
    assert command._wanted(["torch-prepacked", "onnxruntime-kernel"])[0][:2] == [
        OURS,
        "torch-prepacked",
    ]
    assert command._wanted(["openvino"])[0] == [OURS, END_TO_END, "openvino"]
    assert command._wanted([END_TO_END])[0] == [OURS, END_TO_END]
    assert command._wanted([])[0] == list(SUBJECTS)


def test_a_seed_belongs_to_a_draw() -> None:
    assert chosen(5, 3).items == drawn(5, 3).items != drawn(5, 4).items
    assert chosen(5, None).items == drawn(5, 1).items
    with pytest.raises(RooflineError, match="--seed belongs to --random"):
        chosen(None, 3)


def test_the_order_turns_round_and_the_peak_stands_beside_ours() -> None:
    _, diary = played(ITEMS[:2], rounds=2)
    forward = ["peak", OURS, END_TO_END, "torch", "onnxruntime-kernel"]
    back = ["onnxruntime-kernel", "torch", END_TO_END, "peak", OURS]
    assert diary == forward * 2 + back * 2


def test_ratios_say_how_many_times_as_fast_ours_is() -> None:
    seen, _ = played()
    for one in seen:
        assert ratios.layer_ratios(one, "torch") == pytest.approx([2.0] * 6)
        assert ratios.best_kernel(one, ["onnxruntime-kernel"]) == "onnxruntime-kernel"
        assert ratios.efficiencies(one) == pytest.approx([1.0] * 6)
    found = ratios.over(seen, ["torch"] * len(seen))
    assert found is not None
    assert found.layers == len(seen)
    assert found.mean.value == pytest.approx(2.0)
    assert found.mean.interval == pytest.approx((2.0, 2.0))


def test_a_class_is_the_geometric_mean_of_its_layers_by_round() -> None:
    seen = tuple(
        Seen(item, seconds={OURS: [1.0] * 7, "torch": [ratio * drift for drift in range(1, 8)]})
        for item, ratio in zip(ITEMS[1:3], (2.0, 8.0), strict=True)
    )
    found = ratios.over(seen, ["torch", "torch"])
    assert found is not None
    assert found.mean.value == pytest.approx(4 * math.sqrt(2 * 8))
    assert found.mean.interval == pytest.approx((4.0, 28.0))
    assert found.worst == pytest.approx(8.0)
    assert ratios.over(seen, [None, "openvino"]) is None


def test_a_network_counts_each_layer_as_often_as_it_has_it() -> None:
    seen, _ = played()
    flops = sum(i.times * (conv_work(i.layer.shape).flops_executed or 0) for i in ITEMS)
    assert ratios.totals(seen, "torch") == pytest.approx([2 * flops / RATE] * 6)
    assert ratios.total_efficiency(seen).value == pytest.approx(1.0)
    del seen[1].seconds["torch"]
    assert ratios.totals(seen, "torch") is None


def test_a_bias_is_no_work_of_the_multipliers() -> None:
    many = [one for one in drawn(40, 2).items if one.layer.shape.bias]
    for one in played(many[:3], rounds=2)[0]:
        shape, work = one.item.layer.shape, conv_work(one.item.layer.shape)
        whole = work.flops_executed or 0
        assert ratios.efficiencies(one)[0] == pytest.approx((whole - shape.outputs) / whole)


def test_a_library_that_fails_is_left_out_there_and_ours_may_not() -> None:
    wrong = RooflineError("torch computes a wrong answer.", CANNOT_MEASURE)
    text = ITEMS[1].layer.shape.text
    seen, _ = played(torch={"fails": {text: wrong}})
    assert ["torch" in one.seconds for one in seen] == [True, False, True, True]
    assert seen[1].left == {"torch": "torch computes a wrong answer."}
    for ours in ("ours", "ours_end_to_end"):
        with pytest.raises(RooflineError, match="wrong answer"):
            played(**{ours: {"fails": {text: wrong}}})


def test_what_a_coarse_clock_cannot_tell_is_left_out() -> None:
    seen, _ = played(onnxruntime_kernel={"step": 1.0})
    for one in seen:
        assert "onnxruntime-kernel" not in one.seconds
        assert "steps" in one.left["onnxruntime-kernel"]
        assert ratios.best_kernel(one, ["onnxruntime-kernel"]) is None


def report(seen: tuple[Seen, ...]) -> Report:
    """Build the report of these layers of ResNet-50."""
    return Report(
        date="2026-01-02 03:04 UTC",
        machine="a machine",
        software="ours: abc",
        cpus=(0,),
        listed=resnet50(),
        players=dict.fromkeys(SLOWER, "somebody"),
        kernels=("onnxruntime-kernel",),
        planes=("torch",),
        versions={"torch": "9.9"},
        absent=("openvino is absent.",),
        seen=seen,
        conditions={"steal_fraction": 0.01},
    )


def test_the_section_lists_classes_totals_layers_and_all_runs() -> None:
    text = markdown(report(played()[0]))
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert "| pointwise | 2 | kernel alone | torch | 2.00 (2.00 - 2.00) | 2.00 |" in words
    assert "| pointwise | 2 | end to end | torch | 1.60 (1.60 - 1.60) | 1.60 |" in words
    assert "| pointwise | 2 | kernel alone | best kernel | 0.50 (0.50 - 0.50) | 0.50 |" in words
    assert any(line.startswith("| the network, by time | 9 | 100 %") for line in words)
    assert "- openvino is absent." in text
    _, _, runs = text.partition("<details>")
    for item in ITEMS:
        assert item.layer.shape.text in runs
    assert runs.count("torch:") == len(ITEMS)
    listed = [line for line in runs.splitlines() if line.startswith("  ")]
    assert len(listed) == len(ITEMS) * (len(SLOWER) + 1)
    assert all(len(line.split()) == 7 for line in listed)


def test_json_holds_every_round() -> None:
    told = json.loads(json.dumps(as_dict(report(played()[0]))))
    assert [len(layer["seconds"]["torch"]) for layer in told["layers"]] == [6] * 4
    dense = [one for one in told["classes"] if one["class"] == "dense"]
    assert [one["ours"] for one in dense] == ["kernel alone", "end to end"] + 2 * ["kernel alone"]
    assert {one["against"] for one in dense} == {"torch", "onnxruntime-kernel", "best kernel"}
    assert told["layers"][0]["of_the_peak"] == pytest.approx([1.0] * 6)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace host, calibration and children by fakes; torch alone is installed."""

    @contextmanager
    def opened(name: str, _cpus: Sequence[int]) -> Iterator[FakeChild]:
        yield FakeChild(name, [], SLOWER[name])

    facts = host(machine=REFERENCE.machine, calibration=REFERENCE)
    monkeypatch.setattr(versus_command, "_host", lambda _options: (facts, (0, 1)))
    monkeypatch.setattr(versus_command, "busy_cpus", lambda: 0.0)
    monkeypatch.setattr(command, "open_child", opened)
    monkeypatch.setattr(
        command.subjects,
        "why_absent",
        lambda one: None if one.library in (None, "torch") and "-" not in one.name else "It isn't.",
    )


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    ("options", "markers"), [([], CONVOLUTIONS), (["--random", "3", "--seed", "2"], DRAWN)]
)
def test_each_list_has_a_section_of_its_own(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    markers: tuple[str, str],
) -> None:
    document = tmp_path / "doc.md"
    document.write_text("a\n" + "\n".join(CONVOLUTIONS + DRAWN) + "\nb\n")
    common = ["--convolutions", "--pairs", "2", "--markdown", str(document), "--quiet"]
    assert main([*common, *options]) == 0
    shown = capsys.readouterr().out
    begin, end = markers
    inside = document.read_text().partition(begin)[2].partition(end)[0]
    assert inside.strip() == shown.strip()
    assert "- It isn't." in shown


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--convolutions", "--seed", "3"], "--seed belongs to --random"),
        (["--convolutions", "--random", "0"], "cannot draw 0"),
        (["--convolutions", "--threads", "3"], "2 cores are usable"),
        (["--convolutions", "--rival", "tvm"], "unknown subject 'tvm'"),
        (["--convolutions", "--rival", "openvino"], "It isn't."),
        (["--random", "3"], "--random belongs to --convolutions"),
        (["--no-tune"], "--no-tune belongs to --convolutions"),
        (["--threads", "2"], "--threads belongs to --convolutions"),
    ],
)
def test_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], options: list[str], word: str
) -> None:
    assert main([*options, "--quiet"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert word in line


@pytest.mark.usefixtures("staged")
def test_without_a_calibration_the_way_to_one_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(versus_command, "_host", lambda _options: (host(), (0, 1)))
    assert main(["--convolutions", "--quiet"]) == CANNOT_MEASURE
    assert "make calibrate" in capsys.readouterr().err
