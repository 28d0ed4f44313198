"""Keep a backend imported between the hooks of one build: each hook runs in a fork of a process that has done no more.

    python __pipcache-backend__.py HOOK-SCRIPT DESCRIPTOR

DESCRIPTOR is a socket. A request is one message: the arguments of the script, a JSON list, with the descriptor of the
pipe that the hook's output goes to. The answer is a line: its exit status, negative for a signal, as ``subprocess`` has
it. The first line, ``ready``, says that the backend is imported, and that this went unnoticed: it said nothing, warned
of nothing and started no thread. Otherwise the process ends.

It is run by the build environment's Python, which need not have anything of ours: only the standard library is used.
"""

import importlib
import json
import os
import socket
import sys
import warnings


def serve(connection):  # type: ignore[no-untyped-def]
    """Fork for each request; return, in the child, its arguments and its output."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
        if not message:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            connection.close()
            return json.loads(message), descriptors[0]
        os.close(descriptors[0])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(b"%d\n" % status)


def import_quietly(name):  # type: ignore[no-untyped-def]
    """Import the backend; tell whether nobody could hear of it."""
    said = os.memfd_create("said")
    for stream in (1, 2):
        os.dup2(said, stream)
    warned: list = []
    show, warnings.showwarning = warnings.showwarning, lambda *values: warned.append(values)
    importlib.import_module(name)
    warnings.showwarning = show
    sys.stdout.flush()
    sys.stderr.flush()
    return not (warned or os.fstat(said).st_size or len(os.listdir("/proc/self/task")) > 1)


def _leave_us_out(kind, error, trace):  # type: ignore[no-untyped-def]
    """Show a traceback that begins with the script."""
    rest = trace.tb_next.tb_next or trace
    sys.__excepthook__(kind, error.with_traceback(rest), rest)


def become(script, arguments, output):  # type: ignore[no-untyped-def]
    """Be the process that runs *script*, as far as the script and what it runs can tell."""
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    sys.argv = [script, *arguments]
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    sys.excepthook = _leave_us_out
    names = sys.modules["__main__"].__dict__
    kept = {name: names[name] for name in ("__builtins__", "__loader__")}
    names.clear()
    names.update(kept, __name__="__main__", __file__=script, __spec__=None, __package__=None, __doc__=None)
    exec(code, names)


assert __name__ == "__main__", "Cannot run __pipcache-backend__.py as a non-main module"
# As the script has it, which takes its own folder out.
sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
connection = socket.socket(fileno=int(sys.argv[2]))
# What goes wrong here the script says better, when it is run as usual.
if not import_quietly(os.environ["_PYPROJECT_HOOKS_BUILD_BACKEND"].partition(":")[0]):
    sys.exit(1)
connection.sendall(b"ready\n")
become(sys.argv[1], *serve(connection))
