"""A ReFrame check: calibrates each node of a partition and reports its roofs as performance."""

import json
from pathlib import Path

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import performance_function, run_after, sanity_function, variable


@rfm.simple_test
class CalibratedRoofline(rfm.RunOnlyRegressionTest):
    """One node, exclusive; `checkout` is a folder that the nodes see.

    Set from the command line: `-S site=NAME -S results=s3://bucket/team -S quick=yes`.
    """

    valid_systems = ["*"]  # noqa: RUF012 # as ReFrame wants it
    valid_prog_environs = ["*"]  # noqa: RUF012 # as ReFrame wants it
    checkout = variable(str, value=str(Path(__file__).resolve().parents[1]))
    results = variable(str, value="results")
    site = variable(str, value="local")
    quick = variable(bool, value=False)
    num_tasks = 1
    num_tasks_per_node = 1
    exclusive_access = True
    time_limit = "20m"

    @run_after("init")
    def set_program(self):
        """Run the node program in the checkout."""
        self.prerun_cmds = [f"cd {self.checkout}"]
        self.executable = ".venv/bin/python"
        self.executable_opts = [
            *("-m", "calibrate", "--quiet", "--json"),
            *("--results", self.results, "--site", self.site),
            *(["--quick"] if self.quick else []),
        ]

    def _record(self):
        return json.loads(Path(self.stagedir, str(self.stdout)).read_text(encoding="utf-8"))

    @sanity_function
    def is_valid(self):
        """Physics has no objection."""
        return sn.all(
            [
                sn.assert_found(r'"kind":"calibration"', self.stdout),
                sn.assert_not_found(r'"severity":"invalid"', self.stdout),
            ]
        )

    @performance_function("s")
    def seconds_taken(self):
        """Return how long it took; `python -m roofline.fleet` judges the roofs themselves."""
        return self._record()["seconds_taken"]
