"""Whether a model can run here and now, and why not."""

import asyncio

import pytest
from made_up_service import faulty, spec_of, status

from harness.providers import probe as module
from harness.providers.probe import probe
from harness.records import ModelSpec, Runtime
from harness.registry.machine import this_machine


def probed(model):
    return probe(model, Runtime(), this_machine())


LISTED = {"object": "list", "data": [{"id": "made-up"}, {"id": "other"}]}


def test_a_service_that_lists_the_model_is_ready(script):
    made, url = script(LISTED)
    found = probed(spec_of(base_url=url))
    assert (found.is_ready, found.reason, found.model, found.provider) == (True, None, "made-up", "openai_compatible")
    assert "GET /v1/models" in made.asked[0][0]


@pytest.mark.parametrize("body", [{"data": []}, {}, {"data": "x"}])
def test_a_service_that_lists_nothing_is_believed(script, body):
    assert probed(spec_of(base_url=script(body)[1])).is_ready


def test_a_service_without_the_model_says_what_it_has(script):
    found = probed(spec_of(base_url=script({"data": [{"id": "one"}, {"id": "two"}]})[1]))
    assert "no model 'made-up': it has one, two" in found.reason


def test_a_refused_key_is_told(script):
    assert "401: bad key" in probed(spec_of(base_url=script(status(401, "bad key"))[1])).reason


def test_nobody_there_is_told_with_the_address():
    found = probed(spec_of(base_url="http://127.0.0.1:9/v1"))
    assert "http://127.0.0.1:9/v1" in found.reason
    assert "no connection" in found.reason


def test_a_service_that_hangs_is_not_waited_for(script, monkeypatch):
    async def never(_body):
        await asyncio.sleep(30)

    monkeypatch.setattr(module, "PROBE_S", 0.3)
    assert "does not answer within" in probed(spec_of(base_url=script(never)[1])).reason


def test_a_missing_key_is_told():
    assert "set OPENAI_API_KEY" in probed(spec_of("openai")).reason


def test_missing_weights_are_told(tmp_path):
    model = ModelSpec(name="m", family="f", params_b=0.1, context_length=10, path=str(tmp_path / "none"))
    assert not probed(model).is_ready


def test_a_model_that_fits_nowhere_is_told(tmp_path):
    model = ModelSpec(name="m", family="f", params_b=100_000.0, context_length=10, path=str(tmp_path))
    assert "memory" in probed(model).reason or "GB" in probed(model).reason


def test_a_planted_model_is_always_ready():
    assert probed(spec_of("planted", accuracy=0.5)).is_ready


def test_the_made_up_server_lists_its_model(serve):
    assert probed(spec_of(base_url=serve(faulty.Server()).url)).is_ready
