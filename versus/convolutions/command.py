"""What `python -m versus --convolutions` does: find calibration and libraries, take turns, show."""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from roofline.comparing.anchors import Probe, probes
from roofline.comparing.subjects import check_layers, runner
from roofline.comparing.tuning import tuned
from roofline.errors import CANNOT_MEASURE, RooflineError
from roofline.folders import config_home
from roofline.host import subjects
from roofline.host.child import Child
from roofline.host.machine import node_id
from roofline.host.subjects import END_TO_END, OURS, SUBJECTS
from roofline.host.worker import Worker
from roofline.records import Calibration
from roofline.view.progress import Bar
from versus.convolutions.layers import Listed, chosen
from versus.convolutions.report import Report, as_dict, markdown
from versus.convolutions.turns import BOTH, Player, play, prepare
from versus.document import CONVOLUTIONS, DRAWN, Markers, check_section, write_section
from versus.sizes import Host

SYSTEM = Path("/")
Facts = dict[str, str]


def markers(options: argparse.Namespace) -> Markers:
    """Return between which lines of a document the section stands."""
    return CONVOLUTIONS if options.random is None else DRAWN


def run(options: argparse.Namespace, host: Host, cpus: tuple[int, ...], facts: Facts) -> int:
    """Compare; everything that can be refused is refused before anything is measured.

    Args:
        options: of the command line.
        host: this one.
        cpus: that may be used.
        facts: the machine and our software, in words.

    Raises:
        RooflineError: there is no calibration, subject or list as asked for.

    """
    listed = chosen(options.random, options.seed)
    if options.markdown is not None:
        check_section(options.markdown, markers(options))
    team = _team(options.threads, cpus)
    calibration = _calibration(host)
    peak = _peak(calibration, len(team))
    wanted, absent = _wanted(options.rival)
    layers = [item.layer for item in listed.items]
    for name in wanted:
        check_layers(name, layers, host.vectors[0], host.memory_available)
    report = _measured(options, listed, team, calibration, peak, wanted, absent, facts)
    section = markdown(report)
    print(
        json.dumps(as_dict(report), indent=1) + "\n" if options.json else section,
        end="",
        flush=True,
    )
    if options.markdown is not None:
        write_section(options.markdown, section, markers(options))
    return 0


def open_child(name: str, cpus: Sequence[int]) -> AbstractContextManager[Child]:
    """Start the child of a subject, with the settings that its pool is to have."""
    return Worker(cpus, subjects.environment(SUBJECTS[name], cpus), subject=name)


def _measured(
    options: argparse.Namespace,
    listed: Listed,
    team: tuple[int, ...],
    calibration: Calibration,
    peak: Probe,
    wanted: Sequence[str],
    absent: tuple[str, ...],
    facts: Facts,
) -> Report:
    with ExitStack() as opened:
        bar = opened.enter_context(Bar(io.StringIO() if options.quiet else sys.stderr))
        players = [
            Player(
                name,
                opened.enter_context(open_child(name, team)),
                runner(name, calibration, len(team)),
            )
            for name in wanted
        ]
        told = {player.name: player.child.ask("describe") for player in players}
        if not options.no_tune:
            players = [_tuned(player, listed) for player in players]
        prepare(players, listed.items, peak)
        seen = play(players, listed.items, peak, rounds=options.pairs, progress=bar.show)
        conditions = players[0].child.ask("conditions")
    versions: dict[str, str] = {}
    for answer in told.values():
        versions |= answer.get("libraries", {})
    return Report(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=facts["machine"],
        software=facts["software"],
        cpus=team,
        listed=listed,
        players={name: SUBJECTS[name].about for name in wanted},
        kernels=tuple(name for name in wanted if SUBJECTS[name].kernel and name != OURS),
        planes=tuple(name for name in wanted if SUBJECTS[name].planes and name != END_TO_END),
        versions=versions,
        absent=absent,
        seen=seen,
        conditions=conditions,
    )


def _tuned(player: Player, listed: Listed) -> Player:
    """Return the player with layers run as is best here; libraries as they are."""
    layers = [item.layer for item in listed.items]
    node = node_id(SYSTEM, config_home())
    return replace(player, runner=tuned(player.runner, layers, player.child, node).operators)


def _wanted(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return ours and the libraries that are there, and a sentence for each that isn't.

    Ours runs end to end, too, where a library does on the same tensors.
    """
    for name in names:
        subjects.find(name)
    libraries = [one for one in SUBJECTS.values() if not one.ours]
    asked = [one for one in libraries if not names or one.name in names]
    reasons = {one.name: subjects.why_absent(one) for one in asked}
    if names:
        for reason in filter(None, reasons.values()):
            raise RooflineError(reason)
    there = [name for name, reason in reasons.items() if reason is None]
    whole = END_TO_END in names or any(SUBJECTS[name].planes for name in there)
    return [*BOTH[: 1 + whole], *there], tuple(filter(None, reasons.values()))


def _team(threads: int | None, cpus: tuple[int, ...]) -> tuple[int, ...]:
    count = 1 if threads is None else threads
    if not 1 <= count <= len(cpus):
        raise RooflineError(f"--threads {count}: {len(cpus)} cores are usable here.")
    return cpus[:count]


def _calibration(host: Host) -> Calibration:
    if host.calibration is None:
        raise RooflineError(
            "no calibration of this host, which our tiles are chosen by: `make calibrate` first.",
            CANNOT_MEASURE,
        )
    return host.calibration


def _peak(calibration: Calibration, threads: int) -> Probe:
    found = probes(calibration, threads, ("float32",))
    for one in found:
        if one.ceiling.kind == "compute":
            return one
    raise RooflineError(
        f"the calibration has no float32 roof for a team of {threads}: calibrate again.",
        CANNOT_MEASURE,
    )
