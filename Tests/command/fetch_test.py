"""Downloads from a server on the loopback address: whole, resumed, refused, wrong, interrupted."""

import fcntl
import gzip
import hashlib
import http.server
import itertools
import os
import re
import signal
import subprocess
import threading
import time

from support import CommandTest

NAMES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
         "t10k-labels-idx1-ubyte.gz"]


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `files`, and does what its other attributes say."""

    def do_GET(self):
        server = self.server
        self.server.requests.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        first, status = 0, 200
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and server.has_ranges:
            first, status = int(match[1]), 206
            if first >= len(content):
                self.send_error(416)
                return
        self.send_response(status)
        if status == 206:
            told = server.content_range or "bytes {0}-{1}/{2}"
            self.send_header("Content-Range", told.format(first, len(content) - 1, len(content)))
        if server.tells_length:
            self.send_header("Content-Length", str(len(content) - first))
        if server.encoding:
            self.send_header("Content-Encoding", server.encoding)
        self.end_headers()
        body = content[first:]
        if server.cut_after is not None:
            body = body[:server.cut_after]
        if server.sends_on:
            body = itertools.chain([body], itertools.repeat(bytes(1 << 16)))
        else:
            body = [body[start:start + (1 << 16)] for start in range(0, len(body), 1 << 16)]
        try:
            for piece in body:
                self.wfile.write(piece)
                server.sent += len(piece)
                time.sleep(server.delay)
        except OSError:
            pass

    def log_message(self, *arguments):
        pass


class FetchTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.files = {f"/mirror/mnist/{name}": os.urandom(300_000 + 10 * i) for i, name in enumerate(NAMES)}
        self.server.has_ranges, self.server.cut_after, self.server.delay, self.server.requests = True, None, 0, []
        self.server.content_range, self.server.tells_length, self.server.sends_on, self.server.sent = None, True, False, 0
        self.server.encoding = None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.write_sums()

    def write_sums(self):
        lines = [f"{hashlib.sha256(content).hexdigest()}  {path.removeprefix('/mirror/')}\n"
                 for path, content in self.server.files.items()]
        (self.folder / "sums").write_text("".join(lines))

    def fetch_arguments(self, *more, name="mnist"):
        address = f"http://127.0.0.1:{self.server.server_port}/mirror"
        return ["data", "fetch", name, "--data-dir", "fetched", "--base-url", address, *more]

    def fetch(self):
        return self.succeed(*self.fetch_arguments("--sums", "sums"))

    def assert_fetched(self):
        found = {path.name: path.read_bytes() for path in (self.folder / "fetched/mnist").iterdir()}
        self.assertEqual(found, {path.split("/")[-1]: content for path, content in self.server.files.items()})

    def part(self, number=0):
        return self.folder / "fetched/mnist" / f"{NAMES[number]}.part"

    def write_part(self, content, number=0):
        self.part(number).parent.mkdir(parents=True, exist_ok=True)
        self.part(number).write_bytes(content)

    def content(self, number=0):
        return self.server.files[f"/mirror/mnist/{NAMES[number]}"]

    def requests_of(self, number=0):
        return [first for path, first in self.server.requests if path.endswith(NAMES[number])]

    def test_whole_and_again(self):
        self.assertEqual(self.fetch().count("is here"), 4)
        self.assert_fetched()
        self.server.requests.clear()
        self.assertEqual(self.fetch().count("was here already"), 4)
        self.assertEqual(self.server.requests, [])

    def test_goes_on_where_it_was_cut_off(self):
        self.server.cut_after = 100_000
        self.fetch()
        self.assert_fetched()
        # The client may not have had the last of a connection's bytes when it broke.
        self.assertGreaterEqual(len(self.requests_of()), 3)
        self.assertRegex(self.requests_of()[-1], "bytes=[1-9][0-9]*-")

    def test_goes_on_with_a_part(self):
        self.write_part(self.content()[:250_000])
        self.write_part(self.content(1), number=1)
        self.fetch()
        self.assert_fetched()
        self.assertEqual((self.requests_of(), self.requests_of(1)), (["bytes=250000-"], []))

    def test_a_wrong_part_is_begun_anew(self):
        self.write_part(b"x" * 1000)
        self.write_part(b"x" * 400_000, number=1)
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.requests_of(), ["bytes=1000-", None])
        self.assertEqual(self.requests_of(1), ["bytes=400000-", None])

    def test_server_without_ranges(self):
        self.server.has_ranges = False
        self.write_part(self.content()[:250_000])
        self.fetch()
        self.assert_fetched()

    def test_server_without_ranges_that_breaks_off(self):
        self.server.has_ranges, self.server.cut_after = False, 100_000
        result = self.run_command(*self.fetch_arguments("--sums", "sums"))
        self.assertEqual(result.returncode, 1)
        self.assertIn(NAMES[0], result.stderr)
        self.assertLessEqual(len(self.requests_of()), 6)

    def test_hostile_ranges(self):
        for told in ["bytes {0}-5/10", "bytes {0}-{1}/3", "bytes 0-{1}/{2}", "bytes {0}-{1}/99999999999999999999",
                     "bytes {0}-{1}/999999999999", "bytes -{0}-{1}/{2}", "{0} {1} {2}", "x"]:
            with self.subTest(told):
                self.server.content_range = told
                self.write_part(self.content()[:250_000])
                result = self.run_command(*self.fetch_arguments("--sums", "sums"))
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(result.stderr, f"Error: mnist/{NAMES[0]} cannot be downloaded")

    def test_no_more_is_taken_than_the_file_has(self):
        self.server.tells_length, self.server.sends_on = False, True
        result = self.run_command(*self.fetch_arguments(name="fashion-mnist"))
        self.assertRegex(result.stderr, "status 404")
        name = f"/mirror/mnist/{NAMES[1]}"
        self.server.files = {f"/mirror/mnist/{NAMES[0]}": b"", name: b""}
        result = self.run_command(*self.fetch_arguments())
        self.assertEqual(result.returncode, 1)
        self.assertIn("more than 9912422 bytes", result.stderr)
        self.assertLess(self.server.sent, 60_000_000)
        self.assertEqual(list((self.folder / "fetched/mnist").iterdir()), [])

    def test_a_size_other_than_the_known_one(self):
        result = self.run_command(*self.fetch_arguments())
        self.assertIn("300000 bytes, not 9912422", result.stderr)

    def test_a_file_encoded_unasked(self):
        self.server.encoding = "gzip"
        self.server.files = {path: gzip.compress(content) for path, content in self.server.files.items()}
        result = self.run_command(*self.fetch_arguments("--sums", "sums"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("encoded as gzip", result.stderr)

    def test_two_fetches_do_not_share_a_part(self):
        self.write_part(self.content()[:1000])
        with open(self.part(), "r+b") as part:
            fcntl.flock(part, fcntl.LOCK_EX)
            self.fail_with([f"{NAMES[0]}.part", "another process"], *self.fetch_arguments("--sums", "sums"))
        self.fetch()
        self.assert_fetched()

    def test_sums_may_have_the_line_ends_of_windows(self):
        sums = self.folder / "sums"
        sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
        self.fetch()
        self.assert_fetched()

    def test_parts_and_sums_that_are_no_files(self):
        self.part().parent.mkdir(parents=True)
        os.symlink("/dev/null", self.part())
        self.fail_with([f"{NAMES[0]}.part"], *self.fetch_arguments("--sums", "sums"))
        self.part().unlink()
        os.mkfifo(self.part())
        self.fail_with([f"{NAMES[0]}.part", "no regular file"], *self.fetch_arguments("--sums", "sums"))
        os.mkfifo(self.folder / "pipe")
        self.fail_with(["pipe"], *self.fetch_arguments("--sums", "pipe"))

    def test_wrong_content(self):
        path = f"/mirror/mnist/{NAMES[0]}"
        self.server.files[path] = bytes(9_912_422)
        result = self.run_command(*self.fetch_arguments())
        self.assertEqual(result.returncode, 1)
        for part in [NAMES[0], hashlib.sha256(self.content()).hexdigest(), "440fcabf73cc546f"]:
            self.assertIn(part, result.stderr)
        self.assertEqual(list((self.folder / "fetched/mnist").iterdir()), [])

    def test_missing_file(self):
        del self.server.files[f"/mirror/mnist/{NAMES[2]}"]
        result = self.run_command(*self.fetch_arguments("--sums", "sums"))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, f"Error: mnist/{NAMES[2]} .*status 404")
        self.assertEqual(len(list((self.folder / "fetched/mnist").glob("*.gz"))), 2)

    def test_no_server(self):
        self.server.shutdown()
        self.server.server_close()
        result = self.run_command(*self.fetch_arguments())
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, f"Error: mnist/{NAMES[0]} cannot be downloaded")

    def test_another_file_in_the_place(self):
        target = self.folder / "fetched/mnist" / NAMES[0]
        target.parent.mkdir(parents=True)
        target.write_bytes(b"mine")
        self.fail_with([NAMES[0], "SHA-256", "move it away"], *self.fetch_arguments("--sums", "sums"))

    def test_interrupted(self):
        self.server.delay = 0.05
        arguments = self.arguments(*self.fetch_arguments("--sums", "sums"))
        process = subprocess.Popen(arguments, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (self.part(1).exists() and self.part(1).stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("goes on", errors)
        self.assertTrue(0 < self.part(1).stat().st_size < len(self.content(1)))
        self.server.delay = 0
        self.server.requests.clear()
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.requests_of(), [])
        self.assertRegex(self.requests_of(1)[0], "bytes=[1-9][0-9]*-")

    def test_wrong_arguments(self):
        self.fail_with(["'cifar10'", "'cifar-10'"], "data", "fetch", "cifar10")
        self.fail_with(["'digits'", "mnist"], "data", "fetch", "digits")
        self.fail_with(["ftp://host"], "data", "fetch", "mnist", "--base-url", "ftp://host")
        self.fail_with(["nowhere"], "data", "fetch", "mnist", "--sums", "nowhere")
        (self.folder / "few").write_text("0" * 64 + "  mnist/other\n")
        self.fail_with(["few", NAMES[0]], *self.fetch_arguments("--sums", "few"))
        (self.folder / "bad").write_text("what\n")
        self.fail_with(["bad", "line 1"], *self.fetch_arguments("--sums", "bad"))
        (self.folder / "fetched").write_text("")
        self.fail_with(["fetched/mnist"], *self.fetch_arguments("--sums", "sums"))

    def test_fetched_files_can_be_read(self):
        for name in ["train", "t10k"]:
            for kind in ["images-idx3", "labels-idx1"]:
                content = (self.data / f"{name}-{kind}-ubyte").read_bytes()
                self.server.files[f"/mirror/mnist/{name}-{kind}-ubyte.gz"] = content
        self.write_sums()
        self.fetch()
        self.assertIn("640", self.succeed("data", "--data-dir", "fetched"))
