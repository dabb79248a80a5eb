"""Hooks only: what pytest calls, and which part answers. Everything else is imported when a study is at hand."""

import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError, StudyError
from harness.options import Project, Settings, add_ini, add_options, read_project, read_settings

if TYPE_CHECKING:
    from harness.claims.results import ClaimResult
    from harness.session import Session

PROJECT = pytest.StashKey[Project]()
SETTINGS = pytest.StashKey[Settings]()
RERUN_SINCE = pytest.StashKey[tuple[int, int]]()
WORKERS = pytest.StashKey[int]()
SPEAKER = pytest.StashKey[Callable[[str], None]]()
WRITTEN = pytest.StashKey[list[str]]()
COMPARED = pytest.StashKey[list[str]]()
SCHEDULER = pytest.StashKey[Any]()
ANSWERED, BILL, NO_BILL = "harness_answered", "harness_bill", (0.0, 0, 0, 0)
SHARERS, MEMORY, OWNER, SINCE = "harness_sharers", "harness_memory_gb", "harness_owner", "harness_since"
RESTARTS_LEAST = 16
OWN_FIXTURES = {"harness.fixtures", "harness.claim_fixtures", "harness.study_fixture"}
BROKEN_OFF = {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR}


@contextmanager
def _told() -> Iterator[None]:
    """A user's mistake ends as pytest's usage error: one line, exit code 4."""
    try:
        yield
    except HarnessError as error:
        from harness.secrets import clean_message

        raise pytest.UsageError(clean_message(str(error))) from None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini twins; the options follow when everybody else's names are known."""
    add_ini(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    """Register the options after the other plugins and the first conftests."""
    try:
        return (yield)
    finally:
        with _told():
            early_config.stash[PROJECT] = read_project(early_config.rootpath)
        add_options(parser, early_config.stash[PROJECT])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the settings; find what is wrong before anything starts."""
    project = config.stash[PROJECT]
    if config.option.help:
        return
    with _told():
        settings = read_settings(config, project)
        config.stash[SETTINGS] = settings
        if settings.scaling_report:
            _collect_cases(config, project)
        if not (project.uses or settings.chosen):
            return
        from harness import claim_fixtures, console, fixtures, redaction, study_fixture

        config.pluginmanager.register(fixtures.CaseFixtures(config), "harness.fixtures")
        config.pluginmanager.register(claim_fixtures.ClaimFixtures(config), "harness.claim_fixtures")
        config.pluginmanager.register(study_fixture, "harness.study_fixture")
        config.pluginmanager.register(redaction, "harness.redaction")
        config.stash[SPEAKER] = console.speaker(config)  # here pytest's capture rests
        if not _only_lists(config) and (settings.chosen or _collects_cases(config, project)):
            _check(config)


def _prepare_workers(config: pytest.Config) -> None:
    """A question that kills its worker does so twice before it is known for it, so that more may have to start."""
    option, workers = config.option, len(_specs(config))
    if not workers:
        return
    if option.maxworkerrestart is None:
        option.maxworkerrestart = str(max(RESTARTS_LEAST, 4 * workers))
    if option.dist != "load":
        config.issue_config_time_warning(
            pytest.PytestWarning(
                f"--dist {option.dist} may give the cases of a cell to several workers, and each loads the model: "
                "leave --dist out to keep them together"
            ),
            stacklevel=2,
        )


def _only_lists(config: pytest.Config) -> bool:
    option = config.option
    return bool(option.showfixtures or option.show_fixtures_per_test or getattr(option, "markers", False))


def _collect_cases(config: pytest.Config, project: Project) -> None:
    """Without a path, `--scaling-report` collects the study's cases and nothing else."""
    if config.args_source != pytest.Config.ArgsSource.ARGS and project.cases is not None:
        if not (project.root / project.cases).exists():
            raise StudyError(f"[tool.harness] cases = {project.cases!r} is not there: name the folder of your cases")
        config.args[:] = [str(project.root / project.cases)]


def _collects_cases(config: pytest.Config, project: Project) -> bool:
    if project.cases is None:
        return True
    folder = (project.root / project.cases).resolve()
    given = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return any(path == folder or folder in path.parents or path in folder.parents for path in given)


def _check(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    _prepare_workers(config)
    workers = sum(tx.partition("//")[0].endswith("popen") for tx in _specs(config))
    _session(config).check(weights=not config.option.collectonly, workers=workers)


def _specs(config: pytest.Config) -> list[str]:
    """What xdist will start, one text per worker; none without xdist or workers."""
    if not getattr(config.option, "tx", None) or config.option.dist == "no":
        return []
    from harness.scheduling import worker_specs

    return worker_specs(config)


def _session(config: pytest.Config) -> "Session":
    from harness.fixtures import SESSION
    from harness.session import Process, Session

    if SESSION not in config.stash:
        given = getattr(config, "workerinput", {})
        say = config.stash.get(SPEAKER, print)
        since = given.get(SINCE)
        process = Process(
            owner=given.get(OWNER) or f"{uuid.uuid4().hex}/main",
            since=None if since is None else (since[0], since[1]),
            sharers=given.get(SHARERS, 1),
            memory_gb=given.get(MEMORY),
            last_words=say,
        )
        config.stash[SESSION] = Session(config.stash[SETTINGS], process)
    return config.stash[SESSION]


def _known_session(config: pytest.Config) -> "Session | None":
    """The session, if anything in this process needed it."""
    if not config.pluginmanager.hasplugin("harness.fixtures"):
        return None
    from harness.fixtures import SESSION

    return config.stash.get(SESSION, None)


def pytest_sessionstart(session: pytest.Session) -> None:
    """With workers, tell on a terminal how long a long run will take."""
    config = session.config
    if _known_session(config) is not None and config.pluginmanager.hasplugin("dsession"):
        from harness.console import RateLines, wants_progress

        if wants_progress(config):
            config.pluginmanager.register(RateLines(session), "harness.rate")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item per case of the study, one per claim of its file, and know the tests that state claims."""
    if not metafunc.config.pluginmanager.hasplugin("harness.fixtures"):
        return
    from harness import claim_fixtures

    if _is_ours(metafunc, "case"):
        with _told():
            cases = _session(metafunc.config).study.cases
        metafunc.parametrize("case", cases, ids=[case.label for case in cases])
        return
    for name in claim_fixtures.FIXTURES:
        if _is_ours(metafunc, name):
            with _told():
                claim_fixtures.parametrise(metafunc, name, _session(metafunc.config))


def _is_ours(metafunc: pytest.Metafunc, name: str) -> bool:
    """Whether the test asks for the plugin's own fixture of that name and does not parametrise it itself."""
    if name not in metafunc.fixturenames:
        return False
    definitions = metafunc.definition._fixtureinfo.name2fixturedefs.get(name, ())  # noqa: SLF001 - no public way
    marked = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    names = [each.strip() for arg in marked for each in (arg.split(",") if isinstance(arg, str) else arg)]
    return bool(definitions) and definitions[-1].func.__module__ in OWN_FIXTURES and name not in names


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put claims behind all else; without workers, keep the cases of one model together, where xdist's get units."""
    if _known_session(config) is None:
        return
    from harness.claim_fixtures import claims_last
    from harness.units import gathered

    items[:] = claims_last(items if hasattr(config, "workerinput") else gathered(items))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the engine which cases are answered together: those of one unit that are left after -k and the like."""
    run = _known_session(session.config)
    if run is None or session.config.option.collectonly or _only_lists(session.config):
        return
    from harness.console import ProgressLine, wants_progress
    from harness.units import case_of, groups, units

    cases = {case.label: case for item in session.items if (case := case_of(item)) is not None}
    if cases:
        given = getattr(session.config, "workerinput", {})
        with _told():
            run.select(groups(cases.values(), units(run.study.cases, given.get("workercount", 1))))
        if wants_progress(session.config):
            run.engine.progress = ProgressLine(session.config)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Give scored cases their own letter, word and count."""
    from harness.console import test_status

    return test_status(report)


def pytest_report_header(config: pytest.Config) -> str | None:
    """One line: which study, how many cases, which store."""
    run = _known_session(config)
    if run is None or hasattr(config, "workerinput"):
        return None
    from _pytest.pathlib import bestrelpath

    study = run.study
    store = bestrelpath(config.rootpath, run.settings.store)
    return f"study: {study.name}, {len(study.cells)} cells, {len(study.cases)} cases, store: {store}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Free the model, write what waits, and write the report where it was asked for."""
    config = session.config
    run = _known_session(config)
    if run is None:
        return
    _finish(session, run)
    _gate(session, run)
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {ANSWERED: run.answered, BILL: run.bill.told()}
    if session.exitstatus == pytest.ExitCode.OK and SCHEDULER in config.stash and config.stash[SCHEDULER].has_pending:
        # xdist's own status is 0 when no worker is left to run the rest
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _finish(session: pytest.Session, run: "Session") -> None:
    """Close, and report; scores that cannot be kept can be computed again, and a run that was stopped stays stopped."""
    stopped = session.exitstatus == pytest.ExitCode.INTERRUPTED
    try:
        run.close()
        if _reports(session, run):
            claims = _claims(session.config)
            session.config.stash[WRITTEN] = run.write_report(**_screen(session.config), claims=claims)
    except HarnessError as error:
        session.config.stash[WRITTEN] = [f"no report: {error}"]
        if not stopped:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


def _claims(config: pytest.Config) -> "Sequence[ClaimResult]":
    """The verdicts of the run's claims, in the process that the user started."""
    asked = config.pluginmanager.get_plugin("harness.claim_fixtures")
    return () if asked is None else asked.judging.results


def _gate(session: pytest.Session, run: "Session") -> None:
    """Hold a run that came to its end against the baseline; a test that failed keeps its own exit code."""
    config = session.config
    ended = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if run.settings.baseline is None or not ended or hasattr(config, "workerinput") or config.option.collectonly:
        return
    try:
        lines, code = run.gate(width=_screen(config).get("width", 80))
    except HarnessError as error:
        lines, code = [f"no comparison: {error}"], int(pytest.ExitCode.USAGE_ERROR)
    config.stash[COMPARED] = lines
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = code


def _reports(session: pytest.Session, run: "Session") -> bool:
    """Only the process that the user started writes the report, and only when the run began as it should."""
    config = session.config
    began = session.exitstatus not in BROKEN_OFF and not config.option.collectonly and not _only_lists(config)
    return run.settings.scaling_report and began and not hasattr(config, "workerinput")


def _screen(config: pytest.Config) -> dict[str, Any]:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return {}
    return {"width": min(terminal._tw.fullwidth, 120), "colour": terminal.hasmarkup}  # noqa: SLF001 - no public way


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why answers could not be read, and show the report."""
    from harness.console import unparsed_lines

    run = _known_session(config)
    if run is not None and not config.option.collectonly and not _only_lists(config):
        bound = "at least " if run.uncounted else ""
        for line in (f"answers: {bound}{run.answered} generated in this run", *run.bill_lines()):
            terminalreporter.line(line)
    unparsed = terminalreporter.stats.get("unparsed", [])
    if unparsed:
        terminalreporter.section("unparsed answers")
        for line in unparsed_lines(unparsed):
            terminalreporter.line(line)
    for title, key in (("scaling report", WRITTEN), ("comparison with the baseline", COMPARED)):
        if key in config.stash:
            terminalreporter.section(title)
            for line in config.stash[key]:
                terminalreporter.line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist has no public types
    """Count what a worker answered; one that died told nothing."""
    run = _known_session(node.config)
    if run is not None:
        told = getattr(node, "workeroutput", {})
        run.answered += told.get(ANSWERED, 0)
        run.uncounted = run.uncounted or ANSWERED not in told
        run.bill.add_told(told.get(BILL, NO_BILL))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Share cores and GPUs among the workers before they start: two that take all cores were ten times slower."""
    config.stash[WORKERS] = len(specs)
    run = _known_session(config)
    if run is not None:
        run.warm()
        with _told():
            run.open_store()
            config.stash[RERUN_SINCE] = run.since()
            run.pin(specs)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist has no public types
    """Tell a worker its name in the store, what counts as stored, and how many share its memory."""
    run = _known_session(node.config)
    if run is not None:
        node.workerinput[OWNER] = f"{run.process.owner.partition('/')[0]}/{node.gateway.id}"
        node.workerinput[SINCE] = list(node.config.stash[RERUN_SINCE])
        node.workerinput[SHARERS] = run.sharers(node.config.stash[WORKERS])
        shares = node.gateway.spec.popen and run.hardware.kind == "cpu"
        node.workerinput[MEMORY] = run.hardware.memory_gb if shares else None
        if node.config.option.dist != "load":
            from harness.claim_fixtures import DISTRIBUTED

            node.workerinput[DISTRIBUTED] = node.config.option.dist


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - xdist has no public types
    """Give whole units to workers, unless the user chose another distribution."""
    run = _known_session(config)
    if run is None or config.option.dist != "load":
        return None
    from harness.claim_fixtures import claim_labels
    from harness.scheduling import CellScheduling, StopEarly
    from harness.units import units

    unit_of = units(run.study.cases, config.stash[WORKERS])
    config.stash[SCHEDULER] = CellScheduling(
        config, log, unit_of, lambda node: _was_answering(run, node), claim_labels(run)
    )
    if most := config.getoption("maxfail"):
        config.pluginmanager.register(StopEarly(config.stash[SCHEDULER], most), "harness.stop")
    return config.stash[SCHEDULER]


def _was_answering(run: "Session", node: Any) -> bool:  # noqa: ANN401 - xdist has no public types
    try:
        return run.has_died(node.workerinput[OWNER])
    except HarnessError:
        return False  # a store that cannot be read any more is told by the next question
