"""This module holds a table of named things, one file each, found by looking through a package."""

import importlib
import pkgutil
import threading
from collections.abc import Collection, Iterator
from typing import Generic, TypeVar


class UnknownNameError(LookupError):
    """`UnknownNameError` says that nothing is registered under a name; its text lists the names there are."""


T = TypeVar("T")


class Registry(Generic[T]):
    """A `Registry` maps names to things. Each module of `package` may register some, but for its helpers and modules
    that begin with `_`. With `nested`, so may those of its folders.

    The modules are imported at the first question, not when the package is, so that naming a registry
    costs nothing.
    """

    def __init__(self, kind: str, package: str, helpers: Collection[str] = (), nested: bool = False) -> None:
        self.kind = kind
        self.package = package
        self.helpers = helpers
        self.nested = nested
        self._things: dict[str, T] = {}
        self._discovered = False
        self._lock = threading.RLock()  # a server asks from many threads at once

    def register(self, name: str, thing: T) -> T:
        """Add `thing` under `name` and return it. Raises ValueError where the name is taken: two files claiming one
        name is a mistake.
        """
        if name in self._things:
            raise ValueError(f"The {self.kind} {name!r} is registered twice.")
        self._things[name] = thing
        return thing

    def get(self, name: str) -> T:
        """Return the thing of that name. Raises UnknownNameError, whose text lists the known names."""
        self._discover()
        try:
            return self._things[name]
        except KeyError:
            known = ", ".join(self.names())
            raise UnknownNameError(f"There is no {self.kind} {name!r}. Choose one of: {known}.") from None

    def names(self) -> list[str]:
        """Return all registered names, sorted."""
        self._discover()
        return sorted(self._things)

    def __iter__(self) -> Iterator[T]:
        return iter([self.get(name) for name in self.names()])

    def _discover(self) -> None:
        with self._lock:
            if self._discovered:
                return
            self._import_all(self.package)
            self._discovered = True

    def _import_all(self, name: str) -> None:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("_") or module.name in self.helpers:
                continue
            if module.ispkg and self.nested:
                self._import_all(f"{name}.{module.name}")
            else:
                importlib.import_module(f"{name}.{module.name}")
