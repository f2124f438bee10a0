"""The default sweep covers what it promises to cover, with work that a sweep can afford."""

import subprocess
import sys
from dataclasses import replace

import pytest

from roofline.errors import RooflineError
from roofline.physics.workload import check, conv_work
from roofline.records import CONV_CLASSES, ConvShape
from roofline.shapes import default_sweep, parse_shape

LAYERS = default_sweep()
BY_NAME = {layer.name: layer.shape for layer in LAYERS}


def flops(name: str) -> int:
    return conv_work(BY_NAME[name]).flops


def test_lists_of_shapes_need_nothing_but_the_standard_library() -> None:
    told = "import roofline.shapes, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert "roofline" in found
    assert not found & {"numba", "numpy", "pandas", "matplotlib", "rich", "cattrs", "psutil"}


def test_about_sixty_layers_each_with_a_name_and_a_shape_of_its_own() -> None:
    assert 58 <= len(LAYERS) <= 64
    assert len(BY_NAME) == len(LAYERS)
    assert len({layer.shape for layer in LAYERS}) == len(LAYERS)


def test_names_are_lower_case_words_joined_by_hyphens() -> None:
    for name in BY_NAME:
        assert all(word.isalnum() and word == word.lower() for word in name.split("-")), name


def test_every_layer_is_a_convolution_of_single_precision() -> None:
    for layer in LAYERS:
        assert check(layer.shape).dtype == "float32"


def test_each_class_kernel_stride_and_batch_occurs() -> None:
    classes = [layer.shape.conv_class for layer in LAYERS]
    assert all(classes.count(name) >= 10 for name in CONV_CLASSES)
    assert {layer.shape.kernel for layer in LAYERS} >= {(k, k) for k in (1, 3, 5, 7)}
    assert {layer.shape.stride for layer in LAYERS} == {(1, 1), (2, 2)}
    assert {layer.shape.batch for layer in LAYERS} == {1, 4, 16}
    assert any(layer.shape.dilation == (2, 2) for layer in LAYERS)
    assert any(layer.shape.kernel[0] != layer.shape.kernel[1] for layer in LAYERS)
    assert {layer.shape.bias for layer in LAYERS} == {False, True}


@pytest.mark.parametrize(
    ("network", "classes"),
    [
        ("resnet50", {"dense", "pointwise"}),
        ("mobilenet1", {"dense", "depthwise", "pointwise"}),
        ("mobilenet2", {"depthwise", "pointwise"}),
        ("shufflenet", {"grouped", "depthwise"}),
    ],
)
def test_each_network_shows_its_classes(network: str, classes: set[str]) -> None:
    shapes = [shape for name, shape in BY_NAME.items() if name.startswith(network)]
    assert {shape.conv_class for shape in shapes} == classes


@pytest.mark.parametrize("name", [name for name in BY_NAME if name.endswith("-s2")])
def test_a_name_that_says_strided_is(name: str) -> None:
    assert BY_NAME[name].stride == (2, 2)


def test_strided_layers_say_so_in_their_names() -> None:
    strided = {layer.name for layer in LAYERS if layer.shape.stride != (1, 1)}
    assert strided == {name for name in BY_NAME if name.endswith("-s2")}


def test_pairs_differ_in_nothing_but_their_groups() -> None:
    dense = [name for name in BY_NAME if name.startswith("pair-") and name.endswith("-dense")]
    assert len(dense) >= 3
    for name in dense:
        other = BY_NAME[name.replace("-dense", "-depthwise")]
        assert other == replace(BY_NAME[name], groups=other.in_channels)
        assert BY_NAME[name].height == int(name.split("-")[1])


@pytest.mark.parametrize("channels", [128, 256])
def test_groups_double_from_dense_to_depthwise(channels: int) -> None:
    prefix = f"groups-{channels}-g"
    series = [shape for name, shape in BY_NAME.items() if name.startswith(prefix)]
    assert [shape.groups for shape in series] == [2**n for n in range(channels.bit_length())]
    assert (series[0].conv_class, series[-1].conv_class) == ("dense", "depthwise")
    assert {replace(shape, groups=1) for shape in series} == {series[0]}
    assert all(BY_NAME[f"{prefix}{shape.groups}"] == shape for shape in series)


def test_the_article_s_operators_are_those_that_fit_what_it_says() -> None:
    sizes = {
        "article-op1": (128, 20, 1),
        "article-op2": (128, 40, 1),
        "article-op3": (128, 20, 8),
        "article-op4": (128, 20, 128),
        "article-op5": (16, 224, 16),
        "article-op6": (16, 224, 1),
    }
    for name, (channels, size, groups) in sizes.items():
        assert BY_NAME[name] == ConvShape(
            in_channels=channels,
            height=size,
            width=size,
            out_channels=channels,
            kernel=(3, 3),
            padding=(1, 1),
            groups=groups,
            bias=True,
        )
    assert conv_work(BY_NAME["article-op4"]).intensity == pytest.approx(2.346, abs=5e-4)
    # "The depthwise op has 1/130 of the FLOPs of the first"; counted with biases it is 1/121.
    assert 115 < flops("article-op1") / flops("article-op4") < 135


def test_a_sweep_of_all_is_quick() -> None:
    large = [layer for layer in LAYERS if flops(layer.name) > 1.5e9]
    assert len(large) <= 2
    assert all(layer.shape.batch == 16 for layer in large)
    assert sum(flops(name) for name in BY_NAME) < 20e9
    assert sum(conv_work(shape).traffic.total for shape in BY_NAME.values()) < 250e6


def test_known_layers_have_their_known_work() -> None:
    # Multiply-adds of ResNet-50's stem and of its 3x3 layers as in its paper's table.
    assert flops("resnet50-conv1-7x7-s2") == 2 * 118_013_952
    same = ["resnet50-conv2-3x3", "resnet50-conv3-3x3", "resnet50-conv4-3x3", "resnet50-conv5-3x3"]
    assert {flops(name) for name in same} == {2 * 115_605_504}
    assert flops("mobilenet1-112-depthwise") == 19 * 32 * 112 * 112


@pytest.mark.parametrize("name", BY_NAME)
def test_the_short_notation_is_read_back(name: str) -> None:
    assert parse_shape(BY_NAME[name].text) == BY_NAME[name]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no convolution"),
        ("64x56x56 -> 64", "no convolution"),
        ("64x56x56 -> 64, 3x3 q1", "no convolution"),
        ("64x56x56 -> 64, 3x3 s1x2x3", "no convolution"),
        ("64x56x56 -> 64, 3x3 p1 s2", "no convolution"),
        ("64x-56x56 -> 64, 3x3", "no convolution"),
        ("64x56x56 -> 64, 3x3 g5", "5 groups"),
        ("64x2x56 -> 64, 3x3", "larger than the padded"),
        ("0x56x56 -> 64, 3x3", "in channels is 0"),
        ("6" * 1000, "no convolution"),
    ],
)
def test_what_is_no_shape_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RooflineError, match=reason) as caught:
        parse_shape(text)
    assert len(str(caught.value)) < 300
