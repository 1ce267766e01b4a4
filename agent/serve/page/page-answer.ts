/** The frame of the agent's pages, and the two files that they load: nothing comes from anywhere else. */
import { readFileSync } from "node:fs";
import { packagedProgram } from "../../../common/packaged-program.ts";
import { AGENT_VERSION } from "../../version.ts";
import type { HttpAnswer, HttpHandler, HttpRequest } from "../http-answer.ts";
import { html, type Html } from "./html.ts";

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** True for a browser; programs get JSON of the same address. */
export function wantsPage({ headers }: HttpRequest): boolean {
  return headers.accept?.includes("text/html") === true;
}

export function pageAnswer(title: string, content: Html): HttpAnswer {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/assets/page.css" />
        <script type="module" src="/assets/page.js"></script>
      </head>
      <body>
        <header>
          <a class="home" href="/">Modelferry agent ${AGENT_VERSION}</a>
          <nav aria-label="Also here">
            <a href="/status">Status</a> <a href="/metrics">Metrics</a> <a href="/v2">OIP v2</a>
          </nav>
        </header>
        <main>${content}</main>
      </body>
    </html> `;
  return {
    status: 200,
    headers: { ...HEADERS, "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
    body: page.text,
  };
}

export function assetRoutes(): [string, HttpHandler][] {
  return [
    ["GET /assets/page.css", asset("page.css", "text/css; charset=utf-8")],
    ["GET /assets/page.js", asset("page.js", "text/javascript; charset=utf-8")],
  ];
}

/** Read once: a few kB. */
function asset(file: string, type: string): HttpHandler {
  const body = packagedProgram()?.file(`agent/serve/page/${file}`) ?? readFileSync(new URL(file, import.meta.url));
  return () => ({ status: 200, headers: { ...HEADERS, "content-type": type, "cache-control": "max-age=300" }, body });
}
