"""The form as a person uses it: from the upload to the playing video, in a real browser, on real engines."""

from __future__ import annotations

import re
from pathlib import Path

import av
import pytest
from playwright.sync_api import Page, Route, expect

_MINUTES = 240_000


def test_from_upload_to_playing_video(page: Page, astronaut: Path, tmp_path: Path) -> None:
    page.get_by_label("Script", exact=True).fill("Good morning! This film was made by two small files.")
    page.set_input_files("#face", astronaut)
    expect(page.locator("#face-findings")).to_contain_text("This face will do", timeout=60_000)
    page.get_by_role("checkbox", name="Portuguese (Brazil)").check()
    expect(page.locator(".locale", has=page.get_by_role("checkbox", name="Portuguese (Brazil)"))).to_contain_text("Translated by machine")
    page.locator("#consent").check()
    page.get_by_label("Your name, for the record").fill("The tests")
    page.get_by_role("button", name="Make the videos").click()

    page.wait_for_url(re.compile(r"/jobs/\w+$"), timeout=60_000)
    seen = page.wait_for_function(
        "() => { const n = document.querySelector('#job-progress').getAttribute('aria-valuenow'); return +n > 0 && n; }", timeout=_MINUTES
    )
    assert 0 < int(seen.json_value()) <= 100
    expect(page.locator("#job-state")).to_have_text("done", timeout=_MINUTES)
    expect(page.locator("video")).to_have_count(2)

    played = page.evaluate(
        """async () => {
          const video = document.querySelector('#locale-pt-BR video');
          video.muted = true;
          await video.play();
          await new Promise((r) => setTimeout(r, 1200));
          video.pause();
          const cues = [...(video.textTracks[0]?.cues || [])].map((cue) => cue.text).join(' ');
          return { at: video.currentTime, width: video.videoWidth, height: video.videoHeight, seconds: video.duration, cues };
        }"""
    )
    assert played["at"] > 0.5
    assert (played["width"], played["height"]) == (1280, 720)
    assert played["seconds"] > 2
    assert "Bom dia" in played["cues"]
    sought = page.evaluate(
        """() => new Promise((resolve) => {
          const video = document.querySelector('#locale-en-US video');
          video.addEventListener('seeked', () => resolve(video.currentTime), { once: true });
          video.currentTime = 2;
        })"""
    )
    assert sought == pytest.approx(2, abs=0.1)

    with page.expect_download() as download:
        page.locator("#locale-en-US").get_by_text("Video (MP4)").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "good-morning-this-film-was-made-by-two.en-US.mp4"
    with av.open(str(path)) as video:
        assert {stream.type for stream in video.streams} >= {"video", "audio"}

    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("link", name="Good morning! This film was made by two")).to_be_visible()


def test_a_picture_without_a_face_is_refused_while_the_person_still_writes(page: Page, no_face: Path) -> None:
    page.set_input_files("#face", no_face)
    expect(page.locator("#face-findings .error")).to_contain_text("face", timeout=60_000)
    expect(page.locator("#face-findings")).not_to_contain_text("This face will do")


def test_the_face_that_was_chosen_last_is_the_one_that_is_used(page: Page, astronaut: Path, no_face: Path) -> None:
    held: list[Route] = []

    def answer(route: Route, uri: str) -> None:
        route.fulfill(json={"uri": uri, "usable": True, "findings": []})

    page.route("**/faces", lambda route: held.append(route) if not held else answer(route, "media/second"))
    with page.expect_request("**/faces"):
        page.set_input_files("#face", no_face)
    page.set_input_files("#face", astronaut)
    expect(page.locator("#face-uri")).to_have_value("media/second")
    with page.expect_response("**/faces"):
        answer(held[0], "media/first")
    page.wait_for_timeout(200)
    expect(page.locator("#face-uri")).to_have_value("media/second")


def test_a_face_that_could_not_be_sent_is_said_so_and_sent_with_the_form(page: Page, astronaut: Path) -> None:
    page.route("**/faces", lambda route: route.abort())
    page.set_input_files("#face", astronaut)
    expect(page.locator("#face-findings .warning")).to_contain_text("when the form is sent")
    page.get_by_label("Script", exact=True).fill("[dance]")
    page.locator("#consent").check()
    page.get_by_role("button", name="Make the videos").click()
    expect(page.locator("[data-errors=script] p").first).to_contain_text("dance", timeout=60_000)


def test_who_comes_back_to_the_form_asks_for_another_job(page: Page) -> None:
    before = page.locator("#request-id").input_value()
    page.evaluate(
        "() => { document.getElementById('submit').disabled = true; window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })); }"
    )
    expect(page.get_by_role("button", name="Make the videos")).to_be_enabled()
    assert page.locator("#request-id").input_value() not in ("", before)


def test_a_refusal_is_shown_beside_its_input_and_nothing_is_lost(page: Page, astronaut: Path) -> None:
    page.get_by_label("Script", exact=True).fill("Hello there. [dance] And goodbye.\n\n[pause 90 minutes]")
    page.set_input_files("#face", astronaut)
    expect(page.locator("#face-findings")).to_contain_text("This face will do", timeout=60_000)
    page.get_by_role("checkbox", name="French").check()
    page.locator("#consent").check()
    page.get_by_role("button", name="Make the videos").click()
    expect(page.locator("[data-errors=script] p").first).to_be_visible(timeout=60_000)
    expect(page.locator("[data-errors=targets]")).to_contain_text("French")
    expect(page.get_by_label("Script", exact=True)).to_have_value(re.compile("Hello there"))
    expect(page.get_by_role("button", name="Make the videos")).to_be_enabled()


def test_a_script_file_is_opened_and_one_that_is_no_text_is_refused(page: Page, tmp_path: Path, astronaut: Path) -> None:
    script = tmp_path / "script.md"
    script.write_text("Text from a file, with an ñ.")
    page.set_input_files("#script-file", script)
    expect(page.get_by_label("Script", exact=True)).to_have_value("Text from a file, with an ñ.")
    page.set_input_files("#script-file", astronaut)
    expect(page.locator("[data-errors=script]")).to_contain_text("UTF-8")


def test_a_job_can_be_cancelled_from_its_page(page: Page, astronaut: Path) -> None:
    page.get_by_label("Script", exact=True).fill("This will not be finished. " * 30)
    page.set_input_files("#face", astronaut)
    page.locator("#consent").check()
    page.get_by_role("button", name="Make the videos").click()
    page.wait_for_url(re.compile(r"/jobs/\w+$"), timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#job-state")).to_have_text("cancelled", timeout=60_000)


def test_a_page_of_another_site_can_neither_read_nor_write(page: Page, form_url: str) -> None:
    foreign = page.request.post(form_url + "jobs", headers={"Origin": "http://evil.example"}, multipart={"script": "x"})
    assert foreign.status == 403
    rebound = page.request.get(form_url, headers={"Host": "evil.example"})
    assert rebound.status == 400
    missing = page.request.get(form_url + "jobs/none")
    assert missing.status == 404 and "none" in missing.text()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_form_fits_the_width_of_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
