"""Settings of Lightning's Trainer that this lab replaces or does not support, told before Lightning is imported."""

from omegaconf import DictConfig

from gan_lab.errors import UserError

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
REPLICAS = "gan_lab.replicas.Replicas"
INSTEAD = {  # settings that count steps or epochs, or that belong to automatic optimisation
    "max_epochs": "rounds=N",
    "max_steps": "rounds=N",
    "max_time": "rounds=N (SIGTERM ends a run cleanly at any time)",
    "limit_train_batches": "rounds=N",
    "overfit_batches": "data.subset=N",
    "fast_dev_run": "debug=quick",
    "gradient_clip_val": "gan.clip_norm",
    "accumulate_grad_batches": "gan.accumulate",
}


def check_trainer(config: DictConfig) -> None:
    """Raise a UserError where the trainer is asked for what the game does by itself, or cannot do."""
    for key, instead in INSTEAD.items():
        if config.trainer.get(key) is not None:
            raise UserError(f"trainer.{key}: use {instead}")
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
