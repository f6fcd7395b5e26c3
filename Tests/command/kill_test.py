"""Trainings that are killed at random moments and resumed until they end have the bits of unbroken ones.

python3 Tests/command/kill_test.py 200 kills 200 times, in place of 20.
"""

import random
import signal
import subprocess
import sys
import time
import unittest

from support import CommandTest

KILLS = 20
# The exit codes of a training that a signal stopped: before it listens, and after.
SIGNALS = {signal.SIGKILL: [-signal.SIGKILL], signal.SIGTERM: [-signal.SIGTERM, 143],
           signal.SIGINT: [-signal.SIGINT, 130]}


class KillTest(CommandTest):
    def go_on(self, run, settings):
        begun = (self.folder / run / "run.json").exists()
        arguments = ["train", "--resume", run] if begun else self.train_arguments(run, *settings)
        return subprocess.Popen(self.arguments(*arguments), cwd=self.folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def check_killed(self, name, settings, kills, random):
        start = time.monotonic()
        self.train(f"whole-{name}", *settings)
        seconds = time.monotonic() - start
        run, number = f"{name}-0", 0
        while kills > 0:
            process = self.go_on(run, settings)
            time.sleep(random.uniform(0, seconds / 2))
            stop = random.choice(list(SIGNALS))
            process.send_signal(stop)
            error = process.communicate(timeout=60)[1]
            if process.returncode == 0:
                self.check_same(run, f"whole-{name}")
                number += 1
                run = f"{name}-{number}"
                continue
            self.assertIn(process.returncode, SIGNALS[stop], error)
            kills -= 1
        process = self.go_on(run, settings)
        self.assertEqual((process.communicate(timeout=60)[1], process.returncode), ("", 0))
        self.check_same(run, f"whole-{name}")

    def test_killed_trainings_end_with_the_same_bits(self):
        seed = random.randrange(1 << 32)
        print(f"\nkill_test: seed {seed}", file=sys.stderr)
        generator = random.Random(seed)
        for name, settings in [
            ("layerwise", ["--method", "layerwise", "--epsilon", "10", "--epochs", "30"]),
            ("anl", ["--method", "anl", "--epsilon", "0.05", "--epochs", "20", "--dropout", "0.2", "--augment",
                     "flips-and-crops", "--schedule", "halving-on-validation-loss:2:0.001"]),
        ]:
            self.check_killed(name, settings, KILLS // 2, generator)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    unittest.main()
