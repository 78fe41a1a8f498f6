import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';

/** Answers `/metrics` in the Prometheus text format; on a port of its own, so that it is never published with the API. */
export function metricsHandler(registry: Registry): RequestListener {
  return (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  };
}
