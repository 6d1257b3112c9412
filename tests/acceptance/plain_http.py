"""HTTP for tests: one client, because a new one for each call takes a hundred times as long as the call.

No connection is kept: a server that ends one just as it is used again would be taken for a broken one.
"""

from __future__ import annotations

import httpx2

HTTP = httpx2.Client(trust_env=False, timeout=30, limits=httpx2.Limits(max_keepalive_connections=0))
