#!/usr/bin/env python3
"""Makes the README's pictures from a real demo with incidents: the monitor's page in both themes, and the terminal as SVG.

usage: record-demo.py [PROGRAM]        needs chromium, chromedriver and tmux; writes into Documentation/images
"""

import base64
import html
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else f"{ROOT}/.build/release/freshet")
IMAGES = f"{ROOT}/Documentation/images"
PAGE = "http://127.0.0.1:9465"
# In the middle of the second incident, and after the last.
TERMINAL_AT, PAGE_AT = 41, 63


class Browser:
    """A page in headless Chromium, by the WebDriver protocol."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1500"]
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}}
        for attempt in range(50):
            try:
                self.session = self.send("POST", "/session", {"capabilities": capabilities})["sessionId"]
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit("chromedriver does not answer")

    def send(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]

    def open(self, url):
        self.send("POST", f"/session/{self.session}/url", {"url": url})

    def command(self, name, **parameters):
        return self.send("POST", f"/session/{self.session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def run(self, script):
        return self.send("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": []})

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def picture(self, path, until=None):
        """The page down to the end of an element, or all of it."""
        height = "document.documentElement.scrollHeight"
        if until:
            height = f"Math.round(document.querySelector('{until}').getBoundingClientRect().bottom + scrollY) + 14"
        width, height = self.run(f"return [innerWidth, {height}]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def close(self):
        self.send("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        self.driver.wait()


COLOURS = {"31": "#ff8a80", "32": "#7bd88f", "33": "#f2c14e", "36": "#6cb8ea"}


def svg(text, columns):
    """A terminal's lines, with the few escapes that the monitor uses, as a picture."""
    width, height, lines = 8.4, 18, text.rstrip("\n").split("\n")
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * width + 24:.0f}" height="{len(lines) * height + 24}" '
        'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">',
        '<rect width="100%" height="100%" rx="8" fill="#14191f"/>',
    ]
    for row, line in enumerate(lines):
        column, style = 0, {}
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b["):
                for code in part[2:-1].split(";") or ["0"]:
                    if code in ("", "0"):
                        style = {}
                    elif code in COLOURS:
                        style["fill"] = COLOURS[code]
                    elif code == "1":
                        style["font-weight"] = "bold"
                    elif code == "2":
                        style["opacity"] = "0.6"
                    elif code == "39":
                        style.pop("fill", None)
            elif part:
                attributes = "".join(f' {name}="{value}"' for name, value in {"fill": "#e8edf2", **style}.items())
                if part.strip():
                    out.append(
                        f'<text x="{12 + column * width:.1f}" y="{24 + row * height}" xml:space="preserve" '
                        f'textLength="{len(part) * width:.1f}"{attributes}>{html.escape(part)}</text>'
                    )
                column += len(part)
    return "\n".join(out + ["</svg>", ""])


def main():
    os.makedirs(IMAGES, exist_ok=True)
    columns = 110
    tmux = ["tmux", "-L", "record-demo"]
    command = f"'{PROGRAM}' demo --incident; sleep 30"
    subprocess.run(tmux + ["new-session", "-d", "-x", str(columns), "-y", "46", command], check=True)
    started = time.time()
    capture = lambda: subprocess.run(tmux + ["capture-pane", "-p", "-e"], check=True, capture_output=True, text=True).stdout
    browser = Browser()
    try:
        time.sleep(max(0, started + TERMINAL_AT - time.time()))
        with open(f"{IMAGES}/monitor-terminal.svg", "w", encoding="utf-8") as file:
            file.write(svg(capture(), columns))
        time.sleep(max(0, started + PAGE_AT - time.time()))
        browser.resize(1280, 900)
        browser.open(f"{PAGE}/?theme=light")
        time.sleep(2)
        browser.picture(f"{IMAGES}/monitor-page.png")
        for theme in ("light", "dark"):
            browser.run(f"document.documentElement.dataset.theme = '{theme}'")
            browser.picture(f"{IMAGES}/monitor-{theme}.png", until="section[aria-labelledby=curve-title]")
        browser.resize(360, 780)
        time.sleep(1)
        browser.picture(f"{IMAGES}/monitor-phone.png", until="#staleness")
        while "What to take away" not in capture() and time.time() < started + 120:
            time.sleep(0.5)
        time.sleep(1)
        with open(f"{IMAGES}/demo-summary.svg", "w", encoding="utf-8") as file:
            file.write(svg(capture(), columns))
    finally:
        browser.close()
        subprocess.run(tmux + ["kill-server"], check=False)
    print("\n".join(sorted(f"Documentation/images/{name}" for name in os.listdir(IMAGES))))


if __name__ == "__main__":
    main()
