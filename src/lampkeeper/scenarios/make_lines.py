"""Reads a command line of a scenario, as a user types it, as the words of one call of `lampkeeper`.

`make TARGET NAME=VALUE …` becomes what the Makefile calls; a test compares both for every line of every scenario.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known

Variables = Mapping[str, str]
_GIVEN = re.compile(r"([A-Z][A-Z_]*)=(.*)\Z", re.S)


def _env(given: Variables) -> list[str]:
    return ["--env", given.get("ENV", "dev")]


def _overlays(given: Variables) -> list[str]:
    return _options(given, COUNTRY="--country", INDUSTRY="--industry")


def _options(given: Variables, **options: str) -> list[str]:
    return [word for name, option in options.items() if given.get(name) for word in (option, given[name])]


def _flags(given: Variables, **flags: str) -> list[str]:
    return [flag for name, flag in flags.items() if given.get(name)]


def _apply(*layers: str) -> Callable[[Variables], list[str]]:
    chosen = [word for layer in layers for word in ("--layer", layer)]
    return lambda g: ["apply", *_env(g), *_flags(g, ALLOW_WIDENING="--allow-widening"), *chosen]


def _destroy(*layers: str) -> Callable[[Variables], list[str]]:
    chosen = [word for layer in layers for word in ("--layer", layer)]

    def words(given: Variables) -> list[str]:
        sole = [] if set(layers) & {"data_access", "workspace"} else _flags(given, SOLE_WORKSPACE="--sole-workspace")
        return ["destroy", *_env(given), *_flags(given, YES="--yes", ALLOW_WIDENING="--allow-widening"), *sole, *chosen]

    return words


def _generate(given: Variables) -> list[str]:
    more = shlex.split(given.get("GENERATE_ARGS", ""))
    return ["generate", *_env(given), *_overlays(given), *_options(given, MODE="--mode", SPACE="--space"), *more]


def _promote(given: Variables) -> list[str]:
    source = given.get("SOURCE_ENV", given.get("ENV", "dev"))
    return ["promote", "--env", source, *_options(given, DEST_ENV="--to", DEST_CATALOG_MAP="--catalog-map")]


MAKE_TARGETS: Mapping[str, Callable[[Variables], list[str]]] = {
    "setup": lambda g: ["setup", *_env(g), "--cloud", g.get("CLOUD", "aws")],
    "generate": _generate,
    "generate-delta": lambda g: ["generate-delta", *_env(g), *_overlays(g), *shlex.split(g.get("DELTA_ARGS", ""))],
    "validate-generated": lambda g: ["validate", *_env(g)],
    "validate": lambda g: ["validate", *_env(g), "--layers"],
    "promote": _promote,
    "plan": lambda g: ["plan", *_env(g)],
    "apply": _apply(),
    "apply-governance": _apply("account", "data_access"),
    "apply-genie": _apply("workspace"),
    "verify": lambda g: ["verify", *_env(g)],
    "audit-schema": lambda g: ["audit", *_env(g)],
    "destroy": _destroy(),
    "destroy-governance": _destroy("data_access"),
    "destroy-genie": _destroy("workspace"),
    "destroy-account": _destroy("account"),
    "clean": lambda g: ["clean", *_env(g), *_flags(g, YES="--yes")],
}
"""The targets of the Makefile that scenarios use, and the words of `lampkeeper` that each stands for."""

SCRIPTS: Mapping[str, str] = {"scripts/setup_test_data.py": "testdata"}
"""The scripts that scenarios use, and the command of `lampkeeper` that each one calls."""


def lampkeeper_words(line: str) -> list[str]:
    """Return the words after `lampkeeper` that a command line stands for; raise UsageError for any other program."""
    program, *words = shlex.split(line)
    if program == "lampkeeper":
        return words
    if program == "make" and words:
        target, *settings = words
        require_known("make target", target, MAKE_TARGETS, where="in scenarios")
        found = [_GIVEN.match(word) for word in settings]
        if not all(found):
            raise UsageError(f"{line}: after the target come settings such as ENV=dev", fix="write NAME=VALUE")
        return MAKE_TARGETS[target]({m[1]: m[2] for m in found if m})
    if program == "python" and words:
        script, *options = words
        require_known("script", script, SCRIPTS, where="in scenarios")
        return [SCRIPTS[script], *options]
    raise UsageError(f"{line}: a scenario runs make, lampkeeper or python scripts/…", fix="write one of these")
