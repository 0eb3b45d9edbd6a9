// The pure part of the RVI backend, which implements the contract.
import { apply, applyNote, initialState } from './apply.ts';
import { decide } from './decide.ts';
import { deadlines } from './deadlines.ts';
import { onSignal } from './on-signal.ts';
import { snapshot } from './snapshot.ts';
import type { Backend } from '../backend.ts';
import type { RviKinds, RviState } from './model.ts';

export const rvi: Backend<RviState, RviKinds> = {
  initial: initialState,
  apply,
  applyNote,
  decide,
  onSignal,
  deadlines,
  snapshot,
};
