"""Lists of convolutions as CSV: read line by line, each slip named with its place, and written."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from roofline.errors import RooflineError
from roofline.physics.workload import check
from roofline.records import ConvShape, Layer, Pair, pair_text
from roofline.shapes.notation import NUMBER, pair

COLUMNS = (
    *("name", "batch", "in_channels", "height", "width", "out_channels"),
    *("kernel", "stride", "padding", "dilation", "groups", "bias", "dtype"),
)
REQUIRED = ("in_channels", "height", "width", "out_channels", "kernel")
MOST_SHAPES = 10_000
# With comments and blank lines; ends the reading of a stream that never does.
MOST_LINES = 10 * MOST_SHAPES
MOST_BYTES_A_LINE = 4096
MOST_CHARACTERS_A_NAME = 100
_USUAL = {
    **{"batch": "1", "stride": "1", "padding": "0", "dilation": "1", "groups": "1"},
    **{"bias": "0", "dtype": "float32"},
}
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}


class _Place(NamedTuple):
    path: Path
    line: int

    def refusal(self, reason: str, column: str = "") -> RooflineError:
        where = f", column {column}" if column else ""
        return RooflineError(f"{self.path}, line {self.line}{where}: {reason}.")


def read_shapes(path: Path) -> tuple[Layer, ...]:
    """Read a list of convolutions; all columns but `REQUIRED` may be left out.

    Raises:
        RooflineError: the file can't be read, or something in it is no list of convolutions.

    """
    try:
        with path.open("rb") as stream:
            return _layers(path, stream)
    except OSError as error:
        raise RooflineError(
            f"cannot read shapes from {path}: {error.strerror}; give the path of a CSV file."
        ) from error


def write_shapes(layers: Iterable[Layer], stream: TextIO) -> None:
    """Write layers so that `read_shapes` reads the same ones."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layer in layers:
        writer.writerow([layer.name, *(_written(layer.shape, name) for name in COLUMNS[1:])])


def _written(shape: ConvShape, name: str) -> str:
    value: int | str | Pair = getattr(shape, name)
    if isinstance(value, tuple):
        return pair_text(value)
    return str(int(value) if isinstance(value, bool) else value)


def _layers(path: Path, stream: BinaryIO) -> tuple[Layer, ...]:
    rows = _rows(path, stream)
    first = next(rows, None)
    if first is None:
        raise RooflineError(f"{path} is empty: name the columns first ({', '.join(COLUMNS)}).")
    columns = _header(*first)
    layers: dict[str, Layer] = {}
    for place, cells in rows:
        if len(layers) == MOST_SHAPES:
            raise place.refusal(f"more than {MOST_SHAPES} shapes; give fewer")
        layer = _layer(_Row(place, _by_column(place, columns, cells)), layers)
        layers[layer.name] = layer
    if not layers:
        raise RooflineError(f"{path} names columns but no shape: add a line for each.")
    return tuple(layers.values())


def _rows(path: Path, stream: BinaryIO) -> Iterator[tuple[_Place, list[str]]]:
    for place, text in _lines(path, stream):
        if text.strip() and not text.lstrip().startswith("#"):
            cells = _cells(place, text)
            if any(cells):
                yield place, cells


def _lines(path: Path, stream: BinaryIO) -> Iterator[tuple[_Place, str]]:
    for number in count(1):
        raw = stream.readline(MOST_BYTES_A_LINE + 1)
        if not raw:
            return
        place = _Place(path, number)
        if number > MOST_LINES:
            raise place.refusal(f"more than {MOST_LINES} lines; give fewer")
        yield place, _decoded(place, raw)


