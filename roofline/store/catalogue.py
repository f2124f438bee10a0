"""What lies in a store, in one file of the user's cache: derived, disposable, never in the way.

Names are hashes, so a name that was read once needs no second look. A folder that has not changed
since it was listed isn't listed again. Whatever is wrong with the file, it is made anew.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from roofline.errors import RooflineError
from roofline.folders import cache_home
from roofline.records import FORMAT
from roofline.store.index import Entry, Found, choose, digest_in
from roofline.store.outlines import COLUMNS, KEY, Key, Line, Outline, outline_of
from roofline.store.reading import Skipped, read, warn
from roofline.store.schema import FutureFormatError, RecordT, kind_of

Row = tuple[Any, ...]

# With fewer records than this, reading those that matter is as quick.
WORTHWHILE = 300
# Raised when what is kept of a record changes.
_VERSION = f"3/{FORMAT}"
# A folder that changed this recently may change again within its clock's grain.
_SETTLED_SECONDS = 2.0
# Lines lie in their order, with no figures between them: most questions read lines alone.
_TABLES = f"""
create table meta(version text);
create table folders(folder text primary key, mtime integer, settled integer);
create table records({COLUMNS[0]} text primary key, {", ".join(COLUMNS[1:])},
    folder text) without rowid;
create table figures(place text primary key, keys blob, figures blob);
create table skipped(place text primary key, folder text, reason text, future integer);
create table ceilings(id integer primary key, {", ".join(KEY)});
create index by_node on records(node);
create index by_machine on records(machine);
create index by_folder on records(folder);
create index replaced on records(kind, supersedes) where supersedes is not null;
"""


class Catalogue:
    """The lines of a store's records.

    Args:
        root: the store's folder.
        file: where the catalogue is kept; None keeps it in memory.

    """

    def __init__(self, root: Path, file: Path | None) -> None:
        self.root = root
        self._base = _opened(file)
        self._ids: dict[Key, int] = {}

    def refresh(self) -> None:
        """Read what came since the last time, and forget what went."""
        rows = self._base.execute("select folder, mtime, settled from folders")
        known = {name: (mtime, bool(settled)) for name, mtime, settled in rows}
        waiting = ["", *(name for name in known if name)]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            mtime = _mtime(self.root / name)
            if mtime is None:
                self._forget_folder(name)
            elif known.get(name) != (mtime, True):
                waiting += self._list(name, mtime)
        self._base.commit()

    def lines(self, where: str = "1", values: Iterable[object] = ()) -> list[Line]:
        """Return the lines that a condition of SQL over their columns holds for."""
        return [_line(row) for row in self.rows(COLUMNS, f"{where} order by place", values)]

    def rows(self, columns: Iterable[str], where: str, values: Iterable[object] = ()) -> list[Row]:
        """Return columns of the records that a condition of SQL holds for, as SQLite has them."""
        query = f"select {', '.join(columns)} from records where {where}"
        return self._base.execute(query, tuple(values)).fetchall()

    def replaced(self) -> set[tuple[str, str]]:
        """Return kind and hash of the records that others supersede."""
        rows = self.rows(("kind", "supersedes"), "supersedes is not null")
        return {(kind, digest_in(name)) for kind, name in rows}

    def skipped(self) -> list[Skipped]:
        """Return the files that should be records and are not."""
        rows = self._base.execute("select place, reason, future from skipped order by place")
        return [Skipped(path=self.root / p, reason=r, future=bool(f)) for p, r, f in rows]

    def newest(
        self,
        cls: type[RecordT],
        node: str,
        machine: str | None,
        cores: int | None,
        cap: str | None,
    ) -> Found[RecordT] | None:
        """Choose among lines, then read the chosen record; what turns out damaged is left out."""
        warn(self.skipped())
        kind = kind_of(cls)
        lines = self.usable(kind, "node", node) or self.usable(kind, "machine", machine)
        while True:
            chosen = choose(lines, node=node, usable_cores=cores, isa_cap=cap, machine_id=machine)
            if chosen is None:
                return None
            entries, _ = read(self.root, [self.root / chosen[0].place])
            for entry in entries:
                if isinstance(entry.record, cls):
                    found = Entry(path=entry.path, record=entry.record)
                    return Found(entry=found, same_node=chosen[1])
            lines.remove(chosen[0])

    def usable(self, kind: str, column: str, value: str | None) -> list[Line]:
        """Return the valid lines of a node or a type of machine that nothing supersedes."""
        replaced = self.replaced()
        lines = self.lines(f"kind = ? and valid and {column} = ?", (kind, value))
        return [one for one in lines if (kind, digest_in(one.name)) not in replaced]

    def ceilings(self) -> Mapping[int, Key]:
        """Return what names each ceiling, by the number that stands for it."""
        rows = self._base.execute(f"select id, {', '.join(KEY)} from ceilings")
        return {number: tuple(key) for number, *key in rows}

    def figures(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield place, ceilings' numbers and their figures of each record."""
        query = "select place, keys, figures from figures order by place"
        yield from self._base.execute(query)

    def _list(self, name: str, mtime: int) -> list[str]:
        """Read a folder's new files and return the folders in it."""
        begun = time.time()
        folders, files = [], []
        try:
            entries = os.scandir(self.root / name)
        except OSError as error:
            self._skip(name, name, RooflineError(f"cannot be read: {error.strerror}."))
            return []
        with entries:
            for one in entries:
                if one.name.startswith("."):
                    continue
                below = f"{name}/{one.name}" if name else one.name
                if one.is_dir(follow_symlinks=False):
                    folders.append(below)
                elif name and (one.name.endswith(".json") or one.is_dir()):
                    files.append(below)
        self._take(name, files)
        settled = begun - mtime / 1e9 > _SETTLED_SECONDS
        self._base.execute(
            "insert or replace into folders values (?, ?, ?)", (name, mtime, settled)
        )
        return folders

    def _take(self, folder: str, files: list[str]) -> None:
        known = {place for (place,) in self.rows(("place",), "folder = ?", (folder,))}
        gone = [(place,) for place in known.difference(files)]
        for table in ("records", "figures"):
            self._base.executemany(f"delete from {table} where place = ?", gone)
        self._base.execute("delete from skipped where folder = ?", (folder,))
        new = iter(sorted({*files} - known))
        while batch := list(islice(new, 500)):
            for place in batch:
                self._add(folder, place)
            # A reader that is interrupted keeps what it has.
            self._base.commit()

    def _add(self, folder: str, place: str) -> None:
        try:
            found = outline_of(self.root / place, self.root)
        except (RooflineError, OSError) as error:
            self._skip(folder, place, error)
            return
        cells = [getattr(found.line, name) for name in COLUMNS]
        row_of = ", ".join("?" * (len(cells) + 1))
        self._base.execute(f"insert or replace into records values ({row_of})", [*cells, folder])
        figures = (place, self._numbers(found), found.figures.tobytes())
        self._base.execute("insert or replace into figures values (?, ?, ?)", figures)

    def _skip(self, folder: str, place: str, error: Exception) -> None:
        row = (place, folder, str(error), isinstance(error, FutureFormatError))
        self._base.execute("insert or replace into skipped values (?, ?, ?, ?)", row)

    def _numbers(self, found: Outline) -> bytes:
        if not self._ids:
            self._ids = {key: number for number, key in self.ceilings().items()}
        for key in found.keys:
            if key not in self._ids:
                # Another process may have added ceilings meanwhile: the base gives the number.
                marks = ", ".join("?" * len(KEY))
                new = self._base.execute(
                    f"insert into ceilings({', '.join(KEY)}) values ({marks})", key
                )
                self._ids[key] = int(new.lastrowid or 0)
        return array("i", (self._ids[key] for key in found.keys)).tobytes()

    def _forget_folder(self, name: str) -> None:
        inside = "select place from records where folder = ?"
        self._base.execute(f"delete from figures where place in ({inside})", (name,))
        for table in ("records", "skipped", "folders"):
            self._base.execute(f"delete from {table} where folder = ?", (name,))


