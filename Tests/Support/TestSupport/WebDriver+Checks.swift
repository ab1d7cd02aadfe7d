// What every page has to hold, whatever it shows: contrast, names for those who do not see it, controls within reach of a keyboard, nothing wider than the
// screen. Each gives what is wrong, in words; nothing where all is well.
// https://www.w3.org/TR/WCAG22/

import Foundation

extension WebDriver {
  /// Where tests leave pictures for people to look at.
  public static let screenshots =
    ProcessInfo.processInfo.environment["FRESHET_SCREENSHOTS"] ?? "\(Products.packageFolder)/.build/screenshots"

  /// Texts whose contrast to what they stand on is less than 4.5.
  public func faintTexts() throws -> [String] {
    try run(
      """
      const light = (c) => {
        const v = c.map((x) => x / 255).map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
      };
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const back = (e) => {
        for (; e; e = e.parentElement) {
          const c = parse(getComputedStyle(e).backgroundColor);
          if (c.length < 4 || c[3] > 0.9) return c;
        }
        return [255, 255, 255];
      };
      const bad = [];
      const all = [...document.querySelectorAll('body *')].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
      for (const e of all) {
        if (e.closest('.visually-hidden, caption, noscript, title, option, [hidden]')) continue;
        const style = getComputedStyle(e);
        const [a, b] = [light(parse(e.tagName === 'text' ? style.fill : style.color).slice(0, 3)), light(back(e).slice(0, 3))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(`${e.tagName}.${e.getAttribute('class') || ''} ${e.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
      }
      if (all.length < 20) bad.push(`only ${all.length} texts`);
      return [...new Set(bad)].slice(0, 10);
      """) as? [String] ?? ["no answer"]
  }

  /// Pictures without words, tables without captions, controls and sections without names.
  public func nameless() throws -> [String] {
    try run(
      """
      const bad = [];
      const named = (e) => e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').some((id) => document.getElementById(id)?.textContent.trim());
      for (const e of document.querySelectorAll('svg')) {
        if (e.getAttribute('aria-hidden') !== 'true' && !(e.getAttribute('role') === 'img' && (named(e) || '').length > 9)) bad.push(`svg in ${e.parentElement.id}`);
      }
      for (const e of document.querySelectorAll('table')) {
        if (!e.caption?.textContent) bad.push(`table ${e.id}`);
        for (const head of e.querySelectorAll('th')) if (!head.scope) bad.push(`th ${head.textContent}`);
      }
      for (const e of document.querySelectorAll('section, article, [role=region]')) if (!named(e)) bad.push(`section ${e.id}`);
      for (const e of document.querySelectorAll('input, select')) if (!e.labels.length) bad.push(`control ${e.id}`);
      for (const e of document.querySelectorAll('button')) if (!e.textContent.trim()) bad.push('button');
      if (document.querySelectorAll('main, body > header, body > footer, h1').length !== 4) bad.push('landmarks');
      if (!document.documentElement.lang) bad.push('language');
      return bad;
      """) as? [String] ?? ["no answer"]
  }

  /// What stands out on the right of the screen.
  public func overflow() throws -> [String] {
    try run(
      """
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      return [`${document.documentElement.scrollWidth} > ${width}`, ...[...document.querySelectorAll('body *')]
        .filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest('.scroll')).slice(0, 5).map((e) => `${e.tagName} ${e.id}`)];
      """) as? [String] ?? ["no answer"]
  }

  /// Goes through the page by the tabulator, until it has been round: the names of what was reached, and of what did not show that it was.
  public func tour(steps: Int = 40) throws -> (reached: [String], unseen: [String]) {
    try run("document.activeElement.blur(); window.scrollTo(0, 0)")
    var (reached, unseen): ([String], [String]) = ([], [])
    for _ in 0..<steps {
      try press("\u{E004}")
      let found =
        try run(
          """
          const e = document.activeElement;
          const style = getComputedStyle(e);
          const name = e === document.body ? '' : e.id || e.getAttribute('aria-label') || e.textContent.trim();
          return [name, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 ? '' : 'unseen'];
          """) as? [String] ?? []
      guard found.count == 2, !found[0].isEmpty, !reached.contains(found[0]) else { break }
      reached.append(found[0])
      if !found[1].isEmpty { unseen.append(found[0]) }
    }
    return (reached, unseen)
  }
}
