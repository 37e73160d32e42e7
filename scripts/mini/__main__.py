"""One command a stage, or `all`, or `start` to go on from a shipped model: PYTHONPATH=scripts python -m mini STAGE --out DIR.

Every stage goes on from the last file in DIR and appends its curve to DIR/STAGE.csv. `--check` runs the same code on
a few samples for seconds, to see that it works.
"""

import argparse
import importlib
from pathlib import Path

STAGES = {
    "code": "latent",
    "data": "data",
    "tokens": "tokens",
    "text": "text",
    "decoder": "decoder",
    "encoder": "encoder",
    "dit": "dit",
    "distill": "distill",
    "export": "export",
}


def main():
    parser = argparse.ArgumentParser(prog="python -m mini", description="Train soragen-mini.")
    parser.add_argument("stage", choices=[*STAGES, "start", "all"])
    parser.add_argument("--out", required=True, help="folder of the training's state")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--minutes", type=float, default=60, help="of processor time in all, earlier runs included")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="stage dit: learning rate")
    parser.add_argument("--shards", type=int, default=40, help="stage data: thousands of clips")
    parser.add_argument("--start", help="stage start: a model directory to go on from, such as models/soragen-mini")
    parser.add_argument("--transformer", choices=["dit", "distill"], help="stage export: whose [distill where there is one]")
    parser.add_argument("--check", action="store_true", help="seconds instead of hours, to see that it works")
    options = parser.parse_args()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    if options.stage == "start" and not options.start:
        parser.error("the stage start needs --start DIR")
    for stage in STAGES if options.stage == "all" else [options.stage]:
        importlib.import_module(f".train.{STAGES.get(stage, stage)}", __package__).run(options)


if __name__ == "__main__":
    main()
