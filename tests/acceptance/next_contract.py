"""The `refilm` command of a version to come, whose workflows are not those of today. A script of the tests."""

from __future__ import annotations

import refilm.queue

refilm.queue.WORKFLOW_CONTRACT += 1

from refilm.cli import main  # noqa: E402

main()
