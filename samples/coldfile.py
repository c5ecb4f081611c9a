"""The cold file of the two Python servers: a real file on a disk, whose pages are not in memory."""

import contextlib
import fcntl
import glob
import os
import tempfile

BLOCK = 4096
BLOCKS = 4096
SUFFIX = ".cold"


def clear(folder):
    """What servers left that were killed goes: one that lives has its file locked."""
    for path in glob.glob(os.path.join(glob.escape(folder), f"waitscope-*{SUFFIX}")):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
            finally:
                os.close(fd)


def make(name, folder):
    """An empty one, locked. Before it is, a server that starts may take it for one that was left."""
    while True:
        fd, path = tempfile.mkstemp(prefix=f"waitscope-{name}-", suffix=SUFFIX, dir=folder)
        with contextlib.suppress(OSError):  # where nothing can be locked nothing is cleared either
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd, path
        os.close(fd)


class ColdFile:
    def __init__(self, name, folder):
        clear(folder)
        self.fd, self.path = make(name, folder)
        with open(self.fd, "wb", closefd=False) as file:
            for block in range(BLOCKS):
                file.write(bytes([97 + block % 26]) * BLOCK)
            file.flush()
            os.fsync(file.fileno())
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def chill(self, number):
        """Drops the block that belongs to `number` from memory; returns its offset."""
        offset = number * 1597 % BLOCKS * BLOCK
        os.posix_fadvise(self.fd, offset, BLOCK, os.POSIX_FADV_DONTNEED)
        return offset

    def calm(self, file):
        """Asks for no reading ahead, so that other blocks stay cold."""
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)

    def remove(self):
        os.close(self.fd)
        os.unlink(self.path)
