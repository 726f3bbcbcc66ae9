# SPDX-License-Identifier: Apache-2.0
"""What commands outside of this folder leave for the report: a table fragment, written whole.

They find this module by appending the folder to sys.path; fragment-1.schema.json says what a table has to look like.
"""

from files import to_json, write_whole


def table(name, title, lead, command, columns, rows, failed=None, notes=(), **more):
    """A fragment of kind `table`. `failed`: how many things are wrong; without it, the rows that say so."""
    if failed is None:
        failed = sum(row.get("status") == "failed" for row in rows)
    return {"schema": "touchstone-fragment/1", "kind": "table", "name": name, "title": title, "lead": lead, "command": command,
            "columns": columns, "rows": rows, "failed": failed, "notes": list(notes), **more}


def write(path, fragment):
    """Raises OSError when it cannot be written; then what was there before is there still."""
    write_whole(path, to_json(fragment))
