"""The records that the archive's scale is tried with are records."""

from pathlib import Path

from roofline.store.catalogue import Catalogue
from tools.archive_scale import generate


def test_what_is_generated_is_read_and_of_real_size(tmp_path: Path) -> None:
    sizes = generate(tmp_path, 18)
    catalogue = Catalogue(tmp_path, None)
    catalogue.refresh()
    assert len(catalogue.lines()) == 18
    assert catalogue.skipped() == []
    assert min(sizes) > 10_000
    assert len({line.node for line in catalogue.lines()}) > 10
