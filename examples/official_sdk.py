"""Edit a clip with Runway's own Python SDK, pointed at Refilm. Nothing here is special to Refilm but the base URL.

pip install runwayml
export RUNWAYML_BASE_URL=http://127.0.0.1:8000 RUNWAYML_API_SECRET=key_...
python official_sdk.py clip.mp4 "Make it a snowy night" edited.mp4
"""

import sys
import urllib.request
from pathlib import Path

from runwayml import RunwayML, TaskFailedError


def main(clip: str, prompt: str, edited: str) -> None:
    client = RunwayML()  # reads the two variables above

    upload = client.uploads.create_ephemeral(file=Path(clip))
    task = client.video_to_video.create(model="gen4_aleph", video_uri=upload.uri, prompt_text=prompt, seed=7)
    print(f"task {task.id}")
    try:
        done = task.wait_for_task_output()
    except TaskFailedError as failed:
        sys.exit(f"{failed.task_details.failure_code}: {failed.task_details.failure}")

    urllib.request.urlretrieve(done.output[0], edited)
    print(f"wrote {edited}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
