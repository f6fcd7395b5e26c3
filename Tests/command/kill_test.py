"""What is killed at random moments, and goes on every time until it ends, leaves the bits of an unbroken run: trainings, and
the pages of experiments.

python3 Tests/command/kill_test.py 200 kills 200 times, in place of 20 and 10.
"""

import csv
import random
import signal
import subprocess
import sys
import time
import unittest

from support import CommandTest

KILLS = 20
# The exit codes of a command that a signal stopped: before it listens, and after.
SIGNALS = {signal.SIGKILL: [-signal.SIGKILL], signal.SIGTERM: [-signal.SIGTERM, 143],
           signal.SIGINT: [-signal.SIGINT, 130]}
EXPERIMENT = "layerwise-t2"


class KillTest(CommandTest):
    def setUp(self):
        super().setUp()
        seed = random.randrange(1 << 32)
        print(f"\nkill_test: seed {seed}", file=sys.stderr)
        self.random = random.Random(seed)

    def check_killed(self, name, arguments, check_same, kills):
        """`arguments` are those that begin in a folder, or go on there; `check_same` compares it with the unbroken one."""
        def start(folder):
            return subprocess.Popen(self.arguments(*arguments(folder)), cwd=self.folder, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)

        begun = time.monotonic()
        self.succeed(*arguments(f"whole-{name}"))
        seconds = time.monotonic() - begun
        folder, number = f"{name}-0", 0
        while kills > 0:
            process = start(folder)
            time.sleep(self.random.uniform(0, seconds / 2))
            stop = self.random.choice(list(SIGNALS))
            process.send_signal(stop)
            error = process.communicate(timeout=60)[1]
            if process.returncode == 0:
                check_same(folder, f"whole-{name}")
                number += 1
                folder = f"{name}-{number}"
                continue
            self.assertIn(process.returncode, SIGNALS[stop], error)
            kills -= 1
        process = start(folder)
        self.assertEqual((process.communicate(timeout=120)[1], process.returncode), ("", 0))
        check_same(folder, f"whole-{name}")

    def test_killed_trainings_end_with_the_same_bits(self):
        for name, settings in [
            ("layerwise", ["--method", "layerwise", "--epsilon", "10", "--epochs", "30"]),
            ("anl", ["--method", "anl", "--epsilon", "0.05", "--epochs", "20", "--dropout", "0.2", "--augment",
                     "flips-and-crops", "--schedule", "halving-on-validation-loss:2:0.001"]),
        ]:
            def arguments(run):
                begun = (self.folder / run / "run.json").exists()
                return ["train", "--resume", run] if begun else self.train_arguments(run, *settings)

            self.check_killed(name, arguments, self.check_same, KILLS // 2)

    def test_killed_experiments_end_with_the_same_pages(self):
        def arguments(out):
            return ["reproduce", EXPERIMENT, "--scale", "smoke", "--seeds", "2", "--threads", "1", "--out", out]

        def check_same(out, whole):
            self.assertEqual(self.pages(out), self.pages(whole))

        self.check_killed("pages", arguments, check_same, KILLS // 2)

    def pages(self, out):
        """All that an experiment shows, by name; the time that its trainings took, which stands on the page, is told by
        their runs and left out."""
        files = {path.name: path.read_bytes() for path in [
            *(self.folder / out).glob("index.*"), *(self.folder / out / EXPERIMENT).iterdir()]}
        self.assertTrue({"index.html", "index.md", "report.html", f"{EXPERIMENT}.md", "summary.json"} < set(files))
        self.assertTrue(any(name.endswith(".svg") for name in files))
        runs = list((self.folder / out / "runs").glob("*/metrics.csv"))
        seconds = sum(float(row["seconds"]) for run in runs for row in csv.DictReader(run.read_text().splitlines()))
        time = f"{len(runs)} networks in {seconds:.0f}\N{NO-BREAK SPACE}s of training".encode()
        for name in ["report.html", f"{EXPERIMENT}.md"]:
            self.assertEqual(files[name].count(time), 1, name)
            files[name] = files[name].replace(time, b"")
        return files


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    unittest.main()
