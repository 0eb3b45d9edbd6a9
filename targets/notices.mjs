// What the builder must know about the Node in an executable, one line each.
import { hasSharedOpenssl, ofOpenssl } from './block-env-vars.mjs';

/** Returns a line for the builder if the pinned Node gets no security fixes at that time. */
export function noticeOfEnd(name, { node }, nowMs) {
  if (nowMs < Date.parse(node.maintainedUntil)) return undefined;
  const hint =
    'give NODE= a maintained Node of your image, or use the script: docs/integrate/node.md';
  const since = `has had no security fixes since ${node.maintainedUntil}`;
  return `${name}: the pinned Node ${node.version} ${since}: ${hint}`;
}

/** Returns a line for the builder if a library reads variables that the build cannot block. */
export function noticeOfOpenssl(name, program) {
  if (!hasSharedOpenssl(program)) return undefined;
  const hint = 'unset them where the agent is started, as targets/systemd and targets/init.d do';
  return `${name}: the OpenSSL of the image reads ${ofOpenssl.join(', ')}: ${hint}`;
}

/** Returns the line for the builder if nothing here runs the Node of the target. */
export function noticeOfCodeCache(name, { qemu, libraryPackages }) {
  const cost = 'no code cache: each start compiles the script, and takes longer and more memory';
  const packages = ['qemu-user-static', ...(libraryPackages ?? [])].join(' ');
  return `${name}: ${cost}: ${qemu === undefined ? 'build on that CPU' : `install ${packages}`}`;
}
