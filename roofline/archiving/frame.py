"""An archive as pandas: one row a record, or one a ceiling."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from roofline.store.catalogue import Catalogue, catalogue_of
from roofline.store.files import open_store
from roofline.store.index import current
from roofline.store.outlines import COLUMNS, FIGURES, KEY, Line

if TYPE_CHECKING:
    import pandas

    from roofline.store.files import Store

_WORDS = ("kind", "site", "machine", "node", "isa_cap", "suite_version", "architecture", "vendor")
_MORE_WORDS = ("brand", "microarchitecture", "hypervisor")


class Archive:
    """A store's records to be asked about all at once."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def catalogue(self) -> Catalogue:
        """Return the list of what lies there now."""
        self.store.refresh()
        return catalogue_of(self.store.root)

    def lines(self) -> list[Line]:
        """Return a line a record, in the order of their places."""
        return self.catalogue().lines()

    def frame(self, *, long: bool = False) -> pandas.DataFrame:
        """Return one row a record; `long`: one a ceiling, with the record's place beside it.

        Figures are in SI units. `current` is False where another record supersedes this one.
        """
        catalogue = self.catalogue()
        return _long(catalogue) if long else _wide(catalogue.lines())


def open_archive(address: str | None = None) -> Archive:
    """Return the archive at a path or URL, else at the usual place."""
    return Archive(open_store(address))


def _wide(lines: list[Line]) -> pandas.DataFrame:
    import pandas

    kept = {one.place for one in current(lines)}
    cells = {name: [getattr(one, name) for one in lines] for name in COLUMNS}
    frame = pandas.DataFrame(cells)
    frame["current"] = [one.place in kept for one in lines]
    frame["knee"] = pandas.to_numeric(frame["flops"]) / pandas.to_numeric(frame["bandwidth"])
    frame["started"] = pandas.to_datetime(frame["started"], utc=True, format="ISO8601")
    return frame.astype(dict.fromkeys((*_WORDS, *_MORE_WORDS), "category"))


def _long(catalogue: Catalogue) -> pandas.DataFrame:
    """Return a row a ceiling; figures are packed, since there are millions of them."""
    import numpy
    import pandas

    places: list[str] = []
    owners, numbers, figures = array("i"), array("i"), array("d")
    for place, keys, values in catalogue.figures():
        before = len(numbers)
        numbers.frombytes(keys)
        figures.frombytes(values)
        owners.extend([len(places)] * (len(numbers) - before))
        places.append(place)
    known = catalogue.ceilings()
    which = numpy.frombuffer(numbers, dtype=numpy.int32)
    columns: dict[str, Any] = {"place": _category(numpy.frombuffer(owners, numpy.int32), places)}
    for column, name in enumerate(KEY):
        words = [known[number][column] for number in sorted(known)]
        columns[name] = _spread(which, sorted(known), words)
    table = numpy.frombuffer(figures, dtype=numpy.float64).reshape(-1, len(FIGURES))
    columns |= {name: table[:, place] for place, name in enumerate(FIGURES)}
    return pandas.DataFrame(columns, copy=False)


def _category(codes: Any, words: list[Any]) -> Any:
    import pandas

    return pandas.Categorical.from_codes(codes, pandas.Index(words))


def _spread(which: Any, numbers: list[int], words: list[Any]) -> Any:
    """Return a word for each ceiling, each word kept once."""
    import numpy

    distinct = list(dict.fromkeys(word for word in words if word is not None))
    codes = {word: code for code, word in enumerate(distinct)}
    codes_of = numpy.full(max(numbers, default=0) + 1, -1, dtype=numpy.int16)
    codes_of[numbers] = [-1 if word is None else codes[word] for word in words]
    return _category(codes_of[which], distinct)
