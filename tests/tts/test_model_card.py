"""Licences as model cards state them."""

from __future__ import annotations

import pytest

from services.tts.model_card import read_license


@pytest.mark.parametrize(
    ("written", "spdx"),
    [
        ("CC0", "CC0-1.0"),
        ("Public Domain", "CC0-1.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("MIT", "MIT"),
        ("MIT License", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/legalcode.en)", "CC-BY-4.0"),
        ("Creative Commons Attribution 4.0 International (CC BY 4.0)", "CC-BY-4.0"),
        ("CC BY 3.0", "CC-BY-3.0"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
    ],
)
def test_licences_that_allow_commercial_use(written: str, spdx: str) -> None:
    for card in (f"# Card\n\n* License: {written}\n\n## Training\n\nTrained from scratch.\n", f"## License\n\n{written}\n"):
        found = read_license(card)
        assert (found.spdx, found.commercial_use) == (spdx, True), card


@pytest.mark.parametrize(
    "card",
    [
        "",
        "A voice.",
        "License: CC BY 4.0 (non-commercial use only)",
        "License: Attribution 4.0 NonCommercial",
        "License: Attribution-NonCommercial 4.0",
        "License: code MIT, weights CC-BY-NC-4.0",
        "License: code MIT, weights Acme Model Terms",
        "License: not in the public domain",
        "License: MIT\nLicense: CC-BY-NC-4.0",
        "License: MIT\nModel license: CC BY-NC 4.0",
        "License: MIT\nLicence of the weights: ask first",
        "License: CC0\nFinetuning from lessac",
        "License: CC0\nFine-tuned from: lessac",
        "License: CC0\nFinetuned from U.S. English lessac voice",
        "License: CC0\nThe recordings may be used for non-commercial purposes.",
        "License: CC BY-NC-SA 4.0",
        "License: CC BY-ND 4.0",
        "License: https://creativecommons.org/licenses/by-nc/4.0/",
        "License: MIT, for research",
        "License: MITRE's own",
        "License: summit",
        "License: Blizzard Challenge 2013",
        "License: GPL-3.0",
        "License:",
    ],
)
def test_all_else_allows_none(card: str) -> None:
    assert not read_license(card).commercial_use


def test_what_is_not_known_is_named_as_it_is_written() -> None:
    assert read_license("* License: CC-BY-NC 4.0").spdx == "LicenseRef-CC-BY-NC-4.0"
    assert read_license("* License: MIT\n* Dataset license: CC0").spdx == "MIT AND CC0-1.0"
