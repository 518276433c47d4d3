"""Trains and evaluates the viseme estimator.

    python -m training speak       the corpus, by the Kokoro engine: hours on two cores, goes on where it was left
    python -m training prepare     examples under many conditions
    python -m training train       the network, into services/articulation/viseme_estimator.onnx; in the environment with PyTorch
    python -m training evaluate    figures on what was held out, and with --speech FOLDER on real recordings

`make estimator` does the first three, `make estimator-eval` the last.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from locutor.errors import LocutorError

ESTIMATOR = Path(__file__).parents[1] / "services" / "articulation" / "viseme_estimator.onnx"
UTTERANCES = 266
EPOCHS = 11
SEED = 0
_VALIDATION_EVERY = 15


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["speak", "prepare", "train", "evaluate"])
    parser.add_argument("--work", type=Path, default=Path("out/estimator"), help="where corpus and examples are kept (default: %(default)s)")
    parser.add_argument("--utterances", type=int, default=UTTERANCES, help="of the corpus (default: %(default)s)")
    parser.add_argument("--held-out", action="store_true", help="speak only what evaluation needs")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument("--speech", type=Path, help="folder with recordings and ljspeech.txt: a line each, id|transcript")
    arguments = parser.parse_args()
    try:
        {"speak": _speak, "prepare": _prepare, "train": _train, "evaluate": _evaluate}[arguments.step](arguments)
    except LocutorError as error:
        raise SystemExit(str(error)) from error


def _speak(arguments: argparse.Namespace) -> None:
    from services.tts.engines.kokoro.engine import KokoroEngine
    from services.weights import ModelStore
    from training.corpus import items, speak

    wanted = [item for item in items(arguments.utterances) if item.held_out or not arguments.held_out]
    for number, path in enumerate(speak(arguments.work / "corpus", wanted, KokoroEngine(ModelStore(), len(os.sched_getaffinity(0)))), 1):
        print(f"{number}/{len(wanted)} {path.name}", flush=True)


def _prepare(arguments: argparse.Namespace) -> None:
    from training.corpus import items, utterances
    from training.example import save
    from training.examples import examples

    learned = utterances(arguments.work / "corpus", [item for item in items(arguments.utterances) if not item.held_out])
    validation = learned[_VALIDATION_EVERY // 2 :: _VALIDATION_EVERY]
    save(arguments.work / "train.npz", list(examples([spoken for spoken in learned if spoken not in validation], SEED)))
    save(arguments.work / "validation.npz", list(examples(validation, SEED + 1)))


def _train(arguments: argparse.Namespace) -> None:
    from training.train import train

    train(arguments.work, ESTIMATOR, arguments.epochs, SEED)


def _evaluate(arguments: argparse.Namespace) -> None:
    from training.evaluate import evaluate

    evaluate(arguments.work / "corpus", arguments.utterances, arguments.speech)


if __name__ == "__main__":
    main()
