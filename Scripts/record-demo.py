#!/usr/bin/env python3
"""Makes the README's recording and pictures from a real demo with incidents: the terminal from start to end as an SVG that moves; the
monitor's page in both themes and on a phone.

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
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else f"{ROOT}/.build/release/freshet")
IMAGES = f"{ROOT}/Documentation/images"
PAGE = "http://127.0.0.1:9465"
# After the last incident.
PAGE_AT = 63


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


COLOURS = {"31": "red", "32": "green", "33": "yellow", "36": "blue"}
STYLE = (
    "text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:#e8edf2}"
    ".red{fill:#ff8a80}.green{fill:#7bd88f}.yellow{fill:#f2c14e}.blue{fill:#6cb8ea}.bold{font-weight:bold}.dim{opacity:.6}"
)
COLUMN, LINE, MARGIN = 8.4, 18, 12


class Recording:
    """A command on a terminal of its own, looked at once a second."""

    TMUX = ["tmux", "-L", "record-demo"]

    def __init__(self, command, columns, rows):
        self.columns, self.rows = columns, rows
        self.frames = []
        subprocess.run(self.TMUX + ["new-session", "-d", "-x", str(columns), "-y", str(rows), command], check=True)
        self.started = time.time()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def capture(self):
        return subprocess.run(self.TMUX + ["capture-pane", "-p", "-e"], check=True, capture_output=True, text=True).stdout

    def watch(self):
        while not self.is_over.wait(1):
            text = self.capture()
            if not self.frames or self.frames[-1][1] != text:
                self.frames.append((time.time() - self.started, text))

    def sleep(self, until):
        time.sleep(max(0, self.started + until - time.time()))

    def stop(self):
        self.is_over.set()
        self.thread.join()
        subprocess.run(self.TMUX + ["kill-server"], check=False)

    def film(self, speed, hold):
        """All that was seen, `speed` times as fast, the last for `hold` seconds, again and again: frames beside each other, and one in view."""
        width, height = self.columns * COLUMN + 2 * MARGIN, self.rows * LINE + 2 * MARGIN
        numbers, lines, reel, steps = {}, [], [], []
        length = self.frames[-1][0] / speed + hold
        for number, (at, text) in enumerate(self.frames):
            uses, style = [], Style()
            for row, line in enumerate(text.rstrip("\n").split("\n")):
                body = spans(line, style)
                if not body:
                    continue
                if body not in numbers:
                    numbers[body] = len(numbers)
                    lines.append(f'<g id="l{numbers[body]}">{body}</g>')
                uses.append(f'<use href="#l{numbers[body]}" y="{row * LINE}"/>')
            reel.append(f'<g transform="translate({number * width:.0f})">{"".join(uses)}</g>')
            steps.append(f"{100 * at / speed / length if number else 0:.2f}%{{transform:translateX({-number * width:.0f}px)}}")
        steps.append(f"100%{{transform:translateX({-(len(self.frames) - 1) * width:.0f}px)}}")
        # Who wants nothing to move sees the end.
        style = (
            f"{STYLE}.reel{{animation:reel {length:.1f}s step-end infinite}}@keyframes reel{{{''.join(steps)}}}"
            f"@media(prefers-reduced-motion:reduce){{.reel{{animation:none;transform:translateX({-(len(self.frames) - 1) * width:.0f}px)}}}}"
        )
        size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style><rect width="100%" height="100%" rx="8" fill="#14191f"/>\n'
            + "\n".join(["<defs>", *lines, "</defs>", '<g class="reel">', *reel, "</g></svg>", ""])
        )


class Style:
    """What the escapes so far have set; it stays from line to line."""

    colour, weights = None, frozenset()

    def take(self, code):
        if code in ("", "0"):
            self.colour, self.weights = None, frozenset()
        elif code == "39":
            self.colour = None
        elif code in COLOURS:
            self.colour = COLOURS[code]
        elif code in ("1", "2"):
            self.weights |= {"bold" if code == "1" else "dim"}

    def names(self):
        return " ".join(sorted(self.weights | ({self.colour} if self.colour else set())))


def spans(line, style):
    """A line of a terminal, with the few escapes that the monitor uses, as SVG."""
    out, column = [], 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            for code in part[2:-1].split(";"):
                style.take(code)
            continue
        if text := part.rstrip():
            names = f' class="{style.names()}"' if style.names() else ""
            place = f'x="{MARGIN + column * COLUMN:.1f}" y="{2 * MARGIN}" textLength="{len(text) * COLUMN:.1f}"'
            out.append(f"<text {place}{names}>{html.escape(text, quote=False)}</text>")
        column += len(part)
    return "".join(out)


def main():
    os.makedirs(IMAGES, exist_ok=True)
    terminal = Recording(f"echo '$ freshet demo --incident'; '{PROGRAM}' demo --incident; sleep 60", columns=110, rows=46)
    browser = Browser()
    try:
        terminal.sleep(PAGE_AT)
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
        while "requests failed" not in terminal.capture():
            if time.time() > terminal.started + 180:
                raise SystemExit(f"the demo does not end:\n{terminal.capture()}")
            time.sleep(0.5)
        time.sleep(2)
    finally:
        browser.close()
        terminal.stop()
    with open(f"{IMAGES}/demo.svg", "w", encoding="utf-8") as file:
        file.write(terminal.film(speed=2, hold=15))
    print("\n".join(sorted(f"Documentation/images/{name}" for name in os.listdir(IMAGES))))


if __name__ == "__main__":
    main()
