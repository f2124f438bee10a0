"""A row cut into pieces that are as equal as possible."""


def split(total: int, most: int) -> tuple[tuple[int, int], ...]:
    """Cut a row into (start, size) pieces of at most `most`, as equal as possible."""
    return tuple(
        (start + number * size, size)
        for start, size, count in equal_pieces(total, most)
        for number in range(count)
    )


def equal_pieces(total: int, most: int) -> list[tuple[int, int, int]]:
    """Return the same pieces as (start, size, count) of those that are equal, the longer first."""
    count = piece_count(total, most)
    size, longer = divmod(total, count)
    whole = [(0, size + 1, longer)] if longer else []
    return [*whole, (longer * (size + 1), size, count - longer)]


def widest_piece(total: int, most: int) -> int:
    """Return the size of the longest of these pieces."""
    return -(-total // piece_count(total, most))


def piece_count(total: int, most: int) -> int:
    """Return how many pieces of at most `most` a row is cut into."""
    return -(-total // most)


def whole_and_rest(total: int, size: int) -> tuple[tuple[int, int], ...]:
    """Cut a row into pieces of a size, as (size, count), and what is left into one."""
    whole, rest = divmod(total, size)
    return tuple((one, count) for one, count in ((size, whole), (rest, 1)) if one and count)
