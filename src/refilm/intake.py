"""What a create checks of a request's inputs before it is accepted, and the bytes it keeps at once.

URLs are asked by HEAD; data URIs are decoded and kept; uploads must exist and suit the model. What needs the bytes of
a URL or data URI (is it a clip, how long) is the task's to find. Knows nothing of tasks and of HTTP answers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from refilm.assets.base import Assets
from refilm.assets.fetch import Fetcher, FetchRefused
from refilm.assets.room import Room
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, ModelLimits
from refilm.domain.upload import Upload
from refilm.domain.uri import (
    AssetKind,
    UriForm,
    UriLimits,
    UriProblem,
    check_uri,
    form_of,
    parse_data_uri,
    parse_upload_uri,
)
from refilm.errors import InvalidRequest, Issue
from refilm.store.base import Store

ASSET_SCHEME = "asset:"
REMEMBER_UPLOADS = 1024

_NO_UPLOAD = "There is no such upload, or it has expired. Upload the file again."


@dataclass(frozen=True)
class Accepted:
    """A request whose inputs are checked. info: the clip's facts where they are known already."""

    request: EditRequest
    info: ClipInfo | None


@dataclass(frozen=True)
class Input:
    """One input of a request. path: where it stands, in domain names.  name: of its asset within the task."""

    path: tuple[str | int, ...]
    uri: str
    kind: AssetKind
    name: str


def inputs_of(request: EditRequest) -> list[Input]:
    """Every input of a request, the clip first."""
    found = [Input(("video_uri",), request.video_uri, AssetKind.VIDEO, "video")]
    for at, reference in enumerate(request.references):
        found.append(Input(("references", at, "uri"), reference.uri, AssetKind.IMAGE, f"reference-{at}"))
    for at, keyframe in enumerate(request.keyframes):
        found.append(Input(("keyframes", at, "uri"), keyframe.uri, AssetKind.IMAGE, f"keyframe-{at}"))
    return found


def with_uris(request: EditRequest, uris: Mapping[str, str]) -> EditRequest:
    """The request with its inputs, by name, at other places."""
    return replace(
        request,
        video_uri=uris["video"],
        references=tuple(replace(item, uri=uris[f"reference-{at}"]) for at, item in enumerate(request.references)),
        keyframes=tuple(replace(item, uri=uris[f"keyframe-{at}"]) for at, item in enumerate(request.keyframes)),
    )


def input_key(task_id: str, name: str) -> str:
    """Where an input of a task is kept."""
    return f"inputs/{task_id}/{name}"


