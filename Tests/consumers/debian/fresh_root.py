"""A fresh root: the machine's essential packages and those that a package depends on, as dpkg knows them, and no more."""

import functools
import os
import pathlib
import re
import subprocess

DPKG = pathlib.Path("/var/lib/dpkg")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
# No program needs them, and they are most of the files.
LEFT_OUT = re.compile("/usr/share/(doc|info|locale|man|zoneinfo)/")


def paragraphs(text):
    """The paragraphs of a control file, each as its text and a dictionary of its fields."""
    for paragraph in text.split("\n\n"):
        yield paragraph, dict(re.findall(r"^(\S+): *(.*(?:\n .*)*)", paragraph, re.MULTILINE))


def alternatives(field):
    """A field of dependencies: the names that serve for each."""
    return [[re.match(r"[a-z0-9.+-]+", name.strip())[0] for name in dependency.split("|")]
            for dependency in field.split(",") if dependency.strip()]


def dependencies(fields):
    return [names for key in ("Pre-Depends", "Depends") for names in alternatives(fields.get(key, ""))]


def output(*command, **options):
    """What a command prints; it has to succeed."""
    done = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}"
    return done.stdout


@functools.cache
def real_folder(path):
    return os.path.realpath(path).rstrip("/")


class FreshRoot:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.packages = {}
        self.providers = {}
        native = output("dpkg", "--print-architecture").strip()
        for text, fields in paragraphs((DPKG / "status").read_text()):
            if fields.get("Status", "").endswith(" installed") and fields["Architecture"] in (native, "all"):
                self.packages[fields["Package"]] = text, fields
                for provided, in alternatives(fields.get("Provides", "")):
                    self.providers.setdefault(provided, fields["Package"])

        self.present = {}
        for folder in ("info", "updates", "triggers"):
            (self.database / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("tmp", "var/log"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("File", "Unincorp"):
            (self.database / "triggers" / name).touch()
        self.provide([name] for name, (_, fields) in self.packages.items() if fields.get("Essential") == "yes")

    @property
    def database(self):
        return self.path / DPKG.relative_to("/")

    def provide(self, needed):
        """Copies from the machine what serves for each of several lists of alternatives, with all that it depends on."""
        missing, added = list(needed), []
        while missing:
            names = missing.pop()
            found = [name for name in (self.providers.get(name, name) for name in names) if name in self.packages]
            assert found, f"the machine has none of {names}: a package depends on what Tests/run does not install"
            if found[0] not in self.present:
                text, fields = self.packages[found[0]]
                self.present[found[0]] = text
                added.append(found[0])
                missing += dependencies(fields)
        self._copy(path for name in added for path in self._files(name))
        self._copy(self._links_of_alternatives())
        (self.database / "status").write_text("\n\n".join(self.present.values()) + "\n")

    def _files(self, name):
        """What dpkg keeps of a package, and its files."""
        for about in [*(DPKG / "info").glob(f"{name}.*"), *(DPKG / "info").glob(f"{name}:*")]:
            yield str(about)
            if about.suffix == ".list":
                yield from about.read_text().splitlines()

    def _links_of_alternatives(self):
        """The links that update-alternatives made to files that are here."""
        links = list(pathlib.Path("/etc/alternatives").iterdir())
        for record in (DPKG / "alternatives").iterdir():
            links += [line for line in record.read_text().splitlines() if os.path.islink(line)]
        return (str(link) for link in links if self.has(os.path.realpath(link)))

    def _copy(self, paths):
        paths = {path for path in paths if os.path.lexists(path) and not LEFT_OUT.match(path)}
        paths |= {str(parent) for path in paths for parent in pathlib.Path(path).parents}
        # /bin is a link, and what packages have there lies where it leads.
        paths = {f"{real_folder(os.path.dirname(path))}/{os.path.basename(path)}" for path in paths}
        listed = "\0".join(path.lstrip("/") or "." for path in sorted(paths))
        with subprocess.Popen(["tar", "-C", "/", "-c", "--no-recursion", "--null", "-T", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as archive:
            with subprocess.Popen(["tar", "-C", self.path, "-x"], stdin=archive.stdout) as extraction:
                archive.stdin.write(listed.encode())
                archive.stdin.close()
        assert archive.returncode == extraction.returncode == 0

    def has(self, path):
        return os.path.lexists(self.path / path.lstrip("/"))

    def files(self):
        """All paths but those that dpkg and the loader keep for themselves."""
        found = {os.path.relpath(os.path.join(folder, name), self.path)
                 for folder, folders, names in os.walk(self.path) for name in [*folders, *names]}
        return {path for path in found
                if not re.match(r"var/(lib/dpkg|log|cache/ldconfig)/|etc/ld\.so\.cache|var/cache/ldconfig$", path)}

    def install(self, *packages):
        """Installs packages by their files, after what they depend on."""
        described = [next(paragraphs(output("dpkg-deb", "--field", package)))[1] for package in packages]
        own = {fields["Package"] for fields in described}
        self.provide(names for fields in described for names in dependencies(fields) if not own.intersection(names))
        self.dpkg("--install", *packages)

    def dpkg(self, *arguments):
        return output("dpkg", f"--root={self.path}", *arguments, env=ENVIRONMENT)

    def run(self, program, *arguments):
        """Runs a program of the root by the root's loader and libraries, and returns what it prints.

        A program in a root that is changed to would also need what only the kernel can mount there, such as /proc.
        """
        (loader,) = self.path.glob("lib*/ld-linux*.so.*")
        folder = output("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()
        command = [loader, "--inhibit-cache", "--library-path", self.path / "usr/lib" / folder]
        program = self.path / program
        for library in re.findall(r"=> (.*) \(0x", output(*command, "--list", program, env=ENVIRONMENT)):
            assert library.startswith(f"{self.path}/"), f"{program} takes {library} from outside of the root"
        return output(*command, program, *arguments, env=ENVIRONMENT)
