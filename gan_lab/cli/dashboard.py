"""A workspace at W&B for the figures of this lab, such as `gan-lab dashboard my_team/gan_lab`.

Its x-axis is rounds. With a run directory after it, what is made is a report of that run, which says what `gan-lab
report` does and shows W&B's curves. Needs the extra `gan_lab[dashboard]` and a W&B login; each call saves a new one.
"""

import sys
from typing import Any

from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import help_page, print_help
from gan_lab.errors import UserError
from gan_lab.report.run import read_run
from gan_lab.report.wandb_report import wandb_report

USAGE = "gan-lab dashboard ENTITY/PROJECT [RUN_DIR]"
QUALITY = ("evaluation/frechet", "evaluation/kernel", "evaluation/recognition", "classifier/errors", "parzen/valid")
CHANGED = ("loss._target_", "update._target_", "optimizer.d.lr", "optimizer.g.lr", "seed")  # in sweeps, most often


@entry(smaller="try again when other programs have ended")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or ""))
    if code is not None:
        return code
    entity, slash, project = arguments[0].partition("/")
    if len(arguments) > 2 or not (entity and slash and project) or "/" in project:
        raise UserError(f"{' '.join(arguments)}: must be ENTITY/PROJECT, such as my_team/gan_lab, and a run directory")
    if arguments[1:]:
        print(publish(wandb_report(entity, project, read_run(place(arguments[1])))))
    else:
        print(publish(workspace(entity, project)))
    return 0


def workspace(entity: str, project: str) -> Any:
    """The workspace, not saved yet: samples, players, equilibrium, quality and what a sweep tells.

    Raises UserError where the extra is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise UserError(f"dashboard: needs pip install 'gan_lab[dashboard]' ({error})") from error

    def line(title: str, *names: str, **options: Any) -> Any:
        return wr.LinePlot(title=title, x="round", y=list(names), **options)

    def media(title: str, *names: str) -> Any:
        return wr.MediaBrowser(title=title, media_keys=list(names), gallery_axis="step")

    def section(name: str, *panels: Any) -> Any:
        return ws.Section(name=name, panels=list(panels), is_open=True)

    aim = wr.SummaryMetric("equilibrium/energy.min")
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(name)) for name in CHANGED]
    return ws.Workspace(
        entity=entity,
        project=project,
        name="gan_lab",
        settings=ws.WorkspaceSettings(x_axis="round"),
        runset_settings=ws.RunsetSettings(
            pinned_columns=["summary:equilibrium/verdict", "summary:copies of training data", "summary:rounds"]
        ),
        sections=[
            section(
                "Samples",
                media("samples", "samples"),
                media("logit_landscape", "logit_landscape"),
                media("equilibrium", "equilibrium"),
            ),
            section(
                "Players",
                line("costs", "d/loss", "g/loss"),
                line("D is right about", "d/accuracy_real", "d/accuracy_fake", range_y=(0.0, 1.0)),
                line("gradient norms", "equilibrium/d_grad_norm", "equilibrium/g_grad_norm", log_y=True),
                line("logits of real samples", "logits/real"),
                line("logits of generated samples", "logits/fake"),
                line("learning rates", "d/lr", "g/lr"),
            ),
            section(
                "Equilibrium",
                line("pairs ranked rightly; 1/2: undecided", "equilibrium/auc", range_y=(0.0, 1.0)),
                line("distance of the samples from the data", "equilibrium/energy", log_y=True),
                line("diversity of the samples, that of the data being 1", "equilibrium/diversity"),
                line("value of the game; -log 4 at equilibrium", "equilibrium/value"),
                line("modes shown", "equilibrium/modes"),
                line(
                    "who tells samples from real ones; 1/2: undecided",
                    "audit/auc",
                    "audit/game_auc",
                    range_y=(0.0, 1.0),
                ),
                line("duality gap", "equilibrium/duality_gap/200", "equilibrium/duality_gap/100", log_y=True),
            ),
            section("Quality", *(line(name, name) for name in QUALITY)),
            section(
                "Sweep",
                wr.ParallelCoordinatesPlot(columns=[*columns, wr.ParallelCoordinatesPlotColumn(aim)]),
                wr.RunComparer(diff_only="split"),
            ),
        ],
    )


def publish(board: Any) -> str:
    """Save it at W&B; its address.

    Raises UserError where W&B does not let us.
    """
    try:
        return str(board.save().url)
    except Exception as error:  # of the client's many kinds
        raise UserError(f"dashboard: W&B did not take it ({error})") from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
