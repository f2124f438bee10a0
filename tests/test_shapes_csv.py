"""Lists of shapes are read from CSV, written so that they can be read, and slips are named."""

import io
import os
import tracemalloc
from pathlib import Path

import pytest

from roofline.errors import RooflineError
from roofline.records import ConvShape, Layer
from roofline.shapes import MOST_SHAPES, default_sweep, draw, read_shapes, write_shapes

HEADER = "in_channels,height,width,out_channels,kernel"
ROW = "64,56,56,64,3"
FULL = (
    "name,batch,in_channels,height,width,out_channels,kernel,stride,padding,dilation,groups,"
    "bias,dtype"
)


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "shapes.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(tmp_path: Path, *lines: str) -> tuple[Layer, ...]:
    return read_shapes(written(tmp_path, "\n".join(lines) + "\n"))


def refusal(path: Path) -> str:
    with pytest.raises(RooflineError) as caught:
        read_shapes(path)
    assert caught.value.exit_code == 2
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_only_five_columns_are_needed(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, HEADER, ROW)
    assert layer.shape == ConvShape(
        in_channels=64, height=56, width=56, out_channels=64, kernel=(3, 3)
    )
    assert layer.name == layer.shape.text


def test_every_column_is_read(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, FULL, "mine,3,8,20,30,12,3x5,2x1,1x2,2x3,4,yes,float64")
    assert layer == Layer(
        name="mine",
        shape=ConvShape(
            batch=3,
            in_channels=8,
            height=20,
            width=30,
            out_channels=12,
            kernel=(3, 5),
            stride=(2, 1),
            padding=(1, 2),
            dilation=(2, 3),
            groups=4,
            bias=True,
            dtype="float64",
        ),
    )


def test_columns_come_in_any_order_and_case(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, "Kernel, width,height,OUT_channels,in_channels", "1, 5,7,3, 2")
    assert layer.shape.text == "2x7x5 -> 3, 1x1"


def test_an_empty_cell_is_its_default(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, FULL, ",,64,56,56,64,3,,,,,,")
    assert layer == Layer(name="64x56x56 -> 64, 3x3", shape=layer.shape)
    assert layer.shape == read(tmp_path, HEADER, ROW)[0].shape


@pytest.mark.parametrize("text", ["1", "true", "yes", "TRUE", "Yes"])
def test_bias_is_told_in_several_words(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, HEADER + ",bias", f"{ROW},{text}")[0].shape.bias is True


@pytest.mark.parametrize("text", ["0", "false", "no", "No", ""])
def test_no_bias_too(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, HEADER + ",bias", f"{ROW},{text}")[0].shape.bias is False


@pytest.mark.parametrize(
    ("kernel", "dilation", "padding"),
    [("3", "1", (1, 1)), ("7", "2", (6, 6)), ("1x5", "3", (0, 6)), ("1", "1", (0, 0))],
)
def test_same_padding_follows_kernel_and_dilation(
    tmp_path: Path, kernel: str, dilation: str, padding: tuple[int, int]
) -> None:
    row = f"8,40,40,8,{kernel},{dilation},same"
    (layer,) = read(tmp_path, HEADER + ",dilation,padding", row)
    assert layer.shape.padding == padding
    assert (layer.shape.out_height, layer.shape.out_width) == (40, 40)


def test_blank_and_comment_lines_are_skipped(tmp_path: Path) -> None:
    lines = ("# a list", "", HEADER, "  ", "# 1,2,3", ROW, ",,,,", "  # end")
    assert len(read(tmp_path, *lines)) == 1


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_either_line_end_are_fine(
    tmp_path: Path, start: bytes, end: bytes
) -> None:
    path = written(tmp_path, start + end.join([HEADER.encode(), ROW.encode()]))
    assert read_shapes(path)[0].shape.text == "64x56x56 -> 64, 3x3"


def test_names_may_be_quoted_and_in_any_script(tmp_path: Path) -> None:
    layers = read(tmp_path, "name," + HEADER, f'"stem, wide",{ROW}', f"卷积,{ROW}")
    assert [layer.name for layer in layers] == ["stem, wide", "卷积"]


def test_equal_shapes_without_a_name_are_told_apart_by_their_lines(tmp_path: Path) -> None:
    names = [layer.name for layer in read(tmp_path, HEADER, ROW, ROW, ROW)]
    assert names == ["64x56x56 -> 64, 3x3", "line-3", "line-4"]


@pytest.mark.parametrize(
    "layers",
    [default_sweep(), draw(200, 3), draw(50, 3, "float64")],
    ids=["default", "random", "float64"],
)
def test_what_is_written_is_read_back(tmp_path: Path, layers: tuple[Layer, ...]) -> None:
    stream = io.StringIO()
    write_shapes(layers, stream)
    assert read_shapes(written(tmp_path, stream.getvalue())) == layers


