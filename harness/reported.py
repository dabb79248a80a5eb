"""A report that there is: which run and study it is of, and what its options had chosen of the study."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.baseline import SUMMARY, read_summary, run_folder
from harness.errors import DataError
from harness.records import Selection
from harness.report.door import UNTOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What is needed to write a report again from the store; the selection neither downloads nor describes a model."""

    run: str
    study: str
    folder: Path
    selection: Selection


def read_reported(place: str | Path, root: Path) -> Reported:
    """The report in the folder `place`, or of that name under reports/ of the project in `root`.

    Raises:
        HarnessError: there is no such report, or its summary is damaged.
    """
    folder = run_folder(place, root)
    summary = read_summary(folder, root)
    try:
        told = summary["manifest"]["settings"]["selection"]
        chosen = {name: value for name, value in told.items() if name not in UNTOLD}
        return Reported(
            run=str(summary["run"]),
            study=str(summary["study"]),
            folder=folder,
            selection=TypeAdapter(Selection).validate_python(chosen),
        )
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{folder / SUMMARY} is no summary of a run ({reason}): report the run again") from error
