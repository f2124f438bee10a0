"""The table of published facts is well-formed, and finds the right row for parts that we know."""

import pytest

from roofline.physics.datasheet import SHEETS, Sheet, find
from roofline.records import MachineSpec


def part(
    vendor: str, family: int | None, model: int, stepping: int | None = None, brand: str = ""
) -> MachineSpec:
    return MachineSpec(
        architecture="any",
        vendor=vendor,
        family=family,
        model=model,
        stepping=stepping,
        brand=brand or None,
    )


XEON = "Intel(R) Xeon(R)"
KNOWN = [
    (part("AMD", 25, 17, brand="AMD EPYC"), "Zen 4", 1, (12, 4800)),
    (part("AMD", 25, 24, brand="AMD Ryzen Threadripper 7980X"), "Zen 4", 1, None),
    (part("AMD", 25, 0x61, brand="AMD Ryzen 9 7950X"), "Zen 4", 1, None),
    (part("AMD", 25, 0xA0, brand="AMD EPYC 9754 128-Core"), "Zen 4c", 1, (12, 4800)),
    (part("AMD", 25, 0xA0, brand="AMD EPYC 8534P 64-Core"), "Zen 4c", 1, (6, 4800)),
    (part("AMD", 25, 0xA0, brand="AMD EPYC"), "Zen 4c", 1, None),
    (part("AMD", 26, 2, brand="AMD EPYC 9575F"), "Zen 5", 2, (12, 6000)),
    (part("AMD", 26, 0x11, brand="AMD EPYC 9965"), "Zen 5c", 2, (12, 6000)),
    (part("AMD", 26, 0x44, brand="AMD Ryzen 9 9950X"), "Zen 5", 2, None),
    (part("AMD", 26, 0x24, brand="AMD Ryzen AI 9 HX 370"), "Zen 5", 1, None),
    (part("AMD", 25, 1, brand="AMD EPYC 7763"), "Zen 3", None, (8, 3200)),
    (part("AMD", 25, 0x21, brand="AMD Ryzen 9 5950X"), "Zen 3", None, None),
    (part("AMD", 23, 49, brand="AMD EPYC 7742"), "Zen 2", None, (8, 3200)),
    (part("AMD", 23, 49, brand="AMD Ryzen Threadripper 3990X"), "Zen 2", None, None),
    (part("AMD", 23, 1, brand="AMD Ryzen 7 1700"), "Zen 1", None, None),
    (part("AMD", 25, 8, brand="AMD Ryzen Threadripper PRO 5995WX"), "Zen 3", None, None),
    (part("AMD", 26, 8, brand="AMD Ryzen Threadripper 9980X"), "Zen 5", 2, None),
    (part("AMD", 23, 1, brand="AMD EPYC 7601"), "Zen 1", None, (8, 2666)),
    (part("Intel", 6, 85, 4, f"{XEON} Platinum 8175M CPU"), "Skylake-SP", 2, (6, 2666)),
    (part("Intel", 6, 85, 4, f"{XEON} Silver 4114 CPU"), "Skylake-SP", 1, None),
    (part("Intel", 6, 85, 4, f"{XEON} Gold 5120 CPU"), "Skylake-SP", 1, None),
    (part("Intel", 6, 85, 4, f"{XEON} Gold 5122 CPU"), "Skylake-SP", 2, (6, 2666)),
    (part("Intel", 6, 85, 3, f"{XEON} CPU @ 2.00GHz"), "Skylake-SP", None, None),
    (part("Intel", 6, 85, 4, "Intel(R) Core(TM) i9-7980XE CPU"), "Skylake-X", 2, (4, 2666)),
    (part("Intel", 6, 85, 7, f"{XEON} Processor @ 2.50GHz"), "Cascade Lake", None, None),
    (part("Intel", 6, 79, 1, f"{XEON} CPU E5-2680 v4"), "Broadwell", None, (4, 2400)),
    (part("Intel", 6, 85, 7, f"{XEON} Platinum 8275CL CPU"), "Cascade Lake", 2, (6, 2933)),
    (part("Intel", 6, 85, 7, f"{XEON} Gold 5220 CPU"), "Cascade Lake", 1, None),
    (part("Intel", 6, 85, 7, "Intel(R) Core(TM) i9-10980XE CPU"), "Cascade Lake-X", 2, (4, 2933)),
    (part("Intel", 6, 85, 11, f"{XEON} Platinum 8380H CPU"), "Cooper Lake", 2, (6, 3200)),
    (part("Intel", 6, 106, 6, f"{XEON} Gold 6338 CPU"), "Ice Lake-SP", 2, (8, 3200)),
    (part("Intel", 6, 143, 8, f"{XEON} Platinum 8480+"), "Sapphire Rapids", 2, (8, 4800)),
    (part("Intel", 6, 143, 8, f"{XEON} CPU Max 9480"), "Sapphire Rapids", 2, None),
    (part("Intel", 6, 143, 8, f"{XEON} w5-2465X"), "Sapphire Rapids", 2, None),
    (part("Intel", 6, 207, 2, f"{XEON} Platinum 8592+"), "Emerald Rapids", 2, (8, 5600)),
    (part("Intel", 6, 173, 1, f"{XEON} 6980P"), "Granite Rapids", 2, None),
    (part("Intel", 6, 140, 1, "11th Gen Intel(R) Core(TM) i7-1165G7"), "Tiger Lake", 1, None),
    (part("Intel", 6, 151, 2, "12th Gen Intel(R) Core(TM) i9-12900K"), "Alder Lake", None, None),
    (part("Intel", 6, 63, 2, f"{XEON} CPU E5-2680 v3"), "Haswell", None, (4, 2133)),
    (part("Arm", None, 0xD0C), "Neoverse N1", None, None),
    (part("Fujitsu", None, 1), "A64FX", 2, None),
]


