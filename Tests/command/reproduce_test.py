"""Tests of `sparring reproduce`: the list, a page, wrong arguments, and an interrupt."""

import json
import signal
import subprocess
import unittest

from support import CommandTest


class ReproduceTest(CommandTest):
    def test_list(self):
        rows = json.loads(self.succeed("reproduce", "--list", "--json"))
        text = self.succeed("reproduce", "--list")
        for row in rows:
            self.assertEqual(set(row), {"id", "title", "source", "data", "hours"})
            self.assertEqual(set(row["hours"]), {"smoke", "short", "long", "paper"})
            self.assertIn(f"{row['id']}: {row['title']}\n", text)
        ids = [row["id"] for row in rows]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue({"backprop-t2", "anl-t1", "layerwise-t4"} < set(ids))

    def test_fewer_epochs_and_seeds_cost_less_and_the_page_tells_them(self):
        def hours(*options):
            return json.loads(self.succeed("reproduce", "--list", "--json", *options))[0]["hours"]["long"]

        self.assertLess(hours("--epochs", "2", "--seeds", "1"), hours() / 10)
        arguments = ["--scale", "smoke", "--epochs", "1", "--seeds", "1", "--threads", "1", "--out", "results"]
        self.assertIn("after 1 epochs", self.succeed("reproduce", "backprop-f3", *arguments))
        markdown = (self.folder / "results/backprop-f3/backprop-f3.md").read_text()
        self.assertIn("--seeds 1 --epochs 1 --out RESULTS", markdown)
        self.assertRegex(markdown, r"\| epochs \| \d+ \| 1 \|")
        self.assertRegex(markdown, r"\| learning rate's schedule \| .* \| cyclic \|")

    def test_one_network_leaves_out_the_others_and_the_page_tells_it(self):
        self.fail_with(["has no network 'resnet20' but 2×400 logistic, 2×400 tanh"],
                       "reproduce", "backprop-t2", "--scale", "smoke", "--network", "resnet20")
        self.fail_with(["'lenet-6'"], "reproduce", "all", "--scale", "smoke", "--network", "lenet-6")
        self.succeed("reproduce", "backprop-t2", "--scale", "smoke", "--network", "2×400 tanh", "--threads", "1",
                     "--out", "results")
        markdown = (self.folder / "results/backprop-t2/backprop-t2.md").read_text()
        self.assertIn("--scale smoke --network '2×400 tanh' --out RESULTS", markdown)
        self.assertIn("| 2×400 logistic on mnist: part | run | left out |", markdown)
        self.assertNotIn("2×400 tanh on mnist: part", markdown)
        ids = [row["id"] for row in json.loads(self.succeed("reproduce", "--list", "--json", "--network", "2×400 tanh"))]
        self.assertEqual(ids, ["backprop-t2"])

    def test_page(self):
        page = self.succeed("reproduce", "backprop-fgs", "--scale", "smoke", "--out", "results",
                            "--threads", "1", "--quiet").strip()
        self.assertEqual(page, "results/backprop-fgs/report.html")
        html = (self.folder / page).read_text()
        self.assertIn("sparring reproduce backprop-fgs --scale smoke --out RESULTS", html)
        self.assertIn('"./backprop-fgs/report.html"', (self.folder / "results/index.html").read_text())
        markdown = (self.folder / "results/backprop-fgs/backprop-fgs.md").read_text()
        images = list((self.folder / "results/backprop-fgs").glob("*.svg"))
        self.assertTrue(images)
        for image in images:
            self.assertIn(image.name, markdown)

    def test_wrong_arguments(self):
        self.fail_with(["backprop-t9", "did you mean 'backprop-t2'"], "reproduce", "backprop-t9")
        self.fail_with(["mnist", "--data-dir"], "reproduce", "backprop-t2", "--scale", "short")
        self.fail_with(["--seeds", "0"], "reproduce", "backprop-t2", "--seeds", "0")
        self.fail_with(["--epochs", "0"], "reproduce", "backprop-t2", "--epochs", "0")
        self.fail_with(["--list"], "reproduce")
        self.fail_with(["20h"], "reproduce", "all", "--budget", "20")
        self.fail_with(["network 'foo'"], "reproduce", "--list", "--network", "foo")

    def test_all_stops_at_the_budget_and_goes_on(self):
        arguments = ["reproduce", "all", "--scale", "smoke", "--out", "results", "--threads", "1"]
        output = self.succeed(*arguments, "--budget", "0.5s")
        self.assertIn("the budget is used up", output)
        self.assertNotIn("all pages", output)
        self.assertLess(len(list((self.folder / "results").glob("*/report.html"))), 23)

    def test_trainings_at_a_time_are_those_one_after_another(self):
        def results(out, jobs):
            self.succeed("reproduce", "backprop-t2", "--scale", "smoke", "--seeds", "2", "--threads", "1", "--jobs", jobs,
                         "--out", out)
            networks = {run.name: (run / "last.safetensors").read_bytes()
                        for run in (self.folder / out / "runs").iterdir()}
            self.assertEqual(len(networks), 12)
            return networks, (self.folder / out / "backprop-t2/summary.json").read_bytes()

        self.assertEqual(results("one", "1"), results("five", "5"))

    def test_interrupted_and_gone_on_with(self):
        arguments = ["reproduce", "backprop-t2", "--scale", "smoke", "--out", "results", "--seeds", "2", "--threads", "1"]
        process = subprocess.Popen(self.arguments(*arguments), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        plan = process.stdout.readline()
        self.assertIn("0 of 12 trainings are there; to train: digits", plan)
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, error)
        self.assertIn("goes on", error)
        self.assertFalse((self.folder / "results/backprop-t2").exists())
        done = {run.name: (run / "last.safetensors").stat().st_mtime_ns
                for run in (self.folder / "results/runs").iterdir()
                if len((run / "metrics.csv").read_text().splitlines()) == 3}
        self.assertEqual(len(done), len((first + output).splitlines()))
        self.succeed(*arguments)
        self.assertTrue((self.folder / "results/backprop-t2/report.html").is_file())
        for run, written in done.items():
            self.assertEqual((self.folder / "results/runs" / run / "last.safetensors").stat().st_mtime_ns, written)


if __name__ == "__main__":
    unittest.main()
