"""Report at W&B of one run: what its page says, with the curves of W&B's own record."""

from typing import Any

from gan_lab.errors import UserError
from gan_lab.evaluation.copying import in_words, most
from gan_lab.loggers.wandb import kept_id
from gan_lab.report.configuration import defaults, differences
from gan_lab.report.curves import PANELS
from gan_lab.report.run import Run, audit_of, commands_of, environment_of, figures_of, title_of, verdict_of

LONGEST_TITLE = 128  # characters, at W&B
MOST_ROWS = 100


def wandb_report(entity: str, project: str, run: Run) -> Any:
    """The report, not saved yet.

    Raises:
        UserError: the extra `dashboard` is not installed, or the run was not recorded at W&B.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
    except ImportError as error:
        raise UserError(f"dashboard: needs pip install 'gan_lab[dashboard]' ({error})") from error
    there = kept_id(run.directory)
    if there is None:
        raise UserError(f"{run.directory}: is not a run of yours at W&B (logger=[csv,wandb])")

    def section(title: str, lines: list[Any]) -> list[Any]:
        return [wr.H2(text=title), wr.UnorderedList(items=lines)] if lines else []

    verdict, advice = verdict_of(run.summary)
    runs = wr.Runset(entity=entity, project=project, filters=f"Metric('ID') = '{there}'")
    panels: list[Any] = [wr.MediaBrowser(title="samples", media_keys=["samples"], gallery_axis="step")]
    panels += [
        wr.LinePlot(title=panel.title, x="round", y=list(panel.figures.values()), log_y=panel.logarithmic)
        for panel in PANELS
    ]
    rows = differences(run.config, defaults())[:MOST_ROWS]
    blocks = [
        wr.H2(text=f"Verdict: {verdict or 'none yet'}"),
        *(wr.P(text=line) for line in (advice, audit_of(run.summary)) if line),
        wr.PanelGrid(runsets=[runs], panels=panels),
        *section("Figures", [f"{f.name}: {f.value:.4g} {f.interval} ({f.procedure})" for f in figures_of(run.summary)]),
        wr.P(text=f"Copies of training data: {in_words(most(run.summary))}."),
        *section(
            "Configuration, where it differs from the defaults", [f"{d.key}: {d.value} ({d.default})" for d in rows]
        ),
        *section("Environment", [f"{name}: {value}" for name, value in environment_of(run).items()]),
        wr.H2(text="Do it again"),
        wr.CodeBlock(code="\n".join(commands_of(run).values()), language=None),
    ]
    title = title_of(run.overrides, run.directory)[:LONGEST_TITLE]
    return wr.Report(entity=entity, project=project, title=title, blocks=blocks, width="fluid")
