"""Import modules and tell what they did meanwhile: `python -m tests.import_probe '{...}'`.

The argument is JSON: `first` names what may do as it likes (other people's packages), `modules`
names what may only define things. Prints a line for each socket, file, thread and process.
"""

import importlib
import json
import sys
import threading

WATCHED = {
    "socket.__new__": "makes a socket",
    "subprocess.Popen": "starts a process",
    "os.fork": "starts a process",
    "sqlite3.connect": "opens a database",
    "open": "opens a file",
}
IMPORT_SYSTEM = "<frozen importlib"


def main(argument: str) -> int:
    """Import everything that the argument names; return 1 if a module did more than define."""
    names = json.loads(argument)
    for name in names["first"]:
        import_or_skip_attribute(name)
    deeds: list[str] = []
    now_importing = ""

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event not in WATCHED:
            return
        caller = sys._getframe(1).f_code.co_filename
        if not caller.startswith(IMPORT_SYSTEM):
            deeds.append(f"importing {now_importing} {WATCHED[event]}: {arguments!r}")

    def start(thread: threading.Thread) -> None:
        deeds.append(f"importing {now_importing} starts a thread: {thread.name}")

    sys.dont_write_bytecode = True
    # Python 3.11 tells audit hooks nothing of threads.
    setattr(threading.Thread, "start", start)  # noqa: B010, an assignment has the wrong type
    sys.addaudithook(watch)
    for now_importing in names["modules"]:
        importlib.import_module(now_importing)
    seen = list(deeds)
    sys.stdout.write("\n".join(seen))
    return 1 if seen else 0


def import_or_skip_attribute(name: str) -> None:
    """Import `a.b.c`, or its longest part that is a module: `from a import b` names both."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        try:
            importlib.import_module(".".join(parts[:length]))
        except ImportError:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
