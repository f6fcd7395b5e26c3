"""Trainings and evaluations by ranks over MPI: the bits and the counts of one process, however many ranks there are and
however they end. Of a build with the package's trait MPI.

python3 Tests/command/ranks_test.py 30 kills ranks 30 times, in place of 3.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

from support import CommandTest, write_corruptions, write_png

KILLS = 3
# By root too, in containers, and with more ranks than cores.
ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_WAIT_POLICY": "passive",
               "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
               "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}


def timeless(value):
    """Results without the seconds that they took."""
    if isinstance(value, list):
        return [timeless(element) for element in value]
    if isinstance(value, dict):
        return {key: timeless(element) for key, element in value.items() if key != "seconds"}
    return value


def stat_of(path):
    """A process's state and its parent; nothing of one that is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return []


class RanksTest(CommandTest):
    def start(self, ranks, *arguments):
        return subprocess.Popen(["mpirun", "-n", str(ranks), *self.arguments(*arguments, "--threads", "1")],
                                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, **ENVIRONMENT})

    def run_ranks(self, ranks, *arguments):
        process = self.start(ranks, *arguments)
        output, error = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, error)
        return output

    def check_ranks(self, name, arguments, ranks=(1, 2, 3, 4)):
        self.succeed(*arguments(f"{name}-whole"))
        for count in ranks:
            output = self.run_ranks(count, *arguments(f"{name}-{count}"))
            self.assertEqual(output.count("best model:"), 1, output)
            self.check_same(f"{name}-{count}", f"{name}-whole")

    def test_the_bits_of_one_process(self):
        for name, more in [
            ("anl", ["--method", "anl", "--epsilon", "0.05", "--dropout", "0.2", "--max-norm", "2"]),
            ("layerwise", ["--method", "layerwise", "--epsilon", "10", "--batch-size", "70"]),
        ]:
            self.check_ranks(name, lambda out: self.train_arguments(out, "--epochs", "2", *more))

    def test_data_and_evaluations_do_not_depend_on_ranks(self):
        self.check_ranks("practice", lambda out: self.train_arguments(
            out, "--epochs", "2", "--method", "pgd", "--epsilon", "0.02", "--iterations", "2", "--augment",
            "flips-and-crops", "--cutout", "4", "--mixup", "0.5", "--label-smoothing", "0.1", "--average", "epochs:1",
            "--validate-attack", "pgd:iterations=2,delta=8", "--validate-count", "50", "--batch-size", "70"), ranks=(3,))

    def test_photographs(self):
        for label, color in enumerate([(250, 20, 20), (20, 250, 20), (20, 20, 250)]):
            for number in range(20):
                part = "train" if number < 14 else "test"
                shade = bytes(max(0, value - number) for value in color)
                write_png(self.folder / "photos" / part / f"class{label}" / f"{number}.png", 10, 10, shade * 100)
        self.check_ranks("photos", lambda out: [
            "train", "--data", "image-folder", "--data-dir", self.folder / "photos", "--image-size", "8", "--model",
            "mlp", "--widths", "8", "--epochs", "2", "--batch-size", "9", "--validation", "0", "--out", out],
            ranks=(2,))

    def test_evaluations_have_the_counts_of_one_process(self):
        self.train("first", "--epochs", "3")
        self.train("second", "--epochs", "3", "--seed", "2")
        write_corruptions(self.folder / "corrupted", self.data)
        for arguments in [
            ["evaluate", "--model-file", "first", "--attack", "none,pgd,autoattack", "--deltas", "4,14",
             "--iterations", "3", "--queries", "20", "--source", "second", "--json"],
            ["evaluate", "--model-file", "first", "--attack", "lbfgs", "--count", "20", "--json"],
            ["evaluate", "--model-file", "first", "--attack", "layerwise", "--deltas", "0.1", "--count", "20", "--json"],
            ["evaluate", "--model-file", "first", "--corruptions", "corrupted", "--json"],
            ["transfer", "first", "second", "--attack", "fgsm,noise", "--json"],
        ]:
            expected = timeless(json.loads(self.succeed(*arguments)))
            self.assertEqual(timeless(json.loads(self.run_ranks(3, *arguments))), expected, arguments)
        for run, out in [(self.succeed, "whole"), (lambda *words: self.run_ranks(3, *words), "shared")]:
            run("attack", "first", "--attack", "pgd", "--delta", "8", "--count", "50", "--out", out)
        self.assertEqual((self.folder / "shared/attacked.npz").read_bytes(),
                         (self.folder / "whole/attacked.npz").read_bytes())

    def test_what_the_program_has_and_what_exchanges_cost(self):
        self.assertIn("MPI", json.loads(self.succeed("info", "--json"))["mpi"])
        bench = ["bench", "--model", "lenet5", "--batch-size", "16", "--steps", "2", "--json"]
        self.assertNotIn("communication", json.loads(self.succeed(*bench)))
        communication = json.loads(self.run_ranks(2, *bench))["communication"]
        self.assertEqual(communication["ranks"], 2)
        # A rank sends at least its half of the gradients, four bytes each.
        self.assertGreater(communication["bytes"], 2 * 61706)
        self.assertGreaterEqual(communication["bytes"], communication["largestExchangeBytes"])
        self.assertGreater(communication["exchanges"], 1)
        self.assertGreater(communication["waitingSeconds"], 0)

    def test_statistics_of_each_rank_are_as_good_and_exchange_less(self):
        settings = ["train", "--data", "mnist", "--data-dir", self.data, "--model", "resnet20", "--epochs", "1", "--batch-size",
                    "32", "--out"]
        output = self.run_ranks(2, *settings, "own", "--statistics", "rank")
        self.assertIn("the bits depend on the number of ranks", output)
        self.run_ranks(2, *settings, "own-again", "--statistics", "rank")
        self.run_ranks(2, *settings, "whole")
        last = {run: (self.folder / run / "last.safetensors").read_bytes() for run in ["own", "own-again", "whole"]}
        self.assertEqual(last["own"], last["own-again"])
        self.assertNotEqual(last["own"], last["whole"])
        self.assertEqual(json.loads((self.folder / "own/run.json").read_text())["statistics"], "rank")
        process = self.start(2, "train", "--resume", "own", "--statistics", "batch")
        self.assertIn("statistics rank, not batch", process.communicate(timeout=60)[1])
        bench = ["bench", "--model", "resnet20", "--batch-size", "8", "--steps", "1", "--warm-up", "0", "--json"]
        exchanges = [json.loads(self.run_ranks(2, *bench, "--statistics", scope))["communication"]["exchanges"]
                     for scope in ["rank", "batch"]]
        # Of 19 batch norms, forward and backward.
        self.assertLessEqual(exchanges[0], exchanges[1] - 2 * 19 + 2)

    def test_more_nodes_are_predicted(self):
        bench = ["bench", "--model", "lenet5", "--batch-size", "64", "--steps", "2", "--model-scaling", "--json"]
        scaling = json.loads(self.succeed(*bench, "--latency", "1000", "--bandwidths", "0.001,100"))["scaling"]
        rows = scaling["rows"]
        self.assertEqual([(row["nodes"], row["images"]) for row in rows],
                         [(1, 64), (2, 32), (4, 16), (8, 8), (16, 4), (32, 2), (64, 1)])
        for row in rows[1:]:
            slow, fast = (link["secondsPerStep"] for link in row["links"])
            # One exchange behind another, each of a millisecond at least; and what is sent, at a million bits a second.
            self.assertGreater(fast, 2 * 0.001)
            self.assertGreater(slow, row["bytes"] * 8 / 1e6)
            self.assertLess(row["computingSeconds"], fast)
        communication = json.loads(self.run_ranks(2, *bench[:-2], "--json"))["communication"]
        self.assertEqual(communication["exchanges"], rows[1]["exchanges"])

    def test_seeds_have_the_runs_of_one_process(self):
        self.succeed(*self.train_arguments("whole", "--epochs", "1", "--seeds", "2"))
        output = self.run_ranks(2, *self.train_arguments("shared", "--epochs", "1", "--seeds", "2"))
        self.assertIn("±", output)
        for seed in ["seed-1", "seed-2"]:
            self.check_same(f"shared/{seed}", f"whole/{seed}")

    def test_too_few_cores_are_told(self):
        arguments = self.arguments("bench", "--model", "lenet5", "--steps", "1", "--threads", str(os.cpu_count()))
        bound = subprocess.run(["mpirun", "-n", "1", "--bind-to", "core", *arguments], cwd=self.folder, text=True,
                               capture_output=True, env={**os.environ, **ENVIRONMENT}, timeout=120)
        self.assertEqual(bound.returncode, 0, bound.stderr)
        self.assertEqual("warning: " in bound.stderr, os.cpu_count() > 1, bound.stderr)
        self.assertEqual("--bind-to none" in bound.stderr, os.cpu_count() > 1, bound.stderr)

    def test_a_photograph_that_one_rank_cannot_read_ends_all(self):
        for label, color in enumerate([(250, 20, 20), (20, 250, 20)]):
            for number in range(10):
                write_png(self.folder / f"photos/class{label}/{number}.png", 9, 9, bytes(color) * 81)
        arguments = ["train", "--data", "image-folder", "--data-dir", self.folder / "photos", "--image-size", "8",
                     "--model", "mlp", "--widths", "8", "--epochs", "1", "--batch-size", "8", "--strict-images"]
        broken = self.folder / "photos/class1/7.png"
        whole = broken.read_bytes()
        middle = whole.index(b"IDAT") + 8  # its head is as it was: only who decodes it sees the damage
        broken.write_bytes(whole[:middle] + bytes(4) + whole[middle + 4:])
        process = self.start(3, *arguments, "--out", "run")
        error = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        errors = [line for line in error.splitlines() if line.startswith("Error: ")]
        self.assertEqual(len(errors), 1, error)
        self.assertRegex(errors[0], r"rank \d \(.+\): .*7\.png")

    def test_a_failure_is_told_once_with_its_rank_and_host(self):
        process = self.start(3, *self.train_arguments("run", "--epochs", "2", "--lr", "1e30"))
        error = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        errors = [line for line in error.splitlines() if line.startswith("Error: ")]
        self.assertEqual(len(errors), 1, error)
        self.assertRegex(errors[0], r"epoch 1, step \d+ of \d+: rank \d \(.+\): ")
        # Wrong words are no rank's.
        process = self.start(2, *self.train_arguments("other", "--epochs", "x"))
        error = process.communicate(timeout=60)[1]
        self.assertEqual(len([line for line in error.splitlines() if line.startswith("Error: ")]), 1, error)

    def test_no_run_begins_where_a_rank_cannot_read_its_files(self):
        self.train("first", "--epochs", "1")
        own, other = (list(map(str, self.arguments(*self.train_arguments("run", "--epochs", "1", "--init", file))))
                      for file in ["first", "nowhere"])
        process = subprocess.run(["mpirun", "-n", "1", *own, ":", "-n", "1", *other], cwd=self.folder, text=True,
                                 capture_output=True, env={**os.environ, **ENVIRONMENT}, timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("nowhere", process.stderr)
        self.assertFalse((self.folder / "run").exists())

    def ranks_of(self, process):
        """The processes that mpirun has started."""
        stats = {path.parent.name: stat_of(path) for path in pathlib.Path("/proc").glob("[0-9]*/stat")}
        return [int(pid) for pid, stat in stats.items() if stat[1:2] == [str(process.pid)]]

    def end(self, run, arguments, stop):
        """Starts ranks, ends them at a random moment, and asserts that nothing is left soon afterwards."""
        begun = (self.folder / run / "run.json").exists()
        process = self.start(random.choice([2, 3, 4]), *(["train", "--resume", run] if begun else arguments))
        time.sleep(random.uniform(0.3, 2.5))
        pids = self.ranks_of(process)
        try:
            stop(process, pids)
        except ProcessLookupError:
            pass
        process.communicate(timeout=60)
        deadline = time.monotonic() + 10
        while any(stat_of(pathlib.Path(f"/proc/{pid}/stat"))[:1] not in [[], ["Z"]] for pid in pids):
            self.assertLess(time.monotonic(), deadline, "a rank is left behind")
            time.sleep(0.05)

    def test_killed_ranks_leave_nothing_and_go_on_with_the_same_bits(self):
        settings = ["--method", "layerwise", "--epsilon", "10", "--epochs", "90"]
        self.train("whole", *settings)
        arguments = self.train_arguments("run", *settings)
        for _ in range(KILLS):
            self.end("run", arguments, lambda _, pids: os.kill(random.choice(pids), signal.SIGKILL) if pids else None)
        self.end("run", arguments, lambda process, _: process.send_signal(signal.SIGINT))
        begun = (self.folder / "run" / "run.json").exists()
        self.run_ranks(3, *(["train", "--resume", "run"] if begun else arguments))
        self.check_same("run", "whole")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    unittest.main()
