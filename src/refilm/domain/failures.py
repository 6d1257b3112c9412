"""Every way in which a task is known to fail: what caused it, whether it is tried again, what its owner should do.

The table of `docs/reference/failures.md` is made from this one, and the tests bring each row about on a real server.
The code of a row is that of its error class. Nothing that fails is charged. Knows nothing of who raises what where.
"""

from __future__ import annotations

from dataclasses import dataclass

from refilm.errors import BadOutput, EditFailure, EngineCrash, InvalidAsset, TooExpensive, UnsupportedEdit


@dataclass(frozen=True)
class Cause:
    """One way to fail. name: for tests and links.  raised: whose `failure_code` the task ends with.

    retried: whether the task is begun anew, up to three times in all, before it fails.  advice: to the task's owner.
    """

    name: str
    raised: type[EditFailure]
    cause: str
    advice: str
    retried: bool = False

    @property
    def code(self) -> str:
        """The `failureCode`."""
        return self.raised.failure_code


_ANOTHER_CLIP = "send MP4, MOV, WebM, MKV, Ogg or raw H.264"
_ANOTHER_PICTURE = "send PNG, JPEG or WebP"
_LATER = "try again later; if it stays so, ask the operator: the log has the rest under the task's id"
_CONVERT = "convert it to H.264, HEVC, VP9 or AV1"

CAUSES = (
    Cause("no-clip", InvalidAsset, "the bytes are no clip of a kind that is read", _ANOTHER_CLIP),
    Cause("cut-off", InvalidAsset, "the clip is cut off: its index is missing", "send the whole file"),
    Cause("no-video", InvalidAsset, "the file holds sound or cover pictures only", "send a clip with a video track"),
    Cause("codec", InvalidAsset, "the video codec is none that is decoded here", _CONVERT),
    Cause("undecodable", InvalidAsset, "not one frame can be decoded", "save the clip anew"),
    Cause("picture-as-clip", InvalidAsset, "the clip is a picture", "send a clip"),
    Cause("too-short", InvalidAsset, "the clip is shorter than the model takes", "a longer clip, or another model"),
    Cause("too-long", InvalidAsset, "the clip is longer than the model takes", "a shorter clip, or another model"),
    Cause("too-large", InvalidAsset, "the frames are larger than the model takes", "a smaller clip, or another model"),
    Cause("too-many-pixels", InvalidAsset, "the frames are larger than any model takes", "make the clip smaller"),
    Cause("no-picture", InvalidAsset, "a reference or keyframe is no picture of a kind that is read", _ANOTHER_PICTURE),
    Cause("broken-picture", InvalidAsset, "a reference or keyframe is damaged", "save the picture anew"),
    Cause("large-picture", InvalidAsset, "a reference or keyframe has too many pixels", "make the picture smaller"),
    Cause(
        "url-refused",
        InvalidAsset,
        "the URL answered the create, and later with a redirect, a lasting error, another type or too many bytes",
        "mend the URL, or upload the file",
    ),
    Cause(
        "url-away",
        InvalidAsset,
        "the URL answered the create, and later three times not at all, too slowly, or with an error that may pass",
        "try again later, or upload the file",
    ),
    Cause("upload-gone", InvalidAsset, "the upload was removed before the task began", "upload the file again"),
    Cause(
        "clause",
        UnsupportedEdit,
        "the engine cannot do a clause of the prompt",
        "`failure` names each clause; leave them out, ask for [what there is](operators.md), or set "
        "`REFILM_PARTIAL_EDITS`",
    ),
    Cause(
        "no-change",
        UnsupportedEdit,
        "the request would change nothing in this clip: no words, ranges of `keyframes` after its end, a "
        "`targetAspectRatio` that it has",
        "say what shall change",
    ),
    Cause("bad-output", BadOutput, "what the engine wrote is no playable clip", "report the clip", retried=True),
    Cause(
        "too-slow",
        TooExpensive,
        "the work took longer than it may",
        "a shorter or smaller clip; the operator has `REFILM_EDIT_SECONDS` and "
        "`REFILM_EDIT_SECONDS_PER_MEGAPIXEL_FRAME`",
    ),
    Cause("standstill", TooExpensive, "nothing was heard of the work for five minutes", "report the clip"),
    Cause("engine-died", EngineCrash, "the process that ran the edit died, or was killed", _LATER, retried=True),
    Cause("engine-broke", EngineCrash, "the engine raised something unforeseen", _LATER, retried=True),
    Cause("engine-gave-up", EditFailure, "the engine said that it cannot go on, and why", "as `failure` says"),
    Cause("no-room", EngineCrash, "the server's disk was full", _LATER, retried=True),
    Cause("server-killed", EngineCrash, "the server itself was killed during each attempt", _LATER, retried=True),
    Cause("server-fault", EngineCrash, "a fault of the server", "report it with the name that `failure` gives"),
)
