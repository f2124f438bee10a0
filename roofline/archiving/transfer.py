"""Records copied from one store to another: each checked, written once, samples before record."""

import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from roofline.errors import RooflineError
from roofline.store.shelf import SAMPLES, Address, Shelf, ShelfError, agrees, is_record

# Side by side, since most of the time goes into waiting for an answer.
_AT_ONCE = 16

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Copied:
    """What a transfer did.

    Attributes:
        new: places of the records that came.
        kept: how many were there already.
        refused: what was wrong, by place.

    """

    new: list[str] = field(default_factory=list)
    kept: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def transfer(
    source: Shelf,
    target: Shelf,
    wanted: Callable[[Address], bool] = lambda _: True,
    progress: Progress = lambda _done, _total, _what: None,
) -> Copied:
    """Copy what the target lacks; what was interrupted goes on where it was.

    Raises:
        ShelfError: one of the two can't be used any more.

    """
    places = source.places()
    have, there = set(target.places()), set(places)
    records = [one for one in places if is_record(one) and wanted(one)]
    result = Copied()

    def one(place: Address) -> tuple[Address, bool | str]:
        try:
            return place, _copy(source, target, place, there, have)
        except ShelfError as error:
            raise ShelfError(f"{error} What came is kept: the same command goes on.") from error
        except RooflineError as error:
            return place, str(error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, (place, outcome) in enumerate(pool.map(one, records)):
            progress(done, len(records), place.name)
            _note(result, place, outcome)
    return result


def samples_of(data: bytes, place: Address) -> tuple[Address, str] | None:
    """Return where a record's samples lie and their SHA-256, or None where it has none.

    Raises:
        RooflineError: it names a file that no samples can lie in.

    """
    try:
        named = json.loads(data).get("samples")
    except (ValueError, AttributeError, RecursionError):
        raise RooflineError(f"{place.text} is no JSON record.") from None
    if named is None:
        return None
    if not isinstance(named, dict) or not SAMPLES.fullmatch(str(named.get("name"))):
        raise RooflineError(f"{place.text} names samples that are no file beside it.")
    return place.beside(named["name"]), str(named.get("sha256"))


def _copy(
    source: Shelf, target: Shelf, place: Address, there: set[Address], have: set[Address]
) -> bool:
    """Copy a record and its samples; False where both were there."""
    data = target.read(place) if place in have else source.read(place)
    if not agrees(place, data):
        raise RooflineError(f"{place.text} is damaged or edited: its hash is another.")
    named = samples_of(data, place)
    if named is not None and named[0] not in have and named[0] in there:
        samples = source.read(named[0])
        if hashlib.sha256(samples).hexdigest() != named[1]:
            raise RooflineError(f"{named[0].text} is damaged: its hash is another.")
        target.write(named[0], samples)
    return target.write(place, data) if place not in have else False


def _note(result: Copied, place: Address, outcome: bool | str) -> None:
    if isinstance(outcome, str):
        result.refused[place.text] = outcome
    elif outcome:
        result.new.append(place.text)
    else:
        result.kept += 1


def chosen(sites: Iterable[str], machines: Iterable[str]) -> Callable[[Address], bool]:
    """Return whether a place is of these sites and of machines that begin so; all if none."""
    places, types = tuple(sites), tuple(machines)

    def wanted(place: Address) -> bool:
        fits = not types or place.machine.startswith(types)
        return fits and (not places or place.site in places)

    return wanted
