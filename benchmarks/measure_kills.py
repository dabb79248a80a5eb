"""SIGKILLs of a worker, of the controller, and of all at once, at random moments: what they cost, as JSON.

No answer may be lost or doubled, and no case blamed. Run: python benchmarks/measure_kills.py [rounds] [file.json]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
TESTS = "tests/acceptance/test_kills.py"
KINDS = {
    "worker": "test_a_run_outlives_its_workers",
    "controller": "test_nothing_is_lost_doubled_or_blamed[controller-0.05]",
    "both": "test_nothing_is_lost_doubled_or_blamed[both-0.3]",
}
QUIET = ("-q", "-p", "no:randomly", "-p", "no:smoke")


def measured(rounds: int) -> dict[str, dict[str, int]]:
    """Counts by kind of kill, as the tests record them, whether they passed or not."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "kills.xml"
        nodes = [f"{TESTS}::{test}" for test in KINDS.values()]
        command = [
            sys.executable,
            "-m",
            "pytest",
            *QUIET,
            "-o",
            "junit_family=xunit1",
            "--junit-xml",
            str(written),
            *nodes,
        ]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"KILL_ROUNDS": str(rounds)}, check=False, stdout=sys.stderr)
        cases = {case.get("name"): case for case in ET.parse(written).iter("testcase")}  # noqa: S314 - pytest wrote it
    return {
        kind: {str(entry.get("name")): int(str(entry.get("value"))) for entry in cases[test].iter("property")}
        for kind, test in KINDS.items()
    }


def main() -> int:
    found = measured(int(sys.argv[1]) if sys.argv[1:] else 20)
    text = json.dumps(found, indent=2)
    if sys.argv[2:]:
        Path(sys.argv[2]).write_text(text + "\n", encoding="utf-8")
    print(text)
    harm = [counts.get(name, 1) for counts in found.values() for name in ("answers_lost", "answers_doubled", "blamed")]
    return int(any(harm))


if __name__ == "__main__":
    sys.exit(main())
