"""Settings: every option, its default, its one-line meaning. Read once, at start, from `REFILM_<NAME>`.

Below this floor nobody reads settings, the environment or the clock: values arrive as arguments.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from refilm.domain.account import Tier
from refilm.domain.edit import Model, ModelLimits
from refilm.runner.lockdown import Sandbox, usual_sandbox

if TYPE_CHECKING:
    from refilm.runner.process import Limits

#: A bucket with a prefix of plain segments, or an absolute folder.
_PLACE = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,62}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?|file:///.+")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+/?")


def _is_private_enough(endpoint: str | None) -> bool:
    """Whether nobody on the way can read: by TLS, or because there is no way."""
    parts = urlsplit(endpoint or "https://aws")
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")


#: The shortest secret that is cut out of logs wherever it stands.
LEAST_SECRET = 6

#: Workers with processors, with GPUs, or that pass edits on to other servers.
Pool = Literal["cpu", "gpu", "relay"]


def default_data_dir() -> Path:
    """Where an unconfigured server keeps its rows and bytes."""
    return Path.home() / ".local" / "share" / "refilm"


class TierSetting(BaseModel):
    """A tier as the operator writes it: {"concurrent": 3, "daily": 500}; null or absent: no cap."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrent: int | None = Field(None, ge=1)
    daily: int | None = Field(None, ge=1)

    def tier(self) -> Tier:
        """As the rest of Refilm knows it."""
        return Tier(self.concurrent, self.daily)


#: What Runway gives its five tiers for videos, in autumn 2026 (docs.dev.runwayml.com/usage/tiers).
RUNWAY_TIERS = {
    name: TierSetting(concurrent=concurrent, daily=daily)
    for name, concurrent, daily in (("1", 1, 50), ("2", 3, 500), ("3", 5, 1_000), ("4", 10, 5_000), ("5", 20, 25_000))
}


