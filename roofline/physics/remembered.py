"""Answers about a record, kept as long as it is: predictions ask the same, layer by layer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Record = TypeVar("Record")
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

# Records that are held at once, and answers about each.
_MOST_RECORDS, _MOST_ANSWERS = 32, 4096
_HELD: dict[int, tuple[object, dict[Any, Any]]] = {}


def remembered(
    function: Callable[Concatenate[Record, Asked], Answer],
) -> Callable[Concatenate[Record, Asked], Answer]:
    """Keep a function's answers about its first argument, which never changes.

    By identity, not by value: a record is too large to be compared each time. One that is held
    keeps its identity from becoming another's. Other arguments are hashable, and the answer isn't
    to be changed.
    """

    @wraps(function)
    def asked(record: Record, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        held = _HELD.get(id(record))
        if held is None:
            if len(_HELD) >= _MOST_RECORDS:
                _HELD.clear()
            held = _HELD[id(record)] = (record, {})
        answers = held[1]
        key = (function, args, tuple(kwargs.items())) if kwargs else (function, args)
        try:
            answer: Answer = answers[key]
        except KeyError:
            if len(answers) >= _MOST_ANSWERS:
                answers.clear()
            answer = answers[key] = function(record, *args, **kwargs)
        return answer

    return asked
