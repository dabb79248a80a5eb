"""`harness report RUN`: a report written again from the store, with what its options had chosen."""

import json

import pytest

pytest.importorskip("altair", reason="needs the extra [report]")
CHOSEN = ("--model", "big", "--condition", "direct", "--condition", "rag", "--limit", "5")
COMMAND = ("-c", "from harness.cli import main; main()", "report")


@pytest.fixture(scope="module")
def reported(make_project):
    project = make_project()
    assert project.pytest("benchmarks", "-q").rc == 0
    done = project.pytest("benchmarks", "-q", "--scaling-report", "--run-name", "part", *CHOSEN)
    assert done.rc == 0, done.out
    return project


@pytest.mark.parametrize("named", ["part", "reports/part"])
def test_a_report_is_written_again_as_it_was_chosen(reported, named):
    folder = reported.root / "reports/part"
    first = {name: (folder / name).read_bytes() for name in ("index.html", "report.md", "summary.json")}
    for name in ("index.html", "report.md"):
        (folder / name).unlink()
    done = reported.run(*COMMAND, named)
    assert (done.rc, done.err) == (0, "")
    assert {name: (folder / name).read_bytes() for name in first} == first
    assert json.loads(first["summary.json"])["planned"] == 10


def test_what_other_commands_read_is_written_whatever_the_format(reported):
    done = reported.run(*COMMAND, "part", "--report-dir", "reports/short", "--format", "md")
    assert done.rc == 0, done.err
    written = {path.name for path in (reported.root / "reports/short").iterdir()}
    assert {"report.md", "summary.json", "results.parquet"} < written
    assert "index.html" not in written


def test_it_can_go_elsewhere_with_another_model(reported):
    done = reported.run(*COMMAND, "part", "--report-dir", "reports/other", "--model", "tiny", "--format", "json")
    assert done.rc == 0, done.err
    told = json.loads((reported.root / "reports/other/summary.json").read_text())
    assert (told["run"], {cell["model"] for cell in told["cells"]}) == ("part", {"tiny"})


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("prat",), "there is no run 'prat': name a report's folder, or one under reports/: "),
        (("part", "--study", "planted"), "report 'part' is of the study 'small', and planted is 'planted'"),
    ],
)
def test_a_wrong_name_ends_in_one_line(reported, args, told):
    done = reported.run(*COMMAND, *args)
    assert (done.rc, done.out, len(done.err.splitlines())) == (4, "", 1)
    assert told in done.err


@pytest.mark.parametrize("damage", [{"limit": "many"}, ["big"], None])
def test_a_damaged_choice_ends_in_one_line(reported, damage):
    path = reported.root / "reports/hurt/summary.json"
    summary = json.loads((reported.root / "reports/part/summary.json").read_text())
    summary["manifest"]["settings"]["selection"] = damage
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(summary))
    done = reported.run(*COMMAND, "hurt")
    assert (done.rc, len(done.err.splitlines())) == (4, 1)
    assert "summary.json is no summary of a run" in done.err


def test_a_changed_summary_neither_downloads_nor_names_models(reported):
    path = reported.root / "reports/sly/summary.json"
    summary = json.loads((reported.root / "reports/part/summary.json").read_text())
    sly = {"download": True, "extra_models": {"big": {"path": "elsewhere"}}}
    summary["manifest"]["settings"]["selection"] |= sly
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(summary))
    done = reported.run(*COMMAND, "sly", "--report-dir", "reports/again", "--format", "json")
    assert done.rc == 0, done.err
    manifest = json.loads((reported.root / "reports/again/summary.json").read_text())["manifest"]
    assert manifest["settings"]["runtime"]["download"] is False
    assert sly.keys().isdisjoint(manifest["settings"]["selection"])
