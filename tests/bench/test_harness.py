#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bench/run makes of its figures: statistics against known answers, the
files it writes, the report of a small committed run, the comparison of two.
Last line: "N passed, N failed"."""

import json
import math
import os
import random
import re
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import unittest
from html.parser import HTMLParser
from types import SimpleNamespace

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.environ.get(
    "srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
FIXTURE = os.path.join(TOP, "tests", "bench", "fixture")
sys.path.insert(0, os.path.join(TOP, "bench"))

from harness import (catalogue, compare, hdr, integrity, machine, measure,
                     page, report, results, rows, servers, stats, svg,
                     workloads)


def normal(count, middle=10.0, part=0.02, seed=1):
    dice = random.Random(seed)
    return [dice.gauss(middle, middle * part) for _ in range(count)]


class Statistics(unittest.TestCase):
    def test_quartiles_of_known_values(self):
        self.assertEqual(stats.quartiles([1, 2, 3, 4, 5]), [2, 3, 4])
        self.assertEqual(stats.quartiles(iter([7])), [7, 7, 7])
        self.assertEqual(stats.quartiles([]), [])

    def test_rounds_keep_order_and_all_values(self):
        for count in range(0, 40):
            parts = stats.rounds_of(list(range(count)))
            self.assertEqual(sum(parts, []), list(range(count)))
            self.assertLessEqual(len(parts), stats.ROUNDS)
            self.assertTrue(all(parts))

    def test_deviation_is_that_of_the_rounds_medians(self):
        flat = [1.0] * 4
        values = flat + [1.1] * 4 + flat + [0.9] * 4 + flat
        self.assertAlmostEqual(stats.deviation(values),
                               statistics.stdev([1, 1.1, 1, 0.9, 1]))
        self.assertEqual(stats.deviation([]), 0)
        self.assertEqual(stats.deviation([5]), 0)

    def test_deviation_overlooks_a_lone_outlier(self):
        values = [1.0] * 50
        values[20] = 100.0
        self.assertEqual(stats.deviation(values), 0)

    def test_two_modes_are_seen(self):
        values = normal(30, 7, seed=2) + normal(20, 13, seed=3)
        random.Random(4).shuffle(values)
        self.assertTrue(stats.is_bimodal(values))

    def test_one_mode_is_seldom_taken_for_two(self):
        dice = random.Random(5)
        makers = (lambda: dice.gauss(10, 0.3), lambda: dice.uniform(9, 11),
                  lambda: 9 + dice.expovariate(1), lambda: 10.0)
        for maker in makers:
            found = sum(stats.is_bimodal([maker() for _ in range(40)])
                        for _ in range(200))
            self.assertLessEqual(found, 6)

    def test_two_modes_closer_than_the_gap_are_one(self):
        values = normal(30, 10, 0.001) + normal(30, 10.3, 0.001)
        self.assertFalse(stats.is_bimodal(values))

    def test_few_values_are_no_modes(self):
        self.assertFalse(stats.is_bimodal([7.0] * 9 + [13.0] * 9))

    def test_ratios_pair_rotations(self):
        self.assertEqual(stats.paired({0: 2.0, 1: 6.0, 3: 9.0},
                                      {0: 1.0, 1: 2.0, 2: 5.0}),
                         {0: 2.0, 1: 3.0})
        self.assertEqual(stats.paired({0: 2.0}, {0: 0}), {})

    def test_pairing_takes_the_machine_s_mood_out(self):
        dice = random.Random(6)
        moods = [dice.uniform(0.5, 2) for _ in range(30)]
        base = {i: mood for i, mood in enumerate(moods)}
        rows_of = {i: 3 * mood for i, mood in enumerate(moods)}
        for value in stats.paired(rows_of, base).values():
            self.assertAlmostEqual(value, 3)

    def test_change_holds_the_truth(self):
        held = 0
        for seed in range(40):
            old = normal(40, 10, 0.05, seed)
            new = normal(40, 10.5, 0.05, seed + 100)
            _, low, high = stats.change(old, new)
            held += low <= 0.05 <= high
        self.assertGreaterEqual(held, 34)

    def test_change_of_nothing_is_nothing(self):
        self.assertEqual(stats.change([3.0] * 5, [3.0] * 5), (0, 0, 0))


class Histograms(unittest.TestCase):
    PAIRS = [[1000, 900], [2000, 90], [3000, 9], [9000, 1]]

    def test_percentiles_are_those_of_the_pairs(self):
        told = hdr.percentiles(self.PAIRS)
        self.assertEqual(told, {"p50": 1.0, "p90": 1.0, "p99": 2.0,
                                "p99.9": 3.0, "max": 9.0})

    def test_few_values_tell_no_far_percentile(self):
        self.assertNotIn("p99", hdr.percentiles([[1000, 99]]))
        self.assertIn("p99", hdr.percentiles([[1000, 100]]))
        self.assertEqual(hdr.percentiles([]), {})

    def test_merge_adds_and_sorts(self):
        self.assertEqual(hdr.merge([[5, 1], [2, 1]], [[5, 2]]),
                         [[2, 1], [5, 3]])

    def test_hgrm_comes_back(self):
        text = hdr.hgrm(self.PAIRS)
        points = hdr.read_hgrm(text)
        self.assertEqual(points[0], (0.0, 1000.0))
        self.assertEqual(points[-1], (1.0, 9000.0))
        self.assertEqual([part for part, _ in points],
                         sorted(part for part, _ in points))
        for part, value in points:
            self.assertAlmostEqual(value, hdr.at(self.PAIRS, part), delta=1)
        self.assertIn("Total count    =         1000", text)

    def test_hgrm_has_the_columns_of_the_format(self):
        lines = hdr.hgrm(self.PAIRS).splitlines()
        self.assertEqual(lines[0].split(), ["Value", "Percentile",
                                            "TotalCount", "1/(1-Percentile)"])
        data = [line for line in lines[2:] if line[0] != "#"]
        self.assertTrue(all(re.fullmatch(
            r" *\d+\.\d+ [01]\.\d{12} +\d+ +(\d+\.\d\d|inf)", line)
            for line in data), data)
        self.assertEqual(sum(line.endswith("inf") for line in data), 1)

    def test_hgrm_of_nothing(self):
        self.assertEqual(hdr.read_hgrm(hdr.hgrm([]))[-1][1], 0)


def slice_of(rotation, target, cpu_us, requests=1000):
    return {"rotation": rotation, "target": target, "requests": requests,
            "elapsed_ns": 60_000_000, "p50_ns": 1000, "p99_ns": 2000,
            "server_cpu_ns": int(requests * cpu_us * 1000),
            "client_cpu_ns": 30_000_000}


class Measuring(unittest.TestCase):
    def test_ratio_is_to_the_first_of_the_same_rotation(self):
        lines = [slice_of(i, name, cost * (1 + i))
                 for i in range(6) for name, cost in (("a", 2), ("b", 3))]
        first, second = measure.summarise(lines, ["a", "b"])
        self.assertIsNone(second["error"])
        self.assertEqual(second["ratio"], [1.5] * 3)
        self.assertEqual(second["deviation"], 0)
        self.assertEqual(second["marks"], [])
        self.assertEqual(first["to"], {"b": [2 / 3] * 3})
        self.assertEqual(first["rotations"], 6)
        self.assertEqual(second["latency_us"], {"p50": 1.0, "p99": 2.0})

    def test_what_moves_is_marked(self):
        lines = [slice_of(i, name, cost) for i in range(10)
                 for name, cost in (("a", 2), ("b", 3 + i % 5))]
        _, second = measure.summarise(lines, ["a", "b"])
        self.assertTrue(second["marks"][0].startswith("noisy"))
        self.assertTrue(measure.is_noisy([second], 0.05))
        self.assertFalse(measure.is_noisy([second], 10))

    def test_two_modes_are_marked(self):
        lines = [slice_of(i, name, cost) for i in range(30)
                 for name, cost in (("a", 2), ("b", (3, 5)[i % 2]))]
        self.assertIn("two modes",
                      measure.summarise(lines, ["a", "b"])[1]["marks"])

    def test_a_broken_target_is_told(self):
        lines = [slice_of(i, "a", 2) for i in range(5)]
        lines += [slice_of(0, "b", 2)]
        lines += [{"rotation": 1, "target": "b", "error": "reset"},
                  {"rotation": 1, "target": "c", "error": "gone"}]
        _, second, third, fourth = measure.summarise(lines,
                                                     ["a", "b", "c", "d"])
        self.assertEqual(second["marks"][0], "BROKE: reset")
        self.assertEqual((third["rotations"], third["error"]), (0, "gone"))
        self.assertEqual(fourth["error"], "no answer")
        self.assertIn("BROKE: gone", report.notes_of(third))

    def test_without_its_first_nothing_is_a_ratio(self):
        lines = [slice_of(i, "b", 2) for i in range(5)]
        _, second = measure.summarise(lines, ["a", "b"])
        self.assertIsNone(second["ratio"])

    def test_accounts_that_differ_are_marked(self):
        lines = [slice_of(i, "a", 2) for i in range(5)]
        lines.append({"account": "a", "clock_ns": 2e9, "stat_user_ns": 5e8,
                      "stat_system_ns": 5e8})
        self.assertIn("accounts differ",
                      measure.summarise(lines)[0]["marks"][0])

    def test_pooled_rotations_follow(self):
        lines = [slice_of(i, "a", 2) for i in range(3)] + [
            {"histogram": "a", "pairs": [[1, 2]]}]
        both = measure.pool(lines, lines)
        self.assertEqual(measure.summarise(both)[0]["rotations"], 6)
        self.assertEqual(measure.histograms_of(both), {"a": [[1, 4]]})

    def test_lines_of_phases_are_no_slices(self):
        lines = [{"phase": "alone", "requests": 5, "error": ""},
                 {"slow": 5, "left": 0}]
        self.assertEqual(measure.sort_lines(lines), ({}, {}, {}, {}))
        self.assertEqual(measure.histograms_of(lines), {})

    def test_the_histogram_is_the_latency(self):
        lines = [slice_of(0, "a", 2),
                 {"histogram": "a", "pairs": [[7000, 100]]}]
        self.assertEqual(measure.summarise(lines)[0]["latency_us"]["p99"], 7)


class Catalogue(unittest.TestCase):
    def test_names_are_unique_and_files_can_have_them(self):
        names = [row.id for row in catalogue.ROWS]
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertRegex(name, r"^[a-z0-9.-]+$")

    def test_all_workloads_of_the_issue_are_there(self):
        names = catalogue.workload_names()
        for name in ("plaintext", "json", "mixed", "churn", "file4k",
                     "file1m", "upload1m", "slow-clients", "tls-handshake",
                     "tls-keepalive", "tls-bulk", "ws-echo", "ws-broadcast",
                     "client", "idle-memory", "connections", "workers"):
            self.assertIn(name, names)

    def test_quick_is_a_part_of_all(self):
        quick = sum(row.quick_seconds for row in catalogue.ROWS)
        self.assertLess(quick, sum(row.seconds for row in catalogue.ROWS) / 4)

    def test_aliases_mean_workloads(self):
        for alias in catalogue.ALIASES:
            self.assertTrue(catalogue.choose([alias]))
        with self.assertRaises(KeyError):
            catalogue.choose(["plaintext", "nonsense"])

    def test_rows_compared_have_the_same_workers(self):
        for row in catalogue.ROWS:
            self.assertEqual(len(row.targets), len(set(row.targets)))
            self.assertGreaterEqual(row.workers, 1)
            self.assertIn(row.kind, ("http", "tls", "ws", "echo", "room",
                                     "client", "tool", "memory", "tls-memory",
                                     "ws-memory", "slow"))

    def test_a_run_fails_by_ours_or_by_all(self):
        def result(*targets):
            return {"targets": [{"target": name, "error": error}
                                for name, error in targets]}

        self.assertFalse(rows.is_broken(result(("flare-uring", None),
                                               ("go", "reset"))))
        self.assertTrue(rows.is_broken(result(("flare-uring", "reset"),
                                              ("go", None))))
        self.assertTrue(rows.is_broken(result(("go", "reset"))))

    def test_programs_of_all_rows_are_known(self):
        needed = rows.programs_of(catalogue.ROWS)
        self.assertIn("bench/load", needed)
        self.assertTrue(all(name.startswith(("bench/", "examples/", "tools/"))
                            for name in needed))


class Machine(unittest.TestCase):
    @staticmethod
    def pairs(cpu):
        return {cpu & ~1, cpu | 1}

    def test_two_cores_are_one_each(self):
        self.assertEqual(machine.choose_cpus(1, {0, 1}, lambda c: {c}),
                         ([0], 1))
        self.assertEqual(machine.choose_cpus(2, {0, 1}, lambda c: {c}),
                         ([0], 1))

    def test_workers_get_cores_of_their_own(self):
        self.assertEqual(machine.choose_cpus(2, range(8), self.pairs),
                         ([0, 2], 7))
        self.assertEqual(machine.choose_cpus(2, {3, 4, 5, 9}, lambda c: {c}),
                         ([3, 4], 9))

    def test_a_core_s_two_threads_are_better_than_none(self):
        self.assertEqual(machine.choose_cpus(1, {0, 1}, lambda c: {0, 1}),
                         ([0], 1))

    def test_the_folder_s_name_has_time_host_and_commit(self):
        self.assertEqual(machine.name_of_run({
            "utc": "2026-01-02T03:04:05Z", "host": "a/b c",
            "commit": "0123abc"}), "20260102T030405Z-a_b_c-0123abc")


class Answering(threading.Thread):
    """A server that says the same bytes to each connection, once."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        peer, _ = self.listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(self.answer)
            peer.shutdown(socket.SHUT_WR)
            peer.recv(65536)
        self.listener.close()


