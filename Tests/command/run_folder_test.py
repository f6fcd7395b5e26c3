"""Tests of what happens to a run's folder: two writers, damage, a full, read-only or vanished place, closed streams."""

import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import CommandTest

CHECKPOINT = "checkpoint/training.safetensors"


class RunPlaceTest(CommandTest):
    def start(self, *arguments, **settings):
        return subprocess.Popen(self.arguments(*arguments), cwd=self.folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, **settings)

    def wait_for_rows(self, run, count, process):
        metrics = self.folder / run / "metrics.csv"
        while not metrics.exists() or len(metrics.read_text().splitlines()) <= count:
            self.assertIsNone(process.poll(), "ended before it was stopped")
            time.sleep(0.005)

    def end_with(self, process, code, *parts):
        error = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, code, error)
        errors = [line for line in error.splitlines() if line.startswith("Error: ")]
        self.assertEqual(len(errors), 1 if parts else 0, error)
        for part in parts:
            self.assertIn(part, errors[0])

    def partials(self):
        return [path for path in self.folder.rglob(".*") if path.is_file()]

    def check_goes_on(self, run, *settings):
        self.succeed("train", "--resume", run)
        self.train("whole", *settings)
        for name in ["last.safetensors", "best.safetensors"]:
            self.assertEqual(*((self.folder / folder / name).read_bytes() for folder in [run, "whole"]))
        self.assertEqual(self.partials(), [])


class WriterTest(RunPlaceTest):
    def test_a_run_has_one_writer(self):
        first = self.start(*self.train_arguments("run", "--epochs", "500"))
        self.wait_for_rows("run", 2, first)
        names = [f"process {first.pid} on {os.uname().nodename}", "run"]
        for arguments in [self.train_arguments("run", "--widths", "8"), ["train", "--resume", "run"]]:
            second = self.start(*arguments)
            self.end_with(second, 1, *names)
        first.send_signal(signal.SIGINT)
        self.end_with(first, 130)
        self.assertFalse((self.folder / "run/lock").exists())

    def test_a_dead_writers_lock_is_none(self):
        first = self.start(*self.train_arguments("run", "--epochs", "10"))
        self.wait_for_rows("run", 2, first)
        first.kill()
        first.communicate(timeout=60)
        self.assertTrue((self.folder / "run/lock").exists())
        (self.folder / "run/.best.safetensors.aB3dE6.partial").write_bytes(b"half")
        (self.folder / "run/checkpoint/.training.safetensors.aB3dE6.partial").write_bytes(b"half")
        self.check_goes_on("run", "--epochs", "10")

    def test_a_second_signal_ends_at_once(self):
        process = self.start("train", "--data", "digits", "--model", "vgg16", "--batch-size", "1000", "--out", "run")
        while not (self.folder / "run/run.json").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        self.assertIn(process.wait(timeout=30), [-signal.SIGTERM, 143])

    def test_folders_without_a_name(self):
        before = set(os.listdir("/"))
        for option in ["--out", "--resume"]:
            result = self.run_command("train", "--data", "mnist", "--data-dir", self.data, option, "")
            self.assertEqual(result.returncode, 64, result.stderr)
            self.assertIn(option, result.stderr)
        self.assertEqual(set(os.listdir("/")), before)


