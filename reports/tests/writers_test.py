# SPDX-License-Identifier: Apache-2.0
"""Would the readers of each format accept what is written, and does it say the same as results.json?"""

import json
import os
import re
import unittest
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from helpers import ROOT, ReportTest

import badges
import files
import junit
import openmetrics
import page
import report
import sarif
import summary
import validate

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting while it collects text and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.text = [], [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1] if self.open else 'nothing'}>"
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def read_page(text):
    parsed = Page()
    parsed.feed(text)
    parsed.close()
    return parsed


class Html(ReportTest):
    def test_it_nests_and_needs_nothing_from_outside(self):
        for name in ("good", "clean", "broken"):
            text = page.render(self.results(name), [], None)
            parsed = read_page(text)
            self.assertEqual(parsed.open, [])
            self.assertEqual(len(parsed.ids), len(set(parsed.ids)))
            for tag in ("script", "img", "link", "iframe", "object"):
                self.assertNotIn(tag, parsed.tags)
            for attribute, value in parsed.attributes:
                self.assertNotEqual(attribute, "src")
                self.assertFalse(attribute.startswith("on"), attribute)
                if attribute == "href":
                    self.assertIn(value.lstrip("#"), parsed.ids)
            self.assertNotRegex(text, r"url\(|@import|https?:")

    def test_it_shows_what_was_found(self):
        parsed = read_page(page.render(self.results("good"), [], None))
        for text in (
            "The monitor broke a promise",
            "1,234,567",
            "window frame 1 was opened to the host",
            "70.3 %",
            "T05",
            "A sample <table>",
            "Does a table of any kind reach the page?",
            "One note.",
            "guest to host",
            "fetches from the window fault on hart 1",
            "layout of C (clang-format)",
            "234,568",
            "99.87 %",
        ):
            self.assertIn(text, parsed.text)
        self.assertEqual(parsed.tags.count("mark"), 1)

    def test_many_inputs_for_one_bug_are_folded(self):
        results = self.results("good")
        results["findings"][0].update(count=150, reproducers=["findings/a.tst", "findings/b.tst"])
        results["findings"][0]["trace"] *= 30
        parsed = read_page(page.render(results, [], None))
        self.assertIn("150 inputs show it", parsed.text)
        self.assertIn("and 148 more", parsed.text)
        self.assertIn("ci/touchstone min findings/host_abi_fuzzer-0a1b2c3d4e5f.tst", parsed.text)

    def test_the_overview_marks_what_is_wrong(self):
        for name, count in (("good", 7), ("clean", 0)):
            parsed = read_page(page.render(self.results(name), [], None))
            self.assertEqual(parsed.attributes.count(("class", "bad")), count, name)

    def test_hostile_text_stays_text(self):
        results = self.results("good")
        evil = '"><script>alert(1)</script>'
        results["findings"][0].update(title=evil, trace=evil, id=evil, reproduce=evil, log=evil)
        results["qemu"][0]["checks"][0]["name"] = evil
        results["fuzz"][0]["target"] = evil
        parsed = read_page(page.render(results, [{"generated": evil, "commit": evil, "verdict": evil}], None))
        self.assertNotIn("script", parsed.tags)
        self.assertGreaterEqual(parsed.text.count(evil), 6)

    def test_what_was_not_run_says_so(self):
        empty = os.path.join(self.folder, "empty")
        parsed = read_page(page.render(report.collect.collect(empty, empty), [], None))
        self.assertEqual(parsed.text.count("No result in this report"), len(report.collect.KINDS) - len(report.collect.OPTIONAL))
        self.assertIn("Nothing was run", parsed.text)
        self.assertNotIn("✓", parsed.text)

    def test_the_switch_matrix(self):
        text = page.render(self.results("good"), [], None)
        self.assertIn("<td>✓</td><td>✓</td><td>✓</td><td>–</td></tr>", text)
        self.assertIn('<td>✓</td><td>✓</td><td>✓</td><td class="hit">✗ 2</td></tr>', text)
        self.assertIn("element exit record, what htval, count 1", text)
        self.assertIn("vs*: virtual supervisor CSRs", text)
        results = self.results("clean")
        edge = {"edge": "e", "replays": 1, "violations": 0}
        results["switch"] = [{"older": False, "edges": [{**edge, "elements": {"x": 0}}, edge]}]
        self.assertIn("<td>–</td>", page.render(results, [], None))
        results["switch"] = [{"older": False, "elements": ["x1", "x2"], "edges": [edge]}]
        self.assertIn("2 kinds of state", page.render(results, [], None))
        results["switch"][0]["elements"] = [{"element": "mstatus", "checks": 12345, "violations": 6}]
        self.assertRegex(page.render(results, [], None), 'mstatus.*12,345.*bad">6<')

    def test_a_cell_shows_its_seeds_its_lack_of_them_and_its_reason(self):
        text = page.render(self.results("good"), [], None)
        self.assertIn('<span class="tag good">SUCCESS 14</span>', text)
        self.assertIn('<span class="tag bad">INVALID_PARAM 1</span>', text)
        self.assertIn("FAILED: nothing in it can fail", text)
        self.assertIn("not listed</span> page: NONCONF: DATA", text)
        results = self.results("clean")
        results["matrix"] = [
            {
                "older": False,
                "surprises": [],
                "cells": [
                    {"group": "call", "row": "x", "column": "FAILED", "seeds": 1, "wanted": 0, "unreachable": "never"}
                ],
            }
        ]
        self.assertIn('<span class="tag bad">FAILED 1</span>', page.render(results, [], None))

    def test_size_and_stacks(self):
        results = self.results("good")
        parsed = read_page(page.render(results, [], None))
        for text in ("91 lines of code in 2 files, limit 8,000, by cloc 1.96", "riscv_trap", "1,936"):
            self.assertIn(text, parsed.text)
        results["size"][0].update(limit=90, passed=False)
        self.assertIn('<span class="tag bad">91</span>', page.render(results, [], None))

    def test_lines_that_no_seed_reaches_have_a_reason(self):
        results = self.results("good")
        line = {"file": "monitor/core/fence.c", "function": "fence_local", "text": "return;", "reason": None}
        results["coverage"][0]["uncovered"] = [line, {**line, "reason": "only before boot"}]
        text = page.render(results, [], None)
        self.assertIn("2 lines that no seed reaches", text)
        self.assertIn("no reason given", text)
        self.assertIn("only before boot", text)

    def test_many_checks_are_grouped_and_a_failed_one_stays_in_sight(self):
        results = self.results("good")
        checks = [{"name": f"part {index % 2}: fact {index}", "status": "passed"} for index in range(40)]
        checks[7]["status"] = "failed"
        results["qemu"][0]["checks"] = checks
        text = page.boot(results)
        self.assertIn('part 0</th><td><span class="tag good">20 of 20', text)
        self.assertIn('part 1</th><td><span class="tag bad">19 of 20', text)
        self.assertLess(text.index("part 1: fact 7<"), text.index("<details>"))
        self.assertGreater(text.index("part 0: fact 8<"), text.index("<details>"))

    def test_an_older_fragment_is_marked(self):
        results = self.results("clean")
        results["qemu"][0]["older"] = True
        self.assertIn("was written before the commit", page.render(results, [], None))


