# SPDX-License-Identifier: Apache-2.0
"""Does the validator see mistakes, and does it refuse schemas that it does not understand?"""

import json
import os
import unittest

from helpers import REPORTS, ReportTest

import validate


class Validator(ReportTest):
    def mistakes(self, document, schema):
        validate.check_schema(schema)
        return validate.validate(document, schema)

    def test_each_keyword_accepts_and_refuses(self):
        cases = (
            ({"type": "integer"}, 1, True),
            ({"type": "number"}, 1.5, "1"),
            ({"type": "boolean"}, False, 0),
            ({"type": ["string", "null"]}, None, 3),
            ({"const": "a"}, "a", "b"),
            ({"enum": [1, 2]}, 2, 3),
            ({"minimum": 0}, 0, -1),
            ({"maximum": 5}, 5, 5.1),
            ({"minLength": 1}, "x", ""),
            ({"pattern": "^[0-9]+$"}, "12", "12a"),
            ({"minItems": 1}, [0], []),
            ({"items": {"type": "string"}}, ["a"], ["a", 1]),
            ({"required": ["k"]}, {"k": 1}, {}),
            ({"properties": {"k": {"type": "null"}}}, {"k": None}, {"k": 0}),
            ({"properties": {"k": {}}, "additionalProperties": False}, {"k": 1}, {"j": 1}),
            ({"additionalProperties": {"type": "integer"}}, {"j": 1}, {"j": "1"}),
            ({"anyOf": [{"type": "null"}, {"minimum": 3}]}, 3, 2),
            ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [1], [""]),
        )
        for schema, good, bad in cases:
            with self.subTest(schema=schema):
                self.assertEqual(self.mistakes(good, schema), [])
                self.assertEqual(len(self.mistakes(bad, schema)), 1)

    def test_a_mistake_says_where_and_what(self):
        schema = {"properties": {"files": {"items": {"properties": {"lines": {"type": "integer"}}}}}}
        self.assertEqual(
            self.mistakes({"files": [{}, {"lines": "x"}]}, schema), ['at /files/1/lines: expected integer, found "x"']
        )

    def test_unknown_keywords_and_types_are_refused(self):
        for schema in (
            {"uniqueItems": True},
            {"items": {"format": "date"}},
            {"type": "date"},
            {"anyOf": [{"not": {}}]},
        ):
            with self.subTest(schema=schema), self.assertRaises(validate.SchemaError):
                validate.check_schema(schema)
        with self.assertRaises(validate.SchemaError):
            validate.validate(1, {"$ref": "#/$defs/nothing"})

    def test_reading_is_strict(self):
        for text, reason in (
            ("", "empty"),
            ("{", "line 1, column 2"),
            ('{"a":1,"a":2}', "twice"),
            ("[Infinity]", "Infinity"),
            ("[" * 200000, "deep"),
        ):
            with self.subTest(text=text[:20]):
                path = self.write("x.json", text=text)
                with self.assertRaisesRegex(validate.DocumentError, reason):
                    validate.load(path)
        with self.assertRaisesRegex(validate.DocumentError, "No such file"):
            validate.load(os.path.join(self.folder, "absent.json"))

    def test_the_schemas_of_this_folder_are_understood(self):
        for name in sorted(os.listdir(REPORTS)):
            if name.endswith(".schema.json"):
                self.schema(name)

    def test_as_a_command(self):
        schema = self.write("s.json", text=json.dumps({"type": "object"}))
        good, bad = self.write("g.json", text="{}"), self.write("b.json", text="[]")
        for arguments, code in (([schema, good], 0), ([schema, bad], 1), ([schema], 2)):
            self.assertEqual(self.quietly(validate.main, arguments), code)


if __name__ == "__main__":
    unittest.main()
