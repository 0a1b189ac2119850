"""Check of the Trainer's settings that this lab replaces or does not support."""

from omegaconf import DictConfig

from gan_lab.config.signature import signature
from gan_lab.config.words import listed
from gan_lab.errors import UserError

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
TRAINER = "pytorch_lightning.Trainer"
REPLICAS = "gan_lab.distributed.strategy.Replicas"
PLAYED = (  # settings of the Trainer that the game plays by
    "accelerator",
    "benchmark",
    "detect_anomaly",
    "deterministic",
    "devices",
    "num_nodes",
    "precision",
    "profiler",
    "strategy",
    "sync_batchnorm",
)
INSTEAD = {  # of the others: what has its place here
    "max_epochs": "rounds=N",
    "max_steps": "rounds=N",
    "min_epochs": "rounds=N",
    "min_steps": "rounds=N",
    "max_time": "rounds=N (SIGTERM ends a run cleanly at any time)",
    "limit_train_batches": "rounds=N",
    "overfit_batches": "data.subset=N",
    "fast_dev_run": "debug=quick",
    "gradient_clip_val": "gan.clip_norm",
    "gradient_clip_algorithm": "gan.clip_norm",
    "accumulate_grad_batches": "gan.accumulate",
    "logger": "logger=[csv,wandb]",
    "callbacks": "callbacks=[default,...]",
    "enable_checkpointing": "callbacks.checkpoint.every=N",
    "enable_progress_bar": "callbacks.progress=null",
    "log_every_n_steps": "callbacks.metrics.every=N",
    "default_root_dir": "hydra.run.dir=DIR",
}


def check_trainer(config: DictConfig) -> None:
    """Raise a UserError where the trainer is asked for what the game does by itself, or cannot do."""
    takes = signature(TRAINER)
    for key in takes.parameters if takes else ():
        if key not in PLAYED and config.trainer.get(key) is not None:
            raise UserError(
                f"trainer.{key}: " + (f"use {INSTEAD[key]}" if key in INSTEAD else f"cannot act here {listed(PLAYED)}")
            )
    strategy = config.trainer.get("strategy", "auto")
    if strategy != "auto" and (isinstance(strategy, str) or strategy.get("_target_") != REPLICAS):
        name = strategy if isinstance(strategy, str) else strategy.get("_target_")
        raise UserError(
            f"trainer.strategy={name}: the game shares its batch out by itself, and each process holds both players; "
            "use trainer=ddp or ddp_cpu"
        )
    precision = config.trainer.get("precision", PRECISIONS[0])
    if precision not in PRECISIONS:
        raise UserError(f"trainer.precision={precision}: must be one of {', '.join(PRECISIONS)}")
    deterministic = config.trainer.get("deterministic")
    if deterministic not in (None, True, False, "warn"):
        raise UserError(f"trainer.deterministic={deterministic}: must be true, false or 'warn'")
