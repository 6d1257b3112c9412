"""One edit or one probe in a child process of its own.

`process` is the parent's side: start, hand over open files, follow, cancel, limit. `child` is what runs in the child.
Between them goes JSON by the line, over a socket that also carries the descriptors. The child is given no path and no
key: whatever a clip makes it do, it can do to the files of one task.
"""