class Integrity(unittest.TestCase):
    GOOD = (b"HTTP/1.1 200 OK\r\nDate: x\r\nServer: y\r\nContent-Type: "
            b"text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nhello\n")

    def verdict(self, answer):
        server = Answering(answer)
        target = SimpleNamespace(name="x", port=server.port)
        found = integrity.check(target, [workloads.HELLO],
                                integrity.connect_plain, is_short=True)
        server.join(10)
        return found

    def test_what_is_asked_for_passes(self):
        self.assertEqual(self.verdict(self.GOOD)["wrong"], [])

    def test_a_whitelisted_field_is_told(self):
        found = self.verdict(self.GOOD.replace(b"Date: x", b"ETag: x"))
        self.assertEqual(found["wrong"], [])
        self.assertEqual(found["told"], ["adds etag", "no date"])

    def test_everything_else_is_wrong(self):
        for old, new in ((b"200 OK", b"201 OK"), (b"hello\n", b"hellx\n"),
                         (b"Server: y", b"X-More: y"),
                         (b"text/plain; charset=utf-8", b"text/plain"),
                         (b"Date: x", b"Content-Length: 6"),
                         (b"hello\n", b"hello\nmore")):
            with self.subTest(new):
                self.assertTrue(self.verdict(
                    self.GOOD.replace(old, new))["wrong"])

    def test_a_close_is_wrong(self):
        self.assertTrue(self.verdict(self.GOOD[:40])["wrong"])


