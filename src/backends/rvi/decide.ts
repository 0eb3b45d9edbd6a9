// decide(state, event) of the RVI backend: what happens on the link, and what the server sends.
import { decision, nothing } from './decision.ts';
import { onRequest } from './on-request.ts';
import {
  carried,
  onCallFailed,
  onClockStepped,
  onMessageAccepted,
  onRegistered,
  onTransportDown,
  register,
  registerAgain,
} from './on-registration.ts';
import { onMessageBlocked, onReportInFlight, onSent } from './reporting.ts';
import type { Moment } from '../../core/events.ts';
import type { Settings } from './settings.ts';
import type { Decision, RviAgentState, RviEvent } from './model.ts';

type Of<K extends RviEvent['kind']> = Extract<RviEvent, { readonly kind: K }>;

type Table = {
  readonly [K in RviEvent['kind']]: (
    settings: Settings,
    state: RviAgentState,
    event: Of<K>,
    moment: Moment,
  ) => Decision;
};

const table: Table = {
  request: (settings, state, { request }, moment) =>
    onCarried(state, onRequest(settings, state, request, moment)),
  'transport-up': () => register(0),
  'transport-down': (_, { backend }, { reason }) => onTransportDown(backend, reason),
  'register-again': (_, { backend }) => registerAgain(backend),
  registered: onRegistered,
  'call-failed': (settings, { backend }, event, moment) =>
    onCallFailed(settings, backend, event, moment),
  'message-accepted': (_, { backend }) => onMessageAccepted(backend),
  'clock-stepped': (_, { backend }) => onClockStepped(backend),
  'message-blocked': (_, state, event) => onMessageBlocked(state, event),
  'report-in-flight': (_, state, event) => onReportInFlight(state, event),
  sent: (_, state, event, moment) => onCarried(state, onSent(state, event, moment)),
  'dialect-used': (_, { backend }, { dialect }) =>
    backend.server.dialect === undefined
      ? decision({ facts: [{ kind: 'dialect-learned', dialect }] })
      : nothing,
};

/** The link carried a message: its failures are over. */
function onCarried({ backend }: RviAgentState, decided: Decision): Decision {
  return { ...decided, notes: [...carried(backend), ...decided.notes] };
}

export function decide<K extends RviEvent['kind']>(
  settings: Settings,
  state: RviAgentState,
  event: Of<K>,
  moment: Moment,
): Decision {
  const kind: K = event.kind;
  return table[kind](settings, state, event, moment);
}
