"""Look at the items of a run in a browser."""

from __future__ import annotations

import click

from suite.cli.output import talk


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.argument("other", metavar="[OTHER_RUN]", required=False, type=click.Path())
@click.option("--port", type=click.IntRange(0, 65535), help="Port; one that is free with 0.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--store", help="The run's shared store, where its address has a password.")
def command(
    folder: str, other: str | None, port: int | None, no_browser: bool, store: str | None
) -> None:
    """Show the run in RUN, or every run under that folder, in a browser, until Ctrl-C.

    Numbers lead to their items: lists with filters and a small grid each, and a page an item with
    its image, prompts, descriptions and answers, as `show` prints them. With OTHER_RUN what scores
    otherwise than there, side by side. The arrow keys go through a list. Answered is this machine
    alone, and only who opens the address that is printed. A run may still be going on.

    \b
    Examples:
      downscale view runs/micro
      downscale view runs
      downscale view runs/new runs/old
    """
    from suite.view.serve import serve

    def said(address: str) -> None:
        click.echo(address)
        talk("Ctrl-C ends it.")
        if not no_browser:
            import webbrowser

            webbrowser.open(address)

    try:
        serve(folder, other, port, store, said)
    except KeyboardInterrupt:
        talk("Ended.")
