"""The cold file of the two Python servers: a real file on a disk, whose pages are not in memory."""

import os
import tempfile

BLOCK = 4096
BLOCKS = 4096


class ColdFile:
    def __init__(self, name, folder):
        fd, self.path = tempfile.mkstemp(prefix=f"waitscope-{name}-", dir=folder)
        with os.fdopen(fd, "wb") as file:
            for block in range(BLOCKS):
                file.write(bytes([97 + block % 26]) * BLOCK)
            file.flush()
            os.fsync(file.fileno())
        self.fd = os.open(self.path, os.O_RDONLY)
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
