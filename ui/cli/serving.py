"""Commands that serve: `serve` over HTTP, `mcp` over standard input and output."""

from __future__ import annotations

from pathlib import Path

import click

from ui.cli.command import app_of, index_option
from ui.i18n import user_language


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@index_option
def serve(host: str, port: int, index: Path | None) -> None:
    """Serve the browser chat and the API.

    \b
    Example:
        jawab serve --port 8080
    """
    from ui.server.serve import serve

    serve(app_of(index), host, port, user_language())


@click.command(name="mcp")
@index_option
def tools(index: Path | None) -> None:
    """Serve the tools ask, search and read_article over the Model Context Protocol (standard input and output).

    \b
    Example, in the settings of a program that uses tools:
        {"mcpServers": {"jawab": {"command": "jawab", "args": ["mcp"]}}}
    """
    from ui.mcp.stdio import run

    run(app_of(index), user_language())
