"""Text over a picture: where it stands, that it fits and reads, and that the rest of the picture is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm.engines.effects import lettering, typeface
from refilm.engines.effects.lettering import Lettering
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Buffer
from refilm.testing.rendering import Picture

SIZE = (640, 360)


def flat_picture(size: tuple[int, int], level: int) -> Buffer:
    picture = Buffer.empty(size)
    picture.y[:], picture.u[:], picture.v[:] = level, 90, 170
    return picture


def written(words: str, position: str = "bottom", em: str = "medium", size=SIZE, level: int = 120) -> Buffer:
    after = Buffer.empty(size)
    Lettering(Setting(size), words, em, position).apply(flat_picture(size, level), after)
    return after


def changed(after: Buffer, level: int = 120) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is bright: the letters themselves."""
    rows, columns = np.nonzero(after.y > 200)
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize("level", [16, 120, 235])
def test_letters_read_on_any_ground(level):
    """Letters are white with a dark edge on black, on grey and on white, and have no colour."""
    after = written("Hello", level=level)

    assert after.y.max() == 235
    assert after.y.min() <= 60
    bright = after.y[::2, ::2] == 235
    if level < 235:
        assert np.abs(after.u[bright].astype(int) - 128).max() <= 20


@pytest.mark.parametrize(
    ("position", "across", "down"),
    [("top", 0.5, 0.1), ("centre", 0.5, 0.5), ("bottom", 0.5, 0.9), ("top left", 0.15, 0.1), ("right", 0.85, 0.5)],
)
def test_text_stands_where_it_was_asked_for(position, across, down):
    """The middle of the letters lies where the position says, and the frame's edges stay clear."""
    left, top, right, bottom = changed(written("Hello", position))

    assert abs((left + right) / 2 / SIZE[0] - across) < 0.08
    assert abs((top + bottom) / 2 / SIZE[1] - down) < 0.08
    assert left >= 0.05 * SIZE[0]
    assert right <= 0.95 * SIZE[0]
    assert top >= 0.05 * SIZE[1]
    assert bottom <= 0.95 * SIZE[1]


def test_long_text_is_broken_into_even_lines():
    """A sentence too long for a line takes several of nearly the same width, none of a single short word."""
    setting = Setting(SIZE)
    words = "One sentence that is much too long for a single line of such a small picture, is it not"
    lines, em = lettering._set_lines(words, setting.size, 0.078 * 360)
    widths = [lettering._width(line, em) for line in lines]

    assert " ".join(lines) == words
    assert len(lines) >= 2
    assert min(widths) >= 0.7 * max(widths)
    assert max(widths) <= 0.86 * SIZE[0]


def test_chinese_is_broken_anywhere_but_before_marks():
    """Chinese has no spaces: a line may end after any character, and none begins with a comma."""
    words = "今天天气很好，我们去公园散步吧，然后一起看电影，晚上回家吃饭。"
    lines, _ = lettering._set_lines(words, (320, 180), 22)

    assert "".join(lines) == words
    assert len(lines) >= 2
    assert not any(line[0] in "，。" for line in lines)


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.sampled_from("aW ỹĐñ雪。,"), min_size=1, max_size=120).filter(str.strip),
    st.sampled_from([(320, 180), (180, 320), (640, 360)]),
    st.sampled_from(sorted(lettering.SIZES)),
)
def test_any_text_fits_the_frame(words, size, em):
    """However long: shrunk and broken until it stands within the margins, with nothing lost but spaces."""
    lines, pixels = lettering._set_lines(words, size, lettering.SIZES[em] * min(size))

    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert all(lettering._width(line, pixels) <= 0.87 * size[0] for line in lines)
    assert len(lines) * pixels * 1.28 <= 0.7 * size[1]


def test_the_rest_of_the_picture_is_left_alone(real_frames, run):
    """Outside the text's surroundings the frame passes bit for bit; in place gives the same as out of place."""
    (frame,) = real_frames(SIZE, 1)
    (after,) = run([frame], {"text": {"words": "Hello"}})

    assert np.array_equal(after.y[:240], frame.y[:240])
    assert np.array_equal(after.u[:120], frame.u[:120])
    assert not np.array_equal(after.y[240:], frame.y[240:])
    again = Buffer(frame.y.copy(), frame.u.copy(), frame.v.copy())
    Lettering(Setting(SIZE), "Hello", "medium", "bottom").apply(again, again)
    assert np.array_equal(again.y, after.y)


def test_padded_rows_stay_untouched(real_frames, padded):
    """Codecs lay rows out with bytes between them, which are not the picture's."""
    (frame,) = real_frames((320, 180), 1)
    wide: Picture = padded(frame, 32)
    plain, target = Buffer.empty((320, 180)), padded(frame, 16)
    letters = Lettering(Setting((320, 180)), "Padded", "large", "bottom right")

    letters.apply(frame, plain)
    letters.apply(wide, target)

    assert np.array_equal(plain.y, target.y)
    assert (target.y.base[:, 320:] == 99).all()


def test_the_fonts_hold_what_they_are_said_to_hold():
    """All letters of Vietnamese and Spanish, Greek, Cyrillic, kana and the 3755 usual Chinese characters."""
    vietnamese = "ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ"
    rows = range(0xB0, 0xD8)
    cells = [(row, cell) for row in rows for cell in range(0xA1, 0xFF) if not (row == 0xD7 and cell > 0xF9)]
    chinese = "".join(bytes(pair).decode("gb2312") for pair in cells)

    assert len(chinese) == 3755
    assert not typeface.missing(
        vietnamese + vietnamese.upper() + "ñÑ¿¡áéíóúü" + "αΩ" + "жЯ" + "かナ" + "“”…–€" + chinese
    )
    assert typeface.missing("한国한😀") == "한😀"
    assert len(typeface.font_file("OpenSans-Bold")) + len(typeface.font_file("DroidSansFallback")) < 1_000_000


def test_glyphs_are_drawn_for_every_script():
    """What is said to be there is drawn: each of these characters leaves ink of its own."""
    drawn = [written(char, "centre").y.tobytes() for char in "Aỹñж雪か"]

    assert len(set(drawn)) == len(drawn)
    assert all(np.frombuffer(each, np.uint8).max() == 235 for each in drawn)
