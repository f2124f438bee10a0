"""The tables that convolution kernels read: words of an entry and of what its entries share.

An operator is a list of entries; each is one call of a micro-kernel over some tiles. Everything
but the kernel's register tile is a number in a table: edges, tails, strides and blocking need no
code of their own.
"""

WORD = 8

# One entry. Offsets are in bytes from the bases; strides in bytes; counts are at least 1.
(
    KERNEL,
    SHARED,
    X,
    WEIGHTS,
    OUT,
    INIT,
    ACCUMULATE,
    TILES,
    X_TILE,
    OUT_TILE,
    CHANNEL_BLOCKS,
    WEIGHTS_BLOCK,
    ROWS,
    WEIGHTS_ROW,
    TAPS,
    CHANNELS,
    AHEAD,
    AHEAD_TILE,
    AHEAD_TURNS,
    FIRST,
    REST,
    PLANES,
    SKIPPED,
) = range(23)
ENTRY_WORDS = 23
# Where channels are lanes there is one block of them; its word says where the indices are.
INDICES = WEIGHTS_BLOCK

# What all entries of an operator share: the bases of its tensors come first, as they rotate.
(
    X_BASE,
    WEIGHTS_BASE,
    OUT_BASE,
    X_BLOCK,
    X_ROW,
    X_TAP,
    X_CHANNEL,
    OUT_BLOCK,
    WEIGHTS_CHANNEL,
    ZERO,
    X_WIDTH,
    DILATION,
) = range(12)
SHARED_WORDS = 16
BASES = 3

# The block of a whole call.
ENTRIES, COUNT, TARGET, COPIES, COPY, PLACES = range(6)
CALL_WORDS = 8
