// A stand-in for fetch, for the tests: each request waits until the test answers it.

/** Requests are kept in `net.requests`; `net.next(path)` gives the oldest to a path that was not given yet, `net.comes(path)` waits for it. */
export function wire() {
  const net = { requests: [], open: 0 };
  net.fetch = (url, options = {}) =>
    new Promise((yes, no) => {
      const { signal } = options;
      const request = { path: new URL(url).pathname, url: new URL(url), ...options, given: false, closed: false };
      net.requests.push(request);
      let body;
      signal?.addEventListener("abort", () => {
        request.close();
        no(signal.reason);
        if (body) body.error(signal.reason);
      });
      request.close = () => {
        if (body && !request.closed) net.open--;
        request.closed = true;
      };
      request.json = (status, value) => yes(new Response(JSON.stringify(value), { status }));
      request.text = (status, value) => yes(new Response(value, { status }));
      request.fail = () => no(new TypeError("fetch failed"));
      /** Answers with a stream of events, which the test then feeds. */
      request.stream = () => {
        net.open++;
        yes(new Response(new ReadableStream({ start: (c) => void (body = c) })));
        return {
          bytes: (bytes) => body.enqueue(bytes),
          feed: (text) => body.enqueue(new TextEncoder().encode(text)),
          event: (frame, at) => body.enqueue(new TextEncoder().encode(event(frame, at))),
          cut: () => (request.close(), body.error(new TypeError("network error"))),
          end: () => (request.close(), body.close()),
        };
      };
    });
  net.next = (path) => {
    const request = net.requests.find((r) => r.path == path && !r.given);
    if (request) request.given = true;
    return request;
  };
  net.comes = async (path) => {
    for (;;) {
      const request = net.next(path);
      if (request) return request;
      await new Promise(setImmediate);
    }
  };
  return net;
}

/** A frame as the server writes it to a stream. */
export const event = (frame, at) => `event: ${frame.type}\n${at ? `id: ${at}\n` : ""}data: ${JSON.stringify(frame)}\n\n`;
