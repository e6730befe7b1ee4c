"""Microsoft's bucket: the name under which its tools put failures that are the same, and the hash of that name.

The grammar, from outputs that people posted: `[LKD_] CLASS [_sub] [_qualifier] [_VRF]`, then `_module!function`,
`_module!unknown_function` or `_IMAGE_file`. Where a dump does not tell a part, the bucket is shorter and says so.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from smalldump.analysis.bucket_class import bucket_class, flipped_bit
from smalldump.analysis.bucket_owner import BucketKind, bucket_owner
from smalldump.knowledge.bucket_forms import bucket_form
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.model import Absent, Snapshot
from smalldump.unwind import CodeLookup, Stacks

__all__ = ["Bucket", "BucketKind", "bucket_hash", "bucket_of"]


class Bucket(NamedTuple):
    """The bucket of one dump.

    Attributes:
        words: The bucket, as `Failure.Bucket` and FAILURE_BUCKET_ID show it.
        kind: How far it goes in naming a culprit.
        gaps: What Microsoft's tools might know and this does not, in sentences; empty where nothing is left out.
    """

    words: str
    kind: BucketKind
    gaps: tuple[str, ...]

    @property
    def hash(self) -> str:
        """FAILURE_ID_HASH, without braces."""
        return bucket_hash(self.words)


def bucket_hash(bucket: str) -> str:
    """FAILURE_ID_HASH of a kernel bucket: the MD5 of its lower-case form as a GUID.

    Source: posted pairs of bucket and hash, all of which it gives; some hold the hashed string itself, `km:` in front.
    """
    hashed = hashlib.md5(f"km:{bucket.lower()}".encode("utf-16-le", "surrogatepass"), usedforsecurity=False)
    first, second, third, rest = struct.unpack("<IHH8s", hashed.digest())
    return f"{first:08x}-{second:04x}-{third:04x}-{rest[:2].hex()}-{rest[2:].hex()}"


def bucket_of(machine: Snapshot, entry: BugCheckEntry | None, stacks: Stacks, lookup: CodeLookup) -> Bucket | None:
    """The bucket of a stopped machine; None where the dump does not tell the bug check."""
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return None
    if flipped_bit(stop):
        return Bucket("MEMORY_CORRUPTION_ONE_BIT", BucketKind.CORRUPTION, ())
    form = bucket_form(stop.code)
    kind = bucket_class(machine, stop, entry, form)
    owner = bucket_owner(machine, stop, form, stacks, lookup)
    words = f"{kind.words}_{owner.words}" if owner.words else kind.words
    return Bucket(words, owner.kind, (*kind.gaps, *owner.gaps))