class PlaceTest(RunPlaceTest):
    def test_other_peoples_files_stay(self):
        for name in ["metrics.csv", "report.html", "best.safetensors"]:
            folder = self.folder / name.split(".")[0]
            folder.mkdir()
            (folder / name).write_text("mine")
            self.fail_with([name, "already"], *self.train_arguments(folder.name, "--epochs", "1"))
        # What a run does not write may be beside it.
        (self.folder / "notes").mkdir()
        (self.folder / "notes/log.txt").write_text("mine")
        self.train("notes", "--epochs", "1")

    def test_files_that_may_not_grow(self):
        """A limit on the size of files stands for a full device: the epoch that does not fit is lost, and no other."""
        settings = ["--widths", "4", "--batch-size", "128"]
        self.train("small", "--epochs", "1", *settings)
        size = max(path.stat().st_size for path in (self.folder / "small").rglob("*") if path.is_file())

        def limit(bytes):
            return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, bytes))
        # libomp needs 1024 bytes of shared memory.
        none = self.start(*self.train_arguments("none"), preexec_fn=limit(2000))
        self.end_with(none, 1, "File too large")
        settings += ["--epochs", "60"]
        some = self.start(*self.train_arguments("some", *settings), preexec_fn=limit(size + 3000))
        self.end_with(some, 1, "some/", "File too large")
        self.assertGreater(len((self.folder / "some/metrics.csv").read_text().splitlines()), 2)
        self.check_goes_on("some", *settings)

    def test_a_full_device(self):
        place = self.folder / "device"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("mounting is not allowed")
        try:
            full = self.start(*self.train_arguments("device/run", "--epochs", "400", "--widths", "4"))
            self.end_with(full, 1, "device/run/", "No space left on device")
            shutil.copytree(place / "run", self.folder / "run")
        finally:
            subprocess.run(["umount", place], check=True)
        epochs = len((self.folder / "run/metrics.csv").read_text().splitlines()) - 1
        self.assertGreater(epochs, 2)
        resumed = self.start("train", "--resume", "run")
        self.wait_for_rows("run", epochs + 2, resumed)
        resumed.send_signal(signal.SIGINT)
        self.end_with(resumed, 130)

    def test_read_only_folder(self):
        place = self.folder / "place"
        place.mkdir()
        place.chmod(0o555)
        self.folder.chmod(0o755)
        as_nobody = {"user": 65534} if os.geteuid() == 0 else {}
        self.end_with(self.start(*self.train_arguments("place/run"), **as_nobody), 1, "place/run", "Permission denied")

    def test_vanished_folder(self):
        process = self.start(*self.train_arguments("run", "--epochs", "2000"))
        self.wait_for_rows("run", 1, process)
        while (self.folder / "run").exists():
            shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.end_with(process, 1, "run/", "No such file or directory")
        self.assertFalse((self.folder / "run").exists())

    def test_closed_streams(self):
        """What is printed goes into no file of the run."""
        self.train("whole", "--epochs", "2")
        arguments = self.arguments(*self.train_arguments("run", "--epochs", "2"))
        subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *arguments], cwd=self.folder, timeout=60)
        for name in ["last.safetensors", "best.safetensors"]:
            self.assertEqual(*((self.folder / folder / name).read_bytes() for folder in ["run", "whole"]))
        self.assertEqual(json.loads((self.folder / "run/run.json").read_text())["model"], "mlp")