def _decoded(place: _Place, raw: bytes) -> str:
    if len(raw) > MOST_BYTES_A_LINE:
        raise place.refusal(f"longer than {MOST_BYTES_A_LINE} bytes; give one shape a line")
    if b"\0" in raw:
        raise place.refusal("a NUL byte; save the file as UTF-8 text")
    try:
        return raw.decode("utf-8-sig" if place.line == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise place.refusal(f"byte {error.start + 1} is not UTF-8; save it as such") from error


def _cells(place: _Place, text: str) -> list[str]:
    try:
        cells = next(csv.reader([text], strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise place.refusal(f"no line of CSV ({error}); correct it there") from error
    return [cell.strip() for cell in cells]


def _header(place: _Place, cells: list[str]) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for number, column in enumerate(columns):
        if column not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise place.refusal(f"unknown column {column[:40]!r}; the known ones are {known}")
        if column in columns[:number]:
            raise place.refusal(f"column {column} stands there twice; remove one")
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise place.refusal(f"missing: {', '.join(missing)}; add what each shape needs")
    return columns


def _by_column(place: _Place, columns: list[str], cells: list[str]) -> Mapping[str, str]:
    if len(cells) != len(columns):
        odd = "too few" if len(cells) < len(columns) else "too many"
        raise place.refusal(f"{odd} cells: {len(cells)} where the header has {len(columns)}")
    return dict(zip(columns, cells, strict=True))


class _Row(NamedTuple):
    place: _Place
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        found = self.cells.get(column) or _USUAL.get(column)
        if found is None:
            raise self.place.refusal("empty; each shape needs it", column)
        return found

    def number(self, column: str) -> int:
        text = self.text(column)
        if re.fullmatch(f"-?{NUMBER}", text) is None:
            reason = f"{text[:40]!r} is no whole number of at most 9 digits"
            raise self.place.refusal(reason, column)
        return int(text)

    def pair(self, column: str) -> Pair:
        text = self.text(column)
        try:
            return pair(text.lower())
        except ValueError as error:
            also = ", and no 'same'" if column == "padding" else ""
            reason = f"{text[:40]!r} is neither a whole number nor two like 3x5{also}"
            raise self.place.refusal(reason, column) from error

    def flag(self, column: str) -> bool:
        text = self.text(column)
        if text.lower() not in _FLAGS:
            reason = f"{text[:40]!r} is none of {', '.join(_FLAGS)}"
            raise self.place.refusal(reason, column)
        return _FLAGS[text.lower()]

    def padding(self, kernel: Pair, dilation: Pair) -> Pair:
        if self.text("padding").lower() != "same":
            return self.pair("padding")
        if not kernel[0] % 2 or not kernel[1] % 2:
            reason = f"'same' needs an odd kernel, not {pair_text(kernel)}; give numbers"
            raise self.place.refusal(reason, "padding")
        return (kernel[0] - 1) * dilation[0] // 2, (kernel[1] - 1) * dilation[1] // 2


def _layer(row: _Row, earlier: Mapping[str, Layer]) -> Layer:
    shape = _shape(row)
    name = row.cells.get("name") or ""
    if not name:
        name = f"line-{row.place.line}" if shape.text in earlier else shape.text
    if name in earlier:
        raise row.place.refusal(f"{name[:40]!r} is the name of an earlier line, too", "name")
    if len(name) > MOST_CHARACTERS_A_NAME or not name.isprintable() or name.startswith("#"):
        reason = (
            f"{name[:40]!r} can't be a name; give at most {MOST_CHARACTERS_A_NAME} printable "
            "characters, no # in front"
        )
        raise row.place.refusal(reason, "name")
    return Layer(name=name, shape=shape)


def _shape(row: _Row) -> ConvShape:
    kernel, dilation = row.pair("kernel"), row.pair("dilation")
    shape = ConvShape(
        batch=row.number("batch"),
        in_channels=row.number("in_channels"),
        height=row.number("height"),
        width=row.number("width"),
        out_channels=row.number("out_channels"),
        kernel=kernel,
        stride=row.pair("stride"),
        padding=row.padding(kernel, dilation),
        dilation=dilation,
        groups=row.number("groups"),
        bias=row.flag("bias"),
        dtype=row.text("dtype"),
    )
    try:
        return check(shape)
    except RooflineError as error:
        raise row.place.refusal(str(error).rstrip(".")) from error
