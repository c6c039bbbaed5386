"""A module of commands that nobody wires would be lost without a sound."""

import importlib
import pkgutil

import pytest

import lampkeeper.cli
from lampkeeper.cli.main import app

pytestmark = pytest.mark.unit


def test_every_command_of_every_module_is_in_the_program() -> None:
    modules = [importlib.import_module(f"lampkeeper.cli.{m.name}") for m in pkgutil.iter_modules(lampkeeper.cli.__path__)]
    written = {c.name for m in modules for c in getattr(m, "COMMANDS", ())}
    assert written == set(app.commands)