class Templates(unittest.TestCase):
    def test_every_word_of_every_template_is_filled_in(self):
        words = dict.fromkeys(
            ("address", "folder", "tls", "port", "files", "files_max",
             "connections", "workers", "worker_children", "modules",
             "upload"), "42")
        for template, _ in servers.CONFIGURED.values():
            text = servers.fill_in(template, words)
            self.assertNotRegex(text.replace("@...@", ""), r"@\w*@")


class Reader(HTMLParser):
    """Counts elements, and whether each is closed."""

    VOID = ("meta", "rect", "line", "circle", "polyline", "br", "hr")

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = {}
        self.links = []

    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.links += [value for name, value in attrs
                       if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open[-3:], tag)
        self.open.pop()


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="flare-bench-test-")
        cls.copy = os.path.join(cls.folder, "run")
        shutil.copytree(FIXTURE, cls.copy)
        os.chmod(cls.copy, 0o755)  # of a read-only tree
        results.finish(cls.copy)
        with open(os.path.join(cls.copy, "report.html"),
                  encoding="utf-8") as file:
            cls.page = file.read()
        with open(os.path.join(cls.copy, "summary.md"),
                  encoding="utf-8") as file:
            cls.summary = file.read()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_the_page_is_well_formed_and_needs_nothing_else(self):
        reader = Reader()
        reader.feed(self.page)
        self.assertEqual(reader.open, [])
        self.assertEqual(reader.links, [])
        self.assertNotIn("script", reader.seen)
        self.assertNotIn("http://", self.page)
        self.assertNotIn("https://", self.page)
        self.assertNotIn("url(", self.page)

    def test_the_page_has_every_section(self):
        for words in ("CPU time per request", "Requests per second",
                      "Latency by percentile", "Latency against offered rate",
                      "Number of connections", "Memory", "5 000 slow clients",
                      "Integrity: 2 of 3", "prefers-color-scheme: dark"):
            self.assertIn(words, self.page)

    def test_what_others_say_is_escaped(self):
        self.assertIn("A CPU &amp; &lt;more&gt;", self.page)
        self.assertNotIn("<b>", self.page)

    def test_no_scaling_is_shown_on_few_cores(self):
        rates = self.page.split("Requests per second</h2>")[1].split(
            "<h2>")[0]
        self.assertNotIn("2 workers", rates)
        row = next(line for line in self.summary.split("## 2 workers")[1]
                   .splitlines() if line.startswith("| flare-uring"))
        self.assertEqual(row.split("|")[6].strip(), "-")

    def test_marked_rows_are_drawn_pale_and_listed(self):
        self.assertIn("marked", self.page)
        self.assertIn("rows are marked", self.page)
        self.assertIn("noisy", self.summary)

    def test_what_is_left_out_is_told(self):
        for text in (self.page, self.summary):
            self.assertIn("go left out: no go", text)

    def test_coordinates_are_numbers_inside_the_drawing(self):
        for value in re.findall(r' (?:x|y|cx|cy|x1|x2|y1|y2|width|height)='
                                r'"([^"%]+)"', self.page):
            number = float(value)
            self.assertTrue(math.isfinite(number) and
                            -20 <= number <= 700, value)

    def test_a_row_comes_back_as_it_was_written(self):
        env, found, verdicts, curves = results.read(self.copy)
        self.assertEqual(env["host"], "fixture")
        self.assertEqual([result["number"] for result in found],
                         list(range(8)))
        self.assertEqual(len(verdicts), 3)
        self.assertIn(("plaintext-1", "nginx"), curves)
        other = os.path.join(self.folder, "other")
        results.write_row(other, found[0],
                          [{"histogram": "a", "pairs": [[1, 1]]}])
        with open(os.path.join(other, "runs", "plaintext-1.json"),
                  encoding="utf-8") as file:
            self.assertEqual(json.load(file), found[0])
        self.assertTrue(os.path.exists(
            os.path.join(other, "hgrm", "plaintext-1.a.hgrm")))

    def test_tables_are_aligned(self):
        rows_of = [["a", "b", "c"], ["longer", "1", ""]]
        widths = report.widths_of(rows_of)
        self.assertEqual(report.aligned(rows_of[1], widths),
                         "  longer  1")
        self.assertEqual(report.aligned(rows_of[0], widths),
                         "  a       b  c")

    def test_every_target_has_a_colour(self):
        for row in catalogue.ROWS:
            for name in row.targets:
                self.assertIn(name, page.COLOURS)


