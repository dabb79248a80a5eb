"""The summary as one JSON document: for programs, unrounded, every number with its n."""

import json
from collections.abc import Mapping

from harness.analysis.audit import PromptAudit, Rate
from harness.analysis.cells import CellSummary, Coverage, MetricMean, Quantity, Share, Slice
from harness.analysis.comparisons import Comparison
from harness.analysis.compatible.clustered import ClusteredMean
from harness.analysis.intervals import Interval
from harness.analysis.multiplicity import Adjusted
from harness.analysis.paired import Paired
from harness.analysis.summary import RunSummary, task_verdicts, told, verdicts
from harness.analysis.whole import Analysis
from harness.report.document_analysis import Json, analysis_document, plain_value

FORMAT = "pytest-scaling summary"
VERSION = 2  # 1 had no analysis, and is read all the same


def summary_json(
    summary: RunSummary, analysis: Analysis | None = None, clustered: Mapping[str, ClusteredMean] | None = None
) -> str:
    """The text of summary.json; ASCII, so that any text in it survives, and without NaN.

    With `clustered`, the compatible intervals of cells by their labels, these stand under `compatible_intervals`.

    Each part of the analysis stands on a line of its own: indented, its many small objects would be mostly spaces.
    """
    more = {"compatible_intervals": plain_value(clustered)} if clustered else {}
    text = _text(_summary(summary) | more, indent=2)
    if analysis is None:
        return text + "\n"
    parts = analysis_document(analysis)
    lines = ",\n".join(f"    {_text(name)}: {_text(part)}" for name, part in parts.items())
    return text.removesuffix("\n}") + ',\n  "analysis": {\n' + lines + "\n  }\n}\n"


def document(summary: RunSummary, analysis: Analysis | None = None) -> Json:
    """The summary as plain values: the run and its manifest, cells, slices, comparisons, audits, flags and verdicts.

    With an analysis, `analysis` holds every part of it: see analysis_document.
    """
    made = _summary(summary)
    return made if analysis is None else made | {"analysis": analysis_document(analysis)}


def _summary(summary: RunSummary) -> Json:
    info = summary.info
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": info.run,
        "study": info.study,
        "primary": info.primary,
        "correct_at": info.correct_at,
        "margin": info.margin,
        "seed": info.seed,
        "planned": info.planned,
        "manifest": dict(info.manifest),
        "verdicts": list(verdicts(summary)),
        "task_verdicts": list(task_verdicts(summary)),
        "shared_answers": summary.shared_answers,
        "cells": [_cell(cell, info.higher_is_better) for cell in summary.cells],
        "tasks": [_slice(part) for part in summary.tasks],
        "datasets": [_slice(part) for part in summary.datasets],
        "comparisons": [_comparison(found) for found in summary.comparisons],
        "flips": _rate(summary.flips),
        "audit": [_audit(found) for found in summary.audits],
        "flags": [{"code": flag.code, "cell": flag.cell, "message": flag.message} for flag in summary.flags],
    }


def _cell(cell: CellSummary, directions: Mapping[str, bool]) -> Json:
    return {
        "cell": cell.cell,
        "model": cell.model,
        "params_b": cell.params_b,
        "tier": cell.tier,
        "condition": cell.condition,
        "repeat": cell.repeat,
        "coverage": _coverage(cell.coverage),
        "share_correct": _share(cell.share),
        "metrics": {found.metric: _metric(found, directions) for found in cell.metrics},
        "loss_nll": _metric(cell.loss_nll, {"loss_nll": False}),
        "prompt_tokens": _quantity(cell.prompt_tokens),
        "output_tokens": _quantity(cell.output_tokens),
        "latency_s": _quantity(cell.latency_s),
        "concurrency": _quantity(cell.concurrency),
        "cost_usd": _quantity(cell.cost_usd),
    }


def _slice(part: Slice) -> Json:
    return {
        "cell": part.cell,
        "model": part.model,
        "condition": part.condition,
        part.kind: part.name,
        "coverage": _coverage(part.coverage),
        "share_correct": _share(part.share),
    }


def _coverage(found: Coverage) -> Json:
    return {name: getattr(found, name) for name in Coverage.__slots__}


def _share(share: Share) -> Json:
    told = share.complete_case
    return {
        "intent_to_test": {"numerator": share.correct, **_interval(share.intent_to_test)},
        "complete_case": None if told is None else {"numerator": share.correct, **_interval(told)},
    }


def _metric(found: MetricMean, directions: Mapping[str, bool]) -> Json:
    name = found.metric.rpartition("@")[0] or found.metric
    return {
        "higher_is_better": directions.get(name),
        "mean": None if found.mean is None else _interval(found.mean),
        "unscored": found.unscored,
        "reasons": dict(found.reasons),
    }


def _comparison(found: Comparison) -> Json:
    return {
        "model": found.model,
        "condition": found.condition,
        "baseline": found.baseline,
        "task": found.task,
        "dropped": found.dropped,
        "answered_by_both": _paired(found.answered),
        "missing_counted_wrong": _paired(found.missing_wrong),
        "adjusted": _adjusted(found.adjusted),
        "refused": found.refused,
        "verdict": told(found),
    }


def _audit(found: PromptAudit) -> Json:
    return {
        "cell": found.cell,
        "model": found.model,
        "condition": found.condition,
        "repeat": found.repeat,
        "answered": found.answered,
        "bos_counts": {"unknown" if count is None else str(count): prompts for count, prompts in found.bos},
        "templates": [{"name": mark.name, "hash": mark.hash} for mark in found.templates],
        "truncated_cases": found.truncated_cases,
        "truncated_passages": found.truncated_passages,
        "cut": _rate(found.cut),
        "unread": found.unread,
        "flips": _rate(found.flips),
    }


def _rate(found: Rate | None) -> Json | None:
    return None if found is None else {"numerator": found.count, **_interval(found.share)}


def _paired(pair: Paired | None) -> Json | None:
    if pair is None:
        return None
    return {
        "share_condition": pair.mean_a,
        "share_baseline": pair.mean_b,
        "only_condition": pair.only_a,
        "only_baseline": pair.only_b,
        "difference": _interval(pair.difference),
        "p": pair.p,
        "p_method": pair.p_method,
        "p_refused": pair.p_refused,
    }


def _adjusted(found: Adjusted | None) -> Json | None:
    """The p-value of answered_by_both over its family of `size` comparisons."""
    if found is None:
        return None
    return {"p": found.p, "method": found.method, "size": found.size, "exploratory": found.exploratory}


def _interval(found: Interval) -> Json:
    return {
        "denominator": found.n,
        "estimate": found.estimate,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "level": found.level,
        "clusters": found.clusters,
        "df": found.df,
        "effective_n": found.effective_n,
        "method": found.method,
        "refused": found.refused,
    }


def _quantity(found: Quantity | None) -> Json | None:
    if found is None:
        return None
    return {"n": found.n, "total": found.total, "mean": found.mean, "median": found.median, "most": found.most}


def _text(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=True, allow_nan=False, default=_as_dict)


def _as_dict(value: object) -> dict[object, object]:
    """A mapping of a manifest that is no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot stand in summary.json")
