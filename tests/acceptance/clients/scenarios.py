"""Drive a Runway-compatible server through the official Python SDK, sync or async, and print what happened as JSON.

Runs under any `runwayml` version in an environment that has nothing else; asserts nothing. Each scenario is written
once: with the sync client its calls have already happened when `settle` sees their value. What is printed for a
scenario is its answer, or {"error": ...} with the exception's class and body.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import inspect
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import runwayml
from runwayml.lib import polling

POLL_SECONDS = 0.25


async def settle(value: Any) -> Any:
    """The result of an SDK call of either client."""
    return await value if inspect.isawaitable(value) else value


class Scenarios:
    """One client with two base URLs, and the material to work on."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.kind = runwayml.AsyncRunwayML if options.flavour == "async" else runwayml.RunwayML
        self.client = self.connect(options.base)

    def connect(self, base: str, key: str | None = None) -> Any:
        return self.kind(api_key=key or self.options.key, base_url=base, max_retries=0)

    async def edit(self, client: Any, **request: Any) -> dict[str, Any]:
        """Create, wait with the SDK's own helper, and return both answers with the last poll's headers."""
        created = await settle(client.video_to_video.create(**request))
        done = await settle(created.wait_for_task_output(timeout=120))
        raw = await settle(client.tasks.with_raw_response.retrieve(created.id))
        return {
            "created": created.to_dict(),
            "task": done.to_dict(),
            "class": type(done).__name__,
            "headers": {name.lower(): value for name, value in raw.headers.items()},
        }

    async def upload(self, path: Path) -> str:
        uploaded = await settle(self.client.uploads.create_ephemeral(file=path))
        return str(uploaded.uri)

    async def https_input(self) -> dict[str, Any]:
        return await self.edit(
            self.client,
            model="gen4_aleph",
            video_uri=self.options.clip_url,
            prompt_text="Make it black and white",
            seed=7,
        )

    async def comet_path(self) -> dict[str, Any]:
        return await self.edit(
            self.connect(f"{self.options.base}/runwayml"),
            model="gen4_aleph",
            video_uri=self.options.clip_url,
            prompt_text="Make it black and white",
            ratio="640:480",
        )

    async def data_uri(self) -> dict[str, Any]:
        clip = base64.b64encode(self.options.clip.read_bytes()).decode()
        return await self.edit(
            self.client,
            model="gen4_aleph",
            video_uri=f"data:video/mp4;base64,{clip}",
            prompt_text="Make it black and white",
        )

    async def upload_and_aleph2(self) -> dict[str, Any]:
        uri = await self.upload(self.options.clip)
        # By extra_body, because older versions know aleph2 and not this member.
        edited = await self.edit(
            self.client,
            model="aleph2",
            video_uri=uri,
            prompt_text="Make it black and white",
            extra_body={"outputFormat": "mp4"},
        )
        return {**edited, "uri": uri}

    async def references(self) -> dict[str, Any]:
        return await self.edit(
            self.client,
            model="gen4_aleph",
            video_uri=await self.upload(self.options.clip),
            prompt_text="Match the colours of the reference image",
            references=[{"type": "image", "uri": await self.upload(self.options.picture)}],
        )

    async def failure(self) -> dict[str, Any]:
        try:
            await self.edit(
                self.client,
                model="gen4_aleph",
                video_uri=self.options.clip_url,
                prompt_text="Add a dragon behind the house",
            )
        except runwayml.TaskFailedError as failed:
            return {"raised": type(failed).__name__, "task": failed.task_details.to_dict()}
        return {"raised": None}

    async def cancel(self) -> dict[str, Any]:
        created = await settle(
            self.client.video_to_video.create(
                model="gen4_aleph",
                video_uri=await self.upload(self.options.long_clip),
                prompt_text="Turn it into a watercolour painting",
            )
        )
        seen = []
        while not seen or seen[-1] in ("PENDING", "THROTTLED"):
            await asyncio.sleep(POLL_SECONDS if seen else 0)
            seen.append((await settle(self.client.tasks.retrieve(created.id))).status)
        deleted = await settle(self.client.tasks.delete(created.id))
        return {
            "id": created.id,
            "seen": seen,
            "deleted": deleted,
            "after": await self.refusal(self.client.tasks.retrieve, created.id),
            "again": await self.refusal(self.client.tasks.delete, created.id),
        }

    async def organization(self) -> dict[str, Any]:
        organization = await settle(self.client.organization.retrieve())
        usage = await settle(self.client.organization.retrieve_usage())
        return {"organization": organization.to_dict(), "usage": usage.to_dict()}

    async def refusals(self) -> dict[str, Any]:
        create, clip = self.client.video_to_video.create, self.options.clip_url
        stranger = self.connect(self.options.base, "key_" + "0" * 128)
        right = {"model": "gen4_aleph", "video_uri": clip, "prompt_text": "Make it black and white"}
        return {
            "seed": await self.refusal(create, **{**right, "seed": -1}),
            "prompt": await self.refusal(create, **{**right, "prompt_text": ""}),
            "model": await self.refusal(create, **{**right, "model": "gen1"}),
            "unknown_key": await self.refusal(create, **right, extra_body={"loudness": 11}),
            "missing_source": await self.refusal(create, **{**right, "video_uri": clip + ".none"}),
            "version": await self.refusal(create, **right, extra_headers={"X-Runway-Version": "v1"}),
            "key": await self.refusal(stranger.video_to_video.create, **right),
            "task": await self.refusal(self.client.tasks.retrieve, "9a9d1c7e-0f0b-4a53-9f5d-9d5a6d1f9b11"),
            "path": await self.refusal(self.connect(f"{self.options.base}/nowhere").organization.retrieve),
        }

    async def refusal(self, call: Any, *values: Any, **request: Any) -> dict[str, Any]:
        try:
            answer = await settle(call(*values, **request))
        except runwayml.APIStatusError as refused:
            return {"class": type(refused).__name__, "status": refused.status_code, "body": refused.body}
        return {"class": None, "answer": repr(answer)}


#: In the order they run. Cancelling comes last: it leaves nothing running.
ALL = (
    "https_input",
    "comet_path",
    "data_uri",
    "upload_and_aleph2",
    "references",
    "failure",
    "organization",
    "refusals",
    "cancel",
)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    scenarios = Scenarios(options)
    told: dict[str, Any] = {"version": runwayml.__version__}
    for name in options.scenario or ALL:
        try:
            told[name] = await getattr(scenarios, name)()
        except Exception as error:
            print(traceback.format_exc(), file=sys.stderr)
            details = getattr(error, "body", None) or getattr(error, "task_details", None)
            told[name] = {"error": f"{type(error).__name__}: {error}", "details": str(details)}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flavour", choices=("sync", "async"), required=True)
    parser.add_argument("--base", required=True, help="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--clip-url", required=True)
    parser.add_argument("--long-clip", type=Path, required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("scenario", nargs="*")
    options = parser.parse_args()
    # The helper polls every six seconds, as Runway asks of its clients; here nobody is bothered by more.
    polling.POLL_TIME, polling.POLL_JITTER = POLL_SECONDS, 0  # type: ignore[misc]
    print(json.dumps(asyncio.run(run(options)), default=str))


if __name__ == "__main__":
    main()
