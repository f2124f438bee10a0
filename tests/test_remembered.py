"""Answers are kept about the record that was asked about, by identity, and about no other."""

from collections.abc import Callable

import pytest

from roofline.physics import remembered as module
from roofline.physics.remembered import remembered

Asked = Callable[..., list[int]]


class Record:
    """Something that is told apart by identity alone: all of them are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record)

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture
def calls() -> list[tuple[object, ...]]:
    return []


@pytest.fixture
def asked(calls: list[tuple[object, ...]]) -> Asked:
    @remembered
    def answer(record: Record, number: int = 0, *, more: int = 0) -> list[int]:
        calls.append((id(record), number, more))
        return [number, more]

    return answer


def test_the_same_question_is_answered_once(asked: Asked, calls: list[tuple[object, ...]]) -> None:
    record = Record()
    assert asked(record, 1) is asked(record, 1)
    assert asked(record, 1, more=2) == [1, 2]
    assert asked(record, 2) == [2, 0]
    assert len(calls) == 3


def test_equal_records_are_different_ones(asked: Asked, calls: list[tuple[object, ...]]) -> None:
    one, other = Record(), Record()
    assert asked(one, 1) is not asked(other, 1)
    assert [call[0] for call in calls] == [id(one), id(other)]


def test_a_record_that_went_away_is_never_taken_for_a_new_one(
    asked: Asked, calls: list[tuple[object, ...]]
) -> None:
    for number in range(3 * module._MOST_RECORDS):
        assert asked(Record(), number) == [number, 0]
    assert len(calls) == 3 * module._MOST_RECORDS
    assert len(module._HELD) <= module._MOST_RECORDS


def test_answers_are_given_up_where_there_are_too_many(
    asked: Asked, calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_ANSWERS", 2)
    record = Record()
    assert [asked(record, number)[0] for number in (1, 2, 3, 1)] == [1, 2, 3, 1]
    assert len(calls) == 4
