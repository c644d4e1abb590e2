"""Speed-ups beside the one snapshot (``snapshot.py``) and the connection (``transport.py``).

pyinfra, for each host, looks twice through all installed packages for its connectors; and for each
operation on each host it reads the source lines of every frame of the stack to number the operation
by file name and line, and evaluates the types of its own arguments: three quarters of this
machine's work for a host.
"""

import atexit
import copy
import functools
import gc
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

OBJECTS = 150_000  # that are new; Python itself looks at 700
OPTION = "ssh_paramiko_connect_kwargs"


def immediate(data: dict[str, Any]) -> dict[str, Any]:
    """A host's data with such a connection; the admin's own arguments for paramiko win."""
    if data.get("_get_pty"):  # a terminal is asked for before the command, which waits already
        return data
    return data | {OPTION: {"transport_factory": _transport} | (data.get(OPTION) or {})}


def _transport(sock: Any, **options: Any) -> Any:
    from one_api_infra.remote import transport  # noqa: PLC0415  # reading an inventory needs it not

    return transport.made(sock, **options)


@functools.cache
def lighten() -> None:
    """Let pyinfra number operations without reading sources, and know its own types and connectors.

    Nothing where pyinfra does not run: an inventory is read by others, too.
    """
    if "pyinfra.api" not in sys.modules:
        return
    _collect_rarely()
    _log_less()
    from pyinfra.api import Config, arguments, connectors, util  # noqa: PLC0415
    from pyinfra.api.host import HostData  # noqa: PLC0415
    from pyinfra.context import ContextObject  # noqa: PLC0415

    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)
    vars(connectors).update(entry_points=functools.cache(connectors.entry_points))
    operation = sys.modules["pyinfra.api.operation"]  # `pyinfra.api.operation` is its decorator
    vars(operation).update(
        signature=_signature,
        make_hash=_make_hash(util),
        get_operation_order_from_stack=_order(util.PYINFRA_INSTALL_DIR),
        pop_global_arguments=_global_arguments(arguments),
    )
    HostData.__getattr__ = _of_host  # type: ignore[method-assign]
    ContextObject.__getattr__ = _in_context  # type: ignore[method-assign]
    Config.set_current_state = _set_state  # type: ignore[method-assign]


def _collect_rarely() -> None:
    """What is imported stays to the end; to look through it again and again took a tenth."""
    gc.freeze()
    gc.set_threshold(OBJECTS)
    atexit.register(gc.freeze)


def _log_less() -> None:
    """A line on the screen names no file, thread or process, which are looked up for each."""
    vars(logging).update(_srcfile=None, logThreads=False, logProcesses=False)
    vars(logging).update(logMultiprocessing=False, logAsyncioTasks=False)


def _global_arguments(arguments: Any) -> Callable[..., tuple[dict[str, Any], list[str]]]:
    """``pop_global_arguments``: asked once a host where an operation is given none but its name."""
    known: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
    names = {name for name, _kind in arguments.all_global_arguments()} - {"name"}
    pop = arguments.pop_global_arguments

    def found(state: Any, host: Any, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        is_own = host.current_deploy_kwargs or host.data.override_datas
        if is_own or not names.isdisjoint(given):
            popped: tuple[dict[str, Any], list[str]] = pop(state, host, given)
            return popped
        if host not in known:
            known[host] = pop(state, host, {})[0]
        named = {"name": given.pop("name")} if "name" in given else {}
        return {**known[host], **named}, [*named]

    return found


def _of_host(data: Any, key: str) -> Any:
    """``HostData.__getattr__`` over what inventory and groups say, merged once."""
    if key in data.override_datas:
        return copy.copy(data.override_datas[key])
    merged = data.__dict__.get("merged")
    if merged is None:
        merged = data.__dict__["merged"] = data.dict()
    found = merged.get(key, merged)
    if found is merged:
        raise AttributeError(f"Host `{data.host}` has no data `{key}`")
    return copy.copy(found)


def _in_context(current: Any, key: str) -> Any:
    """``ContextObject.__getattr__``, which is asked a thousand times a host, by one look."""
    module = current._container.module
    return getattr(current._base_cls if module is None else module, key)


def _set_state(config: Any, found: list[tuple[str, Any]]) -> None:
    """``Config.set_current_state`` of what differs: nothing, where a file included sets nothing."""
    for key, value in found:
        if getattr(config, key) is not value:
            setattr(config, key, value)


def _order(pyinfra: str) -> Callable[[Any], list[int]]:
    """``get_operation_order_from_stack`` without reading the source of each frame.

    The line numbers from the deploy file inwards, without pyinfra's own.
    """
    is_its_own = functools.cache(lambda path: path.startswith(pyinfra))

    def order(state: Any) -> list[int]:
        deploy, begin, frame = state.current_deploy_filename, 0, inspect.currentframe()
        inwards = list[int]()
        while frame := frame and frame.f_back:
            path = frame.f_code.co_filename
            if not is_its_own(path):
                inwards.append(frame.f_lineno)
            if path == deploy or not deploy:
                begin = len(inwards)
        return [state.current_op_file_number, *inwards[:begin][::-1]]

    return order


class _Signature:
    """``inspect.signature()`` of an operation, which binds arguments of the same names once."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        self.bound = set[tuple[object, ...]]()

    def bind(self, *args: Any, **kwargs: Any) -> None:
        """TypeError for what does not fit."""
        if (given := (len(args), *kwargs)) not in self.bound:
            self.signature.bind(*args, **kwargs)
            self.bound.add(given)


_signature = functools.cache(_Signature)


def _make_hash(util: Any) -> Callable[[list[int]], str]:
    known = functools.cache(util.make_hash)
    return lambda order: known(tuple(order))
