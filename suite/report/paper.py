"""The published tables and a run beside them: what `downscale paper` prints.

In: a folder of the published tables (those that ship with the suite by default) and optionally a
run directory. Out: the claims with their verdicts, and the run's own numbers, as frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.base.files import make_folder
from suite.errors import SuiteError, said_of

if TYPE_CHECKING:
    import pandas as pd

BESIDE = "beside a run"
"""The verdict of a claim that is asked of a run, not of the published tables."""


def default_tables() -> Path:
    """Gives the folder of the published tables: of the checkout, or packed into the installation.

    The files live in results/paper; links in analyses/paper bring them into the wheel.
    """
    import analyses

    package = Path(str(analyses.__file__)).parent
    checkout = package.parent / "results" / "paper"
    return checkout if (checkout / "table2.csv").is_file() else package / "paper"


def paper(tables: str | Path | None = None, run: str | Path | None = None) -> pd.DataFrame:
    """Gives the paper's claims, recomputed from its tables: a row each (`analyses.paper.verdicts`).

    tables: a folder with the tables under their names, those of the paper by default. With `run`, a
    run directory: the claims of `beside_run` with `here`, and a row per number of the run, its
    columns `run_here`,
    `run_what`, `run_estimate`, `run_low`, `run_high`, `run_n`, `run_reason` (in the claim's unit;
    missing where the claim concerns the published systems alone).
    """
    from analyses.paper.verdicts import published

    folder = Path(tables) if tables is not None else default_tables()
    with said_of(folder):
        claims = published(read_tables(folder))
    if run is None:
        return claims
    claims, numbers = beside_run(claims, Path(run), folder)
    numbers = numbers.drop(columns="unit")
    numbers = numbers.rename(columns={n: f"run_{n}" for n in numbers.columns if n != "claim"})
    return claims.merge(numbers, on="claim", how="left")


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Reads the published tables by name. Raises SuiteError for a missing or unreadable one."""
    import pandas as pd

    from analyses.paper.claims import TABLES

    found = {}
    for name in TABLES:
        path = folder / f"{name}.csv"
        if not path.is_file():
            raise SuiteError(
                f"There is no table {name}.csv in {folder}; the published tables are "
                f"{', '.join(f'{table}.csv' for table in TABLES)}."
            )
        try:
            found[name] = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise SuiteError(f"The table {path} cannot be read ({error}).") from error
    return found


def beside_run(claims: pd.DataFrame, run: Path, tables: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gives the claims with `here`, whether the run shows them, and the run's numbers, a row each.

    What the tables do not determine and what they say of the remedies is judged
    (`analyses.paper.counterparts`). After these come the numbers of the table of methods that a
    cell of the run stands beside, which are not (`analyses.paper.beside_table2`): as those of the
    remedies, they are claims whose verdict is `beside a run`.
    """
    import pandas as pd

    from analyses.paper.asked import remedies, unpublished
    from analyses.paper.beside_table2 import beside_table2
    from analyses.paper.claims import METHODS
    from analyses.paper.counterparts import ANALYSES, beside, here_of
    from analyses.paper.verdicts import checked
    from suite.report.tables import analysed, load_records

    published = read_tables(tables)
    asked = [*unpublished(published), *remedies(published)]
    numbers = beside(asked, analysed(run, ANALYSES))
    cells = beside_table2(checked(published, METHODS), load_records(run))
    more: list[Any] = [
        {"claim": own.claim, "published": own.published, "unit": own.source.unit} for own in asked
    ]
    more += cells[["claim", "published", "unit"]].drop_duplicates("claim").to_dict("records")
    known = set(claims["claim"])
    rows = [{**row, "verdict": BESIDE} for row in more if row["claim"] not in known]
    claims = pd.DataFrame([*claims.to_dict("records"), *rows], columns=claims.columns)
    claims["here"] = claims["claim"].map(here_of(asked, numbers))
    told = [*numbers.to_dict("records"), *cells.drop(columns="published").to_dict("records")]
    return claims, pd.DataFrame(told, columns=numbers.columns)


def draw_figures(tables: Path, folder: Path) -> list[Path]:
    """Draws the table of methods and the gain of visual extraction into `folder`.

    Writes methods.* and extraction.*, each as png, svg and pdf, with the csv that it is drawn from.
    """
    from analyses.figures import extraction, methods
    from analyses.paper.verdicts import checked
    from suite.report.figures import save

    published = read_tables(tables)
    modules = {"methods": methods, "extraction": extraction}
    with said_of(tables):
        rows = {k: m.select(checked(published, m.TABLE)) for k, m in modules.items()}
    make_folder(folder, "--figure")
    written = []
    for name, module in modules.items():
        written += save(module.draw(rows[name]), rows[name], folder / name)
    return written
