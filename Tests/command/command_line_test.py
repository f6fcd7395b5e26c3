"""Tests of what holds for all commands: how a command line is read, what a failure says, and that no output is lost."""

import os
import subprocess
import unittest

from support import CommandTest


class CommandLineTest(CommandTest):
    def failure(self, *arguments, **streams):
        """The exit code, the sentence, and the lines after it."""
        result = subprocess.run(self.arguments(*arguments), cwd=self.folder, stderr=subprocess.PIPE, timeout=60,
                                stdout=streams.get("stdout", subprocess.PIPE))
        sentence, *rest = result.stderr.decode().splitlines()
        self.assertTrue(sentence.startswith("Error: "), sentence)
        return result.returncode, sentence.removeprefix("Error: "), rest

    def test_near_names_are_told_only_when_near(self):
        for arguments, near in [
            (["evalute"], "'evaluate'"), (["analyze", "zeroes"], "'zeros'"), (["help", "trian"], "'train'"),
            (["train", "--method", "anll"], "'anl'"), (["train", "--data", "fashion"], "'fashion-mnist'"),
            (["train", "--lrr", "1"], "'--lr'"), (["train", "--data", "zzzzzz"], None), (["zzzzzz"], None),
            (["data", "xy"], None), (["train", "--zzzz", "1"], None),
        ]:
            with self.subTest(arguments):
                code, sentence, _ = self.failure(*arguments)
                self.assertEqual(code, 64)
                self.assertEqual("id you mean" in sentence, near is not None, sentence)
                self.assertIn(near or "", sentence)

    def test_a_negative_number_is_the_value_of_the_option_before_it(self):
        for arguments in [["bench", "--epsilon", "-1", "--method", "anl", "--steps", "1", "--batch-size", "8"],
                          ["bench", "--epsilon=-1", "--method", "anl", "--steps", "1", "--batch-size", "8"]]:
            self.succeed(*arguments)
        code, sentence, _ = self.failure("train", "--seed", "-1")
        self.assertEqual(code, 64)
        self.assertIn("'-1' is invalid for '--seed", sentence)

    def test_numbers_out_of_range_are_told_with_their_range(self):
        for command in ["train", "bench"]:
            for option, values, range in [
                ("--lr", ["-1", "0", "nan", "inf", "x", ""], "above 0"), ("--epochs", ["-1", "0", "1.5"], "1 to"),
                ("--steps", ["-1", "0", "99999999999999999999"], "1 to"), ("--warm-up", ["-1"], "0 to"),
                ("--batch-size", ["0", "-8", "99999999"], "1 to 65536"), ("--classes", ["0", "9999999999"], "1 to"),
                ("--threads", ["-1", "x"], "0 to"), ("--seed", ["-1", "18446744073709551616"], "0 to"),
                ("--momentum", ["-0.1", "2"], "at least 0, at most 1"), ("--weight-decay", ["-1"], "at least 0"),
                ("--alpha", ["1.5", "-0.5"], "at least 0, at most 1"), ("--epsilon", ["nan", "inf"], "a number"),
                ("--dropout", ["1", "-1", "x"], "below 1"), ("--widths", ["0", "8,-1", "8,,8"], "1 to"),
                ("--image-size", ["0", "-1"], "1 to"), ("--validation", ["-1"], "0 to"),
            ]:
                if option not in self.succeed(command, "--help").replace("\n", " ").split():
                    continue
                for value in values:
                    code, sentence, _ = self.failure(command, option, value)
                    self.assertEqual(code, 64)
                    self.assertIn(option, sentence)
                    self.assertIn(range, sentence)

    def test_costs_of_more_nodes_go_with_their_flag(self):
        for options in [["--latency", "5"], ["--bandwidths", "1,10"]]:
            self.fail_with([options[0], "--model-scaling"], "bench", "--steps", "1", *options)

    def test_an_option_given_twice_is_refused(self):
        for arguments in [["evaluate", "--model-file", "a", "--model-file", "b"], ["info", "--json", "--json"],
                          ["bench", "--steps=1", "--steps", "2"]]:
            code, sentence, _ = self.failure(*arguments)
            self.assertEqual(code, 64)
            self.assertIn("given twice", sentence)

    def test_exit_codes(self):
        text = self.succeed("--help")
        for code in ["64", "65", "130", "143"]:
            self.assertIn(code, text)
        (self.folder / "damaged.safetensors").write_bytes(bytes(range(200)))
        (self.data / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
        for code, arguments in [
            (64, ["train", "--method", "anl", "--data", "digits"]), (64, ["info", "--input", "1x2x3"]),
            (65, ["evaluate", "--model-file", "damaged.safetensors", "--data", "digits"]),
            (65, ["data", "show", "--data", "mnist", "--data-dir", self.data, "--part", "test", "--out", "x.png"]),
            (1, ["evaluate", "--model-file", "nowhere", "--data", "digits"]),
            (1, ["data", "show", "--out", "nowhere/x.png"]),
        ]:
            with self.subTest(arguments):
                self.assertEqual(self.failure(*arguments)[0], code)

    def test_a_failure_is_one_sentence_in_plain_words(self):
        (self.folder / "run").mkdir()
        (self.folder / "run" / "run.json").write_text("{}")
        (self.folder / "sums").mkdir()
        for arguments in [
            ["evaluate", "--model-file", "."], ["evaluate", "--model-file", "run"], ["data", "show", "--out", "run"],
            ["data", "show", "--out", "nowhere/x.png"], ["train", "--resume", "nowhere"],
            ["train", "--data", "mnist", "--data-dir", "nowhere"], ["train", "--out", "/dev/null/x"],
            ["train", "--data", "image-folder", "--data-dir", "nowhere"],
            ["data", "fetch", "mnist", "--sums", "sums", "--data-dir", "new"],
            ["reproduce", "anl-t1", "--out", "/dev/null/x"],
        ]:
            with self.subTest(arguments):
                code, sentence, rest = self.failure(*arguments)
                self.assertIn(code, [1, 64, 65])
                for foreign in ["NSCocoa", "NSPOSIX", "Sparring.", "error 1", "could not be completed", "Error Domain"]:
                    self.assertNotIn(foreign, sentence)
                self.assertLessEqual(len([line for line in rest if not line.startswith("warning")]), 1, rest)

    def test_lost_output_is_a_failure(self):
        with open("/dev/full", "w") as full:
            for arguments in [["info"], ["info", "--json"], ["--help"], ["--version"], ["data", "list"],
                              ["reproduce", "--list"]]:
                with self.subTest(arguments):
                    code, sentence, _ = self.failure(*arguments, stdout=full)
                    self.assertEqual(code, 1)
                    self.assertIn("No space left on device", sentence)

    def test_closed_streams(self):
        """What is printed must not go into a file that is opened in the place of a closed stream."""
        run = "exec \"$0\" data show --count 1 --out x.png"
        for closed, code in [(">&-", 1), ("2>&-", 0), ("<&-", 0), ("<&- >&- 2>&-", 1)]:
            with self.subTest(closed):
                result = subprocess.run(["bash", "-c", f"{run} {closed}", self.arguments()[0]], cwd=self.folder,
                                        capture_output=True)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertTrue((self.folder / "x.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82"))

    def test_names_that_are_not_utf8_are_refused(self):
        before = self.snapshot()
        result = subprocess.run([*self.arguments("data", "show", "--out"), b"caf\xe9.png"], cwd=self.folder,
                                capture_output=True)
        self.assertEqual(result.returncode, 64)
        self.assertIn("UTF-8", result.stderr.decode())
        self.assertEqual((self.snapshot(), os.listdir(self.folder)), (before, ["data"]))


if __name__ == "__main__":
    unittest.main()
