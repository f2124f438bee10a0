"""Turns: ours and every library run each layer once a round, the multiply-add peak beside ours.

The order is turned round from one round to the next, so that drift hits all alike. Every run is on
memory just mapped, and every answer was checked before it was first timed.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roofline.comparing.anchors import Probe
from roofline.comparing.runner import Runner
from roofline.errors import RooflineError
from roofline.host.child import Child, Progress
from roofline.host.subjects import END_TO_END, OURS
from roofline.physics.robust import median
from roofline.records import Case
from versus.convolutions.layers import Item

# Ours alone, and with the copies that a user pays who has planes of channels.
BOTH = (OURS, END_TO_END)
ROUNDS = 7
_SAMPLES = 3
# A kernel's own profile counts whole steps: below so many, its times say little.
_STEPS = 10


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody who runs layers, in a child of its own."""

    name: str
    child: Child
    runner: Runner


@dataclass(slots=True)
class Seen:
    """What was seen of a layer.

    Attributes:
        seconds: of a call, one median a round, by player.
        peaks: FLOP/s of multiply-adds beside ours, one a round.
        details: what each player tells of how it ran.
        left: why a player isn't compared here.

    """

    item: Item
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks: list[float] = field(default_factory=list)
    details: dict[str, Mapping[str, object]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def prepare(players: Sequence[Player], items: Sequence[Item], peak: Probe) -> None:
    """Compile what ours needs, and let every library look at its cases."""
    for player in players:
        cases = [player.runner.case(item.layer) for item in items]
        beside = [peak.case] if player.name == OURS else []
        request = [dataclasses.asdict(case) for case in (*cases, *beside)]
        player.child.ask("prepare", cases=request)


def play(
    players: Sequence[Player],
    items: Sequence[Item],
    peak: Probe,
    *,
    rounds: int = ROUNDS,
    progress: Progress = lambda _done, _total, _what: None,
) -> tuple[Seen, ...]:
    """Return what was seen of each layer, one time a round and player.

    Raises:
        RooflineError: a child of our own failed; a library's failure is told in `Seen.left`.

    """
    seen = tuple(Seen(item) for item in items)
    for number in range(rounds):
        for player in players:
            player.child.ask("begin_round")
        for place, one in enumerate(seen):
            progress(number * len(seen) + place, rounds * len(seen), one.item.layer.name)
            for player in players if number % 2 == 0 else tuple(reversed(players)):
                _turn(player, one, peak)
    for one in seen:
        _too_short(one)
    return seen


def _turn(player: Player, seen: Seen, peak: Probe) -> None:
    if player.name == OURS:
        seen.peaks.append(peak.rate(_seconds(player, peak.case)[0]))
    elif player.name in seen.left:
        return
    try:
        seconds, details = _seconds(player, player.runner.case(seen.item.layer))
    except RooflineError as error:
        if player.name in BOTH:
            raise
        seen.left[player.name] = str(error)
        seen.seconds.pop(player.name, None)
        return
    seen.seconds.setdefault(player.name, []).append(seconds)
    seen.details[player.name] = details


def _seconds(player: Player, case: Case) -> tuple[float, Mapping[str, object]]:
    answer = player.child.ask("run", case=dataclasses.asdict(case), samples=_SAMPLES)
    return median(answer["seconds"]), answer.get("details", {})


def _too_short(seen: Seen) -> None:
    """Leave out what a coarse clock can't tell."""
    for name, details in seen.details.items():
        step = details.get("clock_step")
        times = seen.seconds.get(name)
        if isinstance(step, float) and times and median(times) < _STEPS * step:
            seen.left[name] = f"shorter than {_STEPS} steps of its profile's clock"
            del seen.seconds[name]
