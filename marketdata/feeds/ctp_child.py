"""A process with at most 15 links of the CTP library: ``python -m marketdata.feeds.ctp_child``.

Frames in both directions are a length of 4 bytes and msgpack. In: first
``["configure", [config, …], flow root]``, then ``[verb, connection_id, symbols]`` with the
verbs connect, login, release, subscribe, unsubscribe. Out: lists of the events of `mdapi`.
The parent's end closing ends the process; whatever the library does ends this process alone.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from marketdata.feeds.link import LinkConfig
from marketdata.feeds.mdapi import ERROR, BadAddress, MdLink, flow_folder

LINKS = 15
"""An idle link costs a hundredth of a core, and one process is one fate."""
MAX_EVENTS = 100_000
"""Events kept for a parent that does not read; more are dropped and counted."""
BATCH = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def read_frame(stream: BinaryIO) -> Any:
    """The next frame; None at the end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    data = stream.read(int.from_bytes(head, "big"))
    return _decode(data)


def frame(message: Any) -> bytes:
    """A message as it goes over the pipe."""
    data = _encode(message)
    return len(data).to_bytes(4, "big") + data


class Child:
    """Links of one process, their callbacks on a queue, one thread that writes."""

    def __init__(self, module: Any, reader: BinaryIO, writer: BinaryIO) -> None:
        self.module = module
        self.reader, self.writer = reader, writer
        self.events: queue.Queue[tuple[Any, ...]] = queue.Queue(MAX_EVENTS)
        self.dropped = 0
        self.links: dict[str, MdLink] = {}

    def emit(self, event: tuple[Any, ...]) -> None:
        """Called by the library's threads: put it down and return."""
        try:
            self.events.put_nowait(event)
        except queue.Full:
            self.dropped += 1

    def configure(self, configs: list[dict[str, Any]], root: str) -> None:
        """Make the links; one with a bad address is told and left out."""
        for given in configs[:LINKS]:
            config = LinkConfig(**given)
            try:
                flow = flow_folder(Path(root), config.connection_id)
                self.links[config.connection_id] = MdLink(self.module, config, self.emit, flow)
            except BadAddress as error:
                self.emit((ERROR, config.connection_id, -2, str(error)))

    def run(self) -> None:
        """Obey until the parent is gone."""
        threading.Thread(target=self._write, daemon=True).start()
        while (message := read_frame(self.reader)) is not None:
            self._obey(message)

    def _obey(self, message: list[Any]) -> None:
        verb, *rest = message
        if verb == "configure":
            self.configure(*rest)
            return
        link = self.links.get(rest[0])
        if link is None:
            return
        if verb in ("subscribe", "unsubscribe"):
            getattr(link, verb)(rest[1])
        elif verb in ("connect", "login", "release"):
            getattr(link, verb)()

    def _write(self) -> None:
        try:
            while True:
                batch = [self.events.get()]
                while len(batch) < BATCH and not self.events.empty():
                    batch.append(self.events.get_nowait())
                self.writer.write(frame(batch))
                self.writer.flush()
        except (BrokenPipeError, ValueError):
            os._exit(0)  # nobody listens; the library's threads need no good-bye


def main() -> None:
    """Serve the parent over the two descriptors it passed."""
    # The library prints to standard output, so frames go over a descriptor of their own.
    reader = os.fdopen(int(sys.argv[1]), "rb")
    writer = os.fdopen(int(sys.argv[2]), "wb")
    from openctp_ctp import mdapi

    child = Child(mdapi, reader, writer)
    child.run()
    sys.stdout.flush()
    os._exit(0)  # Release may hang in the library; leaving without it is clean


if __name__ == "__main__":
    main()
