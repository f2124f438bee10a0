"""`python -m roofline.archive`: records of many machines listed, copied, checked and corrected."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roofline.commandline import Parser, exit_status
from roofline.errors import RooflineError

if TYPE_CHECKING:
    from roofline.archiving.transfer import Copied
    from roofline.store.files import Store

DESCRIPTION = "Share calibrations: a folder, a git repository or a URL (s3://...) full of records."
EPILOG = """Exit: 0 fine; 1 verify found errors, or files were refused; 2 bad input. Records are
never changed: what is there stays, what is wrong is superseded."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return exit_status(lambda: run(_parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    status: int = _VERBS[options.verb](options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m roofline.archive", description=DESCRIPTION, epilog=EPILOG)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, words: str) -> Callable[..., Any]:
        one = verbs.add_parser(name, help=words, description=words)
        one.add_argument("--results", metavar="PATH|URL", help="the archive (default: as usual)")
        one.add_argument("--json", action="store_true", help="print the answer as JSON")
        return one.add_argument

    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": [], "metavar": "NAME"}
    add = verb("list", "list records, the newest first")
    add("--machine", default="", metavar="ID", help="of types of machine that begin like this")
    add("--all", action="store_true", help="invalid and superseded ones, too")
    add = verb("show", "show one record")
    add("name", metavar="RECORD", help="its file name")
    for name, way in (("pull", "from"), ("push", "to")):
        add = verb(name, f"copy records {way} another archive; what is there already stays")
        add("address", metavar="PATH|URL", help="the other archive")
        add("--site", **many, help="only of these sites")
        add("--machine", **many, help="only of types of machine that begin like these")
    add = verb("merge", "take the records of a folder that somebody sent, each verified")
    add("folder", type=Path, metavar="FOLDER")
    add("--site", metavar="NAME", help="whose they are (default: as the folder is laid out)")
    add = verb("export", "write all records as one table, SI units")
    add("--csv", type=Path, metavar="FILE")
    add("--parquet", type=Path, metavar="FILE")
    add("--long", action="store_true", help="a row a ceiling instead of a row a record")
    add = verb("supersede", "replace a record by a correction, or withdraw it")
    add("name", metavar="RECORD", help="the file name of the wrong one")
    add("--with", dest="correction", type=Path, metavar="FILE", help="the right record")
    add("--reason", metavar="TEXT", help="withdraw it; say why")
    add = verb("verify", "find damaged, impossible and indiscreet records")
    add("path", nargs="*", metavar="PATH|URL", help="an archive, or files of one")
    add("--private", type=Path, metavar="FILE", help="words that no record may hold, one a line")
    return parser


def _store(options: argparse.Namespace) -> Store:
    from roofline.store.files import open_store

    return open_store(options.results)


def _kept(options: argparse.Namespace) -> Store:
    """Return the archive that a question is about: it is there."""
    return _there(_store(options))


def _there(store: Store) -> Store:
    from roofline.store.shelf import Folder

    if isinstance(store.shelf, Folder) and not store.root.is_dir():
        raise RooflineError(f"there is no archive at {store.address}: name one that is there.")
    return store


def _say(options: argparse.Namespace, answer: Any, words: Sequence[str]) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=1) if options.json else "\n".join(words)
    if text:
        print(text, flush=True)


def _list(options: argparse.Namespace) -> int:
    from roofline.archiving.frame import Archive
    from roofline.archiving.listing import as_json, in_words

    catalogue = Archive(_kept(options)).catalogue()
    told = as_json if options.json else in_words
    if text := told(catalogue, options.machine, everything=options.all):
        print(text, flush=True)
    for skipped in catalogue.skipped():
        print(f"warning: skipped {skipped.path}: {skipped.reason}", file=sys.stderr)
    return 0


def _show(options: argparse.Namespace) -> int:
    from roofline.records import Calibration
    from roofline.store.schema import dumps

    store = _kept(options)
    entry = store.named(options.name)
    if entry is None:
        raise RooflineError(f"no record {options.name} in {store.address}.")
    if options.json or not isinstance(entry.record, Calibration):
        print(dumps(entry.record), end="", flush=True)
    else:
        from roofline.view.terminal import print_table

        print_table(entry.record)
    print(f"record: {store.shown(entry.path)}", file=sys.stderr)
    return 0


def _pull(options: argparse.Namespace) -> int:
    from roofline.store.files import open_store

    return _copy(options, _there(open_store(options.address)), _store(options))


