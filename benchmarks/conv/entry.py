"""What a schedule is made of: micro-kernels, their calls, and units of calls that stay together."""

from dataclasses import dataclass, replace

from roofline.physics.reach import Reach


@dataclass(frozen=True, slots=True)
class Micro:
    """What a micro-kernel is compiled for: its register tile, and the taps it has all at once.

    No blocks: the one that fills outputs without taps. No taps: they are counted at run time.
    Where lanes are permuted, the groups' channels begin at lane `first` of the input vector. So
    many inputs `before` and `after` a tile's own lie outside of the image. So many kernel `rows`
    are in the code, or none: then they are counted at run time. With `relu` nothing is added to
    its outputs afterwards, and negative ones become zero. `whole`: its blocks of
    input channels are. So many rows of inputs are `asked` for, behind a tile's own; where channels
    lie in planes, if any, what the next tile reads of each. Where lanes are positions, in so many
    vectors `before` and `after` some lie outside of image or output.
    """

    columns: int
    blocks: int
    taps: int = 0
    first: int = 0
    before: int = 0
    after: int = 0
    rows: int = 0
    relu: bool = False
    whole: bool = False
    asked: int = 0

    def reach(self, stride: int, dilation: int) -> Reach:
        """Return what a row of its taps reads, where channels are lanes."""
        return Reach(self.columns, self.taps, stride, dilation, self.before, self.after)


FILL = Micro(1, 0)
RECTIFY = replace(FILL, relu=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One entry: offsets and steps in bytes from the bases of one copy of the tensors.

    Each tile asks for weights that are used later, in `ahead_turns` turns of `ASKED` bytes: the
    first tile's begin at `ahead`, the next one's `ahead_tile` further on. Where lanes are
    positions, `first` is the input's column of the first lane's first tap, so many outputs of the
    row are the `rest`, so many `planes` go through all taps before the next ones, and of each
    channel's weights so many bytes are `skipped`; steps of weights are then of one channel.
    """

    micro: Micro
    x: int
    weights: int
    out: int
    init: int
    accumulate: bool
    tiles: int = 1
    x_tile: int = 0
    out_tile: int = 0
    channel_blocks: int = 1
    weights_block: int = 0
    rows: int = 1
    weights_row: int = 0
    taps: int = 1
    channels: int = 1
    ahead: int = 0
    ahead_tile: int = 0
    ahead_turns: int = 1
    first: int = 0
    rest: int = 0
    planes: int = 1
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """Calls that one thread runs together, and their multiply-adds of whole vectors."""

    cost: int
    calls: tuple[Call, ...]
