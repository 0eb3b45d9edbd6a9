// Delivers to an agent like a node: reads the delivery path, and sends a node's requests.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

/** Returns the secret path of the agent whose configuration `writeConfig` made there. */
export function deliveryPathOf(directory: string): string {
  return `/${readFileSync(join(directory, 'state/delivery-path'), 'utf8').trim()}`;
}

export type Delivered = { readonly status: number; readonly text: string };

/** Sends like a node of any release: three headers, no port in `Host` (protocol 1.6). */
export function deliver(
  address: string,
  text: string | Buffer,
  change: { readonly [name: string]: string } = {},
): Promise<Delivered> {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(text);
    const headers = {
      Host: new URL(address).hostname,
      'Content-Length': body.length,
      'Content-Type': 'application/json',
      ...change,
    };
    const asked = request(address, { method: 'POST', headers, agent: false }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part: string) => (answer += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
    });
    asked.removeHeader('connection');
    asked.on('error', reject).end(body);
  });
}