class DamageTest(RunPlaceTest):
    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "2")

    def resume_fails(self, *parts):
        self.fail_with(parts, "train", "--resume", "run")

    def change_state(self, change):
        """The checkpoint with another trainer's state."""
        path = self.folder / "run" / CHECKPOINT
        content = path.read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8:8 + length])
        trainer = json.loads(header["__metadata__"]["trainer"])
        change(trainer)
        header["__metadata__"]["trainer"] = json.dumps(trainer)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length:])
        self.addCleanup(path.write_bytes, content)
        return content

    def test_impossible_states(self):
        def state(key, value):
            return lambda trainer: trainer["state"].__setitem__(key, value)

        def schedule(key, value):
            return lambda trainer: trainer["state"]["schedule"].__setitem__(key, value)
        huge = 2 ** 63 - 1
        path = self.folder / "run" / CHECKPOINT
        for change in [state("bestEpoch", 3), state("bestEpoch", 0), state("bestEpoch", -1), state("bestEpoch", huge),
                       state("epoch", huge), state("epoch", 1), state("testErrors", [1, 1e300]),
                       schedule("epochsAtRate", huge), schedule("epochsSinceBest", huge), schedule("halvings", huge),
                       schedule("halvings", -1)]:
            content = self.change_state(change)
            self.resume_fails(CHECKPOINT, "damaged")
            path.write_bytes(content)
        content = self.change_state(lambda trainer: trainer["recipe"].__setitem__("epochs", "x"))
        self.resume_fails(CHECKPOINT, "recipe.epochs")
        path.write_bytes(content)
        self.succeed("train", "--resume", "run")

    def test_checkpoint_of_another_run(self):
        for name, options, part in [("wide", ["--widths", "64,64"], "architecture"), ("seed", ["--seed", "2"], "seed"),
                                    ("unit", ["--unit", "tanh"], "architecture")]:
            self.train(name, "--epochs", "2", *options)
            shutil.copy(self.folder / name / CHECKPOINT, self.folder / "run" / CHECKPOINT)
            self.resume_fails(CHECKPOINT, "another run", part)

    def test_other_images(self):
        labels = self.data / "t10k-labels-idx1-ubyte"
        content = bytearray(labels.read_bytes())
        content[-1] ^= 1
        labels.write_bytes(content)
        self.resume_fails("mnist", "not the images")

    def test_rows_that_are_missing(self):
        metrics = self.folder / "run/metrics.csv"
        metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:2]))
        self.resume_fails("metrics.csv", "epoch 1")

    def test_what_is_no_file(self):
        for name in ["run.json", "metrics.csv", CHECKPOINT]:
            with self.subTest(name):
                path = self.folder / "run" / name
                content = path.read_bytes()
                path.unlink()
                os.mkfifo(path)
                self.resume_fails(name)
                path.unlink()
                path.mkdir()
                self.resume_fails(name)
                path.rmdir()
                path.write_bytes(content)
        os.mkfifo(self.folder / "pipe")
        self.fail_with(["pipe"], "train", "--resume", "pipe")
        self.fail_with(["pipe"], *self.train_arguments("pipe"))

    def test_holes_are_not_taken_in(self):
        limit = 1 << 30
        for name in ["metrics.csv", "points.csv", "run.json"]:
            with self.subTest(name):
                path = self.folder / "run" / name
                content = path.read_bytes()
                os.truncate(path, 3 << 30)
                result = subprocess.run(
                    self.arguments("train", "--resume", "run"), cwd=self.folder, capture_output=True, text=True, timeout=60,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
                self.assertGreater(result.returncode, 0, result.stderr)
                self.assertIn(name, result.stderr)
                path.write_bytes(content)
                os.truncate(path, len(content))


class TerminalTest(CommandTest):
    def shown(self, columns, *arguments):
        """What a training writes to a terminal of this width."""
        terminal, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        process = subprocess.Popen(self.arguments(*arguments), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=other)
        os.close(other)
        text = b""
        while True:
            try:
                part = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not part:
                break
            text += part
        os.close(terminal)
        self.assertEqual(process.wait(timeout=60), 0, text)
        return text.decode()

    def test_the_progress_line_fits(self):
        for columns in [20, 60, 120]:
            with self.subTest(columns):
                text = self.shown(columns, "train", "--data", "digits", "--model", "lenet5", "--epochs", "2", "--out",
                                  f"run-{columns}")
                lines = [line.removesuffix("\x1b[K") for line in text.split("\r")]
                self.assertNotIn("\n", text)
                self.assertLess(max(len(line) for line in lines), columns)
                self.assertTrue(any("epoch 1/2" in line for line in lines), text)
                if columns >= 60:
                    self.assertTrue(any(" left, error " in line for line in lines), text)

    def test_threads_are_at_most_the_cores(self):
        self.train("one", "--epochs", "1", "--threads", "1")
        for command in [self.train_arguments("run", "--epochs", "1"), ["bench", "--model", "mlp", "--steps", "1"],
                        ["evaluate", "--model-file", "one"]]:
            result = self.run_command(*command, "--threads", "1000000")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr.count("warning: --threads"), 1, result.stderr)
            wrong = self.run_command(*command, "--threads", "-1")
            self.assertEqual(wrong.returncode, 64)
            self.assertIn("'-1' is invalid for '--threads <threads>': it must be a whole number, 0 to", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
