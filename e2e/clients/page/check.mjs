// Judges a page of `log report` at 1400 and 400 px, in print, light and dark: node check.mjs PAGE.html [FOLDER FOR SCREENSHOTS].
// Prints one finding a line, and the number of judgements at the end. Exits with 1 if there is a finding.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.NODE_PATH ?? ".", "_"));
const { HtmlValidate, FileSystemConfigLoader } = require("html-validate");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [file, screenshots] = process.argv.slice(2);
const url = "file://" + path.resolve(file);
const findings = [];
let judgements = 0;

const rules = { root: true, extends: ["html-validate:recommended", "html-validate:document", "html-validate:a11y"] };
const validated = await new HtmlValidate(rules).validateFile(file);
judgements += 1;
for (const result of validated.results) {
  for (const message of result.messages) {
    findings.push(`html-validate ${message.ruleId}: line ${message.line}: ${message.message}`);
  }
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"],
});
try {
  const page = await browser.newPage();
  // The page must need nothing else, and run nothing.
  page.on("request", (request) => {
    if (request.url() !== url) findings.push(`request: ${request.url()}`);
  });
  page.on("console", (message) => findings.push(`console: ${message.text()}`));
  page.on("dialog", (dialog) => {
    findings.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  const views = [1400, 400].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme, media: "screen" })));
  views.push({ width: 794, scheme: "light", media: "print" });
  for (const { width, scheme, media } of views) {
    const view = `${media} ${width} ${scheme}`;
    await page.setBypassCSP(false);
    await page.setViewport({ width, height: 900 });
    // Each of the two forgets what the other set.
    if (media === "print") await page.emulateMediaType("print");
    else await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(url);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wider > 0) findings.push(`${view}: ${wider} px wider than the window`);
    const scripts = await page.evaluate(() => document.querySelectorAll("script, iframe, object, embed, link, img, b").length);
    if (scripts > 0) findings.push(`${view}: ${scripts} elements that the page does not have`);
    if (screenshots) await page.screenshot({ path: path.join(screenshots, view.replaceAll(" ", "-") + ".png"), fullPage: true });
    // axe is a script, which the page itself forbids.
    await page.setBypassCSP(true);
    await page.goto(url);
    await page.evaluate(axe);
    const judged = await page.evaluate(() => window.axe.run(document));
    for (const violation of judged.violations) {
      for (const node of violation.nodes) findings.push(`axe ${violation.id} (${view}): ${node.target} ${node.failureSummary}`);
    }
    judgements += judged.passes.length;
  }
} finally {
  await browser.close();
}
for (const finding of findings) console.log(finding);
console.log(`${judgements} judgements, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;
