"""Where one rank of three ends early, no process is left and the launcher tells it: ends_test.py PROGRAM MPIRUN..."""

import os
import re
import subprocess
import sys
import time
import unittest

PROGRAM, *MPIRUN = sys.argv[1:]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Ends(unittest.TestCase):
    def run_ranks(self, kind):
        done = subprocess.run([*MPIRUN, "3", PROGRAM, kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=120)
        pids = [int(pid) for pid in re.findall(r"pid (\d+)", done.stdout)]
        began = time.monotonic()
        while any(map(is_alive, pids)) and time.monotonic() - began < 10:
            time.sleep(0.05)
        self.assertFalse([pid for pid in pids if is_alive(pid)], kind)
        return done, pids

    def test_all_come_to_the_end_where_none_ends_early(self):
        done, pids = self.run_ranks("nothing")
        self.assertEqual((done.returncode, len(pids)), (0, 3), done.stderr)

    def test_the_launcher_ends_all_where_one_is_killed_or_exits(self):
        for kind in "killed", "exits":
            self.assertNotEqual(self.run_ranks(kind)[0].returncode, 0, kind)

    def test_a_rank_that_aborts_tells_once_why(self):
        done, _ = self.run_ranks("aborts")
        self.assertNotEqual(done.returncode, 0)
        told = re.findall(r"^sparring: rank 1 \(.+\): the images are gone$", done.stderr, re.MULTILINE)
        self.assertEqual(len(told), 1, done.stderr)

    def test_the_others_tell_why_a_rank_left(self):
        done, pids = self.run_ranks("leaves")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(pids), 3)
        for rank in 0, 2:
            self.assertRegex(done.stderr, rf"rank {rank} ends: rank .*rank 1 \(.+\): the images are gone|"
                                          rf"rank {rank} ends: rank 1 \(.+\): the images are gone")


unittest.main(argv=sys.argv[:1])
