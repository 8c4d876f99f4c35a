/**
 * Serve files over HTTP/2 on 127.0.0.1, brotli-compressed already. The first line of standard input is
 * {key, cert, files: {path: {headers, file}}}; the port is printed; the end of standard input ends the server.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
lines.once('line', (line) => {
  const { key, cert, files } = JSON.parse(line);
  const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) });
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => {}); // the page was closed
    const found = Object.hasOwn(files, path) ? files[path] : null;
    stream.respond({ ':status': found ? 200 : 404, ...found?.headers });
    stream.end(found ? readFileSync(found.file) : undefined);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
});
