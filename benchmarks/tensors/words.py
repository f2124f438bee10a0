"""The tables that kernels of matrix products and element-by-element operators read, by word."""

WORD = 8

# A move copies OUTER x INNER x (as many as it was compiled for) vectors; steps are in bytes. It is
# an entry among others of a convolution's table, whose first word is the kernel's address.
(
    KERNEL,
    SOURCE,
    TARGET,
    OUTER,
    INNER,
    SOURCE_OUTER,
    TARGET_OUTER,
    SOURCE_INNER,
    TARGET_INNER,
    SOURCE_STEP,
    TARGET_STEP,
) = range(11)

# So is a product of tiles of A's rows and one panel of B: addresses, what lies between rows and
# between tiles, in bytes; how deep it is, in turns.
(
    TILES,
    DEEP,
    A,
    A_ROW,
    A_TILE,
    B,
    INIT,
    INIT_ROW,
    INIT_TILE,
    C,
    C_ROW,
    C_TILE,
) = range(1, 13)

# A reorder is an entry of such a table, too: where its block's positions begin, how far into a
# plane that is in bytes, where the addresses of the planes and the mask of their lanes lie, and how
# many turns of whole vectors and positions one by one follow.
PACKED, PLANE, PLANES, MASK, WHOLE, SINGLE = range(1, 7)

# The block of an element-by-element kernel, then a piece: addresses, and how many elements are
# done one by one before the first aligned one, turns, vectors, and elements one by one at the end.
# Where all pieces are turns alone, the block says so.
PASSES, PIECES, TABLE, ALL_WHOLE = range(4)
BLOCK_WORDS = 4
OUT, FIRST, SECOND, HEAD, TURNS, VECTORS, TAIL = range(7)
PIECE_WORDS = 8
