# SPDX-License-Identifier: Apache-2.0
"""Is everything that a run left behind in the results, and is what cannot be used named?"""

import os
import subprocess
import unittest

from helpers import ReportTest

import collect
import validate


class Collecting(ReportTest):
    def test_the_results_have_the_documented_shape(self):
        schema = self.schema("results-1.schema.json")
        for name in ("good", "clean", "broken"):
            self.assertEqual(validate.validate(self.results(name), schema), [], name)
        empty = os.path.join(self.folder, "empty")
        self.assertEqual(validate.validate(collect.collect(empty, empty), schema), [])

    def test_each_kind_is_read(self):
        results = self.results("good")
        self.assertEqual([len(results[kind]) for kind in collect.KINDS], [2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        self.assertEqual(results["missing"], [])
        afl, libfuzzer = results["fuzz"]
        self.assertEqual((afl["stability"], libfuzzer["stability"]), (99.87, None))
        self.assertEqual(afl["executions_per_second"], 12548.1)
        self.assertEqual(results["coverage"][0]["total"]["percent"], 70.37)
        self.assertEqual(results["totals"]["plants_detected"], 1)
        self.assertEqual(results["totals"]["switch_violations"], 2)

    def test_each_broken_fragment_is_named_with_what_was_expected(self):
        results = self.results("broken")
        why = {os.path.basename(entry["file"]): (entry["status"], entry["why"]) for entry in results["fragments"]}
        self.assertEqual(why.pop("whole.json"), ("used", ""))
        expected = {
            "cut.json": "line 1",
            "empty.json": "empty",
            "kind.json": 'one of "fuzz"',
            "no-schema.json": "key 'schema'",
            "negative.json": "at /executions: expected at least 0",
            "nan.json": "NaN",
            "twice.json": "appears twice",
            "bytes.json": "not UTF-8",
            "list.json": "expected object",
            "cell.json": "at /cells/0: ",
            "table.json": "at /rows/0/cells: expected array",
            "type.json": "at /plants/0/detected: expected boolean",
        }
        self.assertEqual(set(why), set(expected))
        for name, text in expected.items():
            self.assertEqual(why[name][0], "broken", name)
            self.assertIn(text, why[name][1], name)
        self.assertEqual(results["verdict"]["state"], "failed")
        self.assertEqual(len(results["verdict"]["reasons"]), len(expected))

    def test_unreadable_fragment_is_named(self):
        tree = self.tree("clean")
        os.symlink("nowhere", os.path.join(tree, "results", "lost.json"))
        entry = [e for e in collect.collect(tree, tree)["fragments"] if e["file"].endswith("lost.json")][0]
        self.assertEqual((entry["status"], entry["kind"], entry["written"]), ("broken", None, None))
        self.assertIn("No such file", entry["why"])

    def test_files_that_are_still_being_written_are_left_alone(self):
        tree = self.tree("clean")
        for name in (".fuzz.json.new", "fuzz.json.new", "notes.txt"):
            self.write("clean", "results", name, text="{")
        self.assertEqual(len(collect.collect(tree, tree)["fragments"]), 3)

    def test_a_fragment_from_before_the_commit_is_marked(self):
        tree = self.tree("clean")
        git = ["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "subject"], check=True)
        for name in os.listdir(os.path.join(tree, "results")):
            os.utime(os.path.join(tree, "results", name), (1000000000, 1000000000) if name == "qemu.json" else None)
        results = collect.collect(tree, tree)
        self.assertEqual([e["older"] for e in results["fragments"]], [False, False, True])
        self.assertTrue(results["qemu"][0]["older"])
        self.assertEqual(results["project"]["subject"], "subject")
        self.assertRegex(results["project"]["commit"], "^[0-9a-f]{40}$")
        self.assertFalse(results["project"]["modified"])

    def test_a_plant_has_the_title_of_its_patch(self):
        tree = self.tree("good")
        self.write("good", "harness", "plants", "O09.patch", text="SPDX: x\nTitle: scrubs too little\n\n--- a/x\n")
        titles = {plant["id"]: plant["title"] for plant in collect.collect(tree, tree)["plants"][0]["plants"]}
        self.assertEqual(titles, {"O09": "scrubs too little", "T05": None, "my.patch": None})

    def test_a_log_may_be_a_file(self):
        self.assertEqual(self.results("clean")["qemu"][0]["log"], "one line of a console\n")

    def test_a_log_is_cut_and_says_so(self):
        tree = self.tree("clean")
        self.write("clean", "console.txt", text="x" * (collect.MAX_TEXT + 10))
        self.assertIn("10 more bytes", collect.collect(tree, tree)["qemu"][0]["log"])

    def test_the_same_inputs_give_the_same_results(self):
        tree = self.tree("good")
        self.assertEqual(collect.collect(tree, tree), collect.collect(tree, tree))


class Percentages(unittest.TestCase):
    def test_forms(self):
        for value, percent in (
            ("99.50%", 99.5),
            ("100 %", 100.0),
            (98, 98),
            ("", None),
            ("unknown", None),
            (None, None),
        ):
            self.assertEqual(collect.percent_of(value), percent)

    def test_hundred_means_all(self):
        self.assertEqual(collect.share(99999, 100000), 99.99)
        self.assertEqual(collect.share(3, 3), 100)
        self.assertIsNone(collect.share(0, 0))


class Findings(ReportTest):
    def test_each_form_is_read(self):
        found = {finding["id"]: finding for finding in self.results("good")["findings"]}
        self.assertEqual(
            list(found),
            [
                "host_abi_fuzzer-0a1b2c3d4e5f",
                "host_abi_fuzzer-ffeeddccbbaa",
                "a1b2c3d4e5f6",
                "hunt-OWN-owner-table-covh_add_tvm_zero_pages-00112233445566ff",
            ],
        )
        scrub, overflow, fence, owner = found.values()
        self.assertEqual(
            (scrub["severity"], scrub["oracle"], scrub["property"], scrub["call"], scrub["step"], scrub["engine"]),
            ("S0", "OWN", "scrub", "covh_reclaim_pages", 2, "libFuzzer"),
        )
        self.assertEqual(
            scrub["title"],
            "OWN scrub in covh_reclaim_pages: window frame 1 was opened to the host before it was zeroed",
        )
        self.assertEqual(scrub["operation"], "h0 covh_reclaim_pages(base=win[0], num_pages=2)")
        self.assertEqual(scrub["reproduce"], "ci/touchstone run --any findings/host_abi_fuzzer-0a1b2c3d4e5f.tst")
        self.assertEqual((overflow["oracle"], overflow["severity"]), ("SAN", "S2"))
        self.assertIn("heap-buffer-overflow", overflow["title"])
        self.assertEqual((fence["status"], fence["call"], fence["severity"]), ("fixed", "rfence_sfence_vma", "S3"))
        self.assertEqual(
            (owner["oracle"], owner["property"], owner["call"]), ("OWN", "owner-table", "covh_add_tvm_zero_pages")
        )
        self.assertNotIn("\x07", owner["trace"])

    def test_sanitizers_are_named_with_the_place(self):
        cases = (
            (
                "monitor/core/pages.c:7:3: runtime error: shift exponent 64 is too large\n",
                "undefined-behaviour in monitor/core/pages.c:7:3",
            ),
            (
                "==1==WARNING: MemorySanitizer: use-of-uninitialized-value\n"
                "    #0 0x1 in memcmp\n    #1 0x2 in route /x/monitor/core/flow.c:1\n",
                "use-of-uninitialized-value in route",
            ),
            ("==1==ERROR: AddressSanitizer: SEGV on unknown address\n", "SEGV"),
        )
        for log, name in cases:
            finding = collect.blank_finding("x", "x", ".")
            collect.describe(finding, log)
            self.assertEqual((finding["oracle"], finding["property"]), ("SAN", name))

    def test_a_closed_finding_does_not_count_and_an_open_one_does(self):
        self.assertEqual(self.results("good")["totals"]["open_findings"], 3)

    def test_what_is_incomplete_says_so(self):
        self.write("tree", "findings", "lonely.txt", text="found by nobody\n")
        self.write("tree", "findings", "empty-folder", "note", text="")
        self.write("tree", "findings", "bad", "bug.json", text="{")
        self.write("tree", "findings", "half.tst.part", text="")
        tree = os.path.join(self.folder, "tree")
        for name in ("bug.json", "title.txt", "min.trace", "run.log"):  # pipes: nobody waits for them
            os.mkfifo(os.path.join(tree, "findings", "empty-folder", name))
        found = {finding["id"]: finding["problem"] for finding in collect.collect(tree, tree)["findings"]}
        self.assertEqual(set(found), {"lonely", "empty-folder", "bad"})
        self.assertIn("bug.json", found["bad"])
        self.assertIn("no trace", found["empty-folder"])
        self.assertIn("no .tst", found["lonely"])

    def test_too_many_are_counted(self):
        limit, collect.MAX_FINDINGS = collect.MAX_FINDINGS, 10
        self.addCleanup(setattr, collect, "MAX_FINDINGS", limit)
        for index in range(13):
            self.write("tree", "findings", f"f{index:04}.tst", text="")
        tree = os.path.join(self.folder, "tree")
        results = collect.collect(tree, tree)
        self.assertEqual((len(results["findings"]), results["findings_left_out"]), (10, 3))
        self.assertEqual((results["totals"]["open_findings"], results["totals"]["open_reproducers"]), (10, 13))

    def test_inputs_that_show_one_bug_are_one_finding(self):
        story = (
            "found by    %s, as crash\n\n"
            "FINDING x: OWN %s in covh_reclaim_pages (S1 isolation)\n  step 1: h0 x()\n  text\n"
        )
        for name, engine, bug, lines in (
            ("a", "AFL++", "owner", 9),
            ("b", "libFuzzer", "owner", 3),
            ("c", "AFL++", "owner", 5),
            ("d", "AFL++", "scrub", 1),
        ):
            self.write("tree", "findings", f"{name}.tst", text="")
            self.write("tree", "findings", f"{name}.trace", text="line\n" * lines)
            self.write("tree", "findings", f"{name}.txt", text=story % (engine, bug))
        tree = os.path.join(self.folder, "tree")
        owner, scrub = collect.collect(tree, tree)["findings"]
        self.assertEqual((owner["id"], owner["count"], owner["engine"]), ("b", 3, "AFL++, libFuzzer"))
        self.assertEqual(owner["reproducers"], ["findings/b.tst", "findings/c.tst", "findings/a.tst"])
        self.assertEqual((scrub["id"], scrub["count"]), ("d", 1))


class Verdicts(ReportTest):
    def state(self, tree):
        return collect.collect(tree, tree)["verdict"]["state"]

    def test_states(self):
        self.assertEqual(self.results("good")["verdict"]["state"], "finding")
        clean = self.tree("clean")
        self.assertEqual(self.state(clean), "clean")
        self.write("clean", "findings", "a.tst", text="")
        self.assertEqual(self.state(clean), "finding")
        self.assertEqual(self.state(os.path.join(self.folder, "nothing")), "unknown")

    def test_each_failure_alone_is_enough(self):
        fragments = {
            "replay": '"files":[{"file":"a","steps":1,"hash":"","status":"mismatch"}]',
            "plants": '"plants":[{"id":"a","build_failed":false,"detected":false}]',
            "qemu": '"passed":0,"failed":1,"checks":[]',
            "tests": '"steps":[{"name":"a","status":"failed","seconds":1}]',
            "coverage": '"files":[],"total":{"lines":2,"covered":1,"floor":80,"passed":false}',
        }
        for kind, body in fragments.items():
            self.write(
                kind, "results", "x.json", text='{"schema":"touchstone-fragment/1","kind":"%s",%s}' % (kind, body)
            )
            self.assertEqual(self.state(os.path.join(self.folder, kind)), "failed", kind)

    def test_a_fuzzer_that_ran_nothing_is_a_failure(self):
        tree = self.tree("clean")
        path = os.path.join(tree, "results", "fuzz-afl.json")
        text = self.read(path).replace('"executions":100', '"executions":0')
        self.write("clean", "results", "fuzz-afl.json", text=text)
        self.assertEqual(self.state(tree), "failed")

    def test_steps_of_another_script_count_but_are_not_ci_test(self):
        tree = self.tree("clean")
        body = '{"schema":"touchstone-fragment/1","kind":"tests","script":"ci/fuzz","steps":[%s]}'
        self.write("clean", "results", "fuzz-steps.json", text=body % '{"name":"qemu","status":"failed","seconds":1}')
        results = collect.collect(tree, tree)
        self.assertIn("tests", results["missing"])
        self.assertEqual(results["verdict"]["reasons"], ["1 step of ci/fuzz failed"])
        self.write("clean", "results", "tests.json", text=body.replace(',"script":"ci/fuzz"', "") % "")
        self.assertNotIn("tests", collect.collect(tree, tree)["missing"])

    def test_a_seed_that_shows_a_broken_promise_is_a_finding(self):
        body = '"files":[{"file":"a","steps":1,"hash":"","status":"finding","text":"t"}]'
        self.write("t", "results", "x.json", text='{"schema":"touchstone-fragment/1","kind":"replay",%s}' % body)
        self.assertEqual(self.state(os.path.join(self.folder, "t")), "finding")

    def test_a_violation_of_the_switch_is_a_finding(self):
        body = '{"schema":"touchstone-fragment/1","kind":"switch","violations":1,"edges":[]}'
        self.write("t", "results", "x.json", text=body)
        self.assertEqual(self.state(os.path.join(self.folder, "t")), "finding")


if __name__ == "__main__":
    unittest.main()
