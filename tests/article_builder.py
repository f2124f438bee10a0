"""The source article's machine as a calibration, built by hand from the article's figures."""

from roofline.records import Calibration, Conditions, Finding, MachineSpec, Software, Theoretical
from tests.roof_builders import calibration, ceiling, memory


def article() -> Calibration:
    """Build the source article's Intel Core i9-10980XE; tests/golden holds it as a record."""
    book = "the source article's figures"
    peak = Theoretical(
        paper=16 * 4.5e9 * 64,
        at_clock=16 * 2.9e9 * 64,
        basis="spec",
        source=f"{book}: 16 cores x 4.5 GHz x 64 FLOP/cycle",
    )
    stream = Theoretical(paper=4 * 24e9, basis="spec", source=f"{book}: 4 channels x 24 GB/s")
    alone = {"interval": None, "spread": None}
    flops = {"high": 2.86e12, "low": 2.86e12, "mix": "fma", "dtype": "float32", "isa": "avx512"}
    evidence = {"pipes": 2, "hertz": 2.9e9}
    more = {"threads": 16, "bits": 512, "theoretical": peak, "evidence": evidence} | alone
    fastest = ceiling("compute", "fma-float32-512", "FLOP/s", 2.86e12, **(flops | more))
    plain = {"high": 74e9, "low": 74e9, "store": None, "evidence": {}} | alone
    return calibration(
        [fastest, memory("dram-triad", 74e9, 16, stream, **plain)],
        machine=MachineSpec(
            architecture="x86_64",
            vendor="GenuineIntel",
            brand="Intel Core i9-10980XE",
            microarchitecture="cascadelake",
            sockets=1,
            cores=16,
            memory_channels=4,
            fma_pipes=2,
            sources={"brand": book, "cores": book, "memory_channels": book},
        ),
        node="article",
        software=Software(python="unknown", suite_version=f"none ({book})"),
        conditions=Conditions(),
        usable_cores=16,
        measurements=(),
        findings=(
            Finding(
                severity="note",
                what="These figures are the source article's, not measured by this suite.",
                why_it_matters="They have no rounds: high, low and typical are one value.",
            ),
        ),
        started="2021-01-01T00:00:00Z",
        seconds_taken=0.0,
    )
