"""Quantities are printed and parsed with the right prefix and nothing lost."""

import pytest

from roofline.errors import RooflineError
from roofline.units import capacity, duration, parse, rate, significant


@pytest.mark.parametrize(
    ("value", "unit", "printed"),
    [
        (2.86e12, "FLOP/s", "2.86 TFLOP/s"),
        (74e9, "B/s", "74 GB/s"),
        (3.7e9, "Hz", "3.7 GHz"),
        (1e3, "B/s", "1 kB/s"),
        (12.0, "Hz", "12 Hz"),
        (0.0, "B/s", "0 B/s"),
        (-74e9, "B/s", "-74 GB/s"),
        (4.608e15, "FLOP/s", "4610 TFLOP/s"),
    ],
)
def test_a_rate_gets_its_decimal_prefix(value: float, unit: str, printed: str) -> None:
    assert rate(value, unit) == printed


def test_a_rate_that_rounds_up_to_the_next_prefix_gets_that_prefix() -> None:
    assert rate(999.96e9, "B/s") == "1 TB/s"
    assert duration(0.99996e-3) == "1 ms"


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [(90.0, "90 s"), (1.3e-3, "1.3 ms"), (2.5e-6, "2.5 µs"), (24e-9, "24 ns"), (0.0, "0 ns")],
)
def test_a_duration_gets_a_prefix_down_to_nanoseconds(seconds: float, printed: str) -> None:
    assert duration(seconds) == printed


@pytest.mark.parametrize(
    ("size", "printed"),
    [
        (48 << 10, "48 KiB"),
        (1280 << 10, "1.25 MiB"),
        (1023 << 10, "1023 KiB"),
        (512, "512 B"),
        (-(32 << 20), "-32 MiB"),
        (3 << 40, "3 TiB"),
    ],
)
def test_a_capacity_gets_its_binary_prefix(size: float, printed: str) -> None:
    assert capacity(size) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1.23456e-5, "0.0000123"),
        (123456.0, "123000"),
        (100.0, "100"),
        (0.5, "0.5"),
        (99.96, "100"),
        (float("inf"), "inf"),
    ],
)
def test_significant_digits_never_become_an_exponent(value: float, printed: str) -> None:
    assert significant(value) == printed


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4.8 GT/s", "T/s", 4.8e9),
        ("4800 MT/s", "T/s", 4.8e9),
        ("4.8e9 T/s", "T/s", 4.8e9),
        ("4.8E9T/s", "T/s", 4.8e9),
        (" 3.7GHz ", "Hz", 3.7e9),
        ("64 GiB", "B", 64 * 2.0**30),
        ("96 GB/s", "B/s", 96e9),
        (".5 ms", "s", 5e-4),
        ("5 µs", "s", 5e-6),
        ("5 \N{GREEK SMALL LETTER MU}s", "s", 5e-6),
        ("5 us", "s", 5e-6),
        ("-2 s", "s", -2.0),
    ],
)
def test_a_quantity_is_read_into_base_units(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "fast", "1.2.3 GB/s", "GB/s", "74 GB", "74", "74 XB/s", "1,5 GB/s", "nan B/s"]
)
def test_what_is_no_quantity_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(RooflineError, match="cannot read") as refusal:
        parse(text, "B/s")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("value", [1.0, 999.0, 74.3e9, 2.86e12])
def test_what_was_printed_is_read_back(value: float) -> None:
    assert parse(rate(value, "B/s"), "B/s") == pytest.approx(value, rel=5e-3)