def _push(options: argparse.Namespace) -> int:
    from roofline.store.files import open_store

    return _copy(options, _kept(options), open_store(options.address))


def _copy(options: argparse.Namespace, source: Store, target: Store) -> int:
    from roofline.archiving.transfer import chosen, transfer
    from roofline.view.progress import Bar

    wanted = chosen(options.site, options.machine)
    if options.verb == "push" and not options.site:
        # Whatever lies at the site "local" was kept for oneself.
        wanted = _given(wanted)
        _tell_kept_back(source)
    with Bar(sys.stderr) as bar:
        copied = transfer(source.shelf, target.shelf, wanted, bar.show)
    return _copied(options, copied)


def _tell_kept_back(source: Store) -> None:
    from roofline.store.files import LOCAL_SITE
    from roofline.store.shelf import is_record

    places = source.shelf.places()
    own = sum(is_record(place) and place.site == LOCAL_SITE for place in places)
    if own:
        print(
            f"kept back: {own} of the site {LOCAL_SITE}, which is yours alone: calibrate with "
            f"--site NAME, or push with --site {LOCAL_SITE}.",
            file=sys.stderr,
        )


def _given(wanted: Callable[[Any], bool]) -> Callable[[Any], bool]:
    from roofline.store.files import LOCAL_SITE

    return lambda place: place.site != LOCAL_SITE and wanted(place)


def _copied(options: argparse.Namespace, copied: Copied) -> int:
    refused = [f"refused {name}: {why}" for name, why in copied.refused.items()]
    words = [f"{len(copied.new)} new, {copied.kept} there already", *refused]
    _say(options, dataclasses.asdict(copied), words)
    return 1 if copied.refused else 0


def _merge(options: argparse.Namespace) -> int:
    from roofline.archiving.giving import merge

    return _copied(options, merge(options.folder, _store(options), options.site))


def _export(options: argparse.Namespace) -> int:
    from roofline.archiving.frame import Archive
    from roofline.store.publish import write

    if not options.csv and not options.parquet:
        raise RooflineError("name a file with --csv FILE or --parquet FILE.")
    frame = Archive(_kept(options)).frame(long=options.long)
    try:
        if options.csv:
            write(options.csv, lambda path: frame.to_csv(path, index=False))
        if options.parquet:
            write(options.parquet, lambda path: frame.to_parquet(path, index=False))
    except ImportError:
        wanted = "pip install 'calibrated-roofline[parquet]'"
        raise RooflineError(f"Parquet needs pyarrow: {wanted}, or use --csv.") from None
    _say(options, {"rows": len(frame)}, [f"{len(frame)} rows"])
    return 0


def _supersede(options: argparse.Namespace) -> int:
    from roofline.archiving.giving import supersede

    if bool(options.correction) == bool(options.reason):
        raise RooflineError("give the right record --with FILE, or a --reason to withdraw it.")
    store = _kept(options)
    path = supersede(store, options.name, options.correction, options.reason)
    _say(options, {"record": store.shown(path)}, [f"record: {store.shown(path)}"])
    return 0


def _verify(options: argparse.Namespace) -> int:
    from roofline.archiving.privacy import names_here, words_in
    from roofline.archiving.verify import verify, verify_shelf
    from roofline.store.cloud import CloudStore
    from roofline.store.files import open_store

    addresses = [one for one in options.path if "://" in one or Path(one).is_dir()]
    if len(addresses) > 1:
        raise RooflineError("give one archive, or files of one.")
    store = _there(open_store(addresses[0]) if addresses else _store(options))
    only = [Path(one) for one in options.path if one not in addresses]
    if missing := [one for one in only if not one.exists()]:
        raise RooflineError(f"there is no {missing[0]}.")
    words = (*names_here(), *(words_in(options.private) if options.private else ()))
    if isinstance(store, CloudStore):
        faults = verify_shelf(store.shelf, words)
    else:
        faults = verify(store.root, only, words)
    lines = [f"{one.severity}: {one.path}: {one.what}" for one in faults]
    _say(options, [dataclasses.asdict(one) for one in faults], lines)
    return 1 if any(one.severity == "error" for one in faults) else 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "pull": _pull,
    "push": _push,
    "merge": _merge,
    "export": _export,
    "supersede": _supersede,
    "verify": _verify,
}


if __name__ == "__main__":
    sys.exit(main())
