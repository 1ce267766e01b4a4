/** A real browser for tests of pages: Chromium, spoken to by the DevTools protocol over a WebSocket. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Where Debian puts it; undefined where it is not installed, and tests of pages are skipped with a word. */
export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

export interface BrowserPage extends AsyncDisposable {
  /** Of an expression, which may be a promise. Throws what the page throws. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  readonly chooseFile: (selector: string, path: string) => Promise<void>;
  readonly screenshot: () => Promise<Buffer>;
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly error?: { readonly message: string };
  readonly result?: Readonly<Record<string, unknown>>;
}

/** `profile`: a folder for what a browser keeps. */
export async function openPage(chromium: string, url: string, profile: string): Promise<BrowserPage> {
  const child = spawn(
    chromium,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "about:blank",
    ],
    // A group of its own: it starts many processes, which end together.
    { stdio: ["ignore", "ignore", "pipe"], detached: true },
  );
  await using opening = new AsyncDisposableStack();
  opening.defer(async () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const socket = new WebSocket(await addressSaid(child.stderr));
  child.stderr.resume();
  await once(socket, "open");
  const waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>();
  let loaded = Promise.withResolvers<undefined>();
  let nextId = 1;
  socket.addEventListener("message", ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer;
    if (answer.method === "Page.loadEventFired") loaded.resolve(undefined);
    const asked = waiting.get(answer.id ?? 0);
    if (answer.error !== undefined) asked?.reject(new Error(answer.error.message));
    else asked?.resolve(answer.result ?? {});
  });
  const page: { sessionId?: string } = {};
  const call = (method: string, params: object = {}) => {
    const id = nextId++;
    const answered = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    waiting.set(id, answered);
    socket.send(JSON.stringify({ id, method, params, ...page }));
    return answered.promise;
  };
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const attached = await call("Target.attachToTarget", { targetId, flatten: true });
  page.sessionId = String(attached["sessionId"]);
  await call("Page.enable");
  await call("Emulation.setDeviceMetricsOverride", {
    width: 1_000,
    height: 1_400,
    deviceScaleFactor: 1,
    mobile: false,
  });
  loaded = Promise.withResolvers<undefined>();
  await call("Page.navigate", { url });
  await loaded.promise;

  const evaluate = async (expression: string) => {
    const { result, exceptionDetails } = (await call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value?: unknown }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value;
  };
  const opened = opening.move();
  return {
    evaluate,
    chooseFile: async (selector, path) => {
      const { root } = (await call("DOM.getDocument")) as { root: { nodeId: number } };
      const { nodeId } = await call("DOM.querySelector", { nodeId: root.nodeId, selector });
      await call("DOM.setFileInputFiles", { nodeId, files: [path] });
    },
    screenshot: async () => {
      const { data } = await call("Page.captureScreenshot", { format: "png" });
      return Buffer.from(String(data), "base64");
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** `DevTools listening on ws://127.0.0.1:41235/devtools/browser/…` */
async function addressSaid(stderr: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stderr })) {
    const address = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error("Chromium ended before it said where it listens");
}