class Charts(unittest.TestCase):
    def test_ticks_are_round_and_inside(self):
        dice = random.Random(8)
        for _ in range(300):
            low = 10 ** dice.uniform(-3, 6)
            high = low * 10 ** dice.uniform(0.3, 5)
            for is_log in (True, False):
                ticks = svg.Axis(low, high, 0, 100, is_log).ticks()
                self.assertGreaterEqual(len(ticks), 1)
                self.assertLessEqual(len(ticks), 14)
                for tick in ticks:
                    self.assertTrue(low * 0.99 <= tick <= high * 1.01)

    def test_ends_of_an_axis_are_its_pixels(self):
        for is_log in (True, False):
            axis = svg.Axis(1, 1000, 50, 10, is_log)
            self.assertAlmostEqual(axis.at(1), 50)
            self.assertAlmostEqual(axis.at(1000), 10)

    def test_a_span_of_nothing_has_a_place(self):
        self.assertTrue(math.isfinite(svg.Axis(5, 5, 0, 1).at(5)))
        self.assertTrue(math.isfinite(svg.Axis(5, 5, 0, 1, True).at(5)))
        self.assertEqual(svg.lines("x", [("a", [])], ("x", "y")), "")


class Comparison(unittest.TestCase):
    def setUp(self):
        _, self.old, _, _ = results.read(FIXTURE)
        _, self.new, _, _ = results.read(FIXTURE)

    def verdict(self, target="flare-uring"):
        return next(row for row in compare.rows_of(self.old, self.new)
                    if row[:2] == ["plaintext-1", target])

    def make_dearer(self, factor):
        for target in self.new[0]["targets"]:
            if target["target"] == "flare-uring":
                target["series"] = [[i, cost * factor, rate]
                                    for i, cost, rate in target["series"]]

    def test_the_same_run_is_the_same(self):
        self.assertEqual(self.verdict()[7], "same")

    def test_more_is_told(self):
        self.make_dearer(1.2)
        self.assertEqual(self.verdict()[5], "+20.0%")
        self.assertEqual(self.verdict()[7], "MORE")
        self.assertEqual(self.verdict("nginx")[7], "same")

    def test_less_is_told(self):
        self.make_dearer(0.8)
        self.assertEqual(self.verdict()[7], "less")

    def test_what_is_within_the_gate_is_told_so(self):
        self.make_dearer(1.04)
        self.assertEqual(self.verdict()[7], "within the gate")

    def test_rows_of_one_run_only_are_left_out(self):
        self.old = self.old[1:]
        self.assertNotIn("plaintext-1",
                         [row[0] for row in compare.rows_of(self.old,
                                                            self.new)])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules[__name__])
    told = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    failed = len(told.failures) + len(told.errors)
    print(f"{told.testsRun - failed} passed, {failed} failed")
    return 1 if failed or not told.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
