#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""seed_archive.py FOLDER ARCHIVE: the files of a folder as <target>_seed_corpus.zip, as OSS-Fuzz and ClusterFuzz expect it.

The same files give the same bytes: sorted names, one date, no owner.
"""

import os
import sys
import zipfile

DATE = (1980, 1, 1, 0, 0, 0)


def main():
    folder, archive = sys.argv[1:]
    with zipfile.ZipFile(archive + ".new", "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as stream:
                entry = zipfile.ZipInfo(name, DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                out.writestr(entry, stream.read())
    os.replace(archive + ".new", archive)


if __name__ == "__main__":
    main()
