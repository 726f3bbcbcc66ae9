# SPDX-License-Identifier: Apache-2.0
"""What the tests of reports/ share: the test data as a tree of its own, outside any git checkout."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.abspath(__file__))
REPORTS = os.path.dirname(TESTS)
ROOT = os.path.dirname(REPORTS)
sys.path.insert(0, REPORTS)
sys.dont_write_bytecode = True

import collect  # noqa: E402
import validate  # noqa: E402


class ReportTest(unittest.TestCase):
    """Each test gets a folder that is removed afterwards, and a fixed time."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="touchstone-reports-")
        self.addCleanup(shutil.rmtree, self.folder)
        before = {
            name: os.environ.get(name)
            for name in ("SOURCE_DATE_EPOCH", "GITHUB_STEP_SUMMARY", "GIT_CEILING_DIRECTORIES")
        }
        self.addCleanup(self.restore, before)
        os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
        os.environ["GIT_CEILING_DIRECTORIES"] = os.path.dirname(self.folder)
        os.environ.pop("GITHUB_STEP_SUMMARY", None)

    @staticmethod
    def restore(before):
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def tree(self, name):
        """A copy of tests/data/NAME; it is source tree and build folder at once."""
        copy = os.path.join(self.folder, name)
        shutil.copytree(os.path.join(TESTS, "data", name), copy)
        return copy

    def results(self, name):
        tree = self.tree(name)
        return collect.collect(tree, tree)

    def write(self, *parts, text):
        path = os.path.join(self.folder, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def schema(self, name):
        schema = validate.load(os.path.join(REPORTS, name))
        validate.check_schema(schema)
        return schema

    @staticmethod
    def quietly(function, *arguments):
        """Calls without letting its output into the output of the tests."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return function(*arguments)

    @staticmethod
    def read(*parts):
        with open(os.path.join(*parts), encoding="utf-8") as stream:
            return stream.read()
