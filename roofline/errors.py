"""The one exception that reaches a user: a sentence that says what is wrong and what to do."""

USAGE = 2
CANNOT_MEASURE = 3


class RooflineError(Exception):
    """A failure that a user can act on.

    Args:
        sentence: what is wrong and what to do about it, for stderr.
        exit_code: the process's exit status (2 usage or bad input, 3 cannot measure here).

    """

    def __init__(self, sentence: str, exit_code: int = USAGE) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class RooflineWarning(UserWarning):
    """Something that went on without a part: records of a future version that were skipped."""
