"""What is installed is found by pkg-config and by CMake: installation_test.py BUILD SOURCE COMPILER MPIRUN..."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE, COMPILER, *MPIRUN = sys.argv[1:]
PROJECT = f"""
cmake_minimum_required(VERSION 3.20)
project(ranks LANGUAGES C)
find_package(sparring CONFIG REQUIRED COMPONENTS mpi)
foreach(library sparring_mpi sparring_mpi_static)
  add_executable(with_${{library}} {SOURCE})
  target_link_libraries(with_${{library}} PRIVATE sparring::${{library}})
endforeach()
"""


def output(*command, **environment):
    done = subprocess.run([str(word) for word in command], env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(f"{command} ends with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Installation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="sparring-installation-")
        cls.addClassCleanup(folder.cleanup)
        cls.work, cls.prefix = pathlib.Path(folder.name), pathlib.Path(folder.name) / "prefix"
        output("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.library = str(next(cls.prefix.rglob("libsparring_mpi.so")).parent)

    def check_runs(self, program):
        self.assertEqual(output(*MPIRUN, "2", program, "nothing", LD_LIBRARY_PATH=self.library).count("pid "), 2)

    def test_pkg_config(self):
        flags = output("pkg-config", "--cflags", "--libs", "sparring_mpi", PKG_CONFIG_PATH=f"{self.library}/pkgconfig")
        output(COMPILER, "-std=c11", SOURCE, *flags.split(), "-o", self.work / "ranks")
        self.check_runs(self.work / "ranks")

    def test_cmake(self):
        (self.work / "CMakeLists.txt").write_text(PROJECT)
        output("cmake", "-S", self.work, "-B", self.work / "build", f"-DCMAKE_C_COMPILER={COMPILER}",
               f"-DCMAKE_PREFIX_PATH={self.prefix}")
        output("cmake", "--build", self.work / "build")
        for library in "sparring_mpi", "sparring_mpi_static":
            self.check_runs(self.work / "build" / f"with_{library}")


unittest.main(argv=sys.argv[:1])
