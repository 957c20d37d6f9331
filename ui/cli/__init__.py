"""Command line: each command calls the components and prints the result; errors are printed as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from index.errors import JawabError
from ui.cli.articles import articles, index
from ui.cli.ask import ask, batch, chat, search
from ui.cli.backup import backup, export, restore
from ui.cli.command import EXIT_PROBLEM, EXIT_STOPPED, language_of
from ui.cli.evaluation import evaluate, judged
from ui.cli.keys import keys
from ui.cli.maintenance import configuration, doctor
from ui.cli.models import models
from ui.cli.serving import serve, tools
from ui.i18n import error_message, translate, user_language
from ui.terminal import echo

COMMANDS: tuple[click.Command, ...] = (
    index, ask, search, chat, batch, articles, serve, tools, keys, models, evaluate, judged, doctor, configuration,
    backup, restore, export,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", type=click.Path(path_type=Path), help="Folder of the index (or JAWAB_INDEX).")
@click.option("--debug", is_flag=True, help="Show where in the program an error came from; of ask, what was not read.")
@click.version_option(package_name="jawab")
@click.pass_context
def jawab(context: click.Context, index: Path | None, debug: bool) -> None:
    """Jawab answers questions in Arabic or English about a collection of articles, and quotes them.

    \b
    A first session:
        jawab models fetch
        jawab index FOLDER-OF-ARTICLES
        jawab ask "How many US troops remain in Iraq?"
    """
    context.ensure_object(dict)["debug"] = debug
    context.obj["index"] = index


for _command in COMMANDS:
    jawab.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command. A `JawabError` becomes one sentence on standard error and exit code 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        jawab.main(words, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        echo("\n" + translate("cli.stopped", user_language()), err=True)
        sys.exit(EXIT_STOPPED)
    except BrokenPipeError:
        # The process that reads our output (head, less) has closed the pipe.
        sys.stdout = None
        sys.exit(EXIT_PROBLEM)
    except JawabError as error:
        if "--debug" in words:
            raise
        echo(error_message(error, language_of(" ".join(words))), err=True)
        sys.exit(EXIT_PROBLEM)
