"""What the HTTP edge needs from the floor below, as protocols. It knows no implementation of any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any, BinaryIO, Protocol

from refilm.domain.account import Organization, Usage
from refilm.domain.edit import EditRequest
from refilm.domain.task import Task


class Caller(Protocol):
    """Who is asking: an account, by one of its keys."""

    @property
    def account(self) -> str: ...
    @property
    def key_id(self) -> str: ...


class Accounts(Protocol):
    """Names the caller behind a secret."""

    def authenticate(self, secret: str) -> Any:
        """The `Caller`. Raises Refused. Microseconds: it runs on the event loop."""


class SignedFile(Protocol):
    """An opened output."""

    @property
    def file(self) -> BinaryIO: ...
    @property
    def size(self) -> int: ...
    @property
    def media_type(self) -> str: ...
    @property
    def filename(self) -> str: ...


class UploadSlot(Protocol):
    """Where and how one file may be uploaded."""

    @property
    def upload_url(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, str]: ...
    @property
    def runway_uri(self) -> str: ...


class Service(Protocol):
    """Tasks, as their owner may see and change them. `caller` is what `Accounts.authenticate` returned."""

    async def submit(self, caller: Any, request: EditRequest) -> Task:
        """Accept an edit; durable when it returns. Raises InvalidRequest, Unavailable, StorageFull."""

    def task(self, caller: Any, task_id: str) -> Task:
        """One task. Raises NotFound. Microseconds: it runs on the event loop."""

    async def delete(self, caller: Any, task_id: str) -> None:
        """Cancel or delete a task. Raises NotFound."""

    def output_urls(self, task: Task, base_url: str) -> list[str]:
        """Freshly signed URLs of the task's outputs."""

    def organization(self, caller: Any) -> Organization:
        """The account's standing. Blocking."""

    def usage(self, caller: Any, start: date | None, before: date | None) -> Usage:
        """Credits spent by day and model. Blocking."""

    def open_signed(self, key: str, query: Mapping[str, str]) -> SignedFile:
        """The output behind a signed URL. Raises NotFound, or Refused when forged or expired. Blocking."""

    def readiness(self) -> dict[str, Any]:
        """Whether tasks can be taken and worked on: {"ready", "checks", "moderation"}. Blocking."""


class Uploads(Protocol):
    """Takes files in, in two steps."""

    async def create(self, caller: Any, filename: str, base_url: str) -> UploadSlot:
        """A place for one file."""

    async def receive(self, fields: Mapping[str, str], chunks: AsyncIterator[bytes]) -> Any:
        """Keep one file's bytes. fields: those of its slot, which carry the signature.

        Raises InvalidRequest, Refused, StorageFull; whatever `chunks` raises passes through.
        """