@pytest.mark.parametrize(("machine", "core", "pipes_512", "memory"), KNOWN)
def test_a_known_part_finds_its_row(
    machine: MachineSpec, core: str, pipes_512: int | None, memory: tuple[int, int] | None
) -> None:
    sheet = find(machine)
    assert sheet is not None
    assert sheet.microarchitecture == core
    assert sheet.fma_pipes.get(512) == pipes_512
    stated = sheet.memory
    found = None if stated is None else (stated.channels, stated.transfers_per_second / 1e6)
    assert found == memory


@pytest.mark.parametrize(
    "machine",
    [
        MachineSpec(architecture="x86_64"),
        part("AMD", 99, 1),
        part("AMD", None, 17),
        part("VIA", 25, 17),
        part("Intel", 6, 85, None, "Intel(R) Xeon(R) Platinum 8175M CPU"),
        part("Intel", 6, 85, 4),
        part("Arm", None, 0xFFF),
    ],
)
def test_a_part_that_no_row_covers_has_no_sheet(machine: MachineSpec) -> None:
    assert find(machine) is None


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_row_is_cited_and_plausible(sheet: Sheet) -> None:
    assert sheet.source.startswith(("AMD, ", "Intel, ", "Arm, ", "Fujitsu, "))
    assert set(sheet.fma_pipes) <= {128, 256, 512}
    assert all(1 <= pipes <= 4 for pipes in sheet.fma_pipes.values())
    narrow_first = [sheet.fma_pipes[bits] for bits in sorted(sheet.fma_pipes)]
    assert narrow_first == sorted(narrow_first, reverse=True)


@pytest.mark.parametrize("sheet", [sheet for sheet in SHEETS if sheet.memory is not None])
def test_every_socket_has_a_plausible_bandwidth(sheet: Sheet) -> None:
    assert sheet.memory is not None
    assert sheet.memory.source
    assert 30e9 < sheet.memory.bytes_per_second < 1e12


def test_no_row_is_hidden_by_one_above_it() -> None:
    reached = [find(machine) for machine, *_ in KNOWN]
    for sheet in SHEETS:
        model = next(number for number in range(0x1000) if number in sheet.models)
        reached.append(find(part(sheet.vendor, sheet.family, model)))
    assert [sheet for sheet in SHEETS if not any(sheet is found for found in reached)] == []
