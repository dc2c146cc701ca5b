// Looks at a report as a reader does: no errors, no sideways scrolling, the switch and the read-out work,
// text is readable, and all of it is there without scripts. Leaves screenshots.
import { chromium } from "playwright-core";

const [report, executablePath, shots] = process.argv.slice(2);
const problems = [];
const check = (right, what) => { if (!right) problems.push(what); };

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** Least contrast of plain text on the page's background, by the formula of WCAG 2. */
const contrast = () => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = light(getComputedStyle(document.body).backgroundColor);
  const of = (element) => {
    const fore = light(getComputedStyle(element).color);
    return (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
  };
  return Math.min(...[...document.querySelectorAll("h2, p, td, th, a, summary")].map(of));
};

for (const width of [400, 1600]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const javaScriptEnabled of [true, false]) {
      const name = `${width}-${colorScheme}${javaScriptEnabled ? "" : "-no-script"}`;
      const context = await browser.newContext(
        { viewport: { width, height: 900 }, colorScheme, javaScriptEnabled });
      const page = await context.newPage();
      page.on("console", (m) => { if (m.type() !== "info") problems.push(`${name}: console: ${m.text()}`); });
      page.on("pageerror", (error) => problems.push(`${name}: ${error}`));
      page.on("request", (r) => check(/^(file|data):/.test(r.url()), `${name}: asks for ${r.url()}`));
      await page.goto(`file://${report}`);
      const panels = page.locator(".heat .panel");
      const visible = async () => {
        const all = await panels.all();
        return (await Promise.all(all.map((panel) => panel.isVisible()))).map(Number).join("");
      };
      check(await panels.count() >= 3, `${name}: there is no heatmap`);
      check((await visible()).startsWith("100"), `${name}: not one heatmap is shown first`);
      await page.locator(".heat label", { hasText: "SRAM fill" }).first().click();
      check((await visible()).startsWith("010"), `${name}: the switch does not switch`);
      if (javaScriptEnabled) {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check(wide <= 0, `${name}: ${wide} pixels wider than the window`);
        const least = await page.evaluate(contrast);
        check(least >= 4.5, `${name}: contrast of ${least.toFixed(2)}`);
        const map = panels.nth(1).locator("svg.heatmap").first();
        await map.hover();
        const read = await page.locator(".readout").first().textContent();
        check(/PE \(\d+, \d+\).*cycles.*bytes.*wavelets/.test(read), `${name}: hover reads "${read}"`);
        await map.focus();
        await page.keyboard.press("ArrowRight");
        const next = await page.locator(".readout").first().textContent();
        check(next !== read && next.startsWith("PE ("), `${name}: arrow keys read "${next}"`);
        const sections = await page.locator("section").count();
        check(sections >= 12, `${name}: ${sections} sections`);
        await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
      }
      await context.close();
    }
  }
}
await browser.close();
for (const problem of problems) console.error(problem);
console.log(problems.length ? `${problems.length} problems` : "the report reads well: 400 and 1600 px, light and dark, with and without scripts");
process.exit(problems.length ? 1 : 0);
