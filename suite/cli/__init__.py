"""The command line `downscale`: one file a command, found in this folder and imported when used.

In: the words a person typed. Out: data on stdout, talk on stderr, and an exit code: 0 done, 1 done
with failures, a failed verdict or stopped by a full disk, 2 bad input, 130 interrupted.

To add a command, add suite/cli/<name>.py with a module docstring, whose first line is what
`downscale --help` shows, and a `command: click.Command`. Heavy imports (torch, pandas) belong
inside its function. A command leaves with another code than 0 by `ctx.exit(code)`, and with a
message by raising `suite.errors.SuiteError`. `--debug` is added to every command here.
"""

from __future__ import annotations

import ast
import errno
import importlib
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from suite.base.deprecations import hide_deprecations
from suite.errors import (
    NO_ROOM,
    SAID,
    SuiteError,
    Unfinished,
    cut,
    in_the_way,
    no_room,
    public,
    reason_of,
)

FOLDER = Path(__file__).parent
NOT_COMMANDS = frozenset({"__init__", "options", "output"})
INTERRUPTED = "Interrupted: what was finished is stored, and the same command resumes there."
TRIED = {
    "--dry-run": "`downscale plan STUDY` shows what a run would ask.",
    "--resume": "the same command goes on where it was stopped.",
    "--seed": "--set seed=2 asks a study with another seed.",
    "--verbose": "progress is told anyway; --debug shows the traceback of an error.",
    "-v": "progress is told anyway; --debug shows the traceback of an error.",
    "--output": "--out names the folder.",
    "-o": "--out names the folder.",
    "--model": "--weights names checkpoints, and a family's YAML file lists them.",
}
"""Options of other tools that people try -> what does it here."""
_FORMAT = warnings.formatwarning
_debug = False


def command_files(folder: Path = FOLDER) -> dict[str, Path]:
    """Finds the commands, name -> file; `extract_data.py` is the command `extract-data`."""
    return {
        path.stem.replace("_", "-"): path
        for path in sorted(folder.glob("*.py"))
        if path.stem not in NOT_COMMANDS
    }


def summary_of(path: Path) -> str:
    """Gives the first line of a command file's docstring, read without importing the file."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def sentence_of(error: BaseException) -> str:
    """Gives what a person reads of an error: one line that says what, where and what to do."""
    if isinstance(error, SuiteError):
        return str(error)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return str(no_room(error, str(error.filename or "the run")))
    if isinstance(error, PermissionError):
        return f"No permission to use {error.filename}: choose another folder or change its rights."
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f"{error.filename} is on a read-only disk: choose another folder."
    if isinstance(error, OSError) and error.filename is not None:
        if told := in_the_way(error):
            return str(told)
        place = cut(public(str(error.filename)), SAID)
        return f"{place} cannot be used ({error.strerror}): check the path."
    if isinstance(error, MemoryError):
        return (
            "The memory of this machine is used up: give the work less at a time, or more memory."
        )
    return (
        f"Unexpected {type(error).__name__}: {reason_of(error)}. Run again with --debug to see "
        "where, and please report it."
    )


def _unfinished(error: BaseException) -> bool:
    """Whether the input is right and only a disk or limit stood in the way."""
    return isinstance(error, Unfinished) or (isinstance(error, OSError) and error.errno in NO_ROOM)


class LazyGroup(click.Group):
    """A click group whose commands are the files of a folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Lists the names of the commands, sorted."""
        return list(command_files())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command's file; None when there is no such command."""
        path = command_files().get(cmd_name)
        if path is None:
            return None
        command: click.Command = importlib.import_module(f"suite.cli.{path.stem}").command
        if not any("--debug" in parameter.opts for parameter in command.params):
            command.params.append(debug_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion when the name is misspelt; no option of one value may
        stand twice, of which click keeps the last."""
        if args and args[0] not in command_files() and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(command_files()), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            ctx.fail(f"No command {args[0]!r}; {hint}`downscale --help` lists them.")
        name, command, words = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            own = click.Context(command, info_name=name, parent=ctx)
            order = command.make_parser(own).parse_args(list(words))[2]
            for option in order:
                single = isinstance(option, click.Option) and not (
                    option.multiple or option.is_flag
                )
                if single and order.count(option) > 1:
                    raise click.UsageError(f"{option.opts[0]} stands twice; give it once.", ctx)
        return name, command, words

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        rows = [(name, summary_of(path)) for name, path in command_files().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows or [("", "")])

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Runs a command and leaves with its exit code; errors are sentences on stderr."""
        global _debug
        _debug = False
        extra["standalone_mode"] = False
        sys.exit(exit_code_of(lambda: super(LazyGroup, self).main(*args, **extra)))


def exit_code_of(run: Callable[[], Any]) -> int:
    """Calls `run`, prints what went wrong as a sentence, and says with which code to leave."""
    try:
        code = run()
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.option_name in TRIED:
            told = f"No such option {error.option_name}: {TRIED[error.option_name]}"
            error = click.UsageError(told, error.ctx)
        # It quotes what a person typed, however long.
        error.message = str(SuiteError(error.message))  # type: ignore[misc]
        error.show()
        return error.exit_code if error.exit_code != 1 else 2
    except (click.Abort, KeyboardInterrupt):
        click.echo(INTERRUPTED, err=True)
        return 130
    except Exception as error:
        if _debug:
            click.echo(public(traceback.format_exc()), err=True)
        click.echo(f"Error: {sentence_of(error)}", err=True)
        return 1 if _unfinished(error) else 2
    return code if isinstance(code, int) else 0


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    global _debug
    _debug = _debug or value


def debug_option() -> click.Option:
    """Gives the option that every command has: show tracebacks."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_debug,
        help="Show the traceback of an error.",
    )


@click.group(
    cls=LazyGroup,
    name="downscale",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="downscaling-suite", prog_name="downscale")
def cli() -> None:
    """When the language model inside a vision-language model shrinks, does seeing or thinking fail?

    Start with `downscale run micro`: the whole study on tiny models that ship with the suite.
    """


cli.params.append(debug_option())


def _own_as_a_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning of the suite's own code is a sentence for people, and stands alone."""
    if category is UserWarning and Path(filename).is_relative_to(FOLDER.parent.parent):
        return f"{message}\n"
    return _FORMAT(message, category, filename, lineno, line)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console script."""
    hide_deprecations(logger=True)
    warnings.formatwarning = _own_as_a_line
    cli.main(args=list(arguments) if arguments is not None else None, prog_name="downscale")
