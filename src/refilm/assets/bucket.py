"""An S3 bucket: where it is, who may touch it, how it is talked to, and what its errors mean to us.

The client is obstore, an extra that is imported when a bucket is opened. Knows nothing of what the objects are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refilm.assets.post_policy import Signature
from refilm.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Store

#: A bucket that is away is told within this; who can wait longer asks again.
_TRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}
_TIMES: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(minutes=10),
}


@dataclass(frozen=True)
class Bucket:
    """Where the objects are, and who may touch them.

    prefix: of every key, "" for none.  endpoint: of a server that is not AWS; None for AWS's own of the region.
    access_key, secret_key: None for what the environment offers (AWS's variables, web identity, instance roles).
    allow_http: without it, only https is spoken.
    links: whether strangers may get and send objects by signed links and forms; never without keys of our own, as
    links of borrowed ones die with them.  link_endpoint: the endpoint as they reach it, None for the same.
    """

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    allow_http: bool = False
    links: bool = True
    link_endpoint: str | None = None

    @property
    def signature(self) -> Signature | None:
        """Who signs links and forms, None where there are none."""
        if not self.links or self.access_key is None or self.secret_key is None:
            return None
        return Signature(self.access_key, self.secret_key, self.region)

    @property
    def form_url(self) -> str:
        """Where forms are sent."""
        base = self.link_endpoint or self.endpoint or f"https://s3.{self.region}.amazonaws.com"
        return f"{base.rstrip('/')}/{self.name}"

    def path(self, key: str) -> str:
        """The key of an asset within the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key


def open_store(bucket: Bucket, endpoint: str | None) -> S3Store:
    """A client of the bucket by that endpoint. Raises Unavailable where obstore is not installed."""
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise Unavailable(
            "assets_url names a bucket, for which the package obstore is needed. Install Refilm with its extra s3: "
            "pip install 'refilm[s3]'."
        ) from error
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if bucket.access_key is not None and bucket.secret_key is not None:
        # A provider rather than two options, so that no session token of the environment mixes in.
        keys = {"access_key_id": bucket.access_key, "secret_access_key": bucket.secret_key, "token": None}
        options["credential_provider"] = lambda: {**keys, "expires_at": None}
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        region=bucket.region,
        virtual_hosted_style_request=False,
        copy_if_not_exists="header-with-status:if-none-match:*:412",
        client_options={**_TIMES, "allow_http": bucket.allow_http},
        retry_config=_TRIES,
        **options,
    )


@contextmanager
def reached(key: str | None = None) -> Iterator[None]:
    """Turn what obstore raises into our errors, but AlreadyExistsError. key: where its absence means NotFound."""
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except FileNotFoundError as error:
        if key is None:
            raise Unavailable(_NO_BUCKET) from error
        raise NotFound(f"There is no asset {key!r}.") from error
    except AlreadyExistsError:
        raise
    except BaseError as error:
        raise Unavailable(_trouble(str(error))) from error


_NO_BUCKET = "There is no such bucket as assets_url names. Make it, or mend assets_url or s3_endpoint."


def _trouble(told: str) -> str:
    """Our sentence for an error of obstore; it gives most answers of the server as text only."""
    if "NoSuchBucket" in told:
        return _NO_BUCKET
    if "403 Forbidden" in told or "401 Unauthorized" in told:
        return "The bucket for assets refuses us. Check s3_access_key and s3_secret_key, and what they may do there."
    return "The bucket for assets cannot be reached; try again later."