class Intake:
    """Checks and keeps the inputs of new tasks."""

    def __init__(
        self,
        store: Store,
        assets: Assets,
        fetcher: Fetcher,
        limits_of: Callable[[Model], ModelLimits],
        uri_limits: UriLimits,
        now: Callable[[], datetime],
        collect: Callable[[Upload], Awaitable[None]] | None = None,
        room: Room | None = None,
    ) -> None:
        """collect: looks whether an upload that had not arrived has done so since, at a place of its own."""
        self._collect = collect
        self._room = room or Room()
        self._store = store
        self._assets = assets
        self._fetcher = fetcher
        self._limits_of = limits_of
        self._uri_limits = uri_limits
        self._now = now
        self._remembered: OrderedDict[str, tuple[Upload, ClipInfo | None]] = OrderedDict()

    async def accept(self, account: str, task_id: str, request: EditRequest) -> Accepted:
        """Check every input and keep what came inside the request.

        Raises InvalidRequest with an issue for each input that cannot be used, and StorageFull before anything is asked
        or written where there is too little room; nothing is kept then.
        """
        self._room.check()
        inputs = inputs_of(request)
        if len(inputs) == 1:  # the commonest request needs no gathering
            info = await self._check(account, inputs[0], request.model)
            return Accepted(await self._keep(task_id, request, inputs), info)
        checked = await asyncio.gather(
            *(self._check(account, item, request.model) for item in inputs), return_exceptions=True
        )
        issues = [issue for error in checked if isinstance(error, InvalidRequest) for issue in error.issues]
        if issues:
            raise InvalidRequest(issues)
        for error in checked:
            if isinstance(error, BaseException):
                raise error
        info = checked[0] if isinstance(checked[0], ClipInfo) else None
        return Accepted(await self._keep(task_id, request, inputs), info)

    async def _check(self, account: str, item: Input, model: Model) -> ClipInfo | None:
        try:
            form = check_uri(item.uri, item.kind, self._uri_limits)
            if form is UriForm.HTTPS:
                await self._fetcher.head(item.uri, item.kind)
        except UriProblem as problem:
            raise InvalidRequest([Issue(item.path, problem.code, problem.message, problem.extra)]) from problem
        except FetchRefused as refused:
            raise InvalidRequest([Issue(item.path, "custom", str(refused))]) from refused
        return await self._upload(account, item, model) if form is UriForm.UPLOAD else None

    async def _upload(self, account: str, item: Input, model: Model) -> ClipInfo | None:
        """The facts of an uploaded clip, or None for a picture. Raises InvalidRequest."""
        upload, info = self._find(item.uri)
        if upload is None or upload.account != account or upload.expires_at <= self._now():
            raise unusable(item, _NO_UPLOAD)
        if not upload.arrived and self._collect is not None:
            await self._collect(upload)
            upload, info = self._find(item.uri)
            if upload is None:
                raise unusable(item, _NO_UPLOAD)
        if not upload.arrived:
            raise unusable(item, "Nothing has been uploaded to this URI yet. Send the file to its uploadUrl first.")
        if upload.problem is not None:
            raise unusable(item, upload.problem)
        if upload.kind != item.kind:
            raise unusable(item, f"The upload is of another kind: {upload.kind}, not {item.kind}.")
        if item.kind is AssetKind.IMAGE:
            return None
        if info is None:
            raise unusable(item, "The upload could not be read. Upload the file again.")
        limits = self._limits_of(model)
        problem = limits.problem(info)
        if problem is not None:
            too_long = info.duration > limits.max_seconds
            extra = {"origin": "number", "maximum": limits.max_seconds, "inclusive": True} if too_long else {}
            raise InvalidRequest([Issue(item.path, "too_big" if too_long else "custom", problem, extra)])
        return info

    def _find(self, uri: str) -> tuple[Upload | None, ClipInfo | None]:
        """The upload behind a URI and its facts as a clip. One that has arrived never changes, so it is remembered."""
        upload_id = parse_upload_uri(uri, self._uri_limits)
        known = self._remembered.get(upload_id)
        if known is not None:
            return known
        upload = self._store.read(lambda tx: tx.uploads.get(upload_id))
        if upload is None or not upload.arrived:
            return upload, None
        info = ClipInfo.from_json(upload.facts) if upload.kind == AssetKind.VIDEO and upload.facts else None
        self._remembered[upload_id] = upload, info
        if len(self._remembered) > REMEMBER_UPLOADS:
            self._remembered.popitem(last=False)
        return upload, info

    async def _keep(self, task_id: str, request: EditRequest, inputs: list[Input]) -> EditRequest:
        """Write the bytes of data URIs to assets, and name those instead. All of them, or none where one fails."""
        inside = {input_key(task_id, item.name): item for item in inputs if form_of(item.uri) is UriForm.DATA}
        if not inside:
            return request
        await asyncio.to_thread(self._write, inside)
        uris = {item.name: item.uri for item in inputs}
        uris.update((item.name, ASSET_SCHEME + key) for key, item in inside.items())
        return with_uris(request, uris)

    def _write(self, inside: Mapping[str, Input]) -> None:
        try:
            for key, item in inside.items():
                with self._assets.writer(key) as file:
                    file.write(parse_data_uri(item.uri, item.kind, self._uri_limits).decode())
        except BaseException:
            for key in inside:
                self._assets.delete(key)
            raise


def unusable(item: Input, message: str) -> InvalidRequest:
    """An input that cannot be used, as the one issue of a request."""
    return InvalidRequest([Issue(item.path, "custom", message)])
