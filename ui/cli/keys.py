"""Commands of API keys: `keys add`, `keys list`, `keys revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ui import output
from ui.cli.command import app_of
from ui.i18n import translate, user_language
from ui.terminal import echo

if TYPE_CHECKING:
    from ui.auth.api_keys import Scope


@click.group()
def keys() -> None:
    """Create, list and revoke API keys, which programs on other computers send to jawab serve.

    \b
    Example:
        jawab keys add newsroom
    """


@keys.command(name="add")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(["read", "write", "admin"]), default=["read"],
    show_default=True, help="Scope of the key; may be repeated.",
)  # fmt: skip
@click.option("--per-minute", type=click.IntRange(1, 1_000_000), default=600, show_default=True, help="Request limit.")
def add_key(name: str, scopes: tuple[Scope, ...], per_minute: int) -> None:
    """Create an API key and print it, only this once: only its hash is stored.

    \b
    Example:
        jawab keys add newsroom --scope read --scope write
    """
    from ui.auth.api_keys import APIKeyStore

    echo(APIKeyStore(app_of().config.paths.keys).add(name, scopes, per_minute))
    echo(translate("keys.added", user_language(), name=name), err=True)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_keys(as_json: bool) -> None:
    """List the API keys with their scopes; the keys themselves are not stored.

    \b
    Example:
        jawab keys list
    """
    from ui.auth.api_keys import APIKeyStore

    api_keys = APIKeyStore(app_of().config.paths.keys).all()
    rows = [{name: value for name, value in output.plain(key).items() if name != "digest"} for key in api_keys]
    echo(output.as_json({"keys": rows}) if as_json else output.keys(api_keys, user_language()))


@keys.command(name="revoke")
@click.argument("name")
def revoke_key(name: str) -> None:
    """Revoke an API key; a running server refuses it at once.

    \b
    Example:
        jawab keys revoke newsroom
    """
    from ui.auth.api_keys import APIKeyStore

    APIKeyStore(app_of().config.paths.keys).revoke(name)
    echo(translate("keys.revoked", user_language(), name=name))
