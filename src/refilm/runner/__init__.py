"""One edit or one probe in a child process of its own.

The parent's side: `process` runs jobs, `spares` keeps children ready for them, `spawn` is one child as seen from here.
`child` is what runs in the child; `lockdown` takes its rights, by the filter that `seccomp` writes from `syscalls`.
Between the two goes JSON by the line, over a socket that also carries the descriptors. The child is given no path and
no key, and hears of a clip only once it is locked: whatever the clip makes it do, it can do to the files of one task.
"""
