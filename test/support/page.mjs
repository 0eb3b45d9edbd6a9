// The script of a hostile page: each way in which a page can send a body to an address. The result
// of a way does not matter; the test checks what arrives.
const json = 'application/json';

const ask = (url, body, init) =>
  fetch(url, { method: 'POST', body, ...init }).catch(() => undefined);
const blobOf = (body, type) => new Blob([body], { type });

const viaXhr = (headers) => (url, body) =>
  new Promise((done) => {
    const sent = new XMLHttpRequest();
    sent.open('POST', url);
    for (const [name, value] of Object.entries(headers)) sent.setRequestHeader(name, value);
    sent.onloadend = () => done();
    sent.send(body);
  });

/** JSON as text/plain: the equals sign of the form field is inside a string. */
function viaForm(url, body) {
  const form = document.createElement('form');
  const field = document.createElement('input');
  const frame = document.createElement('iframe');
  frame.name = `target-${document.querySelectorAll('iframe').length}`;
  Object.assign(field, { type: 'hidden', name: `${body.slice(0, -1)},"x":"`, value: '"}' });
  Object.assign(form, { action: url, method: 'post', enctype: 'text/plain', target: frame.name });
  form.append(field);
  document.body.append(frame, form);
  form.submit();
}

function viaSocket(url, body) {
  const socket = new WebSocket(url.replace('http', 'ws'));
  return new Promise((done) => {
    socket.onopen = () => socket.send(body);
    socket.onclose = () => done();
  });
}

function viaWorker(url, body) {
  const args = [url, { method: 'POST', mode: 'no-cors', body }].map((one) => JSON.stringify(one));
  const text = `fetch(${args.join(', ')}).catch(() => 0).then(() => postMessage(0));`;
  const worker = new Worker(URL.createObjectURL(blobOf(text, 'text/javascript')));
  return new Promise((done) => {
    worker.onmessage = () => done();
    worker.onerror = () => done();
  });
}

const noCors = { mode: 'no-cors' };
const bare = { ...noCors, referrerPolicy: 'no-referrer', credentials: 'omit' };

// A variable of the page, for the test to call.
globalThis.ways = {
  'fetch, no-cors': (url, body) => ask(url, body, noCors),
  'fetch, no-cors, no type, no referrer': (url, body) => ask(url, blobOf(body), bare),
  'fetch, no-cors, of bytes': (url, body) => ask(url, new TextEncoder().encode(body), bare),
  'fetch, cors': (url, body) => ask(url, body, { headers: { 'Content-Type': json } }),
  'fetch, same origin or not, of a blob': (url, body) => ask(url, blobOf(body, json), {}),
  'fetch, keepalive': (url, body) => ask(url, body, { ...noCors, keepalive: true }),
  sendBeacon: (url, body) => void navigator.sendBeacon(url, body),
  'sendBeacon of a blob': (url, body) => void navigator.sendBeacon(url, blobOf(body, json)),
  XMLHttpRequest: viaXhr({}),
  'XMLHttpRequest of JSON': viaXhr({ 'Content-Type': json }),
  form: viaForm,
  WebSocket: viaSocket,
  worker: viaWorker,
};