def worthwhile(root: Path) -> Catalogue | None:
    """Return a store's catalogue, up to date, where there are records enough for one."""
    file = _file(root)
    if not (file and file.exists()) and not _many(root):
        return None
    return catalogue_of(root)


def catalogue_of(root: Path) -> Catalogue:
    """Return a store's catalogue, up to date; made anew where it is damaged, old or locked."""
    file = _file(root)
    try:
        if file is not None:
            made = Catalogue(root, file)
            made.refresh()
            return made
    except (sqlite3.Error, OSError):
        with suppress(OSError):
            if file is not None and not _healthy(file):
                file.unlink(missing_ok=True)
    made = Catalogue(root, None)
    made.refresh()
    return made


def _opened(file: Path | None) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:" if file is None else file, timeout=10)
    # It can be made anew: a power cut may have it.
    base.execute("pragma synchronous = off")
    base.execute("pragma cache_size = -16000")
    tables = base.execute("select count(*) from sqlite_master").fetchone()[0]
    if tables and base.execute("select version from meta").fetchone() != (_VERSION,):
        base.close()
        if file is not None:
            file.unlink()
        return _opened(file)
    if not tables:
        base.executescript(_TABLES)
        base.execute("insert into meta values (?)", (_VERSION,))
        base.commit()
    return base


def _file(root: Path) -> Path | None:
    """Return where a store's catalogue is kept, or None where there is no such place."""
    folder = cache_home() / "catalogues"
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{name}.sqlite"


def _healthy(file: Path) -> bool:
    try:
        with sqlite3.connect(file, timeout=1) as base:
            return bool(base.execute("pragma quick_check").fetchone() == ("ok",))
    except sqlite3.OperationalError:
        return True  # somebody else is writing it
    except sqlite3.Error:
        return False


def _many(root: Path) -> bool:
    count = 0
    for _, folders, names in os.walk(root):
        folders[:] = [one for one in folders if not one.startswith(".")]
        count += sum(name.endswith(".json") for name in names)
        if count >= WORTHWHILE:
            return True
    return False


def _mtime(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None


def _line(row: Row) -> Line:
    # SQLite knows no truth.
    quick = COLUMNS.index("quick")
    return Line._make((*row[:quick], bool(row[quick]), bool(row[quick + 1]), *row[quick + 2 :]))
