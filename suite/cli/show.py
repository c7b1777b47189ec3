"""Show one item through every stage and pairing, or list items by a filter."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from suite.cli.options import all_option, json_option, task_option
from suite.cli.output import counted, print_json, print_table, talk, talk_view
from suite.errors import cut, one_line
from suite.runs.words import BLAMED, STAGES, grid_name, reading, sign

SAID = 60
"""Letters of an answer in the table of all."""
WIDE = 40
"""Columns of a picture in a terminal."""
COLOURS = {"right": "green", "wrong": "red"}
"""Mark of an answer -> colour of its sign; yellow without one."""


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.argument("item", metavar="[ITEM]", required=False)
@task_option(help="The item's task, or the only one whose items are listed.")
@click.option(
    "--cell", "cells", multiple=True, metavar="GLOB", help="Only answers of cells with this id."
)
@click.option("--category", "categories", multiple=True, help="List items of this category.")
@click.option("--wrong", is_flag=True, help="List items with a wrong answer.")
@click.option("--unparsed", is_flag=True, help="List items with an answer that cannot be read.")
@click.option(
    "--blame",
    type=click.Choice(BLAMED),
    help="List items that are lost by this module's fault.",
)
@click.option("--flipped", metavar="RUN", help="List items that score otherwise in another run.")
@all_option
@click.option("--store", help="The run's shared store, where its address has a password.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    folder: str,
    item: str | None,
    task: str | None,
    cells: tuple[str, ...],
    everything: bool,
    store: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Show everything about ITEM of the run in RUN, or list the run's items without it.

    An item: image, question, whose fault it is, the grid of its pairings (rows look, columns
    reason), contents to observe, descriptions, and every answer with what was read and by which
    rule. With --cell the whole way to the answers of these cells: each prompt as it was asked,
    thinking, answer. A terminal shows short lists and no whole ways by itself; --all, a pipe and
    --json hold them.

    \b
    Examples:
      downscale show runs/micro --blame perception
      downscale show runs/micro relation-17
      downscale show runs/micro relation-17 --cell 'decoupled/P=xs/R=l/*'
      downscale show runs/micro --wrong --cell end_to_end/P=l --category position
      downscale show runs/new --flipped runs/old --task mmstar --json
    """
    given = [f"--{name}" for name, value in chosen.items() if value]
    if item is not None and given:
        ctx.fail(f"{given[0]} chooses among items: leave it out, or ITEM.")
    from suite.runs.explorer import Explorer, Filter

    run = Explorer(folder, store=store)
    if item is None:
        rows = run.items(Filter(task=task, cells=cells, **chosen))
        if as_json:
            print_json(rows)
            return
        _print_list(rows, folder, chosen, everything)
        return
    everything = everything or not sys.stdout.isatty()
    found = run.item(item, task=task, cells=cells)
    if as_json:
        print_json(found)
        return
    _print_item(found, everything or bool(cells))
    for sentence in found["lacking"]:
        talk(sentence)
    if not everything and not cells:
        words = shlex.join(["downscale", "show", folder, item, *(["--task", task] if task else [])])
        example = shlex.quote(found["answers"][0]["cell"])
        talk(f"`{words} --cell {example}` shows the whole way to an answer, --all to every one.")


def _print_list(
    rows: Sequence[dict[str, Any]], folder: str, chosen: dict[str, Any], everything: bool
) -> None:
    if not rows:
        talk("No item is as asked for.")
        return
    named = [name for name in ("wrong", "unparsed") if chosen[name]]
    titles = {"answers": f"answers {' and '.join(named)}"}
    empty = {"category"} if not any(row["category"] for row in rows) else set()
    names = [name for name in rows[0] if name not in empty | ({"answers"} if not named else set())]
    print_table(
        [titles.get(name, name) for name in names],
        [[_plain(row[name]) for name in names] for row in rows],
        everything=everything,
    )
    tasks = Counter(row["task"] for row in rows)
    by = ", ".join(f"{one_line(name)} {count:,}" for name, count in tasks.most_common())
    talk(f"{counted(len(rows), 'item')}: {by}.")
    first = ["downscale", "show", folder, rows[0]["item_id"], "--task", rows[0]["task"]]
    talk(f"`{one_line(shlex.join(first))}` shows the first.")
    talk_view(one_line(shlex.quote(folder)))