def test_the_written_form_is_plain(tmp_path: Path) -> None:
    stream = io.StringIO()
    (layer,) = read(tmp_path, FULL, '"a ""b"", c",1,8,20,30,8,3x5,2,1x2,1,8,yes,float32')
    write_shapes([layer], stream)
    assert stream.getvalue() == f'{FULL}\n"a ""b"", c",1,8,20,30,8,3x5,2,1x2,1,8,1,float32\n'


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("in_channels", "many", "'many' is no whole number"),
        ("in_channels", "", "empty"),
        ("height", "5.5", "'5.5' is no whole number"),
        ("height", "1e3", "'1e3' is no whole number"),
        ("width", "1_0", "'1_0' is no whole number"),
        ("width", "\uff11\uff12", "is no whole number"),
        ("batch", "9" * 40, "is no whole number of at most 9 digits"),
        ("kernel", "3x", "'3x' is neither"),
        ("kernel", "3x3x3", "'3x3x3' is neither"),
        ("kernel", "2.5", "'2.5' is neither"),
        ("kernel", "", "empty"),
        ("stride", "two", "'two' is neither"),
        ("padding", "valid", "'valid' is neither"),
        ("bias", "2", "'2' is none of 0, 1, false, true, no, yes"),
        ("name", "#1", "'#1' can't be a name"),
        ("name", "\x1b[31mred", "can't be a name"),
        ("name", "n" * 101, "can't be a name"),
    ],
)
def test_a_slip_in_a_cell_is_named_with_line_and_column(
    tmp_path: Path, column: str, text: str, reason: str
) -> None:
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | {column: text}
    row = ",".join(f'"{cell}"' for cell in cells.values())
    sentence = refusal(written(tmp_path, f"# made by hand\n{','.join(cells)}\n{row}\n"))
    assert f", line 3, column {column}: " in sentence
    assert reason in sentence
    assert "\x1b" not in sentence
    assert len(sentence) < 250 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("batch", "0", "batch is 0"),
        ("in_channels", "-3", "in channels is -3"),
        ("height", "99999999", "height is 99999999"),
        ("kernel", "0x3", "kernel is 0"),
        ("kernel", "-1", "kernel is -1"),
        ("kernel", "59", "larger than the padded input"),
        ("stride", "0", "stride is 0"),
        ("padding", "-1", "padding is -1"),
        ("dilation", "1x0", "dilation is 0"),
        ("groups", "0", "groups is 0"),
        ("groups", "7", "7 groups don't divide 64 input channels"),
        ("dtype", "float16", "unknown dtype 'float16'"),
    ],
)
def test_what_is_no_convolution_is_named_with_its_line(
    tmp_path: Path, column: str, text: str, reason: str
) -> None:
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | {column: text}
    sentence = refusal(written(tmp_path, f"{','.join(cells)}\n{','.join(cells.values())}\n"))
    assert ", line 2: " in sentence
    assert reason in sentence


def test_same_padding_needs_an_odd_kernel(tmp_path: Path) -> None:
    sentence = refusal(written(tmp_path, f"{HEADER},padding\n8,9,9,8,3x4,same\n"))
    assert "line 2, column padding: 'same' needs an odd kernel, not 3x4" in sentence


def test_all_missing_columns_are_named(tmp_path: Path) -> None:
    sentence = refusal(written(tmp_path, "name,height,out_channels\nx,1,1\n"))
    assert "line 1: missing: in_channels, width, kernel;" in sentence


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{HEADER},colour\n{ROW},1\n", "line 1: unknown column 'colour'; the known ones are name"),
        (f"{HEADER},\n{ROW},\n", "line 1: unknown column ''"),
        (HEADER.replace(",", ";"), "line 1: unknown column"),
        (f"{HEADER},kernel\n{ROW},3\n", "line 1: column kernel stands there twice"),
        (f"{HEADER}\n64,56,56,64\n", "line 2: too few cells: 4 where the header has 5"),
        (f"{HEADER}\n{ROW}\n{ROW},1\n", "line 3: too many cells: 6 where the header has 5"),
        (f"name,{HEADER}\na,{ROW}\nb,{ROW}\na,{ROW}\n", "line 4, column name: 'a' is the name of"),
        (f'{HEADER}\n"64,56,56,64,3\n', "line 2: no line of CSV"),
        (f"{HEADER}\r{ROW}\r", "line 1: no line of CSV"),
        (f"{HEADER}\n{ROW}\n{ROW}\0\n", "line 3: a NUL byte"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "line 1: a NUL byte"),
        (f"name,{HEADER}\nd\xe9,{ROW}\n".encode("latin-1"), "line 2: byte 2 is not UTF-8"),
        ("", "is empty: name the columns first"),
        ("\n# nothing\n\n", "is empty: name the columns first"),
        (f"{HEADER}\n# nothing\n", "names columns but no shape"),
        (f"{HEADER}\n{ROW}{' ' * 5000}\n", "line 2: longer than 4096 bytes"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    assert reason in refusal(written(tmp_path, content))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.csv")
    assert "Is a directory" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}\n{ROW}\n")
    path.chmod(0)
    assert "Permission denied" in refusal(path)


def test_as_many_shapes_as_allowed_and_not_one_more(tmp_path: Path) -> None:
    rows = [HEADER] + ["1,1,1,1,1"] * MOST_SHAPES
    assert len(read(tmp_path, *rows)) == MOST_SHAPES
    sentence = refusal(written(tmp_path, "\n".join([*rows, "not,even,a,right,row"])))
    assert f"line {MOST_SHAPES + 2}: more than {MOST_SHAPES} shapes" in sentence


def test_endless_comments_come_to_an_end(tmp_path: Path) -> None:
    assert "line 100001: more than 100000 lines" in refusal(written(tmp_path, "#\n" * 100_001))


@pytest.mark.parametrize("line", ["1,1,1,1,1\n", "1,1,1,1,"], ids=["rows", "one line"])
def test_a_huge_file_is_not_read_into_memory(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"{HEADER}\n")
    with path.open("a") as stream:
        stream.writelines(line * 100_000 for _ in range(30))
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 20e6
    assert peak < 15e6
