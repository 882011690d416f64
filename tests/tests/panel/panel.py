"""Uses the control panel as a person does. Arguments: the panel's address, a folder for pictures, the Chromium.

Prints one line of JSON with what the panel shows in the end; every wait has a deadline.
"""
import json
import sys

from playwright.sync_api import expect, sync_playwright

PATIENCE_MS = 30_000
SKIPPED = 50
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]


def number(page, what):
    return int(page.locator(f"#t-{what}").inner_text().replace(",", ""))


def wait_for(page, what, least):
    page.wait_for_function(
        "([id, least]) => Number(document.getElementById(id).textContent.replaceAll(',', '')) >= least",
        arg=[f"t-{what}", least])


def use(page, address, pictures):
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(address)
    expect(page.locator("#link")).to_have_text("connected")
    wait_for(page, "rows", 1)

    # Symbols: search, choose one more, apply.
    page.fill("#search", "solana")
    expect(page.locator("#listings li")).to_have_count(1)
    page.check("#listings input")
    page.click("#apply-symbols")
    expect(page.locator("#streams tr")).to_have_count(3)
    expect(page.locator("#said")).to_contain_text("done")

    # By keyboard alone: stop and start.
    page.focus("#stop")
    page.keyboard.press("Enter")
    expect(page.locator("#streams tr").first).to_contain_text("stopped")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#streams tr").first).to_contain_text("every")

    # A gap in one stream, which the client that follows has to heal.
    page.select_option("#target", "candles.dev.SOL-USD.1s")
    replayed = number(page, "replayed")
    field = page.get_by_label("Skip a range, rows")
    field.fill(str(SKIPPED))
    page.click("[data-inject=skip]")
    wait_for(page, "withheld", SKIPPED)
    wait_for(page, "replayed", replayed + SKIPPED)

    # What is wrong is said and nothing else happens.
    page.locator("#rate [name=tick_ms]").fill("20")
    page.fill("#search", "no such symbol")
    expect(page.locator("#listings li")).to_have_count(0)

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=f"{pictures}/{scheme}.png", full_page=True)
    back = [page.evaluate("getComputedStyle(document.body).backgroundColor") for _ in range(1)]
    page.emulate_media(color_scheme="light")
    back.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert back[0] != back[1], f"dark looks like light: {back}"

    page.select_option("#target", "")
    page.click("#stop")
    expect(page.locator("#streams tr").last).to_contain_text("stopped")
    assert not problems, problems
    streams = page.evaluate("fetch('/api/view').then((answer) => answer.json())")["streams"]
    return {one["topic"]: {"latest": one["latest"], "withheld": one["withheld"]} for one in streams}


def main():
    address, pictures, chromium = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        try:
            print(json.dumps(use(page, address, pictures)))
        except Exception:
            page.screenshot(path=f"{pictures}/failed.png", full_page=True)
            raise
        finally:
            browser.close()


main()
