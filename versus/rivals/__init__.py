"""The tools that we measure ourselves against, one file each."""

from collections.abc import Callable, Mapping

from versus.rivals.c_reference import CReference
from versus.rivals.likwid import LikwidBench
from versus.rivals.rival import Rival
from versus.rivals.stream import StreamTool

RIVALS: Mapping[str, Callable[[], Rival]] = {
    one.name: one for one in (CReference, LikwidBench, StreamTool)
}
