"""Models that the operator brings: folders, the way through English, what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from locutor.errors import InvalidInput, MissingWeights
from services.translate.engine import LanguagePair
from services.translate.engines.bergamot import BergamotEngine
from services.translate.engines.bergamot_models import FETCH_VARIABLE, FOLDER_VARIABLE, pair_of
from services.translate.routes import find_route
from services.translate.translation import translate_text
from services.weights import ModelStore


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the operator's with one pair: the bundled en-pt model, called en-es."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    folder = tmp_path / "en-es"
    folder.mkdir()
    for file in ModelStore().ensure("bergamot-en-pt").glob("*.*"):
        (folder / file.name.replace("enpt", "enes")).symlink_to(file)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("enes", "en>es"),
        ("en-es", "en>es"),
        ("en-zh_hant", "en>zh-Hant"),
        ("en-pt", "en>pt-BR"),
        ("en-pt_PT", "en>pt-PT"),
        ("models", None),
        ("en-es-fr", None),
    ],
)
def test_names_of_pairs(name: str, pair: str | None) -> None:
    found = pair_of(name)
    assert (None if found is None else str(found)) == pair


def test_operators_pairs_are_served_and_combined(models: Path) -> None:
    engine = BergamotEngine(ModelStore())
    assert LanguagePair("en", "es") in engine.pairs
    route = find_route("pt-BR", "es-MX", engine.pairs)
    assert [str(hop) for hop in route.hops] == ["pt-BR>en", "en>es"]
    # The model behind the name writes Portuguese: there and back again.
    text = translate_text("Clique no botão azul em https://example.com para começar.", route, (), engine).text
    assert text.startswith("Clique no botão azul") and "https://example.com" in text
    info = engine.info(LanguagePair("en", "es"))
    assert info.locales == ("en>es",) and info.installed
    assert info.weights["model.enes.intgemm.alphas.bin"] == ModelStore().artifact("bergamot-en-pt").weights["model.enpt.intgemm.alphas.bin"]


def test_an_incomplete_pair_is_listed_with_its_remedy_and_not_served(models: Path) -> None:
    (models / "en-es" / "vocab.enes.spm").unlink()
    engine = BergamotEngine(ModelStore())
    assert LanguagePair("en", "es") not in engine.pairs
    (info,) = [info for info in BergamotEngine.describe(ModelStore()) if info.locales == ("en>es",)]
    assert not info.installed and "vocab" in info.remedy and "'en-es'" in info.remedy


def test_a_damaged_model_is_refused(models: Path) -> None:
    model = models / "en-es" / "model.enes.intgemm.alphas.bin"
    model.unlink()
    model.write_bytes(b"no model at all")
    engine = BergamotEngine(ModelStore())
    with pytest.raises(MissingWeights, match="'en-es' cannot be read"):
        engine.translate("Hello.", LanguagePair("en", "es"))


def test_a_folder_that_is_no_pair_is_refused(models: Path) -> None:
    (models / "spanish").mkdir()
    with pytest.raises(MissingWeights, match=r"'spanish'.*not named after a pair"):
        BergamotEngine(ModelStore())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingWeights, match=FOLDER_VARIABLE):
        BergamotEngine(ModelStore())


def test_the_publisher_is_asked_only_by_setting_and_not_offline(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FETCH_VARIABLE, "en-es, en-pt")
    BergamotEngine(ModelStore(offline=True))  # both are here
    monkeypatch.setenv(FETCH_VARIABLE, "en-de")
    with pytest.raises(MissingWeights, match=r"en-de.*offline"):
        BergamotEngine(ModelStore(offline=True))
    monkeypatch.setenv(FETCH_VARIABLE, "german")
    with pytest.raises(InvalidInput, match="'german' is not a pair"):
        BergamotEngine(ModelStore(offline=True))


def test_a_publisher_that_does_not_answer(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FXTRANSLATE_RECORDS_URL", "http://127.0.0.1:9/records")
    monkeypatch.setenv(FETCH_VARIABLE, "en-de")
    with pytest.raises(MissingWeights, match="en-de cannot be fetched from its publisher"):
        BergamotEngine(ModelStore(offline=False))
