"""What python-faas3 does in Python: bring a function's module up, and put failures into words."""
import sys
from _frozen_importlib import ModuleSpec, module_from_spec
from _frozen_importlib_external import SourceLoader
from _json import encode_basestring, make_encoder

ROOT = "/function"  # where the function's files seem to lie
FRAMES_SHOWN = 4


class Refused(Exception):
    """The function cannot be served, and why."""


class Memory(SourceLoader):
    """Finder and loader of modules that lie in memory: FILES maps names below ROOT to bytes."""

    def __init__(self, files):
        self.files = files
        self.folders = {"/".join(name.split("/")[:depth])
                        for name in files for depth in range(1, name.count("/") + 1)}

    def find_spec(self, fullname, path=None, target=None):
        base = fullname.replace(".", "/")
        for name, package in ((base + "/__init__.py", True), (base + ".py", False)):
            if name in self.files:
                return self.spec(fullname, name, package)
        if base in self.folders:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [f"{ROOT}/{base}"]
            return spec
        return None

    def spec(self, fullname, name, package=False):
        spec = ModuleSpec(fullname, self, origin=f"{ROOT}/{name}", is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [f"{ROOT}/{name.rpartition('/')[0]}"]
        return spec

    def get_filename(self, fullname):
        if fullname == "function":
            return self.main
        return self.find_spec(fullname).origin

    def get_data(self, path):
        name = path.removeprefix(ROOT + "/")
        if name not in self.files:
            raise FileNotFoundError(2, "No such file in the function", path)
        return bytes(self.files[name])

    def get_resource_reader(self, fullname):
        from importlib.resources.abc import TraversableResources
        from zipfile import Path

        class Reader(TraversableResources):
            def files(_):
                folder = self.find_spec(fullname).submodule_search_locations[0]
                return Path(self.files.archive, folder.removeprefix(ROOT + "/") + "/")
        return Reader()


class Archive:
    """A zip archive as the mapping that Memory wants."""

    def __init__(self, data):
        import io
        import zipfile
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(data))
            self.names = {name for name in self.archive.namelist() if not name.endswith("/")}
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Refused(f"its zip archive is broken ({error}); make it again") from None

    def __contains__(self, name):
        return name in self.names

    def __iter__(self):
        return iter(self.names)

    def __getitem__(self, name):
        return self.archive.read(name)


def one_line(error):
    """Type and message, as the last line of a traceback has them."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else \
        f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = str(error)
    except Exception:
        text = "its message cannot be had"
    return f"{name}: {text}" if text else name


def places(error):
    """Where it came from, innermost first."""
    found = []
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return found[::-1]


def short(path):
    return path.removeprefix(ROOT + "/")


def why_not(error):
    """One line for who uploads the function: what is wrong, and in which line."""
    if isinstance(error, SyntaxError) and error.lineno:
        text = (error.text or "").strip()
        return f"{short(error.filename or '')} line {error.lineno}: {one_line_syntax(error)}" + (
            f": {text}" if text else "")
    for path, line, _ in places(error):
        if path.startswith(ROOT):
            return f"{short(path)} line {line}: {one_line(error)}"
    return one_line(error)


def one_line_syntax(error):
    return f"{type(error).__name__}: {error.msg}"


def explain(error):
    """What an application error says to the caller."""
    shown = [f"{short(path)} line {line} in {name}" for path, line, name in places(error)
             if path.startswith(ROOT)]
    return one_line(error) + (f" ({', '.join(shown[:FRAMES_SHOWN])})" if shown else "")


def report(error):
    """The whole traceback, for the log."""
    import linecache
    import traceback
    for name in loader.files:
        if name.endswith(".py"):
            text = bytes(loader.files[name]).decode("utf-8", "replace")
            linecache.cache[f"{ROOT}/{name}"] = (len(text), None, text.splitlines(True), name)
    trace = error.__traceback__
    while trace and not trace.tb_frame.f_code.co_filename.startswith(ROOT):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace or error.__traceback__)


def no_json(value):
    raise TypeError(f"a value of type {type(value).__name__} is none of JSON's")


# As json.JSONEncoder(ensure_ascii=False, allow_nan=False), without what that imports: a zygote's
# memory is what each fork copies the page tables of.
around = {}  # what the encoder is in, to see a circle
chunks = make_encoder(around, no_json, encode_basestring, None, ": ", ", ", False, False, False)


def encode(value):
    """A value as JSON."""
    around.clear()  # where it gives up it leaves what it was in
    return "".join(chunks(value, 0))


def open_files():
    """Files that the module left open; a descriptor is shared by all who are forked."""
    import gc
    import io
    return [thing.name for thing in gc.get_objects()
            if isinstance(thing, io.FileIO) and not thing.closed and thing.fileno() > 2]


def load(data):
    """The function's `main', and whether it wants bytes."""
    global loader
    if data[:4] == b"PK\3\4" or data[:4] == b"PK\5\6":
        loader = Memory(Archive(data))
        name = "__main__.py"
        if name not in loader.files:
            raise Refused("its zip archive has no __main__.py")
    else:
        name = "function.py"
        loader = Memory({name: data})
    loader.main = f"{ROOT}/{name}"
    sys.meta_path.insert(0, loader)
    module = module_from_spec(loader.spec("function", name))
    sys.modules["function"] = module
    try:
        loader.exec_module(module)
    except SystemExit as error:
        raise Refused(f"{why_not(error)}: a module must not exit while it is loaded") from None
    main = getattr(module, "main", None)
    if not callable(main):
        raise Refused(f"{short(loader.main)} defines no function main(arg)")
    code = getattr(main, "__code__", None)
    if code and code.co_flags & 0x280:
        raise Refused(f"{short(loader.main)} line {code.co_firstlineno}: main is a coroutine "
                      "function; write it without async")
    if left := open_files():
        raise Refused(f"{short(loader.main)} leaves {left[0]!r} open, which all calls would "
                      "share; read it to its end and close it")
    wanted = None
    if code and code.co_argcount:
        wanted = getattr(main, "__annotations__", {}).get(code.co_varnames[0])
    return main, wanted is bytes or wanted == "bytes"


def begin(data):
    """load(), with a failure as one line instead of a main."""
    try:
        return load(data)
    except Refused as error:
        return str(error), False
    except BaseException as error:
        return why_not(error), False


def rehearse(arg):
    """What is called in each fork before its own call comes."""
    return arg
