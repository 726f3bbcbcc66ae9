# SPDX-License-Identifier: Apache-2.0
"""Writes an initial RAM file system: a cpio archive in the "newc" format, compressed with gzip.

The same files give the same bytes on every machine: order, owners, times and inode numbers are fixed. Nothing outside
of Python is needed, and no privilege: device nodes come from devtmpfs.
"""

import gzip
import io

DIRECTORY, FILE, LINK = 0o040755, 0o100000, 0o120777
TRAILER = "TRAILER!!!"


def _entry(number, name, mode, data):
    path = name.encode() + b"\0"
    links = 2 if mode == DIRECTORY else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def _folders(names):
    """Every folder that one of the names lies in, parents first."""
    found = set()
    for name in names:
        parts = name.split("/")[:-1]
        found.update("/".join(parts[: i + 1]) for i in range(len(parts)))
    return sorted(found)


def build(files, links=None, folders=()):
    """A compressed archive of `files` (name to (bytes, permissions)), `links` (name to target) and empty `folders`."""
    links = links or {}
    entries = [(name, DIRECTORY, b"") for name in sorted(set(folders) | set(_folders([*files, *links])))]
    entries += [(name, FILE | mode, data) for name, (data, mode) in sorted(files.items())]
    entries += [(name, LINK, target.encode()) for name, target in sorted(links.items())]
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))
    archive += _entry(0, TRAILER, 0, b"")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=6) as out:
        out.write(archive)
    return packed.getvalue()
