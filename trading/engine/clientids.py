"""Memory of the day's client order ids of one account (A-5).

A million ids are kept in 24 bytes each: sorted arrays of digest, uid and verdict. An account
with many ids spreads them over buckets by the digest's first bits, so that an insertion never
moves more than some thousand entries.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

UID_SHIFT = 48
VERDICT_MASK = (1 << UID_SHIFT) - 1
_DIGEST_BITS = 64
_BUCKET_BITS = 7
_SPLIT_AT = 4_096


class ClientIds:
    """Digest of an order id → uid × 2⁴⁸ + code × 2³² + digest of the order's content."""

    __slots__ = ("count", "_digests", "_missed", "_place", "_shift", "_uids", "_verdicts")

    def __init__(self) -> None:
        self.count = 0
        """Ids remembered; read on every order, so no method."""
        self._shift = _DIGEST_BITS
        self._digests = [array("Q")]
        self._uids = [array("Q")]
        self._verdicts = [array("Q")]
        self._missed = -1
        self._place = 0
        """The digest last looked for in vain and where it belongs: the next to be added."""

    def __len__(self) -> int:
        return self.count

    def get(self, digest: int) -> int | None:
        """What was remembered for the digest, None when nothing."""
        bucket = digest >> self._shift
        digests = self._digests[bucket]
        place = bisect_left(digests, digest)
        if place == len(digests) or digests[place] != digest:
            self._missed, self._place = digest, place
            return None
        return self._uids[bucket][place] << UID_SHIFT | self._verdicts[bucket][place]

    def __contains__(self, digest: int) -> bool:
        return self.get(digest) is not None

    def add(self, digest: int, uid: int, verdict: int) -> None:
        """Remember a digest that is not yet known; verdict = code × 2³² + content digest."""
        bucket = digest >> self._shift
        digests = self._digests[bucket]
        place = self._place if digest == self._missed else bisect_left(digests, digest)
        self._missed = -1
        digests.insert(place, digest)
        self._uids[bucket].insert(place, uid)
        self._verdicts[bucket].insert(place, verdict)
        self.count += 1
        if self.count == _SPLIT_AT:
            self._split()

    def items(self) -> Iterator[tuple[int, int, int]]:
        """(digest, uid, verdict) in ascending order of digests: the same for equal memories."""
        for digests, uids, verdicts in zip(self._digests, self._uids, self._verdicts, strict=True):
            yield from zip(digests, uids, verdicts, strict=True)

    def _split(self) -> None:
        """Spread the one bucket over many; its parts are slices, since it is sorted."""
        digests, uids, verdicts = self._digests[0], self._uids[0], self._verdicts[0]
        self._shift = _DIGEST_BITS - _BUCKET_BITS
        ends = [bisect_left(digests, number << self._shift) for number in range(1 << _BUCKET_BITS)]
        ends.append(len(digests))
        spans = list(zip(ends, ends[1:], strict=False))
        self._digests = [digests[start:end] for start, end in spans]
        self._uids = [uids[start:end] for start, end in spans]
        self._verdicts = [verdicts[start:end] for start, end in spans]
