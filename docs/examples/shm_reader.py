"""Reads one symbol of the gateway's table in shared memory: shm_reader.py NAME SYMBOL [CHANGES]."""

import struct
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

HEAD_SIZE, ROW_SIZE = 64, 192
name, symbol, wanted = sys.argv[1], sys.argv[2].encode(), int((sys.argv[3:] or ["10"])[0])
memory = SharedMemory(name)
resource_tracker.unregister(memory._name, "shared_memory")  # a reader must not remove the table
magic, _, row_size, rows = struct.unpack_from("<8sIII", memory.buf, 0)
assert magic == b"QAMDDAT1" and row_size == ROW_SIZE
at = next(
    start
    for start in range(HEAD_SIZE, HEAD_SIZE + rows * ROW_SIZE, ROW_SIZE)
    if bytes(memory.buf[start + 8 : start + 72]).rstrip(b"\0") == symbol
)


def read_row():
    """The row as it was at one moment: version, last, ask, bid, volume, time in ms."""
    while True:
        row = bytes(memory.buf[at : at + ROW_SIZE])
        version = struct.unpack_from("<Q", row, 0)[0]
        if version % 2 == 0 and version == struct.unpack_from("<Q", memory.buf, at)[0]:
            last, _, _, _, ask, bid, volume, time_ms = struct.unpack_from("<ddddddqq", row, 112)
            return version, last, bid, ask, volume, time_ms


seen = -1
while wanted:
    version, *figures = read_row()
    if version != seen:
        sys.stdout.write(f"{version} {' '.join(map(str, figures))}\n")
        seen, wanted = version, wanted - 1
memory.close()
