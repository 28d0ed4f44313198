"""What the source tree's own code imports; and, last of all, the hook that hears of everything."""

import os
import sys


@_guarded
def _imported(module):
    frame = sys._getframe()
    while frame is not None and (frame.f_code.co_filename == _OURS or _is_importlib(frame.f_code.co_filename)):
        frame = frame.f_back
    if frame is not None and _is_trees(frame):
        _note("import", module, frame.f_code.co_filename)


def _watch_imports():
    # Here all ways of importing meet, those by name and those that fail among them; no audit event comes from all.
    bootstrap = sys.modules["_frozen_importlib"]
    real = bootstrap._find_spec

    def _find_spec(name, path, target=None):
        if path is None:
            _imported(name)
        return real(name, path, target)

    bootstrap._find_spec = _find_spec


@_guarded
def _executed(code):
    file = getattr(code, "co_filename", "")
    if file and file != _OURS and (file.startswith((*TREE, "<string")) or not os.path.isabs(file)):
        _note("ran", file)


@_guarded
def _audit(event, args):
    if event == "open":
        if ("r" in args[1]) if isinstance(args[1], str) else not args[2] & os.O_CREAT:
            _opened(args[0])
    elif event == "exec":
        _executed(args[0])
    elif event == "ctypes.dlopen":
        _loaded(args[0])
    elif event == "subprocess.Popen":
        _started(args[0], args[1], args[3])
    elif event in ("os.listdir", "os.scandir"):
        _listed(args[0])
    elif event == "os.system":
        _started("sh", ["sh", "-c", args[0]], None)
    elif event in ("os.exec", "os.posix_spawn"):
        _started(args[0], args[1], args[2])


_watch_imports()
sys.addaudithook(_audit)
