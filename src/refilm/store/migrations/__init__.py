"""The schema's history, one file for each revision, oldest first: 0001, 0002, ...

A revision that was released is never edited; the next change is a new one. None can be taken back: what an upgrade
dropped or reshaped no downgrade could bring back, so the way back is the copy or the dump from before.
"""
