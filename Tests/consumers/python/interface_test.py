"""What the Python package declares of the engine is what Tests/csrc/abi.txt lists. Needs neither of them built."""

import ctypes
import importlib.util
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
LIST = (ROOT / "Tests/csrc/abi.txt").read_text().splitlines()
OF_C = {"int32_t": "i", "spar_loss": "i", "uint32_t": "u", "uint64_t": "U", "int64_t": "I", "size_t": "z", "float": "f",
        "double": "d", "bool": "b", "spar_status": "e", "spar_value": "v", "void": "n", "spar_parameter_part": "i",
        "spar_optimizer_kind": "i", "spar_attack_kind": "i"}


def load():
    path = ROOT / "Sources/Python/sparring/_structures.py"
    spec = importlib.util.spec_from_file_location("_structures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


declared = load()


def letter(c_type):
    """The letter of a C type, whose name may stand behind it."""
    if re.match(r"const char\*(?!const)", c_type):
        return "s"
    return "p" if re.search(r"[*\[]", c_type) else OF_C[c_type.split()[0]]


class InterfaceTest(unittest.TestCase):
    maxDiff = None

    def test_structures_have_the_fields_offsets_and_sizes_of_the_list(self):
        structures = declared.Structure.__subclasses__()
        self.assertGreater(len(structures), 10)
        for structure in structures:
            name = "spar_" + re.sub(r"(?<!^)(?=[A-Z])", "_", structure.__name__).lower()
            listed = [line for line in LIST if re.match(rf"(struct|field) {name}[. ]", line)]
            own = [f"struct {name} {ctypes.sizeof(structure)}"]
            for field, _ in structure._fields_:
                place = getattr(structure, field)
                own.append(f"field {name}.{field} {place.offset} {place.size}")
            self.assertEqual(own, listed, f"{structure.__name__} in Sources/Python/sparring/_structures.py")

    def test_names_are_those_of_all_values_of_their_enumerations(self):
        for enumeration, names in declared.NAMES.items():
            prefix = f"SPAR_{enumeration.upper()}_"
            listed = [line.split()[1:] for line in LIST if line.startswith(f"value {prefix}")]
            own = [[prefix + name.upper().replace("-", "_"), str(value)] for value, name in enumerate(names)]
            self.assertEqual(own, listed, f"{enumeration!r} in NAMES of Sources/Python/sparring/_structures.py")

    def test_flags_are_those_of_the_list(self):
        listed = {name: int(value) for name, value in re.findall(r"^value SPAR_((?:FORWARD|BACKWARD)_\w+) (\d+)$",
                                                                 "\n".join(LIST), flags=re.MULTILINE)}
        self.assertEqual(declared.FLAGS, listed)

    def test_calls_take_and_return_what_the_list_says(self):
        listed = {}
        for result, name, arguments in re.findall(r"^call (.*?)spar_(\w+)\((.*)\)$", "\n".join(LIST),
                                                  flags=re.MULTILINE):
            if name in declared.CALLS:
                taken = [] if arguments == "void" else arguments.split(",")
                listed[name] = letter(result) + "".join(map(letter, taken))
        self.assertEqual(declared.CALLS, listed)


if __name__ == "__main__":
    unittest.main()
