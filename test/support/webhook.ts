/** A program that takes what is posted to it, over real HTTP. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Heard {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Webhook extends AsyncDisposable {
  readonly url: string;
  readonly heard: readonly Heard[];
  /** What it answers from here on. */
  status: number;
}

export async function openWebhook(): Promise<Webhook> {
  const heard: Heard[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      heard.push({ body: Buffer.concat(chunks).toString(), headers: request.headers });
      response.writeHead(webhook.status).end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const webhook: Webhook = {
    url: `http://127.0.0.1:${port}/hook`,
    heard,
    status: 200,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return webhook;
}
