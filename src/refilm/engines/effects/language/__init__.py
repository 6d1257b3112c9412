"""How a prompt is read: text to tokens, tokens to known phrases, phrases to clauses, clauses to wishes or refusals.

`compiler` is the only way in. Nothing here knows of frames; the words themselves are data, in `lexicon/*.toml`.
"""