class Settings(BaseSettings):
    """Every option of Refilm. `Settings(**overrides)` beats the environment, which beats the defaults."""

    model_config = SettingsConfigDict(env_prefix="REFILM_", extra="forbid", frozen=True)

    # where
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    data: Path = Field(default_factory=default_data_dir, description="Folder of rows and bytes; local disk only.")
    database_url: SecretStr | None = Field(
        None, description="postgresql:// URL of the database of the rows; unset: an SQLite file in the data folder."
    )
    assets_url: str | None = Field(
        None,
        description=(
            "Where the bytes are: s3://bucket/prefix, or file:///folder that several machines share; unset: the data "
            "folder."
        ),
    )
    s3_endpoint: str | None = Field(
        None, description="URL of the S3 server of assets_url, e.g. https://s3.lan; unset: AWS's own of the region."
    )
    s3_region: str = Field("us-east-1", min_length=1, description="Region of the bucket.")
    s3_access_key: str | None = Field(
        None, description="Access key for the bucket; unset: what AWS's environment variables or instance roles give."
    )
    s3_secret_key: SecretStr | None = Field(None, validate_default=True, description="Secret of s3_access_key.")
    s3_allow_http: bool = Field(
        False,
        validate_default=True,
        description="Whether s3_endpoint may be http:// on another host than this; bytes are readable there.",
    )
    s3_links: bool = Field(
        True,
        description=(
            "Whether clients fetch outputs from the bucket and send uploads to it, by links signed with "
            "s3_access_key; false: all of it passes through this server."
        ),
    )
    s3_link_endpoint: str | None = Field(
        None, description="s3_endpoint as clients reach it, where that is another address."
    )
    public_url: str | None = Field(
        None, description="Base of the URLs we hand out, e.g. https://refilm.example; unset: the request's own host."
    )

    files_url: str | None = Field(
        None,
        description=(
            "Base of the URLs of outputs and uploads, on another host or port than the API's, e.g. "
            "https://files.refilm.example; they are then served there and nowhere else; unset: beside the API."
        ),
    )
    files_port: int | None = Field(
        None, ge=1, le=65535, validate_default=True, description="A second port to listen on, for files_url."
    )
    # the front door
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Networks of the reverse proxies whose X-Forwarded-For says where a request comes from, comma-separated, "
            "e.g. 127.0.0.1/32."
        ),
    )
    max_wrong_keys: int = Field(
        20,
        ge=0,
        description="Wrong API keys from one address after which no more are looked at for a while; 0: no end.",
    )
    wrong_key_seconds: float = Field(
        60.0, ge=1, le=86_400, description="How long such an address is answered with 429, and how long tries count."
    )
    max_reads_per_second: float = Field(
        1000.0,
        ge=0,
        description="Polls and other reads of one API key in a second, and ten times that at once; 0: no limit.",
    )
    max_writes_per_second: float = Field(
        100.0,
        ge=0,
        description="Creates, uploads and deletes of one API key in a second, and ten times that at once; 0: no limit.",
    )
    max_requests_at_once: int = Field(
        256, ge=0, description="Requests of one API key that are answered at the same time; 0: no limit."
    )
    max_keyless_per_second: float = Field(
        100.0,
        ge=0,
        description=(
            "Requests of one address in a second that need no key, such as signed links, and ten times that at once; "
            "0: no limit."
        ),
    )
    max_connections: int = Field(
        4096,
        ge=0,
        description="Connections in all; for one more, the one that was idle for longest is closed; 0: no limit.",
    )
    max_connections_per_address: int = Field(
        256,
        ge=0,
        description="Connections from one address (of IPv6, one /64) that is no trusted proxy; 0: no limit.",
    )
    head_seconds: float = Field(10.0, gt=0, description="How long the head of a request may take to arrive.")
    body_seconds: float = Field(
        30.0, gt=0, description="How long the body of a request may take, beside what body_bytes_per_second allows."
    )
    body_bytes_per_second: float = Field(
        16_000.0, gt=0, description="A body gets one more second for so many bytes: the slowest that uploads may be."
    )
    idle_seconds: int = Field(
        65, ge=1, description="How long a connection is kept open between requests; longer than a proxy in front does."
    )

    # engines
    engine: str = Field("effects", description="Engine that serves the models no route names.")
    routes: dict[Model, str] = Field(default_factory=dict, description='Model to engine, e.g. {"aleph2": "effects"}.')
    engines: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="Names of the engines that may be loaded, comma-separated; unset: all that are installed."
    )
    partial_edits: bool = Field(
        False, description="Apply what the engine can do and record the rest, instead of refusing the whole prompt."
    )

    # interpreters
    embedding_model: str | None = Field(
        None,
        description=(
            "Folder of a sentence model, or the installed package that carries one, for clauses that the lexicon "
            "cannot read; unset: none is used."
        ),
    )
    chat_url: str | None = Field(
        None,
        description=(
            "Base URL of an OpenAI-compatible server for clauses that the lexicon cannot read, e.g. "
            "http://127.0.0.1:8080/v1; unset: none is asked."
        ),
    )
    chat_model: str = Field("default", min_length=1, description="Model that the server behind chat_url is asked for.")
    chat_key: SecretStr | None = Field(None, description="Bearer key of the server behind chat_url.")
    chat_seconds: float = Field(
        20.0, gt=0, le=600, description="How long the chat model may take; then the lexicon's reading stands."
    )

    # work
    workers: int = Field(
        1,
        ge=0,
        le=64,
        description="Edits of each pool that run at the same time in this process; 0 accepts tasks and runs none.",
    )
    pools: Annotated[tuple[Pool, ...] | None, NoDecode] = Field(
        None,
        min_length=1,
        description=(
            "Pools that this process works for, comma-separated: cpu, gpu, relay; unset: those of the engines that "
            "the models are routed to."
        ),
    )
    beat_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="How often a worker tells the database that it lives; three times in dead_seconds.",
    )
    dead_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Silence after which a worker counts as dead and its tasks are given to others.",
    )
    tiers: dict[str, TierSetting] = Field(
        RUNWAY_TIERS,
        description=(
            "What accounts may be given by `refilm keys tier`: name to tasks of each model at work at once and in 24 "
            'hours, e.g. {"gold": {"concurrent": 5, "daily": null}}.'
        ),
    )
    default_tier: str | None = Field(
        None, description="Tier of accounts that were given none; unset: the next two settings are their tier."
    )
    max_concurrent_tasks: int | None = Field(
        None,
        ge=1,
        description=(
            "Tasks of one account and model that may be at work at once, more are THROTTLED; for accounts without a "
            "tier; unset: no cap."
        ),
    )
    max_daily_tasks: int | None = Field(
        None,
        ge=1,
        description=(
            "Tasks of one account and model in 24 hours, beyond which creates get 429; for accounts without a tier; "
            "unset: no cap."
        ),
    )
    max_waiting_tasks: int | None = Field(
        None, ge=1, description="Tasks of one account that may wait, beyond which creates get 429; unset: no cap."
    )
    edit_seconds: float = Field(3600.0, gt=0, description="Wall-clock limit of one edit.")
    sandbox: Sandbox | None = Field(
        None,
        description=(
            "How far child processes that decode and edit are locked: require refuses to start where the kernel lacks "
            "Landlock or seccomp, best-effort takes what there is, off takes nothing; unset: require on Linux, "
            "best-effort elsewhere."
        ),
    )
    ffmpeg_fixed: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "CVEs that the installed FFmpeg has mended although its version says otherwise, as distributions do, "
            "comma-separated; a known hole that nothing covers stops the start."
        ),
    )
    spares: int | None = Field(
        None,
        ge=0,
        le=64,
        description=(
            "Child processes kept ready for edits of each engine, at most one for each worker, and one for probes; "
            "about 80 MB each, and 160 MB for the process that they are forked from; 0: nothing is kept, and each job "
            "waits 2 s for a child of its own; unset: one for every two processor cores, so on 2 cores one."
        ),
    )
    edit_memory_bytes: int = Field(
        4 << 30, ge=1 << 30, description="Address space of one locked child process; beyond it an edit fails."
    )
    edit_seconds_per_megapixel_frame: float = Field(
        1.0, gt=0, description="Seconds an edit may take for each million pixels of each frame, within edit_seconds."
    )

    grace_seconds: float = Field(
        20.0,
        ge=0,
        le=3600,
        description="How long a server that is told to stop lets running edits end; then it hands them back.",
    )
    min_free_bytes: int = Field(
        256_000_000,
        ge=0,
        description="Free disk space below which creates and uploads are refused, so that deletes and rows keep room.",
    )

    # what comes in
    max_body_bytes: int = Field(24_000_000, gt=0, description="Largest JSON body of a request.")
    max_bodies_bytes: int = Field(
        512_000_000,
        gt=0,
        validate_default=True,
        description="Memory for JSON bodies over 128 kB of all requests together; what does not fit gets 503.",
    )
    max_upload_bytes: int = Field(200_000_000, ge=512, description="Largest upload.")
    max_video_bytes: int = Field(32_000_000, gt=0, description="Largest clip fetched from a URL.")
    max_image_bytes: int = Field(16_000_000, gt=0, description="Largest picture fetched from a URL.")
    max_video_data_uri: int = Field(16_777_216, gt=0, description="Longest data URI of a clip, in characters.")
    max_image_data_uri: int = Field(5_242_880, gt=0, description="Longest data URI of a picture, in characters.")
    fetch_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Extra sources on private networks, separated by ';': 'host=media.lan cidr=10.1.0.0/16 port=8443'.",
    )
    fetch_ca_file: Path | None = Field(None, description="CA certificates (PEM) trusted for the extra sources.")
    egress_proxy: SecretStr | None = Field(
        None,
        description=(
            "HTTP proxy for fetching inputs, e.g. http://user:password@proxy.lan:3128, asked by CONNECT for addresses "
            "that were judged here; unset: none."
        ),
    )
    endpoint_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "The only places that chat_url and egress_proxy may lead to, separated by ';': 'scheme=http host=llm.lan "
            "cidr=10.1.0.0/16 port=8080'; unset: each to its own host."
        ),
    )
    fetch_seconds: float = Field(10.0, gt=0, description="How long a source may take to begin its answer.")
    gen4_aleph_max_seconds: float = Field(600.0, gt=0, description="Longest clip for gen4_aleph.")
    aleph2_max_seconds: float = Field(30.0, gt=0, description="Longest clip for aleph2 (Runway's own limit is 30).")

    # what goes out
    output_url_seconds: int = Field(
        86_400, ge=60, description="How long an output URL works; every GET mints a fresh one."
    )
    upload_slot_seconds: int = Field(3600, ge=60, description="How long an upload may begin after its slot was made.")
    upload_seconds: int = Field(86_400, ge=60, description="How long a runway:// URI may be used.")
    keep_tasks_days: float | None = Field(
        None, gt=0, description="Days after which a finished task is deleted with its output; unset: never."
    )
    keep_records_days: float | None = Field(
        None, ge=90, description="Days for which a deleted task stays in the books (usage); unset: for ever."
    )
    docs_url: str = Field("https://github.com/refilm/refilm#readme", description="The docUrl of error bodies.")

    # money
    prices: dict[Model, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description='Credits per second of clip, e.g. {"gen4_aleph": 15}; absent: 0.'
    )

    # telling
    log_format: str = Field("text", pattern="^(text|json)$", description="text or json, one line per event.")
    audit_log: Path | None = Field(
        None,
        description="File that notes who did what, one JSON object a line; unset: audit.jsonl in the data folder.",
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="The least that is logged.")
    log_content: bool = Field(
        False,
        description=(
            "Log what tasks are about, too: prompts, input URLs, and what engines and libraries say of clips; secrets "
            "and query strings never are."
        ),
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://; leave it out to use an SQLite file")
        return value

    @field_validator("assets_url")
    @classmethod
    def _is_place(cls, value: str | None) -> str | None:
        if value is not None and not _PLACE.fullmatch(value):
            raise ValueError("must look like s3://bucket/prefix or file:///folder; leave it out to use the data folder")
        return value

    @field_validator("s3_endpoint", "s3_link_endpoint")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not _ENDPOINT.fullmatch(value):
            raise ValueError("must be the https:// or http:// URL of a host, without a path")
        return value.rstrip("/") if value else value

    @field_validator("s3_secret_key")
    @classmethod
    def _is_half_of_a_pair(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("s3_access_key") is None):
            raise ValueError("s3_access_key and s3_secret_key must be set both or neither")
        return value

    @field_validator("s3_allow_http")
    @classmethod
    def _is_needed(cls, value: bool, info: ValidationInfo) -> bool:
        if not value and not _is_private_enough(info.data.get("s3_endpoint")):
            raise ValueError("s3_endpoint must be https://; set this to true in a network that you trust")
        return value

    @field_validator("files_url")
    @classmethod
    def _is_base(cls, value: str | None) -> str | None:
        if value is not None and not _ENDPOINT.fullmatch(value):
            raise ValueError("must be the https:// or http:// URL of a host, without a path")
        return value

    @field_validator("files_port")
    @classmethod
    def _is_for_files(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("files_url") is None:
            raise ValueError("files_port needs files_url, which says how clients reach it")
        return value

    @field_validator("max_bodies_bytes")
    @classmethod
    def _fits_one(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("max_body_bytes", 0):
            raise ValueError("must be at least max_body_bytes, or no body of that size could be read")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)  # its own ValueError says what is wrong
        return value

    @model_validator(mode="after")
    def _beats_before_death(self) -> Self:
        if self.dead_seconds < 3 * self.beat_seconds:
            raise ValueError("dead_seconds must be at least three times beat_seconds")
        return self

    @field_validator("chat_url")
    @classmethod
    def _has_no_key(cls, value: str | None) -> str | None:
        if value is not None and ("@" in value or "?" in value):
            raise ValueError("must be a URL such as http://127.0.0.1:8080/v1, without key or query")
        return value

    @field_validator("engines", "pools", "trusted_proxies", "ffmpeg_fixed", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("fetch_allow", "endpoint_allow", mode="before")
    @classmethod
    def _split_sources(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_default_tier(self) -> Self:
        if self.default_tier is not None:
            if self.default_tier not in self.tiers:
                raise ValueError(f"default_tier {self.default_tier!r} is none of the tiers: {', '.join(self.tiers)}")
            if self.max_concurrent_tasks is not None or self.max_daily_tasks is not None:
                raise ValueError("give default_tier, or max_concurrent_tasks and max_daily_tasks, not both")
        return self

    def tier(self, name: str | None) -> Tier:
        """The tier of that name; that of accounts without one for None, and for a name that was taken out again."""
        setting = self.tiers.get(name if name in self.tiers else self.default_tier or "")
        return setting.tier() if setting else Tier(self.max_concurrent_tasks, self.max_daily_tasks)

    def limits(self, model: Model) -> ModelLimits:
        """What clips `model` takes."""
        if model is Model.ALEPH2:
            return ModelLimits(min_seconds=2, max_seconds=self.aleph2_max_seconds, long_side=1920, short_side=1080)
        return ModelLimits(min_seconds=0, max_seconds=self.gen4_aleph_max_seconds, long_side=3840, short_side=2160)

    def secrets(self) -> frozenset[str]:
        """What opens something and stands in the settings: secret texts, and the passwords of URLs, decoded and not.

        Very short ones are left out: a log without every "a" would tell nothing.
        """
        values = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        passwords = [urlsplit(value).password for value in values if "://" in value]
        found = [*(value for value in values if "://" not in value), *(each for each in passwords if each)]
        return frozenset(text for each in found for text in (each, unquote(each)) if len(text) >= LEAST_SECRET)

    def sandbox_level(self) -> Sandbox:
        """How far children are locked."""
        return self.sandbox or usual_sandbox()

    def spares_for(self, slots: int) -> int:
        """How many children to keep ready for an engine of which so many edits may run at once.

        An edit keeps two cores busy, and a child is made in a tenth of a second: more would only wait.
        """
        most = max(1, (os.cpu_count() or 1) // 2) if self.spares is None else self.spares
        return min(slots, most)

    def child_limits(self) -> Limits:
        """What a child process may use. Its processor time is what it could use up within the wall-clock limit."""
        from refilm.runner.process import Limits

        cores = os.cpu_count() or 1
        return Limits(memory_bytes=self.edit_memory_bytes, cpu_seconds=int(self.edit_seconds * cores) + 1)

    def engine_options(self) -> dict[str, Any]:
        """The operator's settings for engines."""
        return {"partial_edits": self.partial_edits}

    def engine_for(self, model: Model) -> str:
        """The engine that serves `model`."""
        return self.routes.get(model, self.engine)
