"""Records <-> nested dictionaries: the cattrs converter, strict about every type."""

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from roofline.records import Rounds, Scalar
from roofline.store.rounds import packed, unpacked

Hook = Callable[[Any, Any], Any]


@cache
def converter() -> Converter:
    """Make the one converter; fields at their default are left out."""
    made = Converter(omit_if_default=True, forbid_extra_keys=True)
    _teach_reading(made)
    _teach_writing(made)
    return made


def _teach_reading(made: Converter) -> None:
    def dataclass_hook(cls: Any) -> Hook:
        fields = make_dict_structure_fn(cls, made, _cattrs_forbid_extra_keys=True)
        return lambda value, as_type: fields(_typed(value, dict, "an object"), as_type)

    def tuple_hook(value: object, as_type: Any) -> tuple[object, ...]:
        item, *rest = get_args(as_type)
        items = _typed(value, list, "a list")
        if rest != [...] and len(items) != 1 + len(rest):
            raise ValueError(f"expected {1 + len(rest)} items, not {len(items)}")
        # By way of a list, because cattrs then says which item is wrong.
        as_list: Any = list.__class_getitem__(item)
        return tuple(made.structure(items, as_list))

    def rounds_hook(value: object, as_type: Any) -> tuple[object, ...]:
        return tuple_hook(unpacked(_typed(value, list, "a list")), as_type)

    for cls, hook in _STRICT.items():
        made.register_structure_hook(cls, hook)
    made.register_structure_hook_func(_is_scalar, _scalar)
    made.register_structure_hook_factory(dataclasses.is_dataclass, dataclass_hook)
    made.register_structure_hook_func(_is_tuple, tuple_hook)
    made.register_structure_hook_func(_is_rounds, rounds_hook)


def _teach_writing(made: Converter) -> None:
    def mapping_hook(as_type: Any) -> Callable[[Mapping[str, object]], dict[str, Any]]:
        inner = get_args(as_type)[1]
        return lambda m: {k: made.unstructure(m[k], unstructure_as=inner) for k in sorted(m)}

    made.register_unstructure_hook(float, float)
    made.register_unstructure_hook(int, operator.index)
    made.register_unstructure_hook(bool, bool)
    made.register_unstructure_hook_func(_is_scalar, lambda value: value)
    made.register_unstructure_hook_factory(_is_mapping, mapping_hook)
    made.register_unstructure_hook_func(_is_rounds, packed)


def _is_scalar(as_type: Any) -> bool:
    return bool(as_type == Scalar)


def _is_rounds(as_type: Any) -> bool:
    return bool(as_type == Rounds)


def _is_tuple(as_type: Any) -> bool:
    origin: object = get_origin(as_type)
    return origin is tuple


def _is_mapping(as_type: Any) -> bool:
    origin: object = get_origin(as_type)
    return origin is Mapping


def _typed(value: Any, cls: type, noun: str) -> Any:
    if type(value) is not cls:
        raise ValueError(f"expected {noun}, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    nouns = {dict: "an object", list: "a list", type(None): "null"}
    return nouns.get(type(value)) or repr(value)[:40]


def _float(value: object, _: object = None) -> float:
    try:
        number = float(value) if type(value) is int else _typed(value, float, "a number")
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return float(number)


def _text(value: object, _: object = None) -> str:
    text: str = _typed(value, str, "a text")
    text.encode()
    return text


def _scalar(value: Any, _: object) -> Scalar:
    if value is None or isinstance(value, bool | int):
        return value
    return _text(value) if isinstance(value, str) else _float(value)


_STRICT: dict[type, Hook] = {
    int: lambda value, _: _typed(value, int, "a whole number"),
    float: _float,
    bool: lambda value, _: _typed(value, bool, "true or false"),
    str: _text,
}