class Sarif(ReportTest):
    def converted(self):
        results = self.results("good")
        lines = sarif.call_lines(ROOT)
        return results, lines, sarif.convert(results, lines)

    def test_the_minimum_that_services_accept(self):
        results, _, log = self.converted()
        self.assertEqual((log["version"], len(log["runs"])), ("2.1.0", 1))
        rules = log["runs"][0]["tool"]["driver"]["rules"]
        found = log["runs"][0]["results"]
        self.assertEqual(len(found), len(results["findings"]))
        for entry in found:
            self.assertEqual(rules[entry["ruleIndex"]]["id"], entry["ruleId"])
            self.assertIn(entry["level"], ("error", "warning", "note"))
            self.assertTrue(entry["message"]["text"])
            self.assertTrue(entry["partialFingerprints"]["touchstoneDedup/v1"])
            for place in entry["locations"]:
                physical = place["physicalLocation"]
                self.assertGreaterEqual(physical["region"]["startLine"], 1)
                uri = physical["artifactLocation"]["uri"]
                self.assertFalse(uri.startswith("/") or ".." in uri or ":" in uri, uri)
            self.assertEqual(len(entry["locations"]), 1)
        for rule in rules:
            self.assertRegex(rule["properties"]["security-severity"], r"^\d+\.\d$")
            self.assertIn(rule["defaultConfiguration"]["level"], ("error", "warning", "note"))

    def test_a_call_is_found_in_the_table(self):
        _, lines, log = self.converted()
        self.assertGreater(len(lines), 20)
        with open(os.path.join(ROOT, "monitor/abi/calls.def"), encoding="utf-8") as stream:
            table = stream.read().splitlines()
        line = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"]
        self.assertIn("covh_reclaim_pages", table[line - 1])

    def test_a_finding_without_a_call_has_a_place_too(self):
        _, _, log = self.converted()
        uri = log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        self.assertEqual(uri, "harness/targets/host_abi_fuzzer.c")

    def test_the_trace_is_the_code_flow(self):
        _, _, log = self.converted()
        steps = log["runs"][0]["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
        self.assertEqual([step["executionOrder"] for step in steps], [1, 2, 3])
        self.assertIn("covh_global_fence", steps[1]["location"]["message"]["text"])

    def test_the_same_bug_has_the_same_fingerprint(self):
        one = {"oracle": "OWN", "property": "scrub", "call": "covh_reclaim_pages", "id": "a"}
        self.assertEqual(sarif.fingerprint(one), sarif.fingerprint({**one, "id": "b"}))
        self.assertNotEqual(sarif.fingerprint(one), sarif.fingerprint({**one, "property": "owner"}))
        unknown = {"oracle": None, "property": None, "call": None, "id": "a"}
        self.assertNotEqual(sarif.fingerprint(unknown), sarif.fingerprint({**unknown, "id": "b"}))

    def test_a_closed_finding_is_suppressed(self):
        _, _, log = self.converted()
        self.assertEqual(
            ["suppressions" in entry for entry in log["runs"][0]["results"]], [False, False, True, False]
        )


class Junit(ReportTest):
    def test_counts_and_cases_agree(self):
        root = ET.fromstring(junit.render(self.results("good")).encode())
        suites = {suite.get("name"): suite for suite in root}
        self.assertEqual(
            set(suites), {"findings", "fuzz", "corpora", "interface", "plants", "switch", "boot", "steps", "tables",
                          "fragments"}
        )
        for suite in root:
            self.assertEqual(int(suite.get("tests")), len(suite.findall("testcase")))
            for word, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                self.assertEqual(int(suite.get(attribute)), len(suite.findall(f"testcase/{word}")), suite.get("name"))
        self.assertEqual(
            [suites[n].get("failures") for n in ("findings", "fuzz", "corpora", "interface", "plants", "switch", "boot", "steps",
                                              "tables")],
            ["3", "1", "1", "1", "2", "1", "1", "1", "1"],
        )
        self.assertEqual(suites["steps"].get("skipped"), "1")
        self.assertIn("covh_reclaim_pages", suites["findings"][0].find("failure").text)

    def test_control_characters_and_markup(self):
        results = self.results("good")
        results["findings"][0].update(title='a\x00b<&>"\ud800', trace="\x1b[31m]]>")
        root = ET.fromstring(junit.render(results).encode("utf-8", "strict"))
        self.assertTrue(
            any(
                'b<&>"' in case.find("failure").get("message") for case in root[0] if case.find("failure") is not None
            )
        )

    def test_a_broken_fragment_is_an_error_not_a_failure(self):
        root = ET.fromstring(junit.render(self.results("broken")).encode())
        fragments = [suite for suite in root if suite.get("name") == "fragments"][0]
        self.assertEqual((fragments.get("errors"), fragments.get("failures")), ("12", "0"))


class OpenMetrics(ReportTest):
    SAMPLE = re.compile(r'^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)$')

    def check(self, text):
        self.assertTrue(text.endswith("# EOF\n"))
        types, seen = {}, set()
        current = None
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                _, _, current, kind = line.split(" ")
                self.assertNotIn(current, types)
                types[current] = kind
                continue
            if line.startswith("# HELP "):
                self.assertEqual(line.split(" ")[2], current)
                continue
            match = self.SAMPLE.match(line)
            self.assertIsNotNone(match, line)
            self.assertEqual(match.group(1), current + ("_total" if types[current] == "counter" else ""))
            self.assertNotIn((match.group(1), match.group(2)), seen)
            seen.add((match.group(1), match.group(2)))
        return seen

    def test_form(self):
        text = openmetrics.render(self.results("good"))
        self.check(text)
        self.assertIn('touchstone_executions_total{target="host_abi_fuzzer",engine="afl++"} 765432\n', text)
        self.assertIn('touchstone_plant_detected{plant="O09"} 1\n', text)
        self.assertIn('touchstone_verdict{state="finding"} 1\n', text)

    def test_odd_labels_and_equal_names(self):
        results = self.results("good")
        results["bench"][0]["rows"] = [
            {"name": 'a"\\\n', "value": 1, "unit": ""},
            {"name": 'a"\\\n', "value": 2, "unit": ""},
        ]
        self.check(openmetrics.render(results))


class Badges(ReportTest):
    def test_messages(self):
        shown = {name: (message, colour) for name, _, message, colour in badges.badges(self.results("good"))}
        self.assertEqual(
            shown,
            {
                "verdict": ("the monitor broke a promise", "red"),
                "fuzzing": ("afl++ + libfuzzer: 5 open", "red"),
                "coverage": ("70.37 %", "red"),
                "interface": ("2 of 3 cells", "red"),
                "size": ("91 lines", "brightgreen"),
                "plants": ("1 of 3", "red"),
                "boot": ("2 of 3", "red"),
            },
        )

    def test_not_run_is_grey(self):
        empty = os.path.join(self.folder, "empty")
        for _, _, message, colour in badges.badges(report.collect.collect(empty, empty)):
            self.assertEqual((message, colour), ("not run", "lightgrey"))

    def test_files_are_well_formed(self):
        badges.write_all(self.results("clean"), self.folder)
        for name in ("verdict", "fuzzing", "coverage", "plants", "boot"):
            endpoint = validate.load(os.path.join(self.folder, f"{name}.json"))
            self.assertEqual(endpoint["schemaVersion"], 1)
            picture = ET.parse(os.path.join(self.folder, f"{name}.svg")).getroot()
            self.assertIn(endpoint["message"], picture.get("aria-label"))
        self.assertEqual(validate.load(os.path.join(self.folder, "plants.json"))["message"], "not run")


class Summary(ReportTest):
    def test_tables_keep_their_columns(self):
        results = self.results("good")
        results["fuzz"][0]["target"] = "a|b\n<script>"
        results["findings"][0]["title"] = "x | y `z`"
        for line in summary.render(results).splitlines():
            if line.startswith("|"):
                self.assertIn(len(re.findall(r"(?<!\\)\|", line)), (3, 5, 8), line)
        self.assertNotIn("<script>", summary.render(results).replace("\\<script\\>", ""))


class Command(ReportTest):
    def run_report(self, name, *extra):
        tree = self.tree(name)
        out = os.path.join(self.folder, "out")
        return self.quietly(report.main, ["--root", tree, "--build", tree, "--out", out, *extra]), out

    def test_it_writes_everything(self):
        code, out = self.run_report("good")
        self.assertEqual(code, 0)
        self.assertEqual(
            sorted(os.listdir(out)),
            [
                "badges",
                "history.jsonl",
                "index.html",
                "junit.xml",
                "metrics.prom",
                "results.json",
                "summary.md",
                "touchstone.sarif",
            ],
        )
        schema = self.schema("results-1.schema.json")
        self.assertEqual(validate.validate(validate.load(os.path.join(out, "results.json")), schema), [])
        json.loads(self.read(out, "touchstone.sarif"))

    def test_a_broken_fragment_shows_in_the_exit_code_and_the_report_is_there(self):
        code, out = self.run_report("broken")
        self.assertEqual(code, 1)
        self.assertIn("cut.json", self.read(out, "index.html"))

    def test_the_history_grows_and_is_shown(self):
        tree = self.tree("clean")
        out = os.path.join(self.folder, "out")
        history = os.path.join(out, "history.jsonl")
        for count in (1, 2):
            self.assertEqual(self.quietly(report.main, ["--root", tree, "--build", tree, "--out", out]), 0)
            self.assertEqual(len(files.read_history(history, 10)), count)
        with open(history, "a", encoding="utf-8") as stream:
            stream.write('{"generated": "torn')
        self.quietly(report.main, ["--root", tree, "--build", tree, "--out", out])
        self.assertEqual(len(files.read_history(history, 10)), 3)
        self.assertNotIn("This is the first report", self.read(out, "index.html"))

    def test_where_nothing_can_be_written_it_says_so(self):
        blocked = self.write("file", text="")
        tree = self.tree("clean")
        self.assertEqual(
            self.quietly(report.main, ["--root", tree, "--build", tree, "--out", os.path.join(blocked, "out")]), 4
        )

    def test_a_failed_write_leaves_the_older_file(self):
        path = self.write("x", text="old")
        with self.assertRaises(UnicodeEncodeError):
            files.write_whole(path, "\ud800")
        self.assertEqual((self.read(path), os.listdir(self.folder)), ("old", ["x"]))

    def test_the_job_summary_is_appended(self):
        target = os.environ["GITHUB_STEP_SUMMARY"] = self.write("job.md", text="before\n")
        self.run_report("clean")
        self.assertRegex(self.read(target), r"^before\n## Touchstone: nothing found")


if __name__ == "__main__":
    unittest.main()
