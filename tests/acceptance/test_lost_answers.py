"""The official SDK sends a create again when its answer is lost. That must not make, or charge for, a second task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from api_client import ApiClient
from cutting_proxy import CuttingProxy
from material import Material
from runwayml import RunwayML
from server_process import ServerProcess


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_lost_answer_makes_no_second_task(cuts: int, server: ServerProcess, material: Material) -> None:
    """With the first answer of every create lost, and with two of three, each call is one task, which the SDK names."""
    key = server.new_key(f"lost-{cuts}")
    client = ApiClient(server.url, key)
    uri = client.upload(material.clip)

    with CuttingProxy(server.url, cuts) as proxy:
        sdk = RunwayML(api_key=key, base_url=proxy.url, max_retries=2)

        def create(number: int) -> str:
            made = sdk.post(
                "/v1/video_to_video",
                body={"model": "gen4_aleph", "videoUri": uri, "promptText": f"add dragon number {number}"},
                cast_to=object,
            )
            return str(made["id"])

        with ThreadPoolExecutor(8) as calls:
            ids = list(calls.map(create, range(16)))
        sdk.close()

    used = client.ask("GET", "organization").json()["usage"]["models"]["gen4_aleph"]["dailyGenerations"]
    assert proxy.cut == 16 * cuts
    assert len(set(ids)) == 16
    assert used == 16
    for task_id in ids:  # this is about the books, not about pictures
        assert client.ask("DELETE", f"tasks/{task_id}").status_code == 204
