"""Compares the binary interface of the shared library with the list beside this file, abi.txt.

abi.py HEADER LIBRARY COMPILER [--renew | --break]

The list has every exported symbol, every declaration of a call and of a function type, and every structure and
enumeration with its sizes, offsets and values, as COMPILER lays out HEADER. --renew writes the list anew where programs
that were built with the old one keep working: what is new is a call, an enumeration's value, a structure or a field
behind the old end of its structure. --break writes it whatever it changes. That takes a new SOVERSION in CMakeLists.txt,
unless no release has what is changed.
"""

import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

LIST = pathlib.Path(__file__).with_suffix(".txt")


def declarations(header):
    """The header without comments, preprocessor lines and bodies of inline functions."""
    text = re.sub(r"//[^\n]*", "", header)
    text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.MULTILINE)
    return re.sub(r"static inline [^{]*\{.*?\n\}", "", text, flags=re.DOTALL)


def one_line(text):
    return re.sub(r"\s*([(),*])\s*", r"\1", " ".join(text.split()))


def fields_of(body):
    for declaration in body.split(";"):
        function = re.search(r"\(\*(\w+)\)\(", declaration)
        names = [function[1]] if function else declaration.split(",")
        names[0] = names[0].split()[-1] if names[0].split() else ""
        yield from (re.sub(r"\[.*\]|\W", "", name) for name in names if name.strip())


def program_of(text):
    """A C program that prints the layout of structures and the values of enumerations."""
    prints = []
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, flags=re.DOTALL):
        prints.append(f'printf("struct {name} %zu\\n", sizeof({name}));')
        for field in fields_of(body):
            prints.append(f'printf("field {name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                          f"sizeof((({name} *)0)->{field}));")
    for name, body in re.findall(r"enum (\w*) ?\{(.*?)\}", text, flags=re.DOTALL):
        if name:
            prints.append(f'printf("enum {name} %zu\\n", sizeof({name}));')
        for value in re.findall(r"\bSPAR_\w+", body):
            prints.append(f'printf("value {value} %lld\\n", (long long){value});')
    return "#include <sparring.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(prints) + "\n}\n"


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def interface(header, library, compiler):
    text = declarations(header.read_text())
    calls = [one_line(call) for call in re.findall(r"SPAR_API ([^;]*);", text)]
    types = [one_line(declared) for declared in re.findall(r"(typedef [^;{]*\(\*[^;]*);", text)]
    symbols = {line.split()[-1] for line in run("nm", "--dynamic", "--defined-only", library).splitlines()}
    symbols -= {"__bss_start", "_edata", "_end", "_init", "_fini"}  # the linker's
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder) / "layout.c", pathlib.Path(folder) / "layout"
        source.write_text(program_of(text))
        run(compiler, f"-I{header.parent}", str(source), "-o", str(program))
        layout = run(str(program)).splitlines()
    return [*layout, *(f"type {line}" for line in types), *sorted(f"call {line}" for line in calls),
            *sorted(f"symbol {name}" for name in symbols)]


def broken(old, new):
    """The lines of the old list that programs built with it count on and that hold no more."""
    kept = set(new)
    sizes = {line.split()[1]: int(line.split()[2]) for line in new if line.startswith("struct ")}
    lost = [line for line in old if line not in kept
            and not (line.startswith("struct ") and sizes.get(line.split()[1], 0) > int(line.split()[2]))]
    ends = {line.split()[1]: int(line.split()[2]) for line in old if line.startswith("struct ")}
    for line in sorted(kept - set(old)):
        kind, name, *numbers = line.split()
        structure = name.split(".")[0]
        if kind == "field" and int(numbers[0]) < ends.get(structure, 0):
            lost.append(f"{line} (new, but before the old end of {structure}, {ends[structure]})")
    return lost


def main(header, library, compiler, *mode):
    new, old = interface(pathlib.Path(header), library, compiler), LIST.read_text().splitlines() if LIST.exists() else []
    lost = broken(old, new)
    if mode == ("--break",) or (mode == ("--renew",) and not lost):
        LIST.write_text("\n".join(new) + "\n")
        return 0
    if old == new:
        return 0
    print("\n".join(difflib.unified_diff(old, new, "abi.txt", "the library", lineterm="", n=0)))
    if lost:
        print("\nPrograms that were built before would break by:", *lost, sep="\n  ")
    print(f"\nIf this is meant: {sys.executable} {' '.join(sys.argv[:4])} {'--break' if lost else '--renew'}", __doc__,
          sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