def _plain(value: Any) -> Any:
    """A count as a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _print_item(found: dict[str, Any], everything: bool) -> None:
    _title(
        " / ".join(part for part in (found["task"], found["category"], found["item_id"]) if part)
    )
    for image in found["images"]:
        click.echo(f"Image: {one_line(image['path'] or 'not to be had')}")
        if image["path"] and sys.stdout.isatty():
            _picture(image["path"])
    if found["question"] is not None:
        _text(found["question"], "")
    for option in found["options"]:
        _text(f"{option['letter']}. {option['text']}{'  <- gold' * option['gold']}", "  ")
    if not found["options"]:
        _text(f"Gold answer: {found['answer']}", "")
    if found["gold_description"] is not None:
        _text(f"Gold description: {found['gold_description']}", "")
    for row in found["blame"]:
        click.echo()
        click.secho(f"{_named(row, found['blame'])} {one_line(row['sentence'])}", bold=True)
    for grid in found["grids"]:
        _print_grid(grid, found["grids"])
    others = _others(found)
    if others:
        click.echo("\nOther cells:")
        for name, marks in others.items():
            click.echo(f"  {one_line(name)}: {marks}")
    _print_upstream(found["answers"])
    if everything:
        for answer in found["answers"]:
            _print_way(answer)
        return
    _title("Answers")
    print_table(
        ("cell", "answer", "read", "rule", "score", "text"),
        [
            (a["cell"], a["mark"], a["prediction"], a["rule"], a["score"],
             cut(one_line(a["text"] or a["reason"] or ""), SAID))
            for a in found["answers"]
        ],
    )  # fmt: skip


def _title(text: str) -> None:
    click.echo()
    click.secho(one_line(text), bold=True, underline=True)


def _text(text: str, before: str) -> None:
    """A text of several lines, in which nothing is left that a terminal would obey."""
    for line in text.splitlines() or [""]:
        click.echo(before + one_line(line))


def _named(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """What tells a grid from the others."""
    return one_line(grid_name(row, rows)) + ":"


def _sign(marks: Sequence[str]) -> tuple[str, str]:
    """The sign of a cell and its colour, that of the more of several answers."""
    if not marks:
        colour = "white"
    elif len(marks) == 1:
        colour = COLOURS.get(marks[0], "yellow")
    else:
        colour = "green" if 2 * marks.count("right") >= len(marks) else "red"
    return sign(marks), colour


def _print_grid(grid: dict[str, Any], grids: Sequence[dict[str, Any]]) -> None:
    click.echo(f"\n{_named(grid, grids)} perception down, reasoning across")
    columns = [one_line(name) for name in grid["reasoning"]]
    names = [one_line(name) for name in grid["perception"]]
    first = max(map(len, ["", *names]))
    widths = [max(len(column), 5) for column in columns]
    click.echo(f"  {'':{first}}" + "".join(f"{c:>{w + 1}}" for c, w in zip(columns, widths)))
    for name, row in zip(names, grid["marks"]):
        signs = [_sign(marks) for marks in row]
        told = (click.style(f"{s:>{w + 1}}", fg=c) for (s, c), w in zip(signs, widths))
        click.echo(f"  {name:{first}}" + "".join(told))


def _others(found: dict[str, Any]) -> dict[str, str]:
    """Method -> size and sign of each of its cells that stand in no grid."""
    marks: dict[str, dict[str, list[str]]] = {}
    for answer in found["answers"]:
        if answer["perception"] is None or answer["reasoning"] is None:
            mode = " thinking" if answer["thinking"] else ""
            size = answer["perception"] or answer["reasoning"] or ""
            own = marks.setdefault(answer["method"] + mode, {})
            own.setdefault(one_line(size), []).append(answer["mark"])
    told = {}
    for name, sizes in marks.items():
        signs = ((size, *_sign(own)) for size, own in sizes.items())
        told[name] = "  ".join(f"{size} {click.style(sign, fg=fg)}" for size, sign, fg in signs)
    return told


def _print_upstream(answers: Iterable[dict[str, Any]]) -> None:
    """What the stages before the answers were asked and wrote, each text once."""
    seen: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for answer in answers:
        for number, stage in enumerate(answer["stages"][:-1]):
            model = stage["model"] or (f"perception {answer['perception']}" if number else "")
            told = stage["text"] if stage["error"] is None else f"Failed: {stage['error']}"
            if told is not None:
                seen.setdefault(stage["stage"], {}).setdefault((model, told), stage)
    for name, stages in seen.items():
        _title(STAGES.get(name, name))
        asked: str | None = None
        for (model, told), stage in stages.items():
            prompt = _prompt(stage["messages"])
            if prompt is not None and prompt != asked:
                _print_prompt(prompt)
                asked = prompt
            _text(f"{model}: {told}" if model else told, "  ")


def _prompt(messages: Sequence[dict[str, Any]] | None) -> str | None:
    if messages is None:
        return None
    turns = (f"[{m['role']}]\n{'<image>' * len(m['images'])}{m['text']}" for m in messages)
    return "\n".join(turns) if len(messages) > 1 else next(turns).partition("\n")[2]


def _print_prompt(prompt: str) -> None:
    click.echo("  Prompt:")
    _text(prompt, "  | ")


def _print_way(answer: dict[str, Any]) -> None:
    """The last stage of a cell: prompt, thinking, answer, reading."""
    sample = f", sample {answer['sample']}" if answer["sample"] else ""
    _title(f"{answer['cell']}{sample}: {answer['mark']}")
    last = answer["stages"][-1]
    prompt = _prompt(last["messages"])
    if prompt is not None:
        _print_prompt(prompt)
    if answer["failed"]:
        _text(f"Failed: {answer['reason']}", "  ")
        return
    if answer["thinking_text"]:
        click.echo("  Thinking:")
        _text(answer["thinking_text"], "  | ")
    click.echo("  Answer:")
    _text(answer["text"] or "", "  | ")
    _text(reading(answer), "  ")


def _picture(path: str) -> None:
    """A picture in half blocks, two pixels a letter; nothing where it is none."""
    import numpy as np
    from rich.color import Color
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    from tasks.pictures import NoPicture, opened, shown

    console = Console(file=sys.stdout)
    if console.color_system not in ("256", "truecolor"):
        return
    try:
        image = shown(opened(Path(path).read_bytes()))
    except (OSError, NoPicture):
        return
    image.thumbnail((WIDE, WIDE))
    pixels = np.asarray(image.convert("RGB")).tolist()
    width, height = image.size
    for y in range(0, height - height % 2, 2):
        line = Text("  ")
        for x in range(width):
            top, low = (Color.from_rgb(*pixels[y + k][x]) for k in (0, 1))
            line.append("▀", Style(color=top, bgcolor=low))
        console.print(line)
