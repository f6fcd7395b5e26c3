"""Tests of `export`: the file is whole, and what fails leaves the one that was there. Tests/peers runs it."""

import unittest

from support import CommandTest


class ExportTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "1")

    def test_runs_and_files_are_written_for_onnx(self):
        told = self.succeed("export", "run", "--onnx", "run.onnx")
        self.assertEqual(told, "run.onnx: 1×12×12 images in, 10 logits out\n")
        written = (self.folder / "run.onnx").read_bytes()
        self.assertTrue(written.startswith(b"\x08\x07\x12\x08sparring"))  # IR version 7 and the producer
        for part in [b"pixels", b"logits", b"normalize.mean", b"Gemm", b"batch"]:
            self.assertIn(part, written)
        self.succeed("export", "run/best.safetensors", "--onnx", "file.onnx")
        self.assertEqual((self.folder / "file.onnx").read_bytes(), written)

    def test_failures_leave_the_old_file(self):
        (self.folder / "old.onnx").write_bytes(b"old")
        (self.folder / "weights.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        self.fail_with(["weights.safetensors"], "export", "weights.safetensors", "--onnx", "old.onnx")
        self.fail_with(["nowhere/model.onnx"], "export", "run", "--onnx", "nowhere/model.onnx")
        self.fail_with(["nothing"], "export", "nothing", "--onnx", "old.onnx")
        self.fail_with(["--onnx"], "export", "run")


if __name__ == "__main__":
    unittest.main()
