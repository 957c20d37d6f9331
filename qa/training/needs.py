"""Check for the `train` extra before hours of work."""

from __future__ import annotations

from importlib.util import find_spec

import click

MODULES = ("matplotlib", "sklearn")


def require_extra() -> None:
    """Raise `click.ClickException` if the extra `train` is not installed."""
    if any(find_spec(module) is None for module in MODULES):
        raise click.ClickException('Teaching needs the extra "train": pip install -e ".[train]"')
